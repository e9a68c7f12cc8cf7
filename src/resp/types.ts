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

/**
 * Lets the compiler tell pools of different `decodeResponses` apart. No template of `D`: TypeScript 7.0 crashes where it
 * compares two of them.
 */
export type DecodesMark<D extends Decoding> = {
  readonly [M in D extends 'lenient' ? 'lenient' : D extends true ? 'true' : 'false']?: true;
};

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
