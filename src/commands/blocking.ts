import type { RedisValue } from '../resp/types.ts';
import { isKeyword, wordAt, wordCount, wordText } from './arguments.ts';
import type { CommandInfo } from './command-info.ts';
import { BLOCKING, LEARNED, MAY_BLOCK } from './flags.ts';

/**
 * How long a command may block at the server, in ms: `Infinity` for ever, null if it does not block. A missing,
 * negative or malformed timeout does not block, because the server refuses it at once.
 */
export function blockingTime(info: CommandInfo, args: readonly RedisValue[]): number | null {
  if ((info.flags & (BLOCKING | MAY_BLOCK)) === 0) return null;
  const total = wordCount(info, args);
  switch (info.name) {
    case 'XREAD':
    case 'XREADGROUP':
      return streamBlock(info, args, total);
    case 'WAIT':
      return total > 2 ? milliseconds(wordAt(info, args, 2)) : null;
    case 'WAITAOF':
      return total > 3 ? milliseconds(wordAt(info, args, 3)) : null;
    case 'BLMPOP':
    case 'BZMPOP':
      return total > 4 ? seconds(wordAt(info, args, 1)) : null;
    case 'BLMOVE':
      return total > 5 ? seconds(wordAt(info, args, 5)) : null;
    case 'BLMOVEM':
      return total > 5 ? seconds(wordAt(info, args, 5)) : null;
    case 'BZMOVE':
      return total > 4 ? seconds(wordAt(info, args, 4)) : null;
    case 'TS.READ':
      return seriesBlock(info, args, total);
    case 'BRPOPLPUSH':
      return total > 3 ? seconds(wordAt(info, args, 3)) : null;
    default:
      return lastArgument(info, args, total);
  }
}

/** The timeout of commands that have it last. A learned command without one may block for ever. */
function lastArgument(info: CommandInfo, args: readonly RedisValue[], total: number): number | null {
  const time = total > 2 ? seconds(wordAt(info, args, total - 1)) : null;
  return time === null && (info.flags & LEARNED) !== 0 ? Number.POSITIVE_INFINITY : time;
}

/** `TS.READ key timestamp [BLOCK milliseconds min_count]`. */
function seriesBlock(info: CommandInfo, args: readonly RedisValue[], total: number): number | null {
  for (let i = 3; i + 1 < total; i++) {
    if (isKeyword(wordAt(info, args, i), 'BLOCK')) return milliseconds(wordAt(info, args, i + 1));
  }
  return null;
}

/** Walks the options one by one, because a group, consumer or stream may be named `BLOCK`. */
function streamBlock(info: CommandInfo, args: readonly RedisValue[], total: number): number | null {
  let block: number | null = null;
  for (let i = 1; i < total; i++) {
    const word = wordAt(info, args, i);
    if (isKeyword(word, 'STREAMS')) return block;
    if (isKeyword(word, 'BLOCK')) block = milliseconds(wordAt(info, args, ++i));
    else if (isKeyword(word, 'COUNT') || isKeyword(word, 'CLAIM')) i += 1;
    else if (isKeyword(word, 'GROUP')) i += 2;
  }
  return null;
}

function milliseconds(value: RedisValue | undefined): number | null {
  const text = wordText(value);
  return /^\d{1,19}$/.test(text) ? forEver(Number(text)) : null;
}

/** Reads seconds. Servers use C's `strtold`, which accepts hexadecimal too; that counts as blocking for ever. */
function seconds(value: RedisValue | undefined): number | null {
  const text = wordText(value);
  if (/^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return forEver(Math.ceil(Number(text) * 1000));
  return /^\+?0x[\da-f.]+(p[+-]?\d+)?$/i.test(text) ? Infinity : null;
}

function forEver(time: number): number {
  return time === 0 ? Infinity : time;
}
