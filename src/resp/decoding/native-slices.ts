import { Buffer } from 'node:buffer';
import { isUint8Array } from 'node:util/types';

/** Buffer's own methods, captured once, so that overrides of an argument's class never run. */
interface Slices {
  latin1Slice(this: Uint8Array, start?: number, end?: number): string;
  utf8Slice(this: Uint8Array, start?: number, end?: number): string;
  ucs2Slice(this: Uint8Array, start?: number, end?: number): string;
}
const { latin1Slice, utf8Slice, ucs2Slice } = Buffer.prototype as Slices;
const setBytes = Uint8Array.prototype.set;
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const getter = (name: string): unknown => Object.getOwnPropertyDescriptor(typedArray, name)?.get;
const lengthOf = getter('length') as (this: Uint8Array) => number;
const bufferOf = getter('buffer') as (this: Uint8Array) => ArrayBufferLike;

/** The bytes as latin1 text, one character per byte. */
export function latin1Text(bytes: Uint8Array, start?: number, end?: number): string {
  return latin1Slice.call(bytes, start, end);
}

/** The bytes as UTF-8 text; a byte order mark stays, invalid bytes become U+FFFD. */
export function utf8Text(bytes: Uint8Array, start?: number, end?: number): string {
  return utf8Slice.call(bytes, start, end);
}

/** The bytes as UTF-16 text. */
export function utf16Text(bytes: Uint8Array, start?: number, end?: number): string {
  return ucs2Slice.call(bytes, start, end);
}

/** The real number of bytes, whatever a subclass says. */
export function byteCount(bytes: Uint8Array): number {
  return lengthOf.call(bytes);
}

/** Whether the memory was transferred, so that the bytes only seem empty. */
export function isDetached(bytes: Uint8Array): boolean {
  try {
    return new Uint8Array(bufferOf.call(bytes)).length === -1;
  } catch {
    return true;
  }
}

/** Copies the bytes into `target`. */
export function putBytes(target: Buffer, bytes: Uint8Array, start: number): void {
  setBytes.call(target, bytes, start);
}

/** Most bytes of memory that a stored byte string keeps alive besides its own. */
export const POOL = 8192;

/**
 * Allocates memory for bytes; small ones are cut from a block of `POOL` bytes. Node's own pool grew to 64 KiB in Node
 * 24, and each stored reply would keep as much alive.
 *
 * @testable
 */
export class BytePool {
  #block = Buffer.alloc(0);
  #used = 0;

  take(count: number): Buffer {
    if (count >= POOL >>> 1) return Buffer.allocUnsafeSlow(count);
    if (count > this.#block.length - this.#used) {
      this.#block = Buffer.allocUnsafeSlow(POOL);
      this.#used = 0;
    }
    const start = this.#used;
    // Keep typed arrays over the memory aligned.
    this.#used = (start + count + 7) & ~7;
    return this.#block.subarray(start, start + count);
  }
}
const pool = new BytePool();

/** Allocates memory for `count` bytes that are handed out. Node's pool is fastest, if it is small enough. */
export const takeBytes: (count: number) => Buffer =
  Buffer.poolSize <= POOL ? (count) => Buffer.allocUnsafe(count) : (count) => pool.take(count);

/** Copies the bytes into a new `Buffer`. */
export function privateCopy(bytes: Uint8Array): Buffer {
  const copy = takeBytes(byteCount(bytes));
  setBytes.call(copy, bytes);
  return copy;
}

/** Copies bytes, because the caller may change them after the call; returns other values as they are. */
export function kept<V>(value: V): V | Buffer {
  return isUint8Array(value) ? privateCopy(value) : value;
}
