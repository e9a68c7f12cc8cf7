import { isUint8Array } from 'node:util/types';
import { byteCount } from '../resp/decoding/native-slices.ts';
import type { RedisValue } from '../resp/types.ts';
import { isKeyword, numberText, wordAt, wordCount } from './arguments.ts';
import type { CommandInfo } from './command-info.ts';
import { findKeyPositions } from './key-specs.ts';
import type { KeySpec } from './key-specs.ts';

/**
 * The keys of a call in order; for `SPUBLISH` and the like the channels, which decide the slot too. Malformed arguments
 * give the keys that can be found, because the server will report the error.
 */
export function keysOf(
  info: CommandInfo,
  args: readonly RedisValue[],
  specs: readonly KeySpec[] | null = info.keySpecs,
): (string | Uint8Array)[] {
  return keyPositions(info, args, specs).map((position) => keyText(wordAt(info, args, position)!));
}

/** The positions of the keys in the whole command (0 is the name), ascending and distinct. */
export function keyPositions(
  info: CommandInfo,
  args: readonly RedisValue[],
  specs: readonly KeySpec[] | null = info.keySpecs,
): number[] {
  const positions: number[] = [];
  if (specs === null) return positions;
  if (info.name === 'MIGRATE') return migratePositions(info, args);
  for (const spec of specs) findKeyPositions(spec, info, args, positions);
  if (info.name === 'SORT') addSortDestination(info, args, positions);
  if (specs.length < 2) return positions;
  return [...new Set(positions)].sort((a, b) => a - b);
}

/** Adds the destination of `SORT key … STORE destination`; walks the options, because a pattern may be `STORE`. */
function addSortDestination(info: CommandInfo, args: readonly RedisValue[], positions: number[]): void {
  const total = wordCount(info, args);
  let destination = -1;
  for (let i = 2; i < total; i++) {
    const word = wordAt(info, args, i);
    if (isKeyword(word, 'LIMIT')) i += 2;
    else if (isKeyword(word, 'BY') || isKeyword(word, 'GET')) i += 1;
    else if (isKeyword(word, 'STORE') && i + 1 < total) destination = ++i;
  }
  if (destination > 0) positions.push(destination);
}

/** `MIGRATE host port key|"" db timeout … [AUTH password | AUTH2 user password] [KEYS key …]`. */
function migratePositions(info: CommandInfo, args: readonly RedisValue[]): number[] {
  const total = wordCount(info, args);
  if (total < 4) return [];
  if (!isEmpty(wordAt(info, args, 3))) return [3];
  for (let i = 6; i < total; i++) {
    const word = wordAt(info, args, i);
    if (isKeyword(word, 'AUTH')) i += 1;
    else if (isKeyword(word, 'AUTH2')) i += 2;
    else if (isKeyword(word, 'KEYS')) return Array.from({ length: total - i - 1 }, (_, n) => i + 1 + n);
  }
  return [3];
}

function isEmpty(value: RedisValue | undefined): boolean {
  return value === '' || (isUint8Array(value) && byteCount(value) === 0);
}

function keyText(value: RedisValue): string | Uint8Array {
  return typeof value === 'string' || isUint8Array(value) ? value : numberText(value);
}
