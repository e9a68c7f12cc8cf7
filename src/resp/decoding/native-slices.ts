import { Buffer } from 'node:buffer';
import { isUint8Array } from 'node:util/types';

/** Buffer's own readers, taken once: an argument's or subclass's overrides can never run in their place. */
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

/** The bytes as characters of the same number. */
export function latin1Text(bytes: Uint8Array, start?: number, end?: number): string {
  return latin1Slice.call(bytes, start, end);
}

/** The bytes read as UTF-8; a byte order mark stays, what is invalid becomes U+FFFD. */
export function utf8Text(bytes: Uint8Array, start?: number, end?: number): string {
  return utf8Slice.call(bytes, start, end);
}

/** The bytes read as UTF-16. */
export function utf16Text(bytes: Uint8Array, start?: number, end?: number): string {
  return ucs2Slice.call(bytes, start, end);
}

/** How many bytes there really are, whatever a subclass says. */
export function byteCount(bytes: Uint8Array): number {
  return lengthOf.call(bytes);
}

/** Whether the memory went elsewhere, so that the bytes only look empty. */
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

/** A kept byte string pins no more than this. */
export const POOL = 8192;

/**
 * Hands out memory for bytes, small ones cut from a block of `POOL` bytes. The runtime's own pool grew to 64 KiB in
 * Node 24, and each reply that is kept would pin as much.
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
    // Keep typed arrays over it aligned.
    this.#used = (start + count + 7) & ~7;
    return this.#block.subarray(start, start + count);
  }
}
const pool = new BytePool();

/** Memory for `count` bytes that are kept. Where the runtime's pool is small enough it is the fastest. */
export const takeBytes: (count: number) => Buffer =
  Buffer.poolSize <= POOL ? (count) => Buffer.allocUnsafe(count) : (count) => pool.take(count);

/** A `Buffer` of its own with the same bytes. */
export function privateCopy(bytes: Uint8Array): Buffer {
  const copy = takeBytes(byteCount(bytes));
  setBytes.call(copy, bytes);
  return copy;
}

/** A copy of bytes, which the caller may change once the call is made; anything else as it is. */
export function kept<V>(value: V): V | Buffer {
  return isUint8Array(value) ? privateCopy(value) : value;
}
