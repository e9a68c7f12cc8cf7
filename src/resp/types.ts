import type { RedisError } from '../errors/errors.ts';
import type { ReplyMap, ReplySet } from './reply-map.ts';

/** Anything an argument of a command can be. Everything else is a `TypeError` before a byte is sent. */
export type RedisValue = string | Uint8Array | number | bigint;

/** Anything a server can answer. `RedisError` occurs inside aggregates, and at the top with `raiseExceptions: false`. */
export type Reply =
  | null
  | boolean
  | number
  | bigint
  | string
  | Buffer
  | RedisError
  | Reply[]
  | ReplyMap
  | ReplySet;

/** How replies are decoded: to text, to bytes, or to text where it is valid and bytes where it is not. */
export type Decoding = boolean | 'lenient';

/** A reply of an unknown command, by `decodeResponses`. All of `Reply` where the compiler does not know that. */
export type ReplyOf<D extends Decoding> = [D] extends [true]
  ? Exclude<Reply, Buffer>
  : [D] extends [false]
    ? Exclude<Reply, string>
    : Reply;

/** A string of a reply, by `decodeResponses`. */
export type TextOf<D extends Decoding> = [D] extends [true]
  ? string
  : [D] extends [false]
    ? Buffer
    : string | Buffer;

/** A string of a reply that is always the same word: `'OK'` where text is decoded, else bytes. */
export type Word<Text, W extends string> = Text extends string ? W : Text;

/** How text is turned into bytes and back. */
export type TextEncoding = 'utf-8' | 'utf8' | 'latin1' | 'ascii';

export const BYTES = 0;
export const UTF8 = 1;
export const LATIN1 = 2;
export const ASCII = 3;
export type TextMode = 1 | 2 | 3;

/**
 * How the strings of one reply are read: above 0 as text of that encoding, else as bytes. A map or set of bytes can
 * be asked for text: in UTF-8 with 0, in the encoding of the opposite number below 0.
 */
export type DecodeMode = 0 | -2 | -3 | TextMode;

/** The text mode of an encoding; throws `TypeError` for an unknown one. */
export function textMode(encoding: TextEncoding): TextMode {
  switch (encoding) {
    case 'utf-8':
    case 'utf8':
      return UTF8;
    case 'latin1':
      return LATIN1;
    case 'ascii':
      return ASCII;
    default:
      throw new TypeError("encoding must be 'utf-8', 'utf8', 'latin1' or 'ascii'");
  }
}

/** How replies are read where text is of that encoding. */
export function replyMode(text: TextMode, decode: Decoding): DecodeMode {
  if (decode !== false) return text;
  return text === UTF8 ? BYTES : (-text as -2 | -3);
}

/** The encoding of text in replies that are read with `mode`. */
export function textOfMode(mode: DecodeMode): TextMode {
  return mode === BYTES ? UTF8 : (Math.abs(mode) as TextMode);
}
