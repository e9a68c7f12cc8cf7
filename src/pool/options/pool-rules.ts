import { demandObject } from '../../base/known-options.ts';
import type { AbstractCache } from '../../interfaces/abstract-cache.ts';
import { isPort, Location, locationFrom, TCPLocation } from '../../transport/location.ts';
import { baseConnectionRules, tcpRules } from '../../connection/connection-options.ts';
import type { NormalizedConnectionOptions } from '../../connection/connection-options.ts';
import {
  asWritten,
  complete,
  concealed,
  count,
  duration,
  flag,
  having,
  refuseUnknown,
  callback,
  sortOptions,
} from '../../connection/option-rules.ts';
import type { OptionRule, RuleTable, Sorted, ValuesOf } from '../../connection/option-rules.ts';
import { checkReadFrom, type ReadFrom } from '../../topology/reads/read-from.ts';
import type { ZoneOf } from '../../topology/reads/zones.ts';
import type { AddressMap } from '../../topology/cluster/address-map.ts';
import { credentials, type CredentialsFunction, RenewedCredentials } from '../credentials.ts';
import { type ConnectCallback, maintNotifications, NewConnections, onConnect } from '../new-connections.ts';
import type { PoolStateChange } from '../../node/pool-reports.ts';
import { cacheable, cacheTracking } from '../cache/cache-setup.ts';
import type { ConnectionClass, SentinelManager } from './pool-options.ts';
import type { RetryPolicy } from '../calls/retry-policy.ts';
import type { SanitizeArguments } from '../../connection/requests/request-traces.ts';

const connectionClass: OptionRule<ConnectionClass | null> = {
  fallback: null,
  check(name, value) {
    if (typeof value !== 'function') throw new TypeError(`${name} must be a class`);
    return value as ConnectionClass;
  },
};

const location: OptionRule<Location | null> = {
  fallback: null,
  check(name, value) {
    const found = value instanceof Location ? value : locationFrom(value);
    if (found === null) throw new TypeError(`${name} must be a Location or { host, port }`);
    return found;
  },
};

const host: OptionRule<string | null> = {
  fallback: null,
  check(name, value) {
    if (typeof value !== 'string' || value === '') throw new TypeError(`${name} must be a non-empty string`);
    return value;
  },
};

const port: OptionRule<number | null> = {
  fallback: null,
  check(name, value) {
    if (!isPort(value)) throw new TypeError(`${name} must be an integer from 1 to 65535`);
    return value;
  },
};

const startupNodes: OptionRule<readonly TCPLocation[]> = {
  fallback: [],
  check: (name, value) => toLocations(name, value),
};

const addressMap: OptionRule<AddressMap | null> = {
  fallback: null,
  check(name, value) {
    if (value !== null && typeof value !== 'object' && typeof value !== 'function') {
      throw new TypeError(`${name} must be an object or a function`);
    }
    return value as AddressMap | null;
  },
};

/** Options about the nodes that read-only commands go to. */
const reading = {
  readFrom: { fallback: null, text: asWritten, check: checkReadFrom } as OptionRule<ReadFrom | null>,
  clientZone: { ...host, text: asWritten } as OptionRule<string | null>,
  zoneOf: callback<ZoneOf>(),
} as const;

/** The replicas of a primary without sentinels or a cluster. */
const replicas: OptionRule<readonly TCPLocation[] | 'role' | null> = {
  fallback: null,
  check: (name, value) => (value === 'role' ? value : toLocations(name, value)),
};

const onState = callback<(change: PoolStateChange) => void>();

const serviceName: OptionRule<string | null> = { ...host, text: asWritten };

const sanitizeArguments = callback<SanitizeArguments>();

/** The default of `gcInterval` in ms, also for null: the collector cannot be disabled. */
export const GC_INTERVAL = 30_000;

const ACQUIRE_TIMEOUT = 10_000;

const everyPool = {
  connectionClass,
  maxConnections: count(64),
  acquireTimeout: duration(ACQUIRE_TIMEOUT, true),
  timeout: duration(null, true),
  waitForServer: flag(false),
  cache: having<AbstractCache>('get', 'put', 'invalidate', 'reset'),
  cacheTracking,
  cacheable,
  maxWaiting: count(null, 0),
  maxWaitingBytes: count(256 * 1024 * 1024),
  maxLifetime: duration(null),
  deadPeerTimeout: duration(30_000),
  leakDetection: duration(null),
  retryPolicy: having<RetryPolicy>('next'),
  sanitizeArguments,
  bulkDetour: flag(true),
  fence: duration(null),
  verifyDelivery: duration(null),
  minConnections: count(0, 0),
  keepConnected: flag(false),
  onState,
  credentials,
  onConnect,
  maintNotifications,
} as const;

/** Key → check, default, and how a URL spells it; for each kind of pool. */
export const poolRules = {
  single: { ...everyPool, ...reading, location, host, port, replicas, followPrimary: flag(false) },
  cluster: {
    ...everyPool,
    ...reading,
    startupNodes,
    maxConnectionsPerNode: flag(false),
    reinitializeSteps: count(2),
    skipFullCoverageCheck: flag(false),
    nodemanagerFollowCluster: flag(true),
    readFromReplicas: flag(false),
    readonly: flag(false),
    gcInterval: duration(GC_INTERVAL),
    addressMap,
  },
  sentinel: {
    ...everyPool,
    ...reading,
    serviceName,
    sentinelManager: having<SentinelManager>('discoverPrimary', 'discoverReplicas'),
    isPrimary: flag(true),
    checkConnection: flag(false),
  },
} as const satisfies Record<string, RuleTable>;

/** Options of the `Sentinel` itself; all others are for the pools it makes. */
export const sentinelRules = {
  sentinels: { fallback: [], check: (name, value) => toLocations(name, value) } as OptionRule<
    readonly TCPLocation[]
  >,
  minOtherSentinels: count(0, 0),
  sentinelOptions: {
    fallback: null,
    check(name, value) {
      if (value !== null) demandObject(value, name);
      return value;
    },
  } as OptionRule<object | null>,
  addressMap,
} as const satisfies RuleTable;

/** Reads `acquireTimeout`, or `timeout`, its older name. */
function acquireSettings(
  { acquireTimeout, timeout, waitForServer }: NormalizedPoolOptions<PoolKind>,
  given: object,
): AcquireSettings {
  const { acquireTimeout: one, timeout: other } = given as {
    readonly acquireTimeout?: unknown;
    readonly timeout?: unknown;
  };
  if (one !== undefined && other !== undefined)
    throw new TypeError('timeout is the older name of acquireTimeout: set only one of them');
  const limit = other === undefined ? acquireTimeout : timeout;
  const chosen = limit !== null && (one !== undefined || other !== undefined);
  return { timeout: limit, given: chosen, waitForServer };
}

/** Limits for a call's wait for a connection, including dials. */
export interface AcquireSettings {
  /** `acquireTimeout`. */
  readonly timeout: number | null;
  /** The user set the limit: within it, calls wait even when dials fail. */
  readonly given: boolean;
  /** Calls wait when dials fail, whatever their time limit. */
  readonly waitForServer: boolean;
}

/** Options that every kind of pool passes to its nodes. */
export function nodeOptions(
  pool: NormalizedPoolOptions<PoolKind>,
  { connectTimeout }: NormalizedConnectionOptions,
) {
  const { maxWaiting, maxWaitingBytes, maxLifetime, minConnections, keepConnected } = pool;
  const { deadPeerTimeout, leakDetection, bulkDetour, fence, onState, verifyDelivery, sanitizeArguments } =
    pool;
  return {
    ...{ maxWaiting, maxWaitingBytes, maxLifetime, minConnections, keepConnected },
    ...{ deadPeerTimeout, leakDetection, bulkDetour, fence, onState, verifyDelivery, connectTimeout },
    sanitizeArguments,
  };
}

export type PoolKind = keyof typeof poolRules;
export type NormalizedPoolOptions<K extends PoolKind> = ValuesOf<(typeof poolRules)[K]>;

export interface SplitOptions<K extends PoolKind> {
  /** The pool's own options, with their defaults. */
  readonly pool: NormalizedPoolOptions<K>;
  /** The options as given, for the constructor of the connection class; a custom class may have further ones. */
  readonly connection: Readonly<Record<string, unknown>>;
  /** The common options of connections with their defaults, for use by the pool. */
  readonly settings: NormalizedConnectionOptions;
  readonly acquire: AcquireSettings;
  /** Prepares each connection that the pool makes. */
  readonly newConnections: NewConnections;
}

export interface SplitRules {
  /** Options of the connection class beyond the common ones; default: those of a TCP connection. */
  connectionRules?: RuleTable | undefined;
  /** The connection class is not one of the package's: unknown options are its own. */
  custom?: boolean | undefined;
}

/** Separates a pool's own options from those of its connections, and checks both. */
export function splitPoolOptions<K extends PoolKind>(
  kind: K,
  input: object | undefined,
  { connectionRules = tcpRules, custom = false }: SplitRules = {},
): SplitOptions<K> {
  const pool = sortOptions(poolRules[kind], input);
  const sorted = sortOptions({ ...baseConnectionRules, ...connectionRules }, pool.others);
  const connection = withCredentials(pool.given.credentials as CredentialsFunction | null, sorted);
  if (!custom) refuseUnknown(connection.others);
  const values = complete(poolRules[kind] as RuleTable, pool.given) as NormalizedPoolOptions<K>;
  return {
    pool: values,
    connection: Object.freeze(concealed({ ...connection.given, ...connection.others })),
    settings: complete(baseConnectionRules, connection.given),
    acquire: acquireSettings(values, pool.given),
    newConnections: new NewConnections(
      (pool.given.onConnect ?? []) as readonly ConnectCallback[],
      values.maintNotifications === 'auto',
    ),
  };
}

/** Wraps the function of the option `credentials` in a credential provider for the connections. */
function withCredentials(ask: CredentialsFunction | null | undefined, sorted: Sorted): Sorted {
  if (ask === undefined || ask === null) return sorted;
  for (const name of ['credentialProvider', 'username', 'password']) {
    if ((sorted.given[name] ?? null) !== null)
      throw new TypeError(`set either credentials or ${name}, not both`);
  }
  const credentialProvider = new RenewedCredentials(ask);
  return { ...sorted, given: concealed({ ...sorted.given, credentialProvider }) };
}

/** Reads a list of locations as plain ones: a start node is only an address, not a node of the layout. */
function toLocations(name: string, value: unknown): readonly TCPLocation[] {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) {
    throw new TypeError(`${name} must be a list of locations`);
  }
  const locations: TCPLocation[] = [];
  for (const entry of value as Iterable<unknown>) {
    if (typeof entry !== 'object' || entry === null) throw new TypeError(`${name} must hold locations`);
    const given = entry as { host: string; port: number };
    host.check(`${name}: host`, given.host);
    port.check(`${name}: port`, given.port);
    locations.push(new TCPLocation(given.host, given.port));
  }
  if (locations.length === 0) throw new TypeError(`${name} must hold at least one location`);
  return Object.freeze(locations);
}
