import type { CacheStatistics, CacheSummary } from '../interfaces/abstract-cache.ts';

/**
 * Totals since the cache was made; `bytes` is what it holds now. Counting by key would need a second cache.
 */
export class CacheStats implements CacheStatistics {
  hits = 0;
  misses = 0;
  dirtyHits = 0;
  invalidations = 0;
  evictions = 0;
  /** Reads that could have been cached and went to the server without a look here. */
  bypassed = 0;
  bytes = 0;

  get summary(): CacheSummary & { readonly dirtyHits: number; readonly bypassed: number } {
    const { hits, misses, dirtyHits, invalidations, evictions, bypassed, bytes } = this;
    return { hits, misses, dirtyHits, invalidations, evictions, bypassed, bytes };
  }

  toJSON(): CacheSummary {
    return this.summary;
  }
}
