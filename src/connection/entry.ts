import { inspect } from 'node:util';
import type { CommandInfo } from '../commands/command-info.ts';
import { ResponseError } from '../errors/errors.ts';
import type { Wire } from '../resp/encoder.ts';
import type { DecodeMode, Reply } from '../resp/types.ts';
import type { Effect } from './session-state.ts';

/** Made, not yet handed to the transport: it can still be taken back. */
export const QUEUED = 0;
/** Handed to the transport: it keeps its place until its reply comes or the connection ends. */
export const WRITTEN = 1;
/** Its caller has an answer. A written one stays in the queue as a tombstone that swallows its reply. */
export const SETTLED = 2;

/** Not mine, one of several, or the last one: the place in the queue is free. */
export type Acknowledgement = 'other' | 'part' | 'done';

/** Who can take an entry back. */
export interface EntryHost {
  cancel(entry: Entry, error: unknown): void;
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
  phase: 0 | 1 | 2 = QUEUED;
  /** Monotonic ms; 0: none, or `limit` ms after it is queued. */
  deadline = 0;
  /** Length of its time limit in ms; 0: none. */
  limit = 0;
  /** Chunks heard when it was written: no more of them at its time-out means that nothing arrived since. */
  heard = 0;
  /** No reply comes: complete once written. */
  noreply = false;
  /** Of `CLIENT REPLY`: what it does to the commands after it. */
  replyMode: '' | 'ON' | 'OFF' | 'SKIP' = '';
  dropOnCancel = false;
  /** Made by `sendCommand`: its answer belongs to `streamedMessages`, and it is not counted as a request. */
  streamed = false;
  blocking = false;
  /** Of the SUBSCRIBE family: its place is freed by pushes, and a reply in its place can only be an error. */
  byPush = false;
  /** Who made it, as far as connections shared by several users must tell them apart. */
  tenure = 0;
  signal: AbortSignal | null = null;
  host: EntryHost | null = null;
  effect: Effect | null = null;

  constructor(info: CommandInfo, wire: Wire, size: number, mode: DecodeMode) {
    this.info = info;
    this.wire = wire;
    this.size = size;
    this.mode = mode;
  }

  /** Its reply came. */
  abstract succeed(value: Reply): void;
  /** An error reply came. */
  abstract refuse(error: Error): void;
  /** No reply will come for the caller: cancelled, timed out, or the connection ended. */
  abstract fail(error: unknown): void;

  /** A push that may be an acknowledgement of this command; asked only of entries with `byPush`. */
  acknowledge(
    _kind: string,
    _name: string | null,
    _frame: Reply[],
    _subscribed: ReadonlySet<string>,
  ): Acknowledgement {
    return 'other';
  }

  /** A reply at the place of a command that pushes acknowledge: it will not be acknowledged any more. */
  answeredInBand(_value: Reply): void {
    this.fail(new ResponseError(`${this.info.name} was answered by a reply instead of pushes`));
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
    return `${this.constructor.name}<${this.info.name}, ${['queued', 'written', 'settled'][this.phase]}>`;
  }
}
