import { isUint8Array } from 'node:util/types';
import type { Reply } from '../../resp/types.ts';

type Reader = { finished: boolean };
type Waiter<T> = { resolve(result: IteratorResult<T>): void; reject(error: unknown): void; reader: Reader };

/** Bytes that a buffered item costs besides its value. */
const ITEM = 64;

/** Estimates the memory of a message in bytes. Its wire size would be several times too small. */
export function weigh(value: Reply): number {
  if (typeof value === 'string') return 24 + textBytes(value);
  if (isUint8Array(value)) return 208 + value.length;
  if (typeof value !== 'object' || value === null) return 16;
  // An array grown by push() has room for at least 17 items.
  let sum = 208;
  if (Array.isArray(value)) for (const item of value) sum += 8 + weigh(item);
  else if (value instanceof Map) for (const [key, item] of value) sum += 56 + weigh(key) + weigh(item);
  else if (value instanceof Set) for (const item of value) sum += 40 + weigh(item);
  else if (value instanceof Error) sum += 400 + textBytes(value.message);
  return sum;
}

/** V8 stores one byte per character, or two bytes for each as soon as one needs them. */
function textBytes(text: string): number {
  return Buffer.byteLength(text) === text.length ? text.length : text.length * 2;
}

/**
 * Messages that answer no request, in order, until they are read. Readers share one buffer: each
 * message goes to exactly one reader. Messages buffered at the end of the connection come before its error.
 */
export class MessageBuffer<T extends Reply> {
  length = 0;
  bytes = 0;
  everRead = false;
  /** Called when a reader has taken a message. */
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

  /** Ends the readers with `error`; `discard` drops buffered messages first (after a protocol error). */
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
      // `await using` needs it, although not every version of TypeScript declares it on AsyncGenerator.
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
