/**
 * Payloads of the point channels. None ever holds a password or an argument. Times are epoch milliseconds, durations
 * milliseconds.
 */

/** A pool was created. For tools that read the gauges of pools they did not create. */
export interface PoolCreatedEvent {
  readonly poolName: string;
  /** The pool; keep only a weak reference to it. */
  readonly pool: object;
}

/** An address stopped or resumed accepting connections. One event per change. */
export interface PoolStateEvent {
  readonly address: string;
  readonly state: 'up' | 'down';
  readonly at: number;
  /** Why the address went down. */
  readonly error?: unknown;
}

/** A lease was held longer than `leakDetection`. One event per lease. */
export interface PoolLeakEvent {
  readonly address: string;
  /** How long the lease has been held. */
  readonly age: number;
  /** The stack of the call that acquired the lease. */
  readonly stack: string;
}

/** A call waited for a connection and got one. */
export interface PoolWaitEvent {
  readonly poolName: string;
  readonly address: string;
  /** How long the call waited. */
  readonly waitTime: number;
}

/** A leased connection was released. */
export interface LeaseReleasedEvent {
  readonly poolName: string;
  readonly address: string;
  /** How long the lease was held. */
  readonly useTime: number;
}

/** One attempt to connect to one address; a host name with several addresses may need several. */
export interface ConnectAttemptEvent {
  /** The dialled IP address, or the path of a Unix socket. */
  readonly address: string;
  readonly port: number | undefined;
  /** 4 for IPv4, 6 for IPv6, 0 for a Unix socket. */
  readonly family: number;
  /** Whether the connection uses TLS. The attempt ends before the TLS handshake. */
  readonly tls: boolean;
  /** `abandoned`: another address was faster, or the caller gave up. */
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
  /** Time since the start of the dial. */
  readonly duration: number;
}

/** A connection ended after it had been ready. */
export interface ConnectionClosedEvent {
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  readonly clientId: number | null;
  /** Why the connection ended; a deliberate close has an error as well. */
  readonly reason: Error;
  readonly age: number;
  /** Number of requests that fail because their reply is lost. */
  readonly lost: number;
}

/** A cluster node redirected a command. */
export interface RedirectEvent {
  readonly poolName: string;
  readonly command: string;
  readonly kind: 'MOVED' | 'ASK';
  readonly slot: number;
  readonly from: string | null;
  readonly to: string;
}

/** A call failed and will be tried again. */
export interface RetryEvent {
  readonly poolName: string;
  readonly command: string;
  /** Number of attempts so far. */
  readonly attempt: number;
  /** Pause before the next attempt. */
  readonly delay: number;
  readonly error: unknown;
}

/** Another server is primary now, or a `FailoverPool` moved its work to another of its pools. */
export interface FailoverEvent {
  /** The sentinel service, the start nodes of the cluster, or the names of the pools of a `FailoverPool`. */
  readonly name: string;
  readonly from: string | null;
  readonly to: string;
  readonly at: number;
}

/** The layout of a cluster was read. */
export interface LayoutEvent {
  /** The start nodes of the cluster. */
  readonly name: string;
  readonly primaries: number;
  readonly replicas: number;
  /** Number of slots that no node serves. */
  readonly uncovered: number;
  /** Whether any slot or node differs from the previous layout. */
  readonly changed: boolean;
  readonly duration: number;
}

/** Messages of a subscription may be missing. */
export interface PubsubGapEvent {
  readonly kind: 'channel' | 'pattern' | 'shard';
  /** The name of the channel or pattern. */
  readonly channel: string;
  readonly from: number;
  readonly to: number;
  readonly reason: Error;
}

/** A change of a cache that comes from the server or a connection. Hits and misses are in the cache's `stats`. */
export interface CacheEvent {
  readonly address: string;
  /**
   * `on`: a connection is tracked, so its replies may be cached; `off`: it is no longer tracked, and its replies were
   * dropped; `invalidation`: the server named changed keys; `flush`: the server invalidated every key.
   */
  readonly kind: 'on' | 'off' | 'invalidation' | 'flush';
  /** Number of keys that the server named. */
  readonly keys: number;
  readonly at: number;
}
