import { inspect } from 'node:util';
import type { CommandInfo } from '../../commands/command-info.ts';
import { ResponseError } from '../../errors/errors.ts';
import type { Acknowledgement } from '../../pubsub/subscriptions/subscription-kinds.ts';
import type { Wire } from '../../resp/encoder.ts';
import type { Reply } from '../../resp/types.ts';
import type { DecodeMode } from '../../resp/text-modes.ts';
import type { Effect } from '../session/session-effect.ts';
import type { Peer } from './request-traces.ts';

/** Made, not yet handed to the transport: it can still be taken back. */
export const QUEUED = 0;
/** Handed to the transport: it keeps its place until its reply comes or the connection ends. */
export const WRITTEN = 1;
/** Its caller has an answer. A written one stays in the queue as a tombstone that swallows its reply. */
export const SETTLED = 2;
export type Phase = typeof QUEUED | typeof WRITTEN | typeof SETTLED;

const NOREPLY = 1;
const DROP_ON_CANCEL = 2;
const STREAMED = 4;
const BLOCKING = 8;
const BY_PUSH = 16;
const KEEPS = 32;
const IN_PARTS = 256;
/** Two bits from here on. */
const REPLY_MODE = 6;
const TRACED = 512;
const IN_PIECES = 1024;
const STRICT = 2048;
const FOLLOWED = 4096;
/** Entries with one of these need a look when they are written. */
export const NOTED = NOREPLY | TRACED;
/** The lower half belongs to the connection; subclasses use the upper half. */
const OWN = 0xffff;
type ReplyMode = '' | 'ON' | 'OFF' | 'SKIP';
const REPLY_MODES: readonly ReplyMode[] = ['', 'ON', 'OFF', 'SKIP'];

/** How a push fits an entry: not its own, one of several, or the last one, which frees its place in the queue. */
export type PushMatch = 'other' | 'part' | 'done';

/** Learns when a traced entry is written. */
export interface WriteNote {
  written(): void;
}

/** The function that settles an entry. That of a traced one has a note, for a field would cost every entry. */
export interface Settle {
  (value: never): void;
  note?: WriteNote;
}

/** The queue or connection that holds an entry and can cancel it. */
export interface EntryHost {
  cancel(entry: Entry, error: unknown): void;
  /** A reply is due, but nothing arrives. */
  readonly suspect: boolean;
  /** As the server said in HELLO. */
  readonly clientId: number | null;
  /** The server behind it. */
  readonly peer: Peer;
  /**
   * Makes the error for another waiter of this reply, whose limit of `limit` ms has passed. It counts as evidence
   * against the peer, as the entry's own time-out would.
   */
  waitedInVain(entry: Entry, limit: number): Error;
}

/**
 * One command on its way: the object that sits in the queue of a connection. Fields are plain and always
 * there, so that every entry has the same shape; what becomes of the answer is up to the subclass.
 */
export abstract class Entry {
  readonly info: CommandInfo;
  wire: Wire;
  size: number;
  mode: DecodeMode;
  readonly phase: Phase = QUEUED;
  /** Monotonic ms; 0: none, or `limit` ms after it is queued. */
  deadline = 0;
  /** Length of its time limit in ms; 0: none. */
  limit = 0;
  /** Signs of life when it was written: no more of them at its time-out means that nothing arrived since; 0: unsent. */
  heard = 0;
  /** Rare properties as bits, because every field of an entry costs each call. The upper half is the subclass's. */
  traits = 0;
  /** The `leaseId` of its connection when it was made; 0: it belongs to no lease. */
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

  /** No limit, no signal, no effect, nothing unusual. */
  get isPlain(): boolean {
    return (this.traits & OWN) === 0 && this.limit === 0 && this.effect === null && this.signal === null;
  }
  /** No reply comes: complete once written. */
  get noreply(): boolean {
    return (this.traits & NOREPLY) !== 0;
  }
  set noreply(on: boolean) {
    this.mark(NOREPLY, on);
  }
  /** The entry is traced: `written` is called when it is. */
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
  /** Made by `sendCommand`: its answer belongs to `streamedMessages`, and it is not counted as a request. */
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
  /** A command of the SUBSCRIBE family: its place is freed by pushes, and a reply in its place can only be an error. */
  get byPush(): boolean {
    return (this.traits & BY_PUSH) !== 0;
  }
  set byPush(on: boolean) {
    this.mark(BY_PUSH, on);
  }
  /** Its bytes may be on their way a second time, or belong to another entry as well. */
  get keepsBytes(): boolean {
    return (this.traits & KEEPS) !== 0;
  }
  set keepsBytes(on: boolean) {
    this.mark(KEEPS, on);
  }
  /** Several replies come for it (`MULTI` … `EXEC`): each goes to `part`, and the last one settles it. */
  get inParts(): boolean {
    return (this.traits & IN_PARTS) !== 0;
  }
  set inParts(on: boolean) {
    this.mark(IN_PARTS, on);
  }
  /** Its reply is handed on while it arrives: a `StreamEntry`. */
  get inPieces(): boolean {
    return (this.traits & IN_PIECES) !== 0;
  }
  set inPieces(on: boolean) {
    this.mark(IN_PIECES, on);
  }
  /** Bytes that are no text are an error, although the connection would let them pass (`decodeResponses: 'lenient'`). */
  get strict(): boolean {
    return (this.traits & STRICT) !== 0;
  }
  set strict(on: boolean) {
    this.mark(STRICT, on);
  }
  /** It has a follower (`follow`). */
  get followed(): boolean {
    return (this.traits & FOLLOWED) !== 0;
  }
  set followed(on: boolean) {
    this.mark(FOLLOWED, on);
  }
  /** The mode that `CLIENT REPLY` sets for the commands after it. */
  get replyMode(): ReplyMode {
    return REPLY_MODES[(this.traits >> REPLY_MODE) & 3]!;
  }
  set replyMode(mode: ReplyMode) {
    this.traits = (this.traits & ~(3 << REPLY_MODE)) | (REPLY_MODES.indexOf(mode) << REPLY_MODE);
  }
  protected mark(trait: number, on: boolean): void {
    this.traits = on ? this.traits | trait : this.traits & ~trait;
  }

  /** Its reply came. */
  abstract succeed(value: Reply): void;
  /** An error reply came. */
  abstract refuse(error: Error): void;
  /** No reply will come for the caller: cancelled, timed out, or the connection ended. */
  abstract fail(error: unknown): void;

  /**
   * A push that may acknowledge this command; called for entries with `byPush`. `left`: how many names of the kind are
   * subscribed now.
   */
  acknowledge(_ack: Acknowledgement, _left: number): PushMatch {
    return 'other';
  }

  /** One of the replies of an entry with `inParts`, in order; false: it is the last one. */
  part(_value: Reply, _refused: boolean, _endpoint: string): boolean {
    return false;
  }

  /** A reply at the place of a command that pushes acknowledge: it will not be acknowledged any more. */
  answeredInBand(_value: Reply): void {
    this.fail(new ResponseError(`${this.info.name} got a reply instead of pushes`));
  }

  /** It is being written; called for traced entries. */
  written(): void {
    (this as { resolve?: Settle }).resolve?.note?.written();
  }

  /** Its bytes went to a transport, whatever became of it since. */
  get sent(): boolean {
    return this.heard !== 0;
  }

  onAbort(reason: unknown): void {
    this.host?.cancel(this, reason);
  }

  /** Never the wire form: it holds arguments. */
  toJSON(): Record<string, unknown> {
    return { command: this.info.name, settled: this.phase === SETTLED };
  }
  [inspect.custom](): string {
    return `Request<${this.info.name}, ${['queued', 'written', 'settled'][this.phase]}>`;
  }
}

/** Holds the two functions that settle a promise, apart from the promise. */
export interface Settling {
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/**
 * The object that `capture` fills. Reset it to null afterwards: a leftover would keep the last reply alive. It is a
 * field and not a setter, because the engine inlines only a limited number of calls into a caller's loop.
 */
export const making: { target: Settling | null } = { target: null };

/** One function for the promises of all calls: a closure for each would cost as much as the promise. */
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
