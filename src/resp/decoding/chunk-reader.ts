import { Buffer } from 'node:buffer';
import { POOL, privateCopy, takeBytes } from './native-slices.ts';
import { giveMemory, SMALLEST, takeMemory } from './spare-memory.ts';
import { CR, LF } from '../wire-types.ts';

const EMPTY = Buffer.alloc(0);
/** The value of a line end that has not arrived yet. */
export const UNREAD = -3;
/** Byte strings up to this size are slices of a window, a private copy of the next bytes of the chunk. */
const SMALL = 512;
/** An unfinished line up to this size is parsed again with each chunk; a longer one once it has doubled. */
const RETRY = 32;
/** A larger carry is released once it is read, so that an idle connection holds no more memory. */
const KEPT = 4096;

/**
 * The decoder's position in the bytes: `chunk[pos, end)` is unread.
 *
 *     carry  ─── the rest of a chunk, extended to the first LF of the next chunk, and so to a whole line
 *     queued ─── the rest of that next chunk, read in place once the carry is used up
 */
export abstract class ChunkReader {
  protected chunk: Buffer = EMPTY;
  protected pos = 0;
  protected end = 0;
  /** Number of unread bytes at the last `INCOMPLETE`. */
  protected tried = 0;
  /** At this size, type byte included, the unfinished line is parsed again, and refused. */
  private longestLine = Number.POSITIVE_INFINITY;
  /** True while parsing again would find the same unfinished line. */
  protected hopeless = false;
  private dead = false;
  private carry: Buffer = EMPTY;
  private queued: Buffer | null = null;
  private queuedPos = 0;
  private queuedEnd = 0;
  private window: Buffer | null = null;
  private windowStart = 0;
  private windowEnd = 0;
  /** `chunk[spelledStart, spelledEnd)` as text; empty if it is not ASCII. */
  protected spelled = '';
  protected spelledStart = 0;
  protected spelledEnd = 0;

  /** Takes `chunk[start, end)`, which is read in place until `retain()`. */
  feed(chunk: Buffer, start: number, end: number): void {
    if (start >= end || this.dead) return;
    if (this.queued !== null || (this.pos < this.end && this.chunk !== this.carry)) this.retain();
    this.forget();
    if (this.pos === this.end) {
      this.chunk = chunk;
      this.pos = start;
      this.end = end;
      this.hopeless = false;
      return;
    }
    const arrived = chunk.subarray(start, end);
    const line = arrived.indexOf(LF);
    const cut = line === -1 ? end : start + line + 1;
    const mayEnd = line !== -1 || this.chunk[this.end - 1] === CR || arrived.includes(CR);
    this.keep(chunk, start, cut);
    const unread = this.end - this.pos;
    const next = Math.min(this.tried * 2, this.longestLine);
    this.hopeless = !mayEnd && this.tried > 0 && unread > RETRY && unread < next;
    if (cut === end) return;
    this.queued = chunk;
    this.queuedPos = cut;
    this.queuedEnd = end;
  }

  /** Number of bytes received and not yet read. */
  get unread(): number {
    return this.end - this.pos + (this.queued === null ? 0 : this.queuedEnd - this.queuedPos);
  }

  protected get firstByte(): number {
    return (this.pos < this.end ? this.chunk[this.pos] : this.queued?.[this.queuedPos]) ?? 0;
  }

  /** Copies the unread bytes out of the chunk, whose memory may be overwritten afterwards. */
  retain(): void {
    this.forget();
    if (this.chunk !== this.carry || this.pos === this.end) {
      const { chunk, pos, end } = this;
      this.chunk = this.carry;
      this.pos = this.end = 0;
      if (pos < end) this.keep(chunk, pos, end);
      else if (this.carry.length > KEPT) {
        giveMemory(this.carry);
        this.chunk = this.carry = EMPTY;
      }
    }
    if (this.queued === null) return;
    this.keep(this.queued, this.queuedPos, this.queuedEnd);
    this.queued = null;
  }

  /** Moves on to the queued rest of the chunk; false if there is none. */
  protected advance(): boolean {
    if (this.queued === null) return false;
    if (this.pos < this.end) {
      this.keep(this.queued, this.queuedPos, this.queuedEnd);
    } else {
      this.chunk = this.queued;
      this.pos = this.queuedPos;
      this.end = this.queuedEnd;
    }
    this.queued = null;
    this.forget();
    return true;
  }

  /** Drops everything derived from the chunk, because its memory will be overwritten. */
  private forget(): void {
    this.window = null;
    if (this.spelledEnd === 0) return;
    this.spelled = '';
    this.spelledStart = this.spelledEnd = 0;
  }

  protected get drained(): boolean {
    return this.pos === this.end && this.queued === null;
  }

  /** Drops all bytes and takes no more. */
  protected release(): void {
    this.dead = true;
    this.chunk = this.carry = EMPTY;
    this.queued = null;
    this.forget();
    this.pos = this.end = 0;
  }

  /** Appends bytes to the carry, which is then the chunk being read. */
  private keep(source: Buffer, start: number, end: number): void {
    const unread = this.end - this.pos;
    const total = unread + end - start;
    if (this.end + end - start > this.carry.length) {
      const grows = total * 2 > this.carry.length;
      const target = grows ? room(unread === 0 ? total : total * 2) : this.carry;
      this.carry.copy(target, 0, this.pos, this.end);
      if (grows) giveMemory(this.carry);
      this.chunk = this.carry = target;
      this.pos = 0;
      this.end = unread;
    }
    source.copy(this.carry, this.end, start, end);
    this.end += end - start;
  }

  /** A byte string that owns its memory, or a part of a private window. */
  protected copy(start: number, end: number): Buffer {
    const count = end - start;
    if (count > SMALL) return privateCopy(this.chunk.subarray(start, end));
    if (this.window === null || start < this.windowStart || end > this.windowEnd) {
      // A lone reply, or the last one of a chunk, needs no window.
      if (this.end - end <= 64 && count <= 64) {
        const alone = takeBytes(count);
        for (let at = 0; at < count; at++) alone[at] = this.chunk[start + at]!;
        return alone;
      }
      this.windowStart = start;
      this.windowEnd = Math.min(this.end, start + POOL);
      this.window = takeBytes(this.windowEnd - start);
      this.chunk.copy(this.window, 0, start, this.windowEnd);
    }
    return this.window.subarray(start - this.windowStart, end - this.windowStart);
  }

  /** Reads a complete integer of up to 15 digits; `null` for anything else. */
  protected quickInteger(): number | null {
    const { chunk, pos, end } = this;
    let at = pos + 1;
    const negative = chunk[at] === 0x2d;
    if (negative) at++;
    const first = at;
    let value = 0;
    let digit: number;
    while (at < end && (digit = chunk[at]! - 0x30) >= 0 && digit <= 9 && at - first < 15) {
      value = value * 10 + digit;
      at++;
    }
    if (at + 1 < end && at > first && chunk[at] === CR && chunk[at + 1] === LF) {
      this.pos = at + 2;
      return negative ? 0 - value : value;
    }
    return null;
  }

  /** The position of the line's CR; moves the position past the line. `UNREAD` if the line is incomplete. */
  protected lineEnd(limit: number): number {
    const { chunk, pos, end } = this;
    const near = Math.min(end, pos + 64);
    let at = pos + 1;
    while (at < near && chunk[at] !== CR && chunk[at] !== LF) at++;
    if (at === near && near < end) {
      const rest = chunk.subarray(at, end);
      const cr = rest.indexOf(CR);
      const lf = (cr === -1 ? rest : rest.subarray(0, cr)).indexOf(LF);
      at = lf !== -1 ? at + lf : cr === -1 ? end : at + cr;
    }
    if (at - pos - 1 > limit) return this.fail('a line is too long');
    if ((at < end && chunk[at] === LF) || (at + 1 < end && chunk[at + 1] !== LF)) {
      return this.fail('a line does not end in CR LF');
    }
    if (at + 1 >= end) {
      this.longestLine = limit + 2;
      return UNREAD;
    }
    this.pos = at + 2;
    return at;
  }

  /** Throws, because the bytes are not valid RESP. */
  protected abstract fail(what: string): never;
}

/** Memory for the carry. Small ones are kept, and not cut from Node's pool, which they would keep alive. */
function room(size: number): Buffer {
  return size <= KEPT ? Buffer.allocUnsafeSlow(Math.max(256, size)) : takeMemory(Math.max(SMALLEST, size));
}
