/** Payloads of the point channels. None of them ever holds a password or an argument. Times: epoch milliseconds; durations: milliseconds. */

/** A pool was made. For tools that read gauges of pools they did not make. */
export interface PoolCreatedEvent {
  readonly poolName: string;
  /** The pool itself; hold it weakly. */
  readonly pool: object;
}

/** An address stopped, or started again, to accept connections. One event per change. */
export interface PoolStateEvent {
  readonly address: string;
  readonly state: 'up' | 'down';
  readonly at: number;
  /** Why it went down. */
  readonly error?: unknown;
}

/** A lease that has been held longer than `leakDetection`; reported once. */
export interface PoolLeakEvent {
  readonly address: string;
  /** How long it has been held. */
  readonly age: number;
  /** The stack of the call that acquired it. */
  readonly stack: string;
}

/** A call has waited for a connection and got one. */
export interface PoolWaitEvent {
  readonly poolName: string;
  readonly address: string;
  /** How long it waited. */
  readonly waitTime: number;
}

/** A leased connection was given back. */
export interface LeaseReleasedEvent {
  readonly poolName: string;
  readonly address: string;
  /** How long it was held. */
  readonly useTime: number;
}

/** One physical attempt to connect; a name with several addresses may cost several. */
export interface ConnectAttemptEvent {
  /** IP address that was dialled, or the path of a Unix socket. */
  readonly address: string;
  readonly port: number | undefined;
  /** 4 or 6; 0: a Unix socket. */
  readonly family: number;
  /** Whether TLS is spoken on it; its handshake is not part of the attempt. */
  readonly tls: boolean;
  /** `abandoned`: another address was quicker, or the caller gave up. */
  readonly outcome: 'connected' | 'failed' | 'abandoned';
  readonly duration: number;
  readonly error?: unknown;
}

/** A connection has finished its handshake. */
export interface ConnectionReadyEvent {
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  readonly clientId: number | null;
  readonly serverVersion: string | null;
  readonly protocol: 2 | 3;
  /** From the beginning of the dial. */
  readonly duration: number;
}

/** A connection that was ready has ended. */
export interface ConnectionClosedEvent {
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  readonly clientId: number | null;
  /** Why, as an error; a deliberate end has one too. */
  readonly reason: Error;
  readonly age: number;
  /** Requests without a reply that fail with it. */
  readonly lost: number;
}

/** A cluster sent a command elsewhere. */
export interface RedirectEvent {
  readonly poolName: string;
  readonly command: string;
  readonly kind: 'MOVED' | 'ASK';
  readonly slot: number;
  readonly from: string | null;
  readonly to: string;
}

/** A failed attempt of a call is going to be repeated. */
export interface RetryEvent {
  readonly poolName: string;
  readonly command: string;
  /** Attempts so far. */
  readonly attempt: number;
  /** Pause before the next one. */
  readonly delay: number;
  readonly error: unknown;
}

/** Another server is primary now, or a `FailoverPool` has moved its work to another one of its pools. */
export interface FailoverEvent {
  /** The service of the sentinels, the start nodes of the cluster, or the names of the pools of a `FailoverPool`. */
  readonly name: string;
  readonly from: string | null;
  readonly to: string;
  readonly at: number;
}

/** The layout of a cluster was read anew. */
export interface LayoutEvent {
  /** The start nodes of the cluster. */
  readonly name: string;
  readonly primaries: number;
  readonly replicas: number;
  /** Slots without a server. */
  readonly uncovered: number;
  /** Whether any slot or node differs from before. */
  readonly changed: boolean;
  readonly duration: number;
}

/** Messages of a subscription may be missing. */
export interface PubsubGapEvent {
  readonly kind: 'channel' | 'pattern' | 'shard';
  /** Name of the channel or pattern. */
  readonly channel: string;
  readonly from: number;
  readonly to: number;
  readonly reason: Error;
}

/** An event that affects a cache from outside; its hits and misses are in the cache's `stats`. */
export interface CacheEvent {
  readonly address: string;
  /**
   * `on`: a connection is tracked, its replies may be kept; `off`: it is not any more, and they were dropped;
   * `invalidation`: the server named keys that have changed; `flush`: it said that everything has.
   */
  readonly kind: 'on' | 'off' | 'invalidation' | 'flush';
  /** How many keys were named. */
  readonly keys: number;
  readonly at: number;
}
