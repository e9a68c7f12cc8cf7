import { ChunkReader, UNREAD } from './chunk-reader.ts';
import type { DecoderLimits } from './decoder-limits.ts';
import { latin1Text } from './native-slices.ts';
import { exactDecimal, parseBigNumber, parseDouble, parseInteger } from './numbers.ts';
import { decodeText } from './text.ts';
import { BYTES, type DecodeMode, type Reply } from './types.ts';
import { ARRAY, BULK, CR, LF } from './wire-types.ts';

/** What `read()` returns while the next message is not there yet. */
export const INCOMPLETE: unique symbol = Symbol('respool.incomplete');
/** Something was read, but no value is finished by it. */
export const OPENED: unique symbol = Symbol('respool.opened');

/** Bytes of a double or big number, which is parsed at once. */
const MAX_NUMBER_LENGTH = 65_536;
/** Bytes of an integer: sign and digits of 64 bits. */
const MAX_INTEGER_LENGTH = 22;

/** The values that replies are mostly made of, read in one go where they have arrived whole. */
export abstract class QuickReader extends ChunkReader {
  protected readonly limits: DecoderLimits;
  protected depth = 0;

  constructor(limits: DecoderLimits) {
    super();
    this.limits = limits;
  }

  /** A whole bulk string, integer or double; `OPENED` when it is anything else. */
  protected plain(mode: DecodeMode): Reply | typeof OPENED {
    if (this.pos >= this.end) return OPENED;
    const type = this.chunk[this.pos];
    if (type === BULK) return this.quickBulk(mode);
    if (type === 0x3a) return this.quickInteger() ?? OPENED;
    if (type === ARRAY) return this.pair(mode);
    if (type !== 0x2c) return OPENED;
    const quick = this.quickDouble();
    if (quick !== null) return quick;
    const value = this.number(type);
    return value === INCOMPLETE ? OPENED : value;
  }

  /** A small array of plain values, such as a member and its score; `OPENED` when it is anything else. */
  private pair(mode: DecodeMode): Reply | typeof OPENED {
    const { chunk, pos } = this;
    const count = chunk[pos + 1]! - 0x30;
    if (!(count >= 1 && count <= 8) || pos + 4 > this.end || this.depth >= this.limits.maxDepth)
      return OPENED;
    if (chunk[pos + 2] !== CR || chunk[pos + 3] !== LF) return OPENED;
    this.pos = pos + 4;
    const values: Reply[] = [];
    for (let index = 0; index < count; index++) {
      const type = chunk[this.pos];
      const value = type === ARRAY ? OPENED : this.plain(mode);
      if (value === OPENED) {
        // Not whole, or not plain: read again from its head, the general way.
        this.pos = pos;
        return OPENED;
      }
      values.push(value);
    }
    return values;
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
    return mode === BYTES ? this.copy(start, stop) : decodeText(chunk, start, stop, mode);
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

  protected number(type: number): Reply | typeof INCOMPLETE {
    const from = this.pos + 1;
    const stop = this.lineEnd(MAX_NUMBER_LENGTH);
    if (stop === UNREAD) return INCOMPLETE;
    if (type === 0x2c) return parseDouble(this.chunk, from, stop) ?? this.fail('a double is malformed');
    return parseBigNumber(latin1Text(this.chunk, from, stop)) ?? this.fail('a big number is malformed');
  }
}
