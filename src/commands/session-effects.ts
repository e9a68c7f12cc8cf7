import { isUint8Array } from 'node:util/types';
import { latin1Text } from '../resp/decoding/native-slices.ts';
import type { RedisValue } from '../resp/types.ts';
import { isKeyword, numberText, wordAt } from './arguments.ts';
import { blockingTime } from './blocking.ts';
import type { CommandInfo } from './command-info.ts';
import { BLOCKING, HAS_EFFECT, LEARNED } from './flags.ts';

/** The effect of a command on its connection: expected once it is queued, proved by its reply. */
export type EffectKind = (typeof EFFECTS)[keyof typeof EFFECTS] | 'other';

/**
 * The effect of each command. `effectValue` returns its argument: the database of `select`, the name of `setname`; `ON`
 * or `OFF` of `tracking`, `no-evict`, `no-touch` and `import-source`; `YES` or `NO` of `caching`; `ON`, `OFF` or `SKIP`
 * of `reply`; `YES`, `SYNC` or `NO` of `script-debug`. With `blocking` the call has the connection for itself until its
 * reply comes; with `replication` requests and replies end.
 */
const EFFECTS = {
  SELECT: 'select',
  AUTH: 'auth',
  HELLO: 'hello',
  RESET: 'reset',
  QUIT: 'quit',
  ASKING: 'asking',
  READONLY: 'readonly',
  READWRITE: 'readwrite',
  MULTI: 'multi',
  EXEC: 'exec',
  DISCARD: 'discard',
  WATCH: 'watch',
  UNWATCH: 'unwatch',
  MONITOR: 'monitor',
  SUBSCRIBE: 'subscribe',
  UNSUBSCRIBE: 'unsubscribe',
  PSUBSCRIBE: 'psubscribe',
  PUNSUBSCRIBE: 'punsubscribe',
  SSUBSCRIBE: 'ssubscribe',
  SUNSUBSCRIBE: 'sunsubscribe',
  'CLIENT REPLY': 'reply',
  'CLIENT TRACKING': 'tracking',
  'CLIENT CACHING': 'caching',
  'CLIENT SETNAME': 'setname',
  'CLIENT SETINFO': 'setinfo',
  'CLIENT NO-EVICT': 'no-evict',
  'CLIENT NO-TOUCH': 'no-touch',
  'CLIENT CAPA': 'capa',
  'CLIENT IMPORT-SOURCE': 'import-source',
  'CLIENT MAINT_NOTIFICATIONS': 'maint-notifications',
  'SCRIPT DEBUG': 'script-debug',
  'HIMPORT PREPARE': 'himport',
  'HIMPORT SET': 'himport',
  'HIMPORT DISCARD': 'himport',
  'HIMPORT DISCARDALL': 'himport',
  SYNC: 'replication',
  PSYNC: 'replication',
  REPLCONF: 'replication',
  WAIT: 'blocking',
  WAITAOF: 'blocking',
  BLPOP: 'blocking',
  BRPOP: 'blocking',
  BLMOVE: 'blocking',
  BRPOPLPUSH: 'blocking',
  BLMPOP: 'blocking',
  BZPOPMIN: 'blocking',
  BZPOPMAX: 'blocking',
  BZMPOP: 'blocking',
  BLMOVEM: 'blocking',
  BZMOVE: 'blocking',
  'TS.READ': 'blocking',
  XREAD: 'blocking',
  XREADGROUP: 'blocking',
} as const;

/** Effects confirmed by pushes instead of a reply; the pushes have the same names. */
export const BY_PUSH: ReadonlySet<string> = new Set<EffectKind>([
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ssubscribe',
  'sunsubscribe',
]);

const effects: ReadonlyMap<string, EffectKind> = new Map(Object.entries(EFFECTS));

/** The effect of a call on its connection; null for most calls. */
export function effectOf(info: CommandInfo, args: readonly RedisValue[]): EffectKind | null {
  if ((info.flags & HAS_EFFECT) === 0) return null;
  const effect = effects.get(info.name) ?? learnedEffect(info);
  return effect === 'blocking' && blockingTime(info, args) === null ? null : effect;
}

/** The effect of a learned command: it blocks, or changes its connection in an unknown way. */
function learnedEffect({ flags }: CommandInfo): EffectKind | null {
  if ((flags & LEARNED) === 0) return null;
  return (flags & BLOCKING) !== 0 ? 'blocking' : 'other';
}

/** The first argument of a call as spelled, in latin1; null if there is none. */
export function effectValue(info: CommandInfo, args: readonly RedisValue[]): string | null {
  return asSpelled(wordAt(info, args, info.nameLength));
}

/** The name set by `HELLO … SETNAME` as spelled, in latin1; null if there is none. */
export function helloName(info: CommandInfo, args: readonly RedisValue[]): string | null {
  let at = info.nameLength + 1;
  // Skip the user name and password, which may look like keywords.
  while (isKeyword(wordAt(info, args, at), 'AUTH')) at += 3;
  return isKeyword(wordAt(info, args, at), 'SETNAME') ? asSpelled(wordAt(info, args, at + 1)) : null;
}

function asSpelled(value: RedisValue | undefined): string | null {
  if (value === undefined) return null;
  if (typeof value === 'string') return value;
  return isUint8Array(value) ? latin1Text(value) : numberText(value);
}
