import { nameClass, refuseDirectConstruction } from '../base/classes.ts';
import type { RedisValue, Reply } from '../resp/types.ts';

export interface CacheSummary {
  readonly hits: number;
  readonly misses: number;
  /** Checked hits that differed from the answer of the server; optional. */
  readonly dirtyHits?: number | undefined;
  readonly invalidations: number;
  readonly evictions: number;
  /** Cacheable reads that went to the server without a look-up; optional. */
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
  /** Returns the held reply; `undefined` is a miss, `null` a value. The caller may change the result. */
  abstract get(command: string, key: string | Uint8Array, ...args: RedisValue[]): Reply | undefined;
  /**
   * Stores this reply in place of an older one to the same command and arguments. The caller may change the
   * value later, so store a copy.
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
