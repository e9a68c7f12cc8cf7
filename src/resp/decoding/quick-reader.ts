import { isAscii } from 'node:buffer';
import { ChunkReader, UNREAD } from './chunk-reader.ts';
import type { DecoderLimits } from './decoder-limits.ts';
import { latin1Text } from './native-slices.ts';
import { exactDecimal, parseBigNumber, parseDouble, parseInteger } from '../numbers.ts';
import { decodeText } from '../text.ts';
import type { Reply } from '../types.ts';
import { BYTES, type DecodeMode } from '../text-modes.ts';
import { ARRAY, BULK, CR, LF } from '../wire-types.ts';

/** Result of `read()` while the next message is incomplete. */
export const INCOMPLETE: unique symbol = Symbol('respool.incomplete');
/** Something was read, but it completed no value. */
export const OPENED: unique symbol = Symbol('respool.opened');

/** The longest cut that the engine copies: a longer one would keep the text that it is cut from alive. */
const COPIED = 12;
/** Bytes that are spelled together. */
const SPELLED = 4096;
/** Where fewer than this were cut from such a text, the rest of the chunk is read without. */
const WORTHWHILE = 16;
/** Bytes of a double or big number, which is parsed at once. */
const MAX_NUMBER_LENGTH = 65_536;
/** Bytes of an integer: sign and digits of 64 bits. */
const MAX_INTEGER_LENGTH = 22;

/** The values that replies are mostly made of, read in one go where they have arrived whole. */
export abstract class QuickReader extends ChunkReader {
  protected limits: DecoderLimits;
  protected depth = 0;
  /** More strings are likely to follow. */
  protected spelling = false;
  /** Values come in the shapes of RESP2: a map or set as an array, a double as its text, a boolean as 1 or 0. */
  resp2Shapes = false;
  private cuts = 0;

  constructor(limits: DecoderLimits) {
    super();
    this.limits = limits;
  }

  /** Simple strings as long as others from now on: MONITOR puts whole commands into one. */
  takeLongLines(): void {
    const { maxBulkLength, maxLineLength } = this.limits;
    if (maxLineLength >= maxBulkLength) return;
    this.limits = { ...this.limits, maxLineLength: maxBulkLength };
  }

  /** Reads a reply of a common type if it has arrived whole; else reads nothing. */
  protected quickReply(mode: DecodeMode): Reply | typeof OPENED {
    const { chunk, pos } = this;
    const type = chunk[pos];
    if (type === BULK) return this.quickBulk(mode);
    if (type === 0x3a) return this.quickInteger();
    if (type === 0x2b && mode > BYTES && chunk[pos + 1] === 0x4f && chunk[pos + 2] === 0x4b) {
      if (
        chunk[pos + 3] === CR &&
        chunk[pos + 4] === LF &&
        pos + 5 <= this.end &&
        this.limits.maxLineLength >= 2
      ) {
        this.pos = pos + 5;
        return 'OK';
      }
    }
    return OPENED;
  }

  /**
   * A whole bulk string, integer or double; `OPENED` when it is anything else. That nothing was read shows in the
   * position as well, and is seen there more cheaply than in a value that may be anything.
   */
  protected plain(mode: DecodeMode): Reply | typeof OPENED {
    if (this.pos >= this.end) return OPENED;
    const type = this.chunk[this.pos];
    if (type === BULK) return this.quickBulk(mode);
    if (type === 0x3a) return this.quickInteger() ?? OPENED;
    if (type === ARRAY) return this.few(mode, 1);
    if (type !== 0x2c) return OPENED;
    const quick = this.resp2Shapes ? null : this.quickDouble();
    if (quick !== null) return quick;
    const value = this.number(type, mode);
    return value === INCOMPLETE ? OPENED : value;
  }

  /**
   * A small array of plain values, such as a member and its score, or with one more such array in it, such as the entry
   * of a stream; `OPENED` when it is anything else. `level`: 1, or 2 in another one.
   */
  private few(mode: DecodeMode, level: 1 | 2): Reply | typeof OPENED {
    const { chunk, pos } = this;
    const count = chunk[pos + 1]! - 0x30;
    if (!(count >= 1 && count <= 8) || pos + 4 > this.end || this.depth + level > this.limits.maxDepth)
      return OPENED;
    if (chunk[pos + 2] !== CR || chunk[pos + 3] !== LF) return OPENED;
    const from = (this.pos = pos + 4);
    const first = this.member(mode, level) as Reply;
    const next = this.pos;
    if (next !== from) {
      if (count === 1) return [first];
      // A literal holds two; an array that grows by pushing holds seventeen from the first one on.
      const values = [first, this.member(mode, level) as Reply];
      for (let last = next; this.pos !== last; values.push(this.member(mode, level) as Reply)) {
        if (values.length === count) return values;
        last = this.pos;
      }
    }
    // Not whole, or not plain: read again from its head, the general way.
    this.pos = pos;
    return OPENED;
  }

  private member(mode: DecodeMode, level: 1 | 2): Reply | typeof OPENED {
    if (this.chunk[this.pos] !== ARRAY) return this.plain(mode);
    return level === 1 ? this.few(mode, 2) : OPENED;
  }

  /** A whole bulk string with a plain header; `OPENED` when it is anything else. */
  protected quickBulk(mode: DecodeMode): Reply | typeof OPENED {
    const { chunk, pos } = this;
    let at = pos + 1;
    let length = chunk[at++]! - 0x30;
    if (!(length >= 0 && length <= 9)) return OPENED;
    let byte: number;
    while ((byte = chunk[at++]!) !== CR) {
      byte -= 0x30;
      if (!(byte >= 0 && byte <= 9) || at - pos > 9) return OPENED;
      length = length * 10 + byte;
    }
    const start = at + 1;
    const stop = start + length;
    // Bytes behind `end` may have been looked at: nothing of them counts, since this holds only without them.
    if (stop + 2 > this.end || chunk[at] !== LF) return OPENED;
    if (chunk[stop] !== CR || chunk[stop + 1] !== LF) return OPENED;
    if (length > this.limits.maxBulkLength || at - pos - 2 > this.limits.maxDigits) return OPENED;
    this.pos = stop + 2;
    if (mode <= BYTES) return this.copy(start, stop);
    if (length <= COPIED && this.spelling) {
      if (stop > this.spelledEnd || start < this.spelledStart) this.spell(start);
      if (this.spelled !== '') {
        this.cuts++;
        return this.spelled.substring(start - this.spelledStart, stop - this.spelledStart);
      }
    }
    return decodeText(chunk, start, stop, mode);
  }

  /** Up to `most` short strings with plain headers, one after the other; how many there were. */
  protected shortStrings(target: Reply[], most: number): number {
    const { chunk, end } = this;
    let { pos } = this;
    let size = target.length;
    let count = 0;
    for (; count < most && chunk[pos] === BULK; count++) {
      let length = chunk[pos + 1]! - 0x30;
      let at = pos + 2;
      if (length === 1 && chunk[at] !== CR) length = chunk[at++]! - 0x26;
      if (!(length >= 0 && length <= COPIED) || chunk[at] !== CR || chunk[at + 1] !== LF) break;
      const start = at + 2;
      const stop = start + length;
      if (stop + 2 > end || chunk[stop] !== CR || chunk[stop + 1] !== LF) break;
      if (stop > this.spelledEnd || start < this.spelledStart) {
        this.cuts += count;
        this.spell(start);
      }
      if (this.spelled === '') break;
      // Put, not pushed: that is one instruction here, and a call there.
      target[size++] = this.spelled.substring(start - this.spelledStart, stop - this.spelledStart);
      pos = stop + 2;
    }
    this.pos = pos;
    this.cuts += count;
    return count;
  }

  /** The next bytes as one text, if they are ASCII: short strings are cut from it. */
  private spell(start: number): void {
    const { chunk } = this;
    const few = this.spelledEnd !== 0 && this.cuts < WORTHWHILE;
    const end = few ? this.end : Math.min(this.end, start + SPELLED);
    this.cuts = 0;
    this.spelledStart = start;
    this.spelledEnd = end;
    this.spelled = !few && isAscii(chunk.subarray(start, end)) ? latin1Text(chunk, start, end) : '';
  }

  /** A whole double of up to 19 digits, where it is exact; `null` when it is anything else. */
  private quickDouble(): number | null {
    const { chunk, end } = this;
    let at = this.pos + 1;
    const negative = chunk[at] === 0x2d;
    if (negative) at++;
    const first = at;
    let high = 0;
    let low = 0;
    let digits = 0;
    let point = 0;
    for (; at < end; at++) {
      const digit = chunk[at]! - 0x30;
      if (digit >= 0 && digit <= 9) {
        if (++digits <= 15) high = high * 10 + digit;
        else if (digits <= 19) low = low * 10 + digit;
        else return null;
      } else if (digit === -2 && point === 0 && at > first) point = at;
      else break;
    }
    if (at + 1 >= end || digits === 0 || point === at - 1) return null;
    if (chunk[at] !== CR || chunk[at + 1] !== LF) return null;
    const value = exactDecimal(high, low, digits, point === 0 ? 0 : at - point - 1);
    if (value !== value) return null;
    this.pos = at + 2;
    return negative ? -value : value;
  }

  protected integer(): Reply | typeof INCOMPLETE {
    const quick = this.quickInteger();
    if (quick !== null) return quick;
    const from = this.pos + 1;
    const stop = this.lineEnd(MAX_INTEGER_LENGTH);
    if (stop === UNREAD) return INCOMPLETE;
    const number = parseInteger(latin1Text(this.chunk, from, stop));
    return number ?? this.fail('an integer is malformed or beyond 64 bits');
  }

  protected number(type: number, mode: DecodeMode): Reply | typeof INCOMPLETE {
    const from = this.pos + 1;
    const stop = this.lineEnd(MAX_NUMBER_LENGTH);
    if (stop === UNREAD) return INCOMPLETE;
    if (this.resp2Shapes)
      return mode <= BYTES ? this.copy(from, stop) : decodeText(this.chunk, from, stop, mode);
    if (type === 0x2c) return parseDouble(this.chunk, from, stop) ?? this.fail('a double is malformed');
    return parseBigNumber(latin1Text(this.chunk, from, stop)) ?? this.fail('a big number is malformed');
  }
}
