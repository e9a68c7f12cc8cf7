import type { RedisValue } from '../resp/types.ts';
import { type CommandWords, isKeyword, wordAt, wordCount, wordText } from './arguments.ts';

/**
 * One rule for finding the keys of a command, as servers describe it. The search begins at position `start`, or after
 * the word `keyword`, searched from `start` on (backwards from the end if negative). From there the keys are a range
 * (`last`, `step`, `limit`); or, if `counted`, their number is `last` words on and the first one `limit` words on.
 *
 * As text: `1` · `1:last:step:limit` · `2#last:limit:step` · `WORD@start:…`.
 */
export interface KeySpec {
  readonly keyword: string | null;
  readonly start: number;
  readonly counted: boolean;
  readonly last: number;
  readonly step: number;
  readonly limit: number;
}

export function parseKeySpec(text: string): KeySpec {
  const match = /^(?:([^@#:]+)@)?(-?\d+)([#:]?)(.*)$/.exec(text);
  if (match === null) throw new SyntaxError(`no key spec: ${text}`);
  const counted = match[3] === '#';
  const [a = 0, b = 1, c = 0] = match[4] === '' ? [] : match[4]!.split(':').map(Number);
  return {
    keyword: match[1] ?? null,
    start: Number(match[2]),
    counted,
    last: a,
    step: counted ? c : b,
    limit: counted ? b : c,
  };
}

/** Adds the positions (0 is the name) of the keys that a rule finds; missing or malformed words give none. */
export function findKeyPositions(
  spec: KeySpec,
  info: CommandWords,
  args: readonly RedisValue[],
  positions: number[],
): void {
  const total = wordCount(info, args);
  let first = spec.keyword === null ? spec.start : behindKeyword(spec.keyword, spec.start, info, args);
  if (first <= 0 || first >= total) return;
  const step = Math.max(1, spec.step);
  let last: number;
  if (spec.counted) {
    const count = keyCount(wordAt(info, args, first + spec.last));
    first += spec.limit;
    last = first + (count - 1) * step;
  } else if (spec.last >= 0) {
    last = first + spec.last;
  } else {
    const reach = spec.limit === 0 ? total : first + Math.floor((total - first) / spec.limit);
    last = reach + spec.last;
  }
  last = Math.min(last, total - 1);
  for (let position = first; position <= last; position += step) positions.push(position);
}

function behindKeyword(
  keyword: string,
  start: number,
  info: CommandWords,
  args: readonly RedisValue[],
): number {
  const total = wordCount(info, args);
  if (start < 0) {
    for (let i = total + start; i > 0; i--) if (isKeyword(wordAt(info, args, i), keyword)) return i + 1;
  } else {
    for (let i = start; i < total; i++) if (isKeyword(wordAt(info, args, i), keyword)) return i + 1;
  }
  return -1;
}

function keyCount(value: RedisValue | undefined): number {
  const text = wordText(value);
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}
