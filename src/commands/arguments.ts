import { isUint8Array } from 'node:util/types';
import { byteCount, latin1Text } from '../resp/decoding/native-slices.ts';
import type { RedisValue } from '../resp/types.ts';

/** How many words go to the server: those of the command string and the arguments. */
/** The words that name a command: `CLIENT LIST` has two. Arguments follow them. */
export interface CommandWords {
  readonly words: readonly (string | Uint8Array)[];
  readonly count: number;
}

export function wordCount(info: CommandWords, args: readonly RedisValue[]): number {
  return info.count + args.length;
}

/** The word at a position of the whole command; 0 is its name. */
export function wordAt(
  info: CommandWords,
  args: readonly RedisValue[],
  position: number,
): RedisValue | undefined {
  return position < info.count ? info.words[position] : args[position - info.count];
}

/**
 * The text of a short word, byte for byte; empty for what is missing or too long to be a keyword or a number.
 */
export function wordText(value: RedisValue | undefined): string {
  if (typeof value === 'string') return value.length <= LONGEST_WORD ? value : '';
  if (isUint8Array(value)) return byteCount(value) <= LONGEST_WORD ? latin1Text(value) : '';
  return value === undefined ? '' : numberText(value);
}

/** Whether a word is this keyword (upper-case ASCII), in any case, as text or bytes. */
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
