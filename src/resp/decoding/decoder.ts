import { InvalidResponse } from '../../errors/errors.ts';
import { replyError } from '../../errors/reply-errors.ts';
import { ByteSink } from '../byte-sink.ts';
import { UNREAD } from './chunk-reader.ts';
import { DEFAULT_LIMITS, type DecoderLimits } from './decoder-limits.ts';
import { dropKept, emptyAggregate, Frame } from './frame.ts';
import { MessageReader } from './message-reader.ts';
import { INCOMPLETE, OPENED } from './quick-reader.ts';
import { ReplyMap, ReplySet } from '../reply-map.ts';
import { decodeText, errorText, undecoded } from '../text.ts';
import type { Reply } from '../types.ts';
import { BYTES, type DecodeMode } from '../text-modes.ts';
import { ARRAY, ATTRIBUTE, BLOB_ERROR, BULK, CR, LF, MAP, PART, PUSH, SET, VERBATIM } from '../wire-types.ts';

export type { DecoderLimits };
export { INCOMPLETE } from './quick-reader.ts';

/** With at least this many bytes of a string missing, it pays to read directly into its buffer. */
const DIRECT = 131_072;
/** Most bytes read at once, because other work waits while the system clears fresh memory. */
const AT_ONCE = 524_288;

/** In aggregates with more values left than this, short strings are cut from one common text (`spell`). */
const MANY = 8;

/** Lengths that are not a count. */
const NONE = -1;
const STREAMED = -2;

/** Decodes RESP2 and RESP3. It is pulled by its reader, resumable at every byte and never recursive. */
export class Decoder extends MessageReader {
  /** Kind of the last `read()`: 0 a reply, 1 an error reply at top level, 2 a push message, 3 `INCOMPLETE`. */
  kind: 0 | 1 | 2 | 3 = 0;
  top: Frame | null = null;
  /** An attribute was read, and its value has not begun. */
  private annotated = false;
  private failure: InvalidResponse | null = null;
  /** The string being read: its type (0 for none), its length, and its bytes so far if it is split. */
  protected bodyType = 0;
  private bodyLength = 0;
  protected body: ByteSink | null = null;
  /** Number of bytes of the string that were dropped. */
  private passed = 0;
  /** Part of the last message was invalid text and stayed bytes. The reader of the decoder resets it. */
  undecodable = false;
  /** Nobody waits for the next reply: its value is dropped. An error at top level is kept. */
  unwanted = false;

  constructor(limits?: Partial<DecoderLimits>) {
    super({ ...DEFAULT_LIMITS, ...limits });
  }

  /** Whether no message is partly read. */
  get idle(): boolean {
    return this.top === null && this.bodyType === 0 && !this.annotated && this.drained;
  }

  /** The type of the partly read message; 0 if none of its bytes has arrived. */
  get begun(): number {
    let frame = this.top;
    if (frame === null) {
      if (this.bodyType !== 0) return this.bodyType;
      if (this.annotated) return ATTRIBUTE;
      return this.unread === 0 ? 0 : this.firstByte;
    }
    while (frame.parent !== null) frame = frame.parent;
    return frame.type;
  }

  protected override get fresh(): boolean {
    return this.top === null && this.bodyType === 0 && !this.annotated && this.failure === null;
  }

  /** The length of the string being read; 0 before its header is complete. */
  get pendingBulk(): number {
    return this.bodyLength;
  }

  /** A buffer for the next bytes if they all belong to one large string; otherwise null. */
  room(): Buffer | null {
    const { body } = this;
    return body !== null && this.drained && body.missing >= DIRECT ? body.room(AT_ONCE) : null;
  }

  /** Takes `count` bytes that were written to `room()`, without a copy. */
  filled(count: number): void {
    this.body?.filled(count);
  }

  /**
   * Reads the next message and sets `kind`. Throws `InvalidResponse` for bytes that are not RESP, now and at every later
   * call. After `INCOMPLETE` the next call must have the same `mode`.
   */
  read(mode: DecodeMode, pushMode: DecodeMode): Reply | typeof INCOMPLETE {
    const before = undecoded;
    const value = this.next(mode, pushMode);
    if (undecoded !== before) this.undecodable = true;
    return value;
  }

  private next(mode: DecodeMode, pushMode: DecodeMode): Reply | typeof INCOMPLETE {
    if (this.failure !== null) throw this.failure;
    if (this.hopeless) {
      this.kind = 3;
      return INCOMPLETE;
    }
    this.kind = 0;
    this.tried = 0;
    if (this.top === null && this.bodyType === 0 && !this.annotated) {
      const { pos } = this;
      const value = this.quickReply(mode);
      // Comparing the position is cheaper than comparing the value.
      if (this.pos !== pos) return value as Reply;
    }
    if (this.unwanted) dropKept(this.top);
    for (;;) {
      const frame = this.top;
      if (frame !== null && frame.left > 2) {
        this.spelling = frame.left > MANY;
        this.fill(frame);
        this.spelling = false;
      }
      const value = this.element(frame === null ? mode : frame.mode, pushMode);
      if (value === OPENED) continue;
      if (value === INCOMPLETE) {
        if (this.advance()) continue;
        this.tried = this.end - this.pos;
        this.kind = 3;
        return INCOMPLETE;
      }
      this.annotated = false;
      if (this.top === null || (this.kind as number) === 2) return value;
      const done = this.deliver(value);
      if (done !== OPENED) return done;
    }
  }

  /** Whether the value being read is dropped. */
  private get dropping(): boolean {
    return this.top === null ? this.unwanted && this.bodyType !== BLOB_ERROR : this.top.value === null;
  }

  /** Reads the next plain strings and numbers into an aggregate, all but the last, which the general path reads. */
  private fill(frame: Frame): void {
    const { mode, type, value: target } = frame;
    if (target === null || this.bodyType !== 0 || this.annotated) return;
    if (
      this.spelling &&
      type === ARRAY &&
      mode > BYTES &&
      this.limits.maxBulkLength >= 12 &&
      this.limits.maxDigits >= 2
    ) {
      frame.left -= this.shortStrings(target as Reply[], frame.left - 2);
    }
    for (; frame.left > 2; frame.left--) {
      const { pos } = this;
      const value = this.plain(mode) as Reply;
      if (this.pos === pos) return;
      if (type === MAP) {
        if (frame.key === undefined) {
          frame.key = value;
        } else {
          ReplyMap.append(target as ReplyMap, frame.key, value);
          frame.key = undefined;
        }
      } else if (type === SET) {
        ReplySet.append(target as ReplySet, value);
      } else {
        const list = target as Reply[];
        list[list.length] = value;
      }
    }
  }

  /** Puts a value into its aggregate; returns the top-level value if that is complete now. */
  private deliver(value: Reply): Reply | typeof OPENED {
    for (let frame = this.top; frame !== null; frame = this.top) {
      switch (frame.value === null ? ATTRIBUTE : frame.type) {
        case MAP:
          if (frame.key === undefined) {
            frame.key = value;
          } else {
            ReplyMap.append(frame.value as ReplyMap, frame.key, value);
            frame.key = undefined;
          }
          break;
        case SET:
          ReplySet.append(frame.value as ReplySet, value);
          break;
        case ATTRIBUTE:
          break;
        default:
          (frame.value as Reply[]).push(value);
      }
      if (--frame.left !== 0) {
        if (frame.left < -this.limits.maxElements * 2) this.fail('an aggregate is too long');
        return OPENED;
      }
      this.close(frame);
      if (frame.type === ATTRIBUTE) {
        this.annotated = true;
        return OPENED;
      }
      value = frame.value as Reply;
      if (frame.type === PUSH) {
        this.kind = 2;
        return value;
      }
    }
    return value;
  }

  private close(frame: Frame): void {
    this.top = frame.parent;
    if (frame.type !== BULK) this.depth--;
  }

  /** Reads one value, or the head of an aggregate. */
  private element(mode: DecodeMode, pushMode: DecodeMode): Reply | typeof OPENED | typeof INCOMPLETE {
    if (this.bodyType !== 0) return this.resume(mode);
    if (this.pos >= this.end) return INCOMPLETE;
    const type = this.chunk[this.pos]!;
    if (type !== PART && this.top !== null && this.top.type === BULK) {
      return this.fail('a streamed string is broken');
    }
    switch (type) {
      case BULK: {
        const value = this.quickBulk(mode);
        return value === OPENED ? this.string(type, mode) : value;
      }
      case VERBATIM:
      case BLOB_ERROR:
      case PART:
        return this.string(type, mode);
      case 0x3a: // :
        return this.integer();
      case 0x2b: // +
      case 0x2d: // -
        return this.line(type, mode);
      case ARRAY:
      case MAP:
      case SET:
      case ATTRIBUTE:
        return this.aggregate(type, mode);
      case PUSH:
        return this.aggregate(type, pushMode);
      case 0x2e: // .
        return this.terminator();
      case 0x2c: // ,
      case 0x28: // (
        return this.number(type, mode);
      default:
        return this.constant(type);
    }
  }

  /** Reads a simple string or error. */
  private line(type: number, mode: DecodeMode): Reply | typeof INCOMPLETE {
    const from = this.pos + 1;
    const stop = this.lineEnd(this.limits.maxLineLength);
    if (stop === UNREAD) return INCOMPLETE;
    if (type === 0x2d) return this.error(this.chunk, from, stop);
    return mode <= BYTES ? this.copy(from, stop) : decodeText(this.chunk, from, stop, mode);
  }

  private error(bytes: Buffer, start: number, end: number): Reply {
    if (this.top === null) this.kind = 1;
    else if (this.top.value === null) return null;
    return replyError(errorText(bytes, start, end));
  }

  /** Reads null or a boolean; fails for an unknown type. */
  private constant(type: number): Reply | typeof INCOMPLETE {
    const { chunk, pos, end } = this;
    const isNull = type === 0x5f;
    if (!isNull && type !== 0x23) {
      const shown = type > 0x20 && type < 0x7f ? `'${String.fromCharCode(type)}'` : `0x${type.toString(16)}`;
      return this.fail(`Unknown RESP data type: ${shown}`);
    }
    const at = isNull ? pos + 1 : pos + 2;
    const word = chunk[pos + 1];
    if (!isNull && pos + 1 < end && word !== 0x74 && word !== 0x66) {
      return this.fail('a boolean is malformed');
    }
    if ((at < end && chunk[at] !== CR) || (at + 1 < end && chunk[at + 1] !== LF)) {
      return this.fail('a line does not end in CR LF');
    }
    if (at + 1 >= end) return INCOMPLETE;
    this.pos = at + 2;
    if (isNull) return null;
    return this.resp2Shapes ? Number(word === 0x74) : word === 0x74;
  }

  /** Reads a length; also `NONE`, `STREAMED` or `UNREAD`. */
  private length(limit: number, what: string): number {
    const { chunk, pos } = this;
    const stop = this.lineEnd(this.limits.maxDigits);
    if (stop === UNREAD) return UNREAD;
    const from = pos + 1;
    if (stop - from === 2 && chunk[from] === 0x2d && chunk[from + 1] === 0x31) return NONE;
    if (stop - from === 1 && chunk[from] === 0x3f) return STREAMED;
    let value = 0;
    for (let at = from; at < stop; at++) {
      const digit = chunk[at]! - 0x30;
      if (!(digit >= 0 && digit <= 9)) return this.fail(`${what} has a malformed length`);
      value = value * 10 + digit;
    }
    if (stop === from) return this.fail(`${what} has no length`);
    return value <= limit ? value : this.fail(`${what} is longer than ${limit}`);
  }

  /** Reads the header of a string with a length, and as much of its body as is there. */
  private string(type: number, mode: DecodeMode): Reply | typeof OPENED | typeof INCOMPLETE {
    const part = type === PART;
    const frame = this.top;
    if (part && (frame === null || frame.type !== BULK)) return this.fail("Unknown RESP data type: ';'");
    const { maxBulkLength, maxLineLength } = this.limits;
    const length = this.length(type === BLOB_ERROR ? maxLineLength : maxBulkLength, 'a string');
    if (length === UNREAD) return INCOMPLETE;
    if (length === NONE && !part) return null;
    if (length === STREAMED && type === BULK) {
      const sink = this.dropping ? null : new ByteSink(maxBulkLength, 0, false);
      this.top = new Frame(BULK, mode, frame, sink, -1);
      return OPENED;
    }
    if (length < 0) return this.fail('a string has a malformed length');
    if (part && frame !== null) {
      const sink = frame.value as ByteSink | null;
      if (length > maxBulkLength - (sink?.length ?? 0)) return this.fail('a streamed string is too long');
      if (length === 0) {
        this.close(frame);
        if (sink === null) return null;
        const bytes = sink.bytes();
        return mode <= BYTES ? bytes : decodeText(bytes, 0, bytes.length, mode);
      }
    }
    this.bodyType = type;
    this.bodyLength = length;
    return this.resume(mode);
  }

  /** Continues to read the body of a string and the CR LF after it. */
  private resume(mode: DecodeMode): Reply | typeof OPENED | typeof INCOMPLETE {
    const { chunk, pos, end, bodyLength: length } = this;
    const stop = pos + (this.body === null ? length - this.passed : this.body.missing);
    if ((stop < end && chunk[stop] !== CR) || (stop + 1 < end && chunk[stop + 1] !== LF)) {
      return this.fail('a string is not followed by CR LF');
    }
    if (this.dropping) return this.pass(stop);
    if (stop + 1 >= end || this.body !== null) {
      const have = Math.min(stop, end);
      this.body ??= new ByteSink(length, have - pos, mode > BYTES);
      if (have > pos) this.body.append(chunk, pos, have);
      this.pos = have;
      if (stop + 1 >= end) return INCOMPLETE;
    }
    const { bodyType, body } = this;
    this.bodyType = this.bodyLength = 0;
    this.body = null;
    this.pos = stop + 2;
    if (body === null) return this.finish(bodyType, chunk, pos, stop, mode, false);
    const value = this.finish(bodyType, body.bytes(), 0, body.length, mode, true);
    body.done();
    return value;
  }

  /** As `resume`, but drops the bytes. */
  private pass(stop: number): Reply | typeof OPENED | typeof INCOMPLETE {
    if (this.body !== null) this.passed = this.bodyLength - this.body.missing;
    this.body = null;
    if (stop + 1 >= this.end) {
      const have = Math.min(stop, this.end);
      this.passed += have - this.pos;
      this.pos = have;
      return INCOMPLETE;
    }
    const part = this.bodyType === PART;
    this.bodyType = this.bodyLength = this.passed = 0;
    this.pos = stop + 2;
    return part ? OPENED : null;
  }

  /** Turns the bytes of a string into the value of its type. */
  private finish(
    type: number,
    bytes: Buffer,
    start: number,
    end: number,
    mode: DecodeMode,
    owned: boolean,
  ): Reply | typeof OPENED {
    if (type === BLOB_ERROR) return this.error(bytes, start, end);
    if (type === PART) {
      (this.top?.value as ByteSink).append(bytes, start, end);
      return OPENED;
    }
    if (type === VERBATIM) {
      if (end - start < 4 || bytes[start + 3] !== 0x3a) return this.fail('a verbatim string has no format');
      start += 4;
    }
    if (mode > BYTES) return decodeText(bytes, start, end, mode);
    return owned ? bytes.subarray(start, end) : this.copy(start, end);
  }

  /** Reads the head of an array, map, set, push message or attribute. */
  private aggregate(type: number, mode: DecodeMode): Reply | typeof OPENED | typeof INCOMPLETE {
    const { maxElements } = this.limits;
    const pairs = type === MAP || type === ATTRIBUTE;
    const count = this.length(pairs ? Math.floor(maxElements / 2) : maxElements, 'an aggregate');
    if (count === UNREAD) return INCOMPLETE;
    const container = type === ARRAY || type === MAP || type === SET;
    if (count < 0 && !container) return this.fail('an aggregate has a malformed length');
    if (count === NONE) return null;
    if (this.depth >= this.limits.maxDepth) return this.fail('aggregates are nested too deeply');
    const left = count === STREAMED ? -1 : pairs ? count * 2 : count;
    if (this.resp2Shapes && (type === MAP || type === SET)) type = ARRAY;
    const value = type !== PUSH && this.dropping ? null : emptyAggregate(type, mode);
    if (count === 0) {
      if (type === PUSH) this.kind = 2;
      if (type !== ATTRIBUTE) return value;
      this.annotated = true;
      return OPENED;
    }
    this.top = new Frame(type, mode, this.top, value, left);
    this.depth++;
    this.annotated = false;
    return OPENED;
  }

  /** Reads the end of a streamed aggregate. */
  private terminator(): Reply | typeof INCOMPLETE {
    const frame = this.top;
    if (frame === null || frame.left >= 0) return this.fail("Unknown RESP data type: '.'");
    const stop = this.lineEnd(0);
    if (stop === UNREAD) return INCOMPLETE;
    if (frame.key !== undefined || this.annotated) return this.fail('a streamed aggregate lacks a value');
    this.close(frame);
    return frame.value as Reply;
  }

  protected override fail(what: string): never {
    this.failure = new InvalidResponse(`Protocol Error: ${what}`);
    this.release();
    this.top = this.body = null;
    this.bodyType = this.bodyLength = 0;
    throw this.failure;
  }
}
