import { inspect } from 'node:util';
import type { Reply } from '../../resp/types.ts';
import { weigh } from '../reading/message-buffer.ts';

/**
 * A reply that is read while it arrives. It can be iterated once; the loop throws the error of a failed
 * reply. Leaving the loop early closes the connection.
 */
export interface ReplyStream<T> extends AsyncIterable<T> {
  /**
   * The number of bytes or items, known once the head of the reply has arrived. Null: the reply is null, or
   * the server sends no number. Rejects with the errors of the loop.
   */
  readonly size: Promise<number | null>;
}

type Waiter<T> = { resolve(result: IteratorResult<T>): void; reject(error: unknown): void };

/** Told by `UnreadParts` what the reader does. */
export interface PartSource {
  /** Called when the reader has taken a part. */
  taken(): void;
  /** Called when the reader leaves before the end. */
  left(): void;
}

const DONE = { done: true, value: undefined } as const;

/** Buffers the parts of a streamed reply until they are read. */
export class UnreadParts<T> implements ReplyStream<T>, AsyncIterator<T> {
  readonly size: Promise<number | null>;
  /** Estimated memory of the unread parts. */
  bytes = 0;
  begun = false;
  readonly #source: PartSource;
  readonly #unread: { readonly part: T; readonly bytes: number }[] = [];
  readonly #waiters: Waiter<T>[] = [];
  /** Set once the last part has come, with the error if there is one. */
  #end: { readonly error?: unknown } | null = null;
  #tellSize!: (size: number | null) => void;
  #failSize!: (error: unknown) => void;

  constructor(source: PartSource) {
    this.#source = source;
    this.size = new Promise((resolve, reject) => {
      this.#tellSize = resolve;
      this.#failSize = reject;
    });
    this.size.catch(() => {});
  }

  get ended(): boolean {
    return this.#end !== null;
  }

  begin(size: number | null): void {
    this.begun = true;
    this.#tellSize(size);
  }

  toString(): string {
    return `ReplyStream<${this.ended ? 'ended' : 'open'}, ${this.bytes} bytes unread>`;
  }
  toJSON(): Record<string, unknown> {
    return { type: 'ReplyStream', ended: this.ended, unreadBytes: this.bytes };
  }
  [inspect.custom](): string {
    return this.toString();
  }

  push(part: T): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) return waiter.resolve({ done: false, value: part });
    const bytes = weigh(part as Reply);
    this.bytes += bytes;
    this.#unread.push({ part, bytes });
  }

  /** Ends the stream; the reader gets `error`, if any, after the last part. */
  end(end: { readonly error?: unknown }): void {
    if (this.#end !== null) return;
    this.#end = end;
    if ('error' in end) this.#failSize(end.error);
    else this.#tellSize(null);
    for (const waiter of this.#waiters.splice(0)) this.#conclude(waiter);
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return this;
  }
  next(): Promise<IteratorResult<T>> {
    const next = this.#unread.shift();
    if (next !== undefined) {
      this.bytes -= next.bytes;
      this.#source.taken();
      return Promise.resolve({ done: false, value: next.part });
    }
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      if (this.#end === null) this.#waiters.push(waiter);
      else this.#conclude(waiter);
    });
  }
  return(): Promise<IteratorResult<T>> {
    const early = this.#end === null;
    this.#unread.length = this.bytes = 0;
    this.#end = {};
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(DONE);
    if (early) this.#source.left();
    return Promise.resolve(DONE);
  }

  /** Ends one waiting `next()`; the error is thrown only once. */
  #conclude(waiter: Waiter<T>): void {
    const end = this.#end ?? {};
    this.#end = {};
    if ('error' in end) waiter.reject(end.error);
    else waiter.resolve(DONE);
  }
}
