import type { BaseConnection } from '../../connection/base-connection.ts';
import { tcpRules } from '../../connection/connection-options.ts';
import { SentinelManagedConnection } from '../../connection/sentinel-managed-connection.ts';
import { ConnectionNode } from '../../node/connection-node.ts';
import { makeDialGovernor } from '../../node/dials.ts';
import { IdleCheck } from '../../topology/sentinel/idle-check.ts';
import type { Directory } from '../../topology/sentinel/service-role.ts';
import { PrimaryRole } from '../../topology/sentinel/primary-role.ts';
import { ReplicaRole } from '../../topology/sentinel/replica-role.ts';
import { SingleNode } from '../../topology/single-node.ts';
import type { TCPLocation } from '../../transport/location.ts';
import { trackingFor } from '../cache/cache-setup.ts';
import { PreparedPool } from '../connection-pool.ts';
import type { SentinelConnectionPoolOptions } from './pool-options.ts';
import { splitPoolOptions, nodeOptions } from './pool-rules.ts';
import { withReplicas } from './read-setup.ts';

type Connection = SentinelManagedConnection;
type Make = new (location: TCPLocation, service: string, isPrimary: boolean, options: object) => Connection;

/** Longest back-off between two rounds over the sentinels, in ms; news of a primary ends it early. */
const PAUSE = 1_000;
/** Milliseconds to find the replicas for reads. */
const FIND_TIME = 5_000;

/** The two roles of a service, which find and dial their servers; the pool serves one of them. */
interface Roles {
  readonly primary: PrimaryRole;
  readonly replicas: ReplicaRole;
}
export interface SentinelPoolParts extends Roles {
  readonly prepared: PreparedPool;
  readonly service: string;
  readonly isPrimary: boolean;
  readonly directory: Directory;
}

export function roleName(service: string, isPrimary: boolean): string {
  return `${service}(${isPrimary ? 'primary' : 'replica'})`;
}

export function prepareSentinelPool(options: SentinelConnectionPoolOptions): SentinelPoolParts {
  const { pool, connection, settings, acquire, newConnections, service, directory } = split(options);
  const { isPrimary } = pool;
  const type = classOf(pool.connectionClass);
  const name = `service=${roleName(service, isPrimary)}`;
  const governor = makeDialGovernor({ cap: PAUSE, maxConcurrent: Number.MAX_SAFE_INTEGER });
  const dials = governor.attach(name);
  const makeOne = (location: TCPLocation, primary: boolean): BaseConnection =>
    newConnections.prepare(new type(location, service, primary, connection));
  const tracking = trackingFor(pool, settings, (connection) =>
    makeOne(connection.location as TCPLocation, (connection as Connection).isPrimary),
  );
  const parts = { service, directory, make: makeOne, hurry: () => dials.hurry(), node: () => node };
  const roles: Roles = { primary: new PrimaryRole(parts), replicas: new ReplicaRole(parts) };
  const serving = isPrimary ? roles.primary : roles.replicas;
  const owner = {};
  const nodeSettings = {
    owner,
    tracking,
    address: name,
    make: (signal: AbortSignal) => serving.connect(signal),
    ready: true,
    governor,
    max: pool.maxConnections,
    ...nodeOptions(pool, settings),
  };
  const node: ConnectionNode = new ConnectionNode(nodeSettings);
  roles.replicas.serve(node);
  // A silenced server sends no replies.
  const checks = pool.checkConnection && !settings.noreply;
  const single = new SingleNode(node, serving, checks ? new IdleCheck(node) : null);
  const reads = {
    primary: single,
    node,
    nodeSettings,
    primaryAt: () => roles.primary.location,
    find: () => directory.discoverReplicas(service, { timeout: FIND_TIME }),
    make: (replica: TCPLocation) => makeOne(replica, false),
    options: pool,
  };
  const prepared = new PreparedPool({
    owner,
    topology: isPrimary && !settings.noreply ? withReplicas(reads) : single,
    settings,
    maxConnections: () => pool.maxConnections,
    acquire,
    retryPolicy: pool.retryPolicy,
    sanitizeArguments: pool.sanitizeArguments,
    tracking,
    newConnections,
    keySpace: null,
    dialsWhenOpened: true,
    checksLeases: checks,
  });
  return { ...roles, prepared, service, isPrimary, directory };
}

type Split = ReturnType<typeof splitPoolOptions<'sentinel'>> & {
  readonly service: string;
  readonly directory: Directory;
};

function split(options: SentinelConnectionPoolOptions): Split {
  const custom = (options as Partial<typeof options> | undefined)?.connectionClass !== undefined;
  const parts = splitPoolOptions('sentinel', options, {
    custom,
    connectionRules: tcpRules,
  });
  const { serviceName, sentinelManager } = parts.pool;
  if (serviceName === null) throw new TypeError('a sentinel pool needs a serviceName');
  if (sentinelManager === null) throw new TypeError('a sentinel pool needs a sentinelManager');
  return { ...parts, service: serviceName, directory: sentinelManager as Directory };
}

function classOf(given: unknown): Make {
  if (given === null) return SentinelManagedConnection as Make;
  const type = given as { prototype: unknown };
  if (given !== SentinelManagedConnection && !(type.prototype instanceof SentinelManagedConnection)) {
    throw new TypeError('connectionClass must extend SentinelManagedConnection');
  }
  return given as Make;
}
