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

/** Where commands that only read go. */
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

/** A collector without an interval would be none: null is the default too. */
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

/** `acquireTimeout`, or `timeout`, its older name. */
function acquireSettings(
  { acquireTimeout, timeout, waitForServer }: PoolSettings<PoolKind>,
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

/** How long calls of a pool wait for a connection, dialling included. */
export interface AcquireSettings {
  /** `acquireTimeout`. */
  readonly timeout: number | null;
  /** It was given: failed dials are waited out within it. */
  readonly given: boolean;
  /** Failed dials are waited out within every limit, and without one. */
  readonly waitForServer: boolean;
}

/** Options that every kind of pool passes to its nodes. */
export function nodeOptions(pool: PoolSettings<PoolKind>, { connectTimeout }: NormalizedConnectionOptions) {
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
export type PoolSettings<K extends PoolKind> = ValuesOf<(typeof poolRules)[K]>;

export interface SplitOptions<K extends PoolKind> {
  /** The pool's own options, with their defaults. */
  readonly pool: PoolSettings<K>;
  /** The connections' options as they were given: what the connection class is constructed with, with what only a custom class knows. */
  readonly connection: Readonly<Record<string, unknown>>;
  /** The connections' common options with their defaults, for the pool to look at. */
  readonly settings: NormalizedConnectionOptions;
  readonly acquire: AcquireSettings;
  /** Prepares each connection that the pool makes. */
  readonly newConnections: NewConnections;
}

export interface SplitRules {
  /** Options of the connection class beyond the common ones; default: those of a TCP connection. */
  connectionRules?: RuleTable | undefined;
  /** A connection class from outside the package: unknown options belong to it. */
  custom?: boolean | undefined;
}

/** Tells a pool's own options from those of its connections, and checks both. */
export function splitPoolOptions<K extends PoolKind>(
  kind: K,
  input: object | undefined,
  { connectionRules = tcpRules, custom = false }: SplitRules = {},
): SplitOptions<K> {
  const pool = sortOptions(poolRules[kind], input);
  const sorted = sortOptions({ ...baseConnectionRules, ...connectionRules }, pool.others);
  const connection = withCredentials(pool.given.credentials as CredentialsFunction | null, sorted);
  if (!custom) refuseUnknown(connection.others);
  const values = complete(poolRules[kind] as RuleTable, pool.given) as PoolSettings<K>;
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

/** The function of the option `credentials` is a provider to the connections. */
function withCredentials(ask: CredentialsFunction | null | undefined, sorted: Sorted): Sorted {
  if (ask === undefined || ask === null) return sorted;
  for (const name of ['credentialProvider', 'username', 'password']) {
    if ((sorted.given[name] ?? null) !== null)
      throw new TypeError(`set either credentials or ${name}, not both`);
  }
  const credentialProvider = new RenewedCredentials(ask);
  return { ...sorted, given: concealed({ ...sorted.given, credentialProvider }) };
}

/** Locations from an option that lists them; plain ones, for a start node is an address and no member of a layout. */
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
