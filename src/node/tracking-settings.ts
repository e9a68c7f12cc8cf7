import type { OwnWrites } from '../cache/own-writes.ts';
import type { CacheGuard } from '../cache/cache-guard.ts';
import type { BaseConnection } from '../connection/base-connection.ts';

/** How the server is to tell what changes. */
export interface TrackingChoice {
  /** `default`: what was read; `optin`: what a cached call has read; `bcast`: every change of keys with a prefix. */
  readonly mode: 'default' | 'optin' | 'bcast';
  /** Of `bcast`; none: every key. */
  readonly prefixes: readonly string[];
  /** To one listener per server instead of to the connections themselves. */
  readonly redirect: boolean;
}

export interface TrackingSettings<C extends BaseConnection> extends TrackingChoice {
  readonly guard: CacheGuard;
  readonly writes: OwnWrites;
  /** A connection, not yet run, to where this one leads. */
  readonly near: (connection: C) => C;
  readonly timeout: number | null;
}
