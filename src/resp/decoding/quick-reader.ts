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
/** Result of a read that completed no value. */
export const OPENED: unique symbol = Symbol('respool.opened');

/** The longest substring that V8 copies; a longer one would keep its source text alive. */
const COPIED = 12;
/** Number of bytes turned into one text, from which short strings are cut. */
const SPELLED = 4096;
/** If fewer strings than this were cut from such a text, the rest of the chunk is read without one. */
const WORTHWHILE = 16;
/** Most bytes of a double or big number. */
const MAX_NUMBER_LENGTH = 65_536;
/** Most bytes of an integer: the sign and digits of 64 bits. */
const MAX_INTEGER_LENGTH = 22;

/** Reads the most common values on a fast path, if they have arrived completely. */
export abstract class QuickReader extends ChunkReader {
  protected limits: DecoderLimits;
  protected depth = 0;
  /** Whether more strings are likely to follow. */
  protected spelling = false;
  /** Return values in the shapes of RESP2: maps and sets as arrays, doubles as text, booleans as 1 or 0. */
  resp2Shapes = false;
  private cuts = 0;

  constructor(limits: DecoderLimits) {
    super();
    this.limits = limits;
  }

  /** Allows long simple strings, because MONITOR puts a whole command into one. */
  takeLongLines(): void {
    const { maxBulkLength, maxLineLength } = this.limits;
    if (maxLineLength >= maxBulkLength) return;
    this.limits = { ...this.limits, maxLineLength: maxBulkLength };
  }

  /** Reads a reply of a common type if it is complete; otherwise reads nothing. */
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
   * Reads a complete bulk string, integer or double; `OPENED` for anything else. Callers compare the position to see
   * whether anything was read, because that is cheaper than comparing an arbitrary value.
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
   * Reads a small array of plain values, such as a member and its score; it may contain one more such array, as a stream
   * entry does. `OPENED` for anything else. `level`: 1, or 2 inside another array.
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
      // A literal has room for two; an array grown by push() has room for 17 from the start.
      const values = [first, this.member(mode, level) as Reply];
      for (let last = next; this.pos !== last; values.push(this.member(mode, level) as Reply)) {
        if (values.length === count) return values;
        last = this.pos;
      }
    }
    // Incomplete or not plain: go back, the general path reads it again.
    this.pos = pos;
    return OPENED;
  }

  private member(mode: DecodeMode, level: 1 | 2): Reply | typeof OPENED {
    if (this.chunk[this.pos] !== ARRAY) return this.plain(mode);
    return level === 1 ? this.few(mode, 2) : OPENED;
  }

  /** Reads a complete bulk string with a plain header; `OPENED` for anything else. */
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
    // The loop may have read bytes past `end`; this check fails if it did.
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

  /** Reads up to `most` consecutive short strings with plain headers; returns their number. */
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
      // An indexed store is one instruction here; push() would be a call.
      target[size++] = this.spelled.substring(start - this.spelledStart, stop - this.spelledStart);
      pos = stop + 2;
    }
    this.pos = pos;
    this.cuts += count;
    return count;
  }

  /** Turns the next bytes into one text, if they are ASCII, from which short strings are cut. */
  private spell(start: number): void {
    const { chunk } = this;
    const few = this.spelledEnd !== 0 && this.cuts < WORTHWHILE;
    const end = few ? this.end : Math.min(this.end, start + SPELLED);
    this.cuts = 0;
    this.spelledStart = start;
    this.spelledEnd = end;
    this.spelled = !few && isAscii(chunk.subarray(start, end)) ? latin1Text(chunk, start, end) : '';
  }

  /** Reads a complete double of up to 19 digits if the result is exact; `null` for anything else. */
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
