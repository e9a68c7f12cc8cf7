import { isIP } from 'node:net';
import { LONGEST_DELAY } from '../../base/clock.ts';
import { Deadline } from '../../base/deadline.ts';
import type { CacheGuard } from '../../cache/cache-guard.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import { ClusterConnection } from '../../connection/cluster-connection.ts';
import { concealed } from '../../connection/option-rules.ts';
import type { Reply } from '../../resp/types.ts';
import type { TextEncoding } from '../../resp/text-modes.ts';
import { addressResolver, type ResolveAddress } from '../../topology/cluster/address-map.ts';
import { ClusterTopology } from '../../topology/cluster/cluster-topology.ts';
import { CommandKeys } from '../../topology/cluster/command-keys.ts';
import { Discovery } from '../../topology/cluster/discovery.ts';
import { LayoutKeeper } from '../../topology/cluster/layout-keeper.ts';
import { type MemberNodeSettings, Members } from '../../topology/cluster/members.ts';
import { Questions } from '../../topology/cluster/questions.ts';
import type { ReadFrom } from '../../topology/reads/read-from.ts';
import { Zones } from '../../topology/reads/zones.ts';
import { ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';
import type { PoolSetup } from '../base-connection-pool.ts';
import type { KeySpace } from '../scans/cluster-scan.ts';
import { trackingFor } from '../cache/cache-setup.ts';
import { GC_INTERVAL, type NormalizedPoolOptions, type SplitOptions, nodeOptions } from './pool-rules.ts';

type Connection = ClusterConnection;
type Split = SplitOptions<'cluster'>;
type Make = new (location: TCPLocation, options: object) => Connection;

export interface ClusterParts {
  readonly setup: PoolSetup;
  readonly topology: ClusterTopology;
  readonly keeper: LayoutKeeper;
}

/** Milliseconds for one connected node to answer a question about the cluster. */
const NODE_TIMEOUT = 3_000;

/** Puts a cluster together from checked options. */
export function makeCluster(split: Split): ClusterParts {
  const { pool, settings } = split;
  checkCluster(pool);
  const dial = dialling(split);
  const resolve = addressResolver(pool.addressMap);
  const owner = {};
  const tracking = trackingFor(pool, settings, dial.near);
  const questions = new Questions({
    make: dial.forQuestions,
    open: (location) => (settings.noreply ? null : (members.find(location)?.node.tryShare() ?? null)),
  });
  const discovery = discoveryOf(split, questions, resolve);
  const keeper = new LayoutKeeper({
    discovery,
    resolve,
    reinitializeSteps: pool.reinitializeSteps,
    encoding: settings.encoding,
    onRefresh: (error) => topology.refreshed(error),
    onMoved: tracking === null ? undefined : (slots) => forget(tracking.guard, slots, settings.encoding),
  });
  const members = new Members({
    make: dial.toNode,
    maxConnections: pool.maxConnections,
    perNode: pool.maxConnectionsPerNode,
    warn,
    node: { ...nodeSettings(split, owner), tracking },
  });
  const topology: ClusterTopology = new ClusterTopology({
    keeper,
    members,
    questions,
    keys: new CommandKeys(settings.encoding),
    startNodes: discovery.startNodes,
    ...readsOf(pool, questions),
    maxWaiting: pool.maxWaiting,
    gcInterval: Math.min(pool.gcInterval ?? GC_INTERVAL, LONGEST_DELAY),
  });
  const setup = {
    owner,
    topology,
    settings,
    maxConnections: () => members.maxConnections,
    acquire: split.acquire,
    retryPolicy: pool.retryPolicy,
    sanitizeArguments: pool.sanitizeArguments,
    tracking,
    newConnections: split.newConnections,
    keySpace: keySpaceOf(keeper, topology),
    dialsWhenOpened: false,
    checksLeases: false,
  };
  return { setup, topology, keeper };
}

/** The keys of a cluster, as scans see them. */
function keySpaceOf(keeper: LayoutKeeper, topology: ClusterTopology): KeySpace {
  return {
    get map() {
      return keeper.map;
    },
    refresh: (deadline) => topology.refresh(deadline),
    memberNode: (location) => topology.memberNode(location),
  };
}

function readFromOf({ readFrom, readFromReplicas, readonly }: NormalizedPoolOptions<'cluster'>): ReadFrom {
  return readFrom ?? (readFromReplicas || readonly ? 'replica' : 'primary');
}

/** The nodes that reads go to. Zones are looked up only if there is a `clientZone`. */
function readsOf(
  pool: NormalizedPoolOptions<'cluster'>,
  questions: Questions,
): { readonly readFrom: ReadFrom; readonly zones: Zones } {
  const ask = (location: TCPLocation): Promise<Reply> =>
    new Deadline(null, NODE_TIMEOUT).run(
      (signal) => questions.ask(location, 'INFO', ['server'], { signal, timeout: NODE_TIMEOUT }),
      () => new Error('the node did not name its zone in time'),
    );
  const { clientZone, zoneOf } = pool;
  return { readFrom: readFromOf(pool), zones: new Zones({ clientZone, zoneOf, ask }) };
}

function discoveryOf({ pool }: Split, { ask }: Questions, resolve: ResolveAddress): Discovery {
  return new Discovery({
    startNodes: pool.startupNodes,
    ask,
    resolve,
    followCluster: pool.nodemanagerFollowCluster,
    skipFullCoverageCheck: pool.skipFullCoverageCheck,
    withHealth: readFromOf(pool) !== 'primary',
    nodeTimeout: NODE_TIMEOUT,
    warn,
  });
}

function nodeSettings({ pool, settings }: Split, owner: object): MemberNodeSettings {
  return {
    owner,
    poolName: pool.startupNodes.map(keyOf).join(','),
    ...nodeOptions(pool, settings),
  };
}

function warn(message: string): void {
  process.emitWarning(message, { code: 'RESPOOL_CLUSTER' });
}

/** Drops cached replies of slots that moved: the old node no longer sends reliable invalidations for their keys. */
function forget(guard: CacheGuard, slots: ReadonlySet<number>, encoding: TextEncoding): void {
  const keys = new CommandKeys(encoding);
  guard.dropWhere((key) => slots.has(keys.slotOfKey(key)));
}

function checkCluster(pool: NormalizedPoolOptions<'cluster'>): void {
  if (pool.startupNodes.length === 0) throw new TypeError('startupNodes must hold at least one location');
  if (pool.readFrom === 'nearest-zone' && pool.clientZone === null)
    throw new TypeError("readFrom 'nearest-zone' needs clientZone");
  const type = pool.connectionClass as { prototype: unknown } | null;
  if (type === null || (type as unknown) === ClusterConnection) return;
  if (!(type.prototype instanceof ClusterConnection))
    throw new TypeError('connectionClass must extend ClusterConnection');
}

/** Makes connections: READONLY to replicas, and for questions without `noreply`, which suppresses replies. */
function dialling({ pool, connection, settings, newConnections }: Split): {
  toNode: (location: ClusterNodeLocation) => Connection;
  forQuestions: (location: TCPLocation) => Connection;
  near: (connection: BaseConnection) => Connection;
} {
  const type = (pool.connectionClass ?? ClusterConnection) as unknown as Make;
  const toReplica = Object.freeze(concealed({ ...connection, readFromReplicas: true }));
  const forQuestions = Object.freeze(concealed({ ...connection, noreply: false, clientName: undefined }));
  // The name to verify certificates against if a node announces none.
  const startName = pool.startupNodes.find(({ host }) => isIP(host) === 0)?.host ?? null;
  const named = (location: TCPLocation): TCPLocation => {
    if (settings.sslContext === null || startName === null || isIP(location.host) === 0) return location;
    const node = location instanceof ClusterNodeLocation ? location : null;
    if (node !== null && node.hostname !== null) return node;
    const { nodeId = '', serverType = 'primary', zone } = node ?? {};
    return new ClusterNodeLocation(location.host, location.port, {
      nodeId,
      serverType,
      hostname: startName,
      zone,
    });
  };
  // Constructs a connection, so that invalid options throw now and not at the first dial.
  void new type(pool.startupNodes[0] as TCPLocation, connection);
  const toNode = (location: ClusterNodeLocation): Connection => {
    const own = location.serverType === 'replica' ? toReplica : connection;
    return newConnections.prepare(new type(named(location), own));
  };
  return {
    toNode,
    near: ({ location }) => toNode(location as ClusterNodeLocation),
    forQuestions: (location) => new type(named(location), forQuestions),
  };
}
