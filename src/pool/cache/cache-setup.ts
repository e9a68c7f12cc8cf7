import { demandKnown, demandObject } from '../../base/known-options.ts';
import { OwnWrites } from '../../cache/own-writes.ts';
import { CacheGuard } from '../../cache/cache-guard.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import type { NormalizedConnectionOptions } from '../../connection/connection-options.ts';
import { callback, type OptionRule } from '../../connection/option-rules.ts';
import type { AbstractCache } from '../../interfaces/abstract-cache.ts';
import type { TrackingChoice, TrackingSettings } from '../../node/tracking.ts';
import { textMode } from '../../resp/text-modes.ts';

/** How the server reports changed keys to a pool with a `cache`. */
export interface CacheTracking {
  /**
   * The keys that the server reports. `default`: keys read over the pool's connections. `optin`: only keys of
   * cached calls. `optout`: all keys except those of uncached calls (`cache: false`, `cacheable`). `bcast`:
   * every changed key with one of the `prefixes`, over a listener. Default `default`.
   */
  mode?: 'default' | 'optin' | 'optout' | 'bcast' | undefined;
  /** With `bcast` only keys that begin with one of these are cached. Default: every key. */
  prefixes?: readonly string[] | undefined;
  /**
   * Invalidations arrive over one listener per server instead of the data connections. A listener does not
   * count towards `maxConnections`. Default false.
   */
  redirect?: boolean | undefined;
}

/** Whether a read of this key may be answered from the cache, and kept there. Called at every such read: it must be quick. */
export type Cacheable = (command: string, key: string | Buffer) => boolean;

export const cacheable = callback<Cacheable>();

const MODES: readonly unknown[] = ['default', 'optin', 'optout', 'bcast'];
const NAMES: ReadonlySet<string> = new Set(['mode', 'prefixes', 'redirect']);
const DEFAULT: TrackingChoice = Object.freeze({
  mode: 'default',
  prefixes: Object.freeze([]),
  redirect: false,
});

export const cacheTracking: OptionRule<TrackingChoice | null> = {
  fallback: null,
  check(name, value) {
    if (value === null) return null;
    demandObject(value, name);
    demandKnown(value, NAMES, name);
    const { mode = 'default', prefixes = [], redirect = false } = value as CacheTracking;
    if (!MODES.includes(mode))
      throw new TypeError(`${name}: mode must be 'default', 'optin', 'optout' or 'bcast'`);
    if (typeof redirect !== 'boolean') throw new TypeError(`${name}: redirect must be true or false`);
    if (mode === 'bcast' && redirect)
      throw new TypeError(`${name}: mode 'bcast' always uses a listener: omit redirect`);
    return Object.freeze({ mode, prefixes: checkPrefixes(name, prefixes, mode), redirect });
  },
};

function checkPrefixes(name: string, value: unknown, mode: string): readonly string[] {
  if (!Array.isArray(value) || !value.every((prefix) => typeof prefix === 'string' && prefix !== '')) {
    throw new TypeError(`${name}: prefixes must be a list of non-empty strings`);
  }
  const prefixes = [...new Set(value as string[])];
  if (prefixes.length > 0 && mode !== 'bcast') throw new TypeError(`${name}: prefixes need mode 'bcast'`);
  for (const prefix of prefixes) {
    const inner = prefixes.find((other) => other !== prefix && other.startsWith(prefix));
    // Servers refuse overlapping prefixes, because every change would be announced twice.
    if (inner !== undefined) throw new TypeError(`${name}: one of the prefixes is the beginning of another`);
  }
  return Object.freeze(prefixes);
}

/** Settings of a pool with a cache. */
export interface CacheSettings extends TrackingSettings {
  readonly cacheable: Cacheable | null;
}

/** The tracking settings of a pool's nodes, which keep its cache consistent; null without a cache. */
export function trackingFor(
  options: {
    readonly cache: AbstractCache | null;
    readonly cacheTracking: TrackingChoice | null;
    readonly cacheable: Cacheable | null;
  },
  settings: NormalizedConnectionOptions,
  near: (connection: BaseConnection) => BaseConnection,
): CacheSettings | null {
  // With CLIENT REPLY OFF the server sends no invalidations either.
  if (options.cache === null || settings.noreply) return null;
  const choice = options.cacheTracking ?? DEFAULT;
  const guard = CacheGuard.of(options.cache);
  const writes = new OwnWrites(guard, textMode(settings.encoding));
  return { ...choice, guard, writes, near, timeout: settings.connectTimeout, cacheable: options.cacheable };
}
