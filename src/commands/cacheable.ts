import { isUint8Array } from 'node:util/types';
import type { RedisValue } from '../resp/types.ts';
import { numberText } from './arguments.ts';
import type { CommandInfo } from './command-info.ts';
import { CACHEABLE } from './flags.ts';

/**
 * The one key of a call whose reply may be cached; null when it may not. A command string that holds more
 * than the command is not cached: its arguments are not where a cache looks for them.
 */
export function cacheKeyOf(info: CommandInfo, args: readonly RedisValue[]): string | Uint8Array | null {
  if ((info.flags & CACHEABLE) === 0 || info.count !== 1 || args.length === 0) return null;
  if (info.name === 'EXISTS' && args.length !== 1) return null;
  const key = args[0]!;
  return typeof key === 'string' || isUint8Array(key) ? key : numberText(key);
}
