/** Payloads of the diagnostics channels. None of them ever holds a password or an argument. */

/** An address stopped, or started again, to accept connections. One event per change. */
export interface PoolStateEvent {
  readonly address: string;
  readonly state: 'up' | 'down';
  /** Epoch milliseconds. */
  readonly at: number;
  /** Why it went down. */
  readonly error?: unknown;
}

/** A lease that has been held longer than `leakDetection`; reported once. */
export interface PoolLeakEvent {
  readonly address: string;
  /** How long it has been held, in milliseconds. */
  readonly age: number;
  /** The stack of the call that acquired it. */
  readonly stack: string;
}

/** What happens to a cache from outside; how well it serves is in the `stats` of the cache. */
export interface CacheEvent {
  readonly address: string;
  /**
   * `on`: a connection is tracked, its replies may be kept; `off`: it is not any more, and they were dropped;
   * `invalidation`: the server named keys that have changed; `flush`: it said that everything has.
   */
  readonly kind: 'on' | 'off' | 'invalidation' | 'flush';
  /** How many keys were named. */
  readonly keys: number;
  /** Epoch milliseconds. */
  readonly at: number;
}
