import { privateCopy } from './native-slices.ts';

const FIRST = 4096;

/**
 * Bytes that arrive in pieces. It never holds more than four times what has arrived (at least 4 KiB), nor
 * more than `limit`; four, since each step leaves the smaller buffer behind for the collector.
 */
export class ByteSink {
  readonly limit: number;
  length = 0;
  private buffer: Buffer;

  constructor(limit: number, expected: number) {
    this.limit = limit;
    this.buffer = Buffer.allocUnsafe(Math.min(limit, Math.max(FIRST, expected * 4)));
  }

  append(source: Buffer, start: number, end: number): void {
    const total = this.length + end - start;
    if (total > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.limit, Math.max(FIRST, total * 4)));
      this.buffer.copy(larger, 0, 0, this.length);
      this.buffer = larger;
    }
    source.copy(this.buffer, this.length, start, end);
    this.length = total;
  }

  /** What arrived, in a buffer without slack; the sink is used no more. */
  bytes(): Buffer {
    const { buffer, length } = this;
    return length === buffer.length ? buffer : privateCopy(buffer.subarray(0, length));
  }
}
