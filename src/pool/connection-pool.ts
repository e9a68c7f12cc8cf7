import { nameClass } from '../base/classes.ts';
import { demandObject } from '../base/known-options.ts';
import { BaseConnection } from '../connection/base-connection.ts';
import { ClusterConnection } from '../connection/cluster-connection.ts';
import { tcpRules, unixRules } from '../connection/connection-options.ts';
import { SentinelManagedConnection } from '../connection/sentinel-managed-connection.ts';
import { TCPConnection } from '../connection/tcp-connection.ts';
import { UnixDomainSocketConnection } from '../connection/unix-domain-socket-connection.ts';
import { ConnectionNode, type NodeSettings } from '../node/connection-node.ts';
import { MovableAddress } from '../topology/movable-address.ts';
import { SingleNode } from '../topology/single-node.ts';
import type { Topology } from '../topology/topology.ts';
import { replicasByRole, withReplicas } from './options/read-setup.ts';
import { type Location, TCPLocation, UnixDomainSocketLocation } from '../transport/location.ts';
import { BaseConnectionPool, type PoolSetup } from './base-connection-pool.ts';
import { trackingFor } from './cache/cache-setup.ts';
import type {
  ConnectionClass,
  ConnectionPoolOptions,
  DecodeOfUrl,
  Misspelt,
  WithOwnOptions,
} from './options/pool-options.ts';
import { type NormalizedPoolOptions, splitPoolOptions, nodeOptions } from './options/pool-rules.ts';
import { resolveUrl } from './urls/resolve-url.ts';
import type { Decoding } from '../resp/types.ts';

type Make = new (location: Location, options: object) => BaseConnection;

export interface FromUrlOptions {
  /** Percent-decode host, path, user name and password; default false: take them as written. */
  decodeComponents?: boolean | undefined;
}

/** Gives options inside a call of `fromUrl` their types: a type parameter alone leaves callbacks without. */
export interface PoolOptionHints extends Partial<ConnectionPoolOptions>, FromUrlOptions {}

/** Connections to one server. */
export interface ConnectionPool<C extends BaseConnection = BaseConnection, D extends Decoding = false>
  extends BaseConnectionPool<C, D> {}

/**
 * The class as its users see it: its connections and its own options follow from the `connectionClass`, which the
 * constructor of a class cannot declare.
 */
export interface ConnectionPoolClass {
  /**
   * `C`: the connections, `D`: how replies are decoded, `O`: the options of a connection class of your own. All follow
   * from the options.
   */
  new <C extends BaseConnection = BaseConnection, D extends Decoding = false, O = never>(
    options: WithOwnOptions<ConnectionPoolOptions<C, D, O>, O>,
  ): ConnectionPool<C, D>;
  /**
   * Makes a pool for a URL with `redis://`, `rediss://` or `unix://`. Called on a subclass, it makes one of
   * that class. The types follow `decodeResponses` of the options and of a literal URL.
   */
  fromUrl<
    P extends abstract new (
      options: never,
    ) => unknown = ConnectionPoolClass,
    const O extends Partial<ConnectionPoolOptions> & FromUrlOptions = Record<never, never>,
    const U extends string = string,
  >(this: P, url: U, options?: O & PoolOptionHints & Misspelt<O, PoolOptionHints>): PoolOf<P, O, U>;
}

class ServerPool<C extends BaseConnection, D extends Decoding> extends BaseConnectionPool<C, D> {
  static {
    nameClass(this, 'ConnectionPool');
  }

  constructor(options: ConnectionPoolOptions<C, D>) {
    super(
      options instanceof PreparedPool
        ? options.setup
        : standalone(options as object as ConnectionPoolOptions),
    );
  }

  static fromUrl(this: new (options: object) => unknown, url: string, options?: object): unknown {
    return new this(resolveUrl(url, options, 'single').options);
  }
}

/**
 * Connections to one server.
 *
 * @example
 * await using pool = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0', { decodeResponses: true });
 * await pool.execute('SET', 'greeting', 'hello');
 */
export const ConnectionPool: ConnectionPoolClass = ServerPool as ConnectionPoolClass;

/** A pool of one server whose replies hold strings: `ConnectionPool.fromUrl(url, { decodeResponses: true })`. */
export type TextPool = ConnectionPool<BaseConnection, true>;
/** A pool of one server whose replies hold Buffers: `ConnectionPool.fromUrl(url, { decodeResponses: false })`. */
export type BytesPool = ConnectionPool<BaseConnection, false>;

export type ClassOf<O> = O extends {
  connectionClass: new (...args: never[]) => infer C extends BaseConnection;
}
  ? C
  : BaseConnection;
/** The pool type of `fromUrl`. With `extends` the other way round, subclasses would match and lose their members. */
export type PoolOf<
  P extends abstract new (
    options: never,
  ) => unknown,
  O,
  U extends string,
> = ConnectionPoolClass extends P ? ConnectionPool<ClassOf<O>, DecodeOfUrl<U, O>> : InstanceType<P>;

/** Passed instead of options by a subclass that brings its own setup. */
export class PreparedPool {
  static {
    nameClass(this, 'PreparedPool');
  }

  readonly setup: PoolSetup;

  constructor(setup: PoolSetup) {
    this.setup = setup;
  }
}

function standalone(options: ConnectionPoolOptions): PoolSetup {
  demandObject(options, 'the options of a pool');
  const owner = {};
  const given = options as { connectionClass?: ConnectionClass };
  const unix = isUnix(options);
  const own = given.connectionClass === undefined || isOwn(given.connectionClass);
  const split = splitPoolOptions('single', options, {
    custom: !own,
    connectionRules: unix ? unixRules : tcpRules,
  });
  const { pool, connection, settings, newConnections } = split;
  const location = locationOf(pool);
  const type = classFor(pool.connectionClass, location) as unknown as Make;
  // Report bad options of the package's classes now and not at the first dial. Other classes may count their instances.
  if (OF_THE_PACKAGE.has(type)) void new type(location, connection);
  if (pool.followPrimary && !(location instanceof TCPLocation))
    throw new TypeError('followPrimary needs a TCP location, not a Unix domain socket');
  const make = (one: Location): BaseConnection => newConnections.prepare(new type(one, connection));
  const address = new MovableAddress(location);
  const moveTo = location instanceof TCPLocation ? (to: TCPLocation): void => address.moveTo(to) : null;
  const makePrimary = (): BaseConnection => {
    const made = newConnections.prepare(new type(address.location, connection), moveTo);
    return pool.followPrimary ? askingForRedirects(made) : made;
  };
  const tracking = trackingFor(pool, settings, (near) => make(near.location));
  const nodeSettings = {
    owner,
    tracking,
    address: location.toString(),
    make: makePrimary,
    max: pool.maxConnections,
    ...nodeOptions(pool, settings),
    dialFailed: () => address.dialFailed(),
  };
  const node = new ConnectionNode(nodeSettings);
  return {
    owner,
    topology: readingFrom(new SingleNode(node, address), { pool, node, nodeSettings, address, make }),
    settings,
    maxConnections: () => pool.maxConnections,
    acquire: split.acquire,
    retryPolicy: pool.retryPolicy,
    sanitizeArguments: pool.sanitizeArguments,
    tracking,
    newConnections,
    keySpace: null,
    dialsWhenOpened: true,
    checksLeases: false,
  };
}

interface Reading {
  readonly pool: NormalizedPoolOptions<'single'>;
  readonly node: ConnectionNode;
  readonly nodeSettings: NodeSettings;
  readonly address: MovableAddress;
  readonly make: (location: Location) => BaseConnection;
}

/** Adds the replicas, if the option names any, to the topology. */
function readingFrom(primary: SingleNode, parts: Reading): Topology {
  const { pool, node, nodeSettings, address, make } = parts;
  const { replicas } = pool;
  if (replicas === null) {
    if ((pool.readFrom ?? 'primary') === 'primary') return primary;
    throw new TypeError("readFrom: a plain pool reads from replicas only where they are named ('replicas')");
  }
  return withReplicas({
    primary,
    node,
    nodeSettings,
    primaryAt: () => (address.location instanceof TCPLocation ? address.location : null),
    find: () => (replicas === 'role' ? replicasByRole(node) : Promise.resolve(replicas)),
    make,
    options: pool,
  });
}

/** Asks for REDIRECT errors (`CLIENT CAPA redirect`). Servers without it refuse, and answer READONLY instead. */
function askingForRedirects(connection: BaseConnection): BaseConnection {
  connection.registerConnectCallback(async () => {
    await connection.createRequest('CLIENT CAPA', ['redirect'], { raiseExceptions: false });
  });
  return connection;
}

const OF_THE_PACKAGE: ReadonlySet<unknown> = new Set([
  TCPConnection,
  UnixDomainSocketConnection,
  ClusterConnection,
  SentinelManagedConnection,
]);

function isOwn(type: ConnectionClass): boolean {
  return (type as unknown) === TCPConnection || (type as unknown) === UnixDomainSocketConnection;
}

function isUnix(options: { location?: unknown } | undefined): boolean {
  return options?.location instanceof UnixDomainSocketLocation;
}

function locationOf({ location, host, port }: NormalizedPoolOptions<'single'>): Location {
  if (location !== null) return location;
  if (host === null) throw new TypeError('a pool needs a location, or host and port');
  return new TCPLocation(host, port ?? 6379);
}

/** The connection class for a location; throws if the given class does not fit it. */
function classFor(given: ConnectionClass | null, location: Location): ConnectionClass {
  const unix = location instanceof UnixDomainSocketLocation;
  if (given === null) return (unix ? UnixDomainSocketConnection : TCPConnection) as ConnectionClass;
  const type = given as { prototype: unknown };
  if (!(type.prototype instanceof BaseConnection))
    throw new TypeError('connectionClass must extend BaseConnection');
  if (type.prototype instanceof TCPConnection && !(location instanceof TCPLocation))
    throw new TypeError('connectionClass is for TCP: it needs a TCPLocation');
  if (type.prototype instanceof UnixDomainSocketConnection && !unix)
    throw new TypeError('connectionClass is for Unix domain sockets: it needs a UnixDomainSocketLocation');
  return given;
}
