import type { Buffer } from 'node:buffer';
import { privateCopy, takeBytes } from './decoding/native-slices.ts';
import { giveMemory, takeMemory } from './decoding/spare-memory.ts';

const FIRST = 4096;
/** After this many bytes the announced length is trusted. */
const EARNEST = 65_536;
/** The whole buffer is allocated once 1/64 of the bytes has arrived. */
const EARLY = 64;

/**
 * Collects bytes that arrive in pieces. Allocates at most four times the bytes that have arrived (at least 4 KiB), from
 * 64 KiB on 64 times, and never more than `limit`. Fresh memory is the greatest cost of a large reply, and each piece
 * of it hastens a garbage collection: so all steps but the last use recycled memory, and are as small as possible.
 * Pages not yet written are address space and take no memory.
 */
export class ByteSink {
  limit: number;
  length = 0;
  private buffer: Buffer;
  /** The bytes are only read and never handed out, so their memory can be recycled. */
  private readonly passing: boolean;

  constructor(limit: number, expected: number, passing: boolean) {
    this.limit = limit;
    this.passing = passing;
    this.buffer = this.memory(expected);
  }

  append(source: Buffer, start: number, end: number): void {
    const total = this.length + end - start;
    if (total > this.buffer.length) this.grow(total);
    source.copy(this.buffer, this.length, start, end);
    this.length = total;
  }

  get missing(): number {
    return this.limit - this.length;
  }

  /** A buffer for the next bytes, `most` at most; report the number written with `filled`. */
  room(most: number): Buffer {
    const { length, buffer, limit } = this;
    // Take the last step as early as possible, because it copies all bytes received so far and blocks other work.
    if (length === buffer.length || (buffer.length < limit && capacity(length, limit) === limit)) {
      this.grow(length);
    }
    // After `take` the buffer is larger than the rest of the string.
    return this.buffer.subarray(length, length + Math.min(most, limit - length));
  }

  filled(count: number): void {
    this.length += count;
  }

  private grow(total: number): void {
    const { buffer, length } = this;
    const larger = this.memory(total);
    buffer.copy(larger, 0, 0, length);
    this.buffer = larger;
    giveMemory(buffer);
  }

  private memory(arrived: number): Buffer {
    const size = capacity(arrived, this.limit);
    return this.passing || size < this.limit ? takeMemory(size) : takeBytes(size);
  }

  /** Recycles the memory after use. The sink and its bytes must not be used afterwards. */
  done(): void {
    if (this.passing) giveMemory(this.buffer);
  }

  /** Returns the bytes received so far and removes them; `limit` becomes the number of missing bytes. */
  take(): Buffer {
    const bytes = privateCopy(this.buffer.subarray(0, this.length));
    this.limit -= this.length;
    this.length = 0;
    return bytes;
  }

  /** The received bytes in a buffer of exact size. The sink must not be used afterwards. */
  bytes(): Buffer {
    const { buffer, length } = this;
    return length === this.limit && length === buffer.length
      ? buffer
      : privateCopy(buffer.subarray(0, length));
  }
}

function capacity(arrived: number, limit: number): number {
  if (arrived < EARNEST) return Math.min(limit, Math.max(FIRST, arrived * 4));
  if (arrived * EARLY >= limit) return limit;
  return Math.min(arrived * EARLY, Math.max(arrived * 4, Math.ceil(limit / EARLY)));
}
