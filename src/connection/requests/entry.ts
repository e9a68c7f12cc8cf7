import { inspect } from 'node:util';
import type { CommandInfo } from '../../commands/command-info.ts';
import { SCRIPT_LIKE } from '../../commands/flags.ts';
import { ResponseError } from '../../errors/errors.ts';
import type { Acknowledgement } from '../../pubsub/subscriptions/subscription-kinds.ts';
import type { Wire } from '../../resp/encoder.ts';
import type { Reply } from '../../resp/types.ts';
import type { DecodeMode } from '../../resp/text-modes.ts';
import type { Effect } from '../session/session-effect.ts';
import type { Peer } from './request-traces.ts';

/** Not yet handed to the transport: the command can still be withdrawn. */
export const QUEUED = 0;
/** Handed to the transport: the entry keeps its place until its reply comes or the connection ends. */
export const WRITTEN = 1;
/** The caller has its result. If written, the entry stays in the queue as a tombstone that takes the reply. */
export const SETTLED = 2;
export type Phase = typeof QUEUED | typeof WRITTEN | typeof SETTLED;

const NOREPLY = 1;
const DROP_ON_CANCEL = 2;
const STREAMED = 4;
const BLOCKING = 8;
const BY_PUSH = 16;
const KEEPS = 32;
const IN_PARTS = 256;
/** Position of the two bits that hold the reply mode. */
const REPLY_MODE = 6;
const TRACED = 512;
const IN_PIECES = 1024;
const STRICT = 2048;
const FOLLOWED = 4096;
/** Entries with one of these traits need extra work when they are written. */
export const NOTED = NOREPLY | TRACED;
/** The connection owns the lower half of the bits, subclasses the upper half. */
const OWN = 0xffff;
type ReplyMode = '' | 'ON' | 'OFF' | 'SKIP';
const REPLY_MODES: readonly ReplyMode[] = ['', 'ON', 'OFF', 'SKIP'];

/** How a push matches an entry: not at all, as one of several, or as the last, which frees its place in the queue. */
export type PushMatch = 'other' | 'part' | 'done';

/** Called when a traced entry is written. */
export interface WriteNote {
  written(): void;
}

/** The function that settles an entry. A traced entry's has a note here, because a field would cost every entry. */
export interface Settle {
  (value: never): void;
  note?: WriteNote;
}

/** The queue or connection that holds an entry and can cancel it. */
export interface EntryHost {
  cancel(entry: Entry, error: unknown): void;
  /** A request timed out and nothing has arrived since it was written. */
  readonly suspect: boolean;
  /** The client id from the reply to HELLO. */
  readonly clientId: number | null;
  /** Host and port of the server. */
  readonly peer: Peer;
  /**
   * Makes the time-out error for another caller waiting for this reply, whose limit of `limit` ms has passed. It
   * raises suspicion, as a time-out of the entry itself would.
   */
  waitedInVain(entry: Entry, limit: number): Error;
}

/**
 * One command in the queue of a connection. Every entry has the same plain fields, and so the same hidden class;
 * subclasses decide where the result goes.
 */
export abstract class Entry {
  readonly info: CommandInfo;
  wire: Wire;
  size: number;
  mode: DecodeMode;
  readonly phase: Phase = QUEUED;
  /** Monotonic ms; 0 for none, or until `limit` starts to run when the entry is queued. */
  deadline = 0;
  /** Time limit in ms; 0 for none. */
  limit = 0;
  /** `Outbox.heard` when the entry was written, to tell at its time-out whether anything arrived since; 0: unsent. */
  heard = 0;
  /** Rare properties as bits, because every field costs each call. The upper half belongs to the subclass. */
  traits = 0;
  /** The connection's `leaseId` when the entry was made; 0 if it belongs to no lease. */
  leaseId = 0;
  signal: AbortSignal | null = null;
  host: EntryHost | null = null;
  effect: Effect | null = null;

  constructor(info: CommandInfo, wire: Wire, size: number, mode: DecodeMode) {
    this.info = info;
    this.wire = wire;
    this.size = size;
    this.mode = mode;
  }

  /** True without limit, signal, effect and traits. */
  get isPlain(): boolean {
    return (this.traits & OWN) === 0 && this.limit === 0 && this.effect === null && this.signal === null;
  }
  /** Its reply may contain errors. */
  get mayHoldErrors(): boolean {
    return (this.info.flags & SCRIPT_LIKE) !== 0;
  }
  /** The server sends no reply: the entry is complete once written. */
  get noreply(): boolean {
    return (this.traits & NOREPLY) !== 0;
  }
  set noreply(on: boolean) {
    this.mark(NOREPLY, on);
  }
  /** The entry is traced: `written()` is called when it is written. */
  get traced(): boolean {
    return (this.traits & TRACED) !== 0;
  }
  set traced(on: boolean) {
    this.mark(TRACED, on);
  }
  get dropOnCancel(): boolean {
    return (this.traits & DROP_ON_CANCEL) !== 0;
  }
  set dropOnCancel(on: boolean) {
    this.mark(DROP_ON_CANCEL, on);
  }
  /** Made by `sendCommand`: the reply goes to `streamedMessages`, and the entry is not counted as a request. */
  get streamed(): boolean {
    return (this.traits & STREAMED) !== 0;
  }
  set streamed(on: boolean) {
    this.mark(STREAMED, on);
  }
  get blocking(): boolean {
    return (this.traits & BLOCKING) !== 0;
  }
  set blocking(on: boolean) {
    this.mark(BLOCKING, on);
  }
  /** A command of the SUBSCRIBE family: pushes free its place, and a reply in its place can only be an error. */
  get byPush(): boolean {
    return (this.traits & BY_PUSH) !== 0;
  }
  set byPush(on: boolean) {
    this.mark(BY_PUSH, on);
  }
  /** The wire bytes must not be recycled: they may be sent a second time, or are shared with another entry. */
  get keepsBytes(): boolean {
    return (this.traits & KEEPS) !== 0;
  }
  set keepsBytes(on: boolean) {
    this.mark(KEEPS, on);
  }
  /** Gets several replies (`MULTI` … `EXEC`): each goes to `part`, and the last one settles the entry. */
  get inParts(): boolean {
    return (this.traits & IN_PARTS) !== 0;
  }
  set inParts(on: boolean) {
    this.mark(IN_PARTS, on);
  }
  /** The reply is streamed while it arrives: the entry is a `StreamEntry`. */
  get inPieces(): boolean {
    return (this.traits & IN_PIECES) !== 0;
  }
  set inPieces(on: boolean) {
    this.mark(IN_PIECES, on);
  }
  /** Invalid text is an error for this entry, although the connection has `decodeResponses: 'lenient'`. */
  get strict(): boolean {
    return (this.traits & STRICT) !== 0;
  }
  set strict(on: boolean) {
    this.mark(STRICT, on);
  }
  /** The entry has a follower (`follow`). */
  get followed(): boolean {
    return (this.traits & FOLLOWED) !== 0;
  }
  set followed(on: boolean) {
    this.mark(FOLLOWED, on);
  }
  /** For `CLIENT REPLY`: the mode that it sets for later commands. */
  get replyMode(): ReplyMode {
    return REPLY_MODES[(this.traits >> REPLY_MODE) & 3]!;
  }
  set replyMode(mode: ReplyMode) {
    this.traits = (this.traits & ~(3 << REPLY_MODE)) | (REPLY_MODES.indexOf(mode) << REPLY_MODE);
  }
  protected mark(trait: number, on: boolean): void {
    this.traits = on ? this.traits | trait : this.traits & ~trait;
  }

  /** Takes the reply. */
  abstract succeed(value: Reply): void;
  /** Takes an error reply. */
  abstract refuse(error: Error): void;
  /** Ends the entry without a reply: cancelled, timed out, or the connection ended. */
  abstract fail(error: unknown): void;

  /**
   * Takes a push that may acknowledge this command; called for entries with `byPush`. `left`: number of names of the
   * kind that are still subscribed.
   */
  acknowledge(_ack: Acknowledgement, _left: number): PushMatch {
    return 'other';
  }

  /** Takes one reply of an entry with `inParts`; false for the last reply, which it leaves to `succeed` or `refuse`. */
  part(_value: Reply, _refused: boolean, _endpoint: string): boolean {
    return false;
  }

  /** Takes a reply where pushes were expected: no acknowledgement will follow. */
  answeredInBand(_value: Reply): void {
    this.fail(new ResponseError(`${this.info.name} got a reply instead of pushes`));
  }

  /** Called when a traced entry is written. */
  written(): void {
    (this as { resolve?: Settle }).resolve?.note?.written();
  }

  /** The bytes were handed to a transport, even if the entry has settled since. */
  get sent(): boolean {
    return this.heard !== 0;
  }

  onAbort(reason: unknown): void {
    this.host?.cancel(this, reason);
  }

  /** Leaves out the wire form, because it holds arguments. */
  toJSON(): Record<string, unknown> {
    return { command: this.info.name, settled: this.phase === SETTLED };
  }
  [inspect.custom](): string {
    return `Request<${this.info.name}, ${['queued', 'written', 'settled'][this.phase]}>`;
  }
}

/** Holds the two functions that settle a promise. */
export interface Settling {
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/**
 * The object that `capture` fills. Reset it to null afterwards: a leftover would keep the last reply alive. It is a
 * field and not a setter, because the engine inlines only a limited number of calls into a caller's loop.
 */
export const making: { target: Settling | null } = { target: null };

/** The executor for the promises of all calls: a closure per call would cost as much as the promise. */
export function capture(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  const target = making.target!;
  target.resolve = resolve;
  target.reject = reject;
}

/** Placeholder until `capture` has set the real function. */
export function unset(): void {}

const followers = new WeakMap<Entry, () => void>();

/** Sets the phase; nothing else does. */
export function move(entry: Entry, to: Phase): void {
  (entry as { phase: Phase }).phase = to;
}

/** Moves the entry to its last phase. Its follower, if it has one, is called before its caller. */
export function settle(entry: Entry): void {
  move(entry, SETTLED);
  if (entry.followed) followers.get(entry)?.();
}

/** Calls back when the entry is settled. Followers are kept apart, so that other entries need no field for them. */
export function follow(entry: Entry, settled: () => void): void {
  entry.followed = true;
  followers.set(entry, settled);
}
