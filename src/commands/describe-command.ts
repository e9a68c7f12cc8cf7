import { nameClass } from '../base/classes.ts';
import type { RedisValue } from '../resp/types.ts';
import { findEntry } from './catalogue.ts';
import { resolveCommand } from './command-info.ts';
import { requestPolicyOf, responsePolicyOf, tipsOf } from './command-tips.ts';
import {
  BLOCKING,
  CACHEABLE,
  LEARNED,
  MAY_BLOCK,
  NEEDS_EXECUTE_ON,
  READONLY,
  STATEFUL,
  WRITE,
} from './flags.ts';
import { keysOf } from './keys.ts';

/** The description of a command: its keys and traits. */
export interface CommandDescription {
  /** Upper-case; a subcommand with its command: `CLIENT LIST`. */
  readonly name: string;
  /** Never writes: a replica may answer it. */
  readonly readOnly: boolean;
  /** May write. */
  readonly write: boolean;
  /** Waits on the server: always, with certain arguments, or never. */
  readonly blocking: boolean | 'sometimes';
  /** Changes its connection: refused by the calls of a pool, allowed on a lease. */
  readonly connectionState: boolean;
  /** A client-side cache may answer it. */
  readonly cacheable: boolean;
  /** On a cluster it needs `executeOn`. */
  readonly perNode: boolean;
  /** Learned from a server; the tables of the package lack it. */
  readonly learned: boolean;
  /** As the servers give them, such as `nondeterministic_output`. */
  readonly tips: readonly string[];
  /** Which nodes of a cluster it concerns, such as `all_shards`; null: the one of its keys, or any. */
  readonly requestPolicy: string | null;
  /** How the answers of several nodes become one, such as `agg_sum`. */
  readonly responsePolicy: string | null;
  /** The keys among the arguments of a call. */
  keys(...args: RedisValue[]): (string | Uint8Array)[];
}

/**
 * Describes a command, named in upper or lower case; null for an unknown one. Commands of newer servers become
 * known once a pool has used them.
 *
 * @example
 * commandInfo('lmove')?.keys('from', 'to', 'LEFT', 'RIGHT'); // ['from', 'to']
 */
export function commandInfo(name: string): CommandDescription | null {
  const info = resolveCommand(name, []);
  const entry = findEntry(info.name.split(' ')[0] as string);
  if (entry === undefined || info.keySpecs === null) return null;
  const { flags } = info;
  const has = (flag: number): boolean => (flags & flag) !== 0;
  return {
    name: info.name,
    readOnly: has(READONLY),
    write: has(WRITE),
    blocking: has(BLOCKING) || (has(MAY_BLOCK) && 'sometimes'),
    connectionState: has(STATEFUL),
    cacheable: has(CACHEABLE),
    perNode: has(NEEDS_EXECUTE_ON),
    learned: has(LEARNED),
    tips: tipsOf(info.name),
    requestPolicy: requestPolicyOf(info.name),
    responsePolicy: responsePolicyOf(info.name),
    keys: (...args) => keysOf(resolveCommand(name, args), args),
  };
}
nameClass(commandInfo, 'commandInfo');
