import type { CacheStatistics, CacheSummary } from '../interfaces/abstract-cache.ts';

/**
 * Totals since the cache was made; `bytes` is what it holds now. Counting by key would be a cache of its own.
 */
export class CacheStats implements CacheStatistics {
  hits = 0;
  misses = 0;
  dirtyHits = 0;
  invalidations = 0;
  evictions = 0;
  bytes = 0;

  get summary(): CacheSummary & { readonly dirtyHits: number } {
    const { hits, misses, dirtyHits, invalidations, evictions, bytes } = this;
    return { hits, misses, dirtyHits, invalidations, evictions, bytes };
  }

  toJSON(): CacheSummary {
    return this.summary;
  }
}
