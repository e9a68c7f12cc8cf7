import type { BaseConnection } from '../../connection/base-connection.ts';
import type { ClusterConnection } from '../../connection/cluster-connection.ts';
import type { BaseConnectionOptions, TCPOptions } from '../../connection/connection-options.ts';
import type { SentinelManagedConnection } from '../../connection/sentinel-managed-connection.ts';
import type { AbstractCache } from '../../interfaces/abstract-cache.ts';
import type { AcquireOptions } from '../../interfaces/abstract-pool.ts';
import type { ClusterNodeLocation, HostAndPort, Location, TCPLocation } from '../../transport/location.ts';
import type { ReadFrom } from '../../topology/reads/read-from.ts';
import type { ZoneOf } from '../../topology/reads/zones.ts';
import type { AddressMap } from '../../topology/cluster/address-map.ts';
import type { CredentialsFunction } from '../credentials.ts';
import type { ConnectCallback } from '../new-connections.ts';
import type { PoolStateChange } from '../../node/pool-reports.ts';
import type { Cacheable, CacheTracking } from '../cache/cache-setup.ts';
import type { RetryPolicy } from '../calls/retry-policy.ts';
import type { SanitizeArguments } from '../../connection/requests/request-traces.ts';
import type { Decoding } from '../../resp/types.ts';

/** Called with `(location, options)`. `O`: the options that its constructor takes. */
export type ConnectionClass<C extends BaseConnection = BaseConnection, O = never> = new (
  location: never,
  options: O,
) => C;

/** Called with `(location, primaryName, isPrimary, options)`. */
export type SentinelConnectionClass<
  C extends SentinelManagedConnection = SentinelManagedConnection,
  O = never,
> = new (location: never, primaryName: never, isPrimary: never, options: O) => C;

/**
 * Options of a pool, and those that only its connection class knows, which the pool passes to it. `O`: all
 * options of the class.
 */
export type WithOwnOptions<P, O> = P & ([O] extends [never] ? unknown : Omit<NonNullable<O>, keyof P>);

/** Options that neither the pool (`Known`) nor the connection class among the options `O` has. */
export type Misspelt<O, Known> = {
  readonly [K in Exclude<keyof O, keyof Known | keyof OptionsOfClass<O>>]: NoSuchOption<K>;
};

/** No value has this type: it only shows in the compiler's message. */
export interface NoSuchOption<K> {
  readonly 'there is no option': K;
}

/** All options of the connection class among `O`: of its constructor the last parameter. */
export type OptionsOfClass<O> = O extends { connectionClass: new (...args: infer A) => unknown }
  ? Required<A> extends [...unknown[], infer Last]
    ? NonNullable<Last>
    : unknown
  : unknown;

/** How a pool made with the options `O` decodes: `boolean` if they do not say. */
export type DecodeOf<O> = 'decodeResponses' extends keyof O
  ? [O['decodeResponses']] extends [true | 'lenient']
    ? Extract<O['decodeResponses'], Decoding>
    : [O['decodeResponses']] extends [false | undefined]
      ? false
      : boolean
  : false;

/**
 * How a pool made by `fromUrl` decodes: as the query of a literal URL says, else as the options `O` say. `boolean` where
 * the options do not tell and the URL is text that only the program knows.
 */
export type DecodeOfUrl<U extends string, O> = string extends U
  ? DecodeOfOptions<O>
  : [DecodeInUrl<U>] extends [never]
    ? HasGap<U> extends true
      ? DecodeOfOptions<O>
      : DecodeOf<O>
    : DecodeInUrl<U>;

export type DecodeOfOptions<O> = 'decodeResponses' extends keyof O ? DecodeOf<O> : boolean;

/** Whether a template holds text that the compiler does not know. */
export type HasGap<U extends string> = U extends `${infer First}${infer Rest}`
  ? string extends First
    ? true
    : string extends Rest
      ? true
      : HasGap<Rest>
  : false;

export type DecodeInUrl<U extends string> = U extends `${string}?${infer Query}`
  ? DecodeInQuery<Query>
  : never;

export type DecodeInQuery<Q extends string> = Q extends `${infer First}&${infer Rest}`
  ? DecodeOfPair<First> | DecodeInQuery<Rest>
  : DecodeOfPair<Q>;

/** The option may have either name, as in every URL. */
export type DecodeOfPair<P extends string> =
  P extends `${'decodeResponses' | 'decode_responses'}=${infer Value}`
    ? string extends Value
      ? boolean
      : Lowercase<Value> extends 'true' | 'yes' | 'on' | '1'
        ? true
        : Lowercase<Value> extends 'false' | 'no' | 'off' | '0'
          ? false
          : Value extends 'lenient'
            ? Value
            : boolean
    : never;

/** Options of every pool, besides those of its connections. Times are milliseconds. */
export interface BaseConnectionPoolOptions<
  C extends BaseConnection = BaseConnection,
  D extends Decoding = Decoding,
  O = never,
> extends BaseConnectionOptions {
  /** A subclass of `BaseConnection`; default: by the location. Unknown options are passed to it. */
  connectionClass?: ConnectionClass<C, O> | undefined;
  /** Replies hold strings instead of Buffers, also in the types; default false. */
  decodeResponses?: D | undefined;
  /** The most data connections, open or being dialled; default 64. */
  maxConnections?: number | null | undefined;
  /**
   * Longest wait for a connection in ms, dialling included; 0: do not wait. Default 10,000. If you set it,
   * the pool repeats failed dials within it; with the default a failed dial ends the wait, and the retry
   * policy decides.
   */
  acquireTimeout?: number | null | undefined;
  /** The older name of `acquireTimeout`; setting both is a `TypeError`. */
  timeout?: number | null | undefined;
  /** The pool repeats failed dials, with back-off, until the limit of the call. Default false. */
  waitForServer?: boolean | undefined;
  /** Answers repeated reads from memory; the server's invalidations keep it up to date. */
  cache?: AbstractCache | null | undefined;
  /** How the server reports changed keys for the `cache`. */
  cacheTracking?: CacheTracking | null | undefined;
  /** Which reads may be cached, by command and key. Default: all that can be. */
  cacheable?: Cacheable | undefined;
  /**
   * How many calls may wait; a further call rejects at once with `OverloadedError`. 0: no call waits.
   * Default: no limit.
   */
  maxWaiting?: number | null | undefined;
  /**
   * The most bytes of commands that wait at one node; a further call rejects at once with `OverloadedError`.
   * Default 256 MiB.
   */
  maxWaitingBytes?: number | null | undefined;
  /** Connections kept open per node after the first one; `open()` makes them. Default 0. */
  minConnections?: number | null | undefined;
  /** The pool dials again, with back-off, when a node has lost its last connection. Default false. */
  keepConnected?: boolean | undefined;
  /** Called when a node of this pool gets its first connection, and when it has lost its last one. */
  onState?: ((change: PoolStateChange) => void) | null | undefined;
  /**
   * The pool replaces a connection that is older than this, in ms with a random part, between uses. Default:
   * none.
   */
  maxLifetime?: number | null | undefined;
  /**
   * If the server is silent while a reply is due, the pool sends a PING after half of this time in ms and
   * drops the connection after all of it. Default 30,000.
   */
  deadPeerTimeout?: number | null | undefined;
  /**
   * The pool reports a lease that is older than this, in ms, once, with the stack of its `acquire`. Default:
   * none.
   */
  leakDetection?: number | null | undefined;
  /** Decides whether a failed call is repeated; default: an `ExponentialBackoffRetryPolicy`. */
  retryPolicy?: RetryPolicy | undefined;
  /**
   * Shows arguments in command traces, one string for each; called only while a trace has subscribers. Default: every
   * argument is `?`.
   *
   * @example sanitizeArguments: (command, args) => args.map((arg, index) => (index === 0 ? String(arg) : '?'))
   */
  sanitizeArguments?: SanitizeArguments | undefined;
  /**
   * Returns user name and password: called at each dial, and before they expire. Open connections then log in
   * again. Instead of `credentialProvider`, `username` and `password`.
   */
  credentials?: CredentialsFunction | null | undefined;
  /**
   * Runs on each new connection after its handshake and before its first use. If it rejects, the dial fails.
   */
  onConnect?: ConnectCallback<C> | readonly ConnectCallback<C>[] | undefined;
  /**
   * The pool asks servers to announce a move or a failover (`CLIENT MAINT_NOTIFICATIONS`, managed services);
   * default `'auto'`. False: it does not ask.
   */
  maintNotifications?: 'auto' | false | undefined;
  /** While a reply over 1 MiB arrives, later commands may use another connection. Default true. */
  bulkDetour?: boolean | undefined;
  /**
   * The pool sends a `PING <nonce>` that often, in ms, while there is traffic. A connection with shifted
   * replies ends with `ProtocolError`. Default: none.
   */
  fence?: number | null | undefined;
  /**
   * The pool publishes a probe that often, in ms, and replaces subscriber connections that do not receive it
   * within this time, with a gap. Default: none.
   */
  verifyDelivery?: number | null | undefined;
}
export type BaseConnectionPoolParams<
  C extends BaseConnection = BaseConnection,
  D extends Decoding = Decoding,
> = BaseConnectionPoolOptions<C, D>;

/** The node for commands that only read, on pools that know replicas. */
export interface ReadOptions {
  /** Default `'primary'`; the option of a call overrides it. */
  readFrom?: ReadFrom | undefined;
  /** The zone of this process, for `'nearest-zone'`. Default: none. */
  clientZone?: string | undefined;
  /** Returns the zone of a server that reports none in its layout or in `INFO`. Default: unknown. */
  zoneOf?: ZoneOf | undefined;
}

/** Either `location`, or `host` and optional `port` (default 6379). */
export interface ConnectionPoolOptions<
  C extends BaseConnection = BaseConnection,
  D extends Decoding = Decoding,
  O = never,
> extends BaseConnectionPoolOptions<C, D, O>,
    TCPOptions,
    ReadOptions {
  /** The server's replicas, for `readFrom`; `'role'`: the pool asks the server for them. Default: none. */
  replicas?: Iterable<TCPLocation | HostAndPort> | 'role' | undefined;
  /**
   * The pool follows a demoted server to the new primary (`CLIENT CAPA redirect`, Valkey 8.0 and newer).
   * Default false: it dials the given address again when a server refuses writes.
   */
  followPrimary?: boolean | undefined;
  /** The address of the server, instead of `host` and `port`. */
  location?: Location | HostAndPort | undefined;
  /** A name or an address. */
  host?: string | undefined;
  /** Default 6379. */
  port?: number | undefined;
}
export type ConnectionPoolParams<
  C extends BaseConnection = BaseConnection,
  D extends Decoding = Decoding,
> = ConnectionPoolOptions<C, D>;

export interface ClusterConnectionPoolOptions<D extends Decoding = Decoding, O = never>
  extends BaseConnectionPoolOptions<ClusterConnection, D, O>,
    TCPOptions,
    ReadOptions {
  /** Nodes to ask for the layout, in any order. One reachable node is enough. */
  startupNodes: Iterable<TCPLocation | HostAndPort>;
  /** `maxConnections` counts for each node instead of being divided among the nodes. Default false. */
  maxConnectionsPerNode?: boolean | undefined;
  /** The number of relevant errors after which the pool reads the layout. Default 2. */
  reinitializeSteps?: number | null | undefined;
  /** Accept a cluster with unassigned slots, even if the servers require full coverage. Default false. */
  skipFullCoverageCheck?: boolean | undefined;
  /** Read the layout from the last known nodes too. Default true. */
  nodemanagerFollowCluster?: boolean | undefined;
  /** Default false. */
  readFromReplicas?: boolean | undefined;
  /** @deprecated the older name of `readFromReplicas` */
  readonly?: boolean | undefined;
  /** How often the pool drops connections to nodes that have left, in ms. Default 30,000. */
  gcInterval?: number | undefined;
  /** Announced address to reachable address, for NAT and containers; null refuses an address. */
  addressMap?: AddressMap | undefined;
}
/** The node of a leased connection; default: a random primary. */
export interface ClusterAcquireOptions extends AcquireOptions {
  /** A node of the pool's `clusterLayout`, or an address. */
  node?: ClusterNodeLocation | HostAndPort | undefined;
  /** False: a replica, if there is one. Default true. */
  primary?: boolean | undefined;
}
export type ClusterConnectionPoolParams<D extends Decoding = Decoding> = ClusterConnectionPoolOptions<D>;

/** Looks up primaries and replicas: a `Sentinel`. */
export interface SentinelManager {
  discoverPrimary(serviceName: string, options?: object): Promise<TCPLocation>;
  discoverReplicas(serviceName: string, options?: object): Promise<TCPLocation[]>;
}
export interface SentinelConnectionPoolOptions<D extends Decoding = Decoding, O = never>
  extends Omit<BaseConnectionPoolOptions<SentinelManagedConnection, D>, 'connectionClass'>,
    TCPOptions,
    ReadOptions {
  /** A subclass of `SentinelManagedConnection`; called with `(location, primaryName, isPrimary, options)`. */
  connectionClass?: SentinelConnectionClass<SentinelManagedConnection, O> | undefined;
  serviceName: string;
  sentinelManager: SentinelManager;
  /** Default true. */
  isPrimary?: boolean | undefined;
  /** Send a `PING` over an idle connection before its next use. Default false. */
  checkConnection?: boolean | undefined;
}
