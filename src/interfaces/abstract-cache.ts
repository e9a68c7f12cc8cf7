import { nameClass, refuseDirectConstruction } from '../base/classes.ts';
import type { RedisValue, Reply } from '../resp/types.ts';

export interface CacheSummary {
  readonly hits: number;
  readonly misses: number;
  /** Hits that the server contradicted when they were checked; a cache need not count them. */
  readonly dirtyHits?: number | undefined;
  readonly invalidations: number;
  readonly evictions: number;
  /** Reads that could have been cached and went to the server without a look at the cache; a cache need not count them. */
  readonly bypassed?: number | undefined;
  readonly bytes: number;
}
export interface CacheStatistics {
  readonly hits: number;
  readonly misses: number;
  /** Keys passed to `invalidate`, held or not, and keys dropped by `feedback`. */
  readonly invalidations: number;
  /** Keys that made room for others. */
  readonly evictions: number;
  /** Bytes held now. */
  readonly bytes: number;
  /** All numbers at this moment, as a plain object. */
  readonly summary: CacheSummary;
}

/**
 * A cache of replies, by key, command and arguments; synchronous. It knows nothing about servers: the pool
 * calls `invalidate` and `reset` when the server reports a change. Text and bytes of one key are the same
 * key.
 *
 * @example class OwnCache extends AbstractCache { … } // new ConnectionPool({ host, cache: new OwnCache() })
 */
export abstract class AbstractCache {
  static {
    nameClass(this, 'AbstractCache');
  }

  constructor() {
    refuseDirectConstruction(new.target, AbstractCache);
  }
  /** The held reply; `undefined` is a miss, `null` a value. What it returns belongs to the caller. */
  abstract get(command: string, key: string | Uint8Array, ...args: RedisValue[]): Reply | undefined;
  /**
   * Holds this reply, instead of an older one to the same command and arguments. The value stays its caller's: what
   * is held must not change with it.
   */
  abstract put(command: string, key: string | Uint8Array, args: readonly RedisValue[], value: Reply): void;
  /** Drops everything held for these keys. */
  abstract invalidate(...keys: (string | Uint8Array)[]): void;
  /** Drops everything. */
  abstract reset(): void;
  /** Counters since the start, and the current content in numbers. */
  abstract get stats(): CacheStatistics;
  /** 0 to 100: the percentage of hits that are served without a check. The others also ask the server. */
  abstract get confidence(): number;
  /** Tells whether a checked hit was equal to the server's answer. */
  abstract feedback(
    command: string,
    key: string | Uint8Array,
    args: readonly RedisValue[],
    match: boolean,
  ): void;
  /** False: the pool must neither read nor write it now. */
  abstract get healthy(): boolean;
  /** Optional: counts a read that went to the server without a look-up here, for the statistics. */
  passedBy?(): void;
}
