import type { RedisError } from '../errors/errors.ts';
import type { DecodeMode } from '../resp/text-modes.ts';
import type { RedisValue } from '../resp/types.ts';
import type { Entry } from './requests/entry.ts';

/** new → dialling → handshake → ready → closed; never back. */
export type CoreState = 'new' | 'dialling' | 'handshake' | 'ready' | 'closed';

/** The owner of a connection. Its methods are called after the state has changed. */
export abstract class CoreObserver {
  /** Nothing is outstanding any more. */
  drained(): void {}
  /** The connection ended; `error` says why. */
  abstract closed(error: Error): void;
  /**
   * The connection became fit or unfit for new work: suspicion, a bulk reply arriving, an unread message. While it
   * drains: fewer callers may be waiting for replies.
   */
  changed(): void {}
  /**
   * An error reply came. Called for each one, before the caller gets it and also when the caller has given up.
   * Errors inside the reply to EXEC are reported too.
   */
  refused(_error: RedisError): void {}
  /** A caller made a request on the connection itself; it is queued right after this call. */
  requested(_entry: Entry, _args: readonly RedisValue[]): void {}
  /** There may be room for more output; called while the connection is `backlogged`. */
  room(): void {}
  /** A command was queued after `silence` ms (at least 1,000) without a byte; it is written after the next poll. */
  woke(_silence: number): void {}
  /** An entry with `dropOnCancel` was cancelled. True if the owner retires the connection instead of closing it. */
  sparesOthers(_entry: Entry): boolean {
    return false;
  }
}

export interface CoreSettings {
  readonly endpoint: string;
  /** The database that the handshake selects. */
  readonly db: number;
  readonly ownMode: DecodeMode;
  /** True: invalid text is returned as bytes. False: its reply rejects. */
  readonly lenient: boolean;
  readonly maxBufferedBytes: number;
  /** Called once the connection has ended and its transport was destroyed. */
  readonly destroyed?: () => void;
}
