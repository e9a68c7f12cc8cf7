import { isUint8Array } from 'node:util/types';
import type { Reply } from '../../resp/types.ts';

type Reader = { finished: boolean };
type Waiter<T> = { resolve(result: IteratorResult<T>): void; reject(error: unknown): void; reader: Reader };

/** Its place in the buffer, too. */
const ITEM = 64;

/** Memory of one message in bytes, headers included. A bound on wire bytes would admit several times as much. */
export function weigh(value: Reply): number {
  if (typeof value === 'string') return 24 + textBytes(value);
  if (isUint8Array(value)) return 208 + value.length;
  if (typeof value !== 'object' || value === null) return 16;
  // An array that grew by pushing has room for seventeen.
  let sum = 208;
  if (Array.isArray(value)) for (const item of value) sum += 8 + weigh(item);
  else if (value instanceof Map) for (const [key, item] of value) sum += 56 + weigh(key) + weigh(item);
  else if (value instanceof Set) for (const item of value) sum += 40 + weigh(item);
  else if (value instanceof Error) sum += 400 + textBytes(value.message);
  return sum;
}

/** The engine keeps a character in one byte or, where one of them needs it, all of them in two. */
function textBytes(text: string): number {
  return Buffer.byteLength(text) === text.length ? text.length : text.length * 2;
}

/**
 * Messages that answer no request, in order, until they are read. Readers share one buffer: each
 * message goes to exactly one. What is buffered when the connection ends is delivered before the error.
 */
export class MessageBuffer<T extends Reply> {
  length = 0;
  bytes = 0;
  everRead = false;
  /** Told when a reader has taken something. */
  onTaken: (() => void) | null = null;
  #items: { value: T; bytes: number }[] = [];
  #start = 0;
  #waiters: Waiter<T>[] = [];
  #end: Error | null = null;

  push(value: T): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value });
      return;
    }
    const bytes = ITEM + weigh(value);
    this.length++;
    this.bytes += bytes;
    this.#items.push({ value, bytes });
  }

  dropOldest(): void {
    this.#take();
  }

  /** No more will come; a protocol error also takes back what is buffered. */
  end(error: Error, discard: boolean): void {
    this.#end = error;
    if (discard) {
      this.#items = [];
      this.#start = 0;
      this.length = 0;
      this.bytes = 0;
    }
    for (const waiter of this.#waiters.splice(0)) {
      if (waiter.reader.finished) waiter.resolve({ done: true, value: undefined });
      else waiter.reject(error);
      waiter.reader.finished = true;
    }
  }

  read(): AsyncGenerator<T> {
    this.everRead = true;
    const reader: Reader = { finished: false };
    const iterator = {} as AsyncGenerator<T>;
    const finish = (): void => {
      reader.finished = true;
      const mine = this.#waiters.filter((waiter) => waiter.reader === reader);
      this.#waiters = this.#waiters.filter((waiter) => waiter.reader !== reader);
      for (const waiter of mine) waiter.resolve({ done: true, value: undefined });
    };
    const next = (): Promise<IteratorResult<T>> => {
      if (reader.finished) return Promise.resolve({ done: true, value: undefined });
      if (this.length > 0) return Promise.resolve({ done: false, value: this.#take() });
      if (this.#end !== null) {
        reader.finished = true;
        return Promise.reject(this.#end);
      }
      return new Promise((resolve, reject) => {
        this.#waiters.push({ resolve, reject, reader });
      });
    };
    return Object.assign(iterator, {
      next,
      return: (value?: unknown) => {
        finish();
        return Promise.resolve({ done: true as const, value });
      },
      throw: (error: unknown) => {
        finish();
        return Promise.reject(error);
      },
      [Symbol.asyncIterator]: () => iterator,
      // Not in the library's declaration of AsyncGenerator everywhere, but `await using` wants it.
      ...(Symbol.asyncDispose === undefined
        ? {}
        : { [Symbol.asyncDispose]: () => Promise.resolve(finish()) }),
    });
  }

  #take(): T {
    const item = this.#items[this.#start] as { value: T; bytes: number };
    this.#items[this.#start] = undefined as never;
    this.#start++;
    if (this.#start > 1024 && this.#start * 2 > this.#items.length) {
      this.#items.splice(0, this.#start);
      this.#start = 0;
    }
    this.length--;
    this.bytes -= item.bytes;
    this.onTaken?.();
    return item.value;
  }
}
