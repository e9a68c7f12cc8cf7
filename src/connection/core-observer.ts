import type { RedisError } from '../errors/errors.ts';
import type { DecodeMode } from '../resp/text-modes.ts';
import type { RedisValue } from '../resp/types.ts';
import type { Entry } from './requests/entry.ts';

/** new → dialling → handshake → ready → closed; a connection lives once. */
export type CoreState = 'new' | 'dialling' | 'handshake' | 'ready' | 'closed';

/** The owner of a connection, told of what happens to it. Every call comes after the state has changed. */
export abstract class CoreObserver {
  /** Nothing is outstanding any more. */
  drained(): void {}
  /** The connection ended; `error` says why. */
  abstract closed(error: Error): void;
  /**
   * It became fit or unfit for new work: suspicion, a bulk reply under way, an unread message. While it drains: fewer
   * may be waiting on it.
   */
  changed(): void {}
  /**
   * An error reply came. Called for every one, before the caller gets it and also when the caller has
   * given up; of EXEC the errors inside its reply as well.
   */
  refused(_error: RedisError): void {}
  /** A request is made on the connection itself, and is queued right after this. */
  requested(_entry: Entry, _args: readonly RedisValue[]): void {}
  /** There may be room for more output; told while the connection is `backlogged`. */
  room(): void {}
  /** A command is queued after `silence` ms without a byte, 1,000 at least; it is not written in this turn. */
  woke(_silence: number): void {}
  /** An entry that should take its connection along was cancelled. True: others are on it, it is retired instead. */
  sparesOthers(_entry: Entry): boolean {
    return false;
  }
}

export interface CoreSettings {
  readonly endpoint: string;
  /** The database that the handshake selects. */
  readonly db: number;
  readonly ownMode: DecodeMode;
  /** Text that is not valid in its encoding is given as bytes; else its reply rejects. */
  readonly lenient: boolean;
  readonly maxBufferedBytes: number;
  /** The connection has ended, and its transport was destroyed. */
  readonly destroyed?: () => void;
}
