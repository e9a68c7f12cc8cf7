import { isUint8Array } from 'node:util/types';
import { byteCount, latin1Text } from '../resp/decoding/native-slices.ts';
import type { RedisValue } from '../resp/types.ts';

/** The words of a command string: `CLIENT LIST` has two. The arguments follow them. */
export interface CommandWords {
  readonly words: readonly (string | Uint8Array)[];
  readonly count: number;
}

/** Number of words of the whole command, arguments included. */
export function wordCount(info: CommandWords, args: readonly RedisValue[]): number {
  return info.count + args.length;
}

/** The word at a position of the whole command; position 0 is the name. */
export function wordAt(
  info: CommandWords,
  args: readonly RedisValue[],
  position: number,
): RedisValue | undefined {
  return position < info.count ? info.words[position] : args[position - info.count];
}

/** A short word as latin1 text; empty if it is missing, or too long for a keyword or a number. */
export function wordText(value: RedisValue | undefined): string {
  if (typeof value === 'string') return value.length <= LONGEST_WORD ? value : '';
  if (isUint8Array(value)) return byteCount(value) <= LONGEST_WORD ? latin1Text(value) : '';
  return value === undefined ? '' : numberText(value);
}

/** Whether a word, as text or bytes in any case, is the keyword (upper-case ASCII). */
export function isKeyword(value: RedisValue | undefined, keyword: string): boolean {
  if (typeof value === 'string') return value.length === keyword.length && value.toUpperCase() === keyword;
  if (!isUint8Array(value) || byteCount(value) !== keyword.length) return false;
  return latin1Text(value).toUpperCase() === keyword;
}

/** A number as text for the wire. */
export function numberText(value: number | bigint): string {
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}

const LONGEST_WORD = 128;
