import { inspect } from 'node:util';
import { Deadline } from '../base/deadline.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { ping } from '../connection/requests/call.ts';
import { ConnectionError, PoolClosedError, RedisClusterError } from '../errors/errors.ts';
import type { Lease } from '../interfaces/abstract-pool.ts';
import type { ConnectionNode, NodeSlot } from '../node/connection-node.ts';
import type { LayoutKeeper } from '../topology/cluster/layout-keeper.ts';
import type { Members } from '../topology/cluster/members.ts';
import type { Topology } from '../topology/topology.ts';
import type { ClusterNodeLocation } from '../transport/location.ts';

type Node = ConnectionNode;
/** Longest wait for the PING of a connection that has idled. */
const CHECK = 2_000;
/** How long a lease that may be at any of several nodes waits for the first connection to one. */
const DIAL_PATIENCE = 500;
/** With less time than this the next node is the last. */
const LAST = 20;
const IMPATIENT = new Error('another node may be quicker');

/** Holds one connection until it is released. */
class ConnectionLease implements Lease<BaseConnection> {
  readonly connection: BaseConnection;
  readonly #slot: NodeSlot;

  constructor(slot: NodeSlot) {
    this.connection = slot.value.connection;
    this.#slot = slot;
    slot.holder = this;
  }

  release(): void {
    if (this.#slot.holder === this) this.#slot.value.release();
  }
  handOver(): BaseConnection {
    return this.#slot.holder === this ? this.#slot.value.handOver() : this.connection;
  }
  toString(): string {
    return `Lease<${this.connection.toString()}, ${this.#slot.holder === this ? 'held' : 'released'}>`;
  }
  toJSON(): Record<string, unknown> {
    return { type: 'Lease', connection: this.connection.toJSON(), held: this.#slot.holder === this };
  }
  [inspect.custom](): string {
    return this.toString();
  }
  [Symbol.dispose](): void {
    this.release();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }
}

function leaseOf(slot: NodeSlot): Lease<BaseConnection> {
  return new ConnectionLease(slot);
}

/** The connection of a lease, for a caller that releases it by `pool.release(connection)`. */
export function handOver<C extends BaseConnection>(lease: Lease<C>): C {
  return lease instanceof ConnectionLease ? (lease.handOver() as C) : lease.connection;
}

/** Hands out connections to one caller alone. */
export class Leases {
  readonly #topology: Topology;
  /** PING a connection that has idled before it is handed out. */
  readonly #checks: boolean;

  constructor(topology: Topology, checks: boolean) {
    this.#topology = topology;
    this.#checks = checks;
  }

  /**
   * No node: the one that the topology finds. On a node that is known nothing is awaited first: the line is kept. `pinned`:
   * the wait is never sent away.
   */
  take(node: Node | null, deadline: Deadline, pinned = true): Promise<Lease<BaseConnection>> {
    if (this.#checks) return this.#takeChecked(node, deadline, pinned);
    const slot = node?.tryLease() ?? null;
    if (slot !== null) return Promise.resolve(new ConnectionLease(slot));
    return node === null
      ? this.#takeLater(node, deadline, pinned)
      : node.lease(deadline, pinned).then(leaseOf);
  }

  async #takeLater(node: Node | null, deadline: Deadline, pinned: boolean): Promise<Lease<BaseConnection>> {
    const place = node ?? (await this.#topology.resolveAny(deadline));
    return new ConnectionLease(await place.lease(deadline, pinned));
  }

  async #takeChecked(node: Node | null, deadline: Deadline, pinned: boolean): Promise<Lease<BaseConnection>> {
    const begin = Date.now();
    for (;;) {
      const slot = node?.tryLease() ?? null;
      const lease = slot === null ? await this.#takeLater(node, deadline, pinned) : new ConnectionLease(slot);
      // A connection that was made while this lease waited has not idled.
      const fresh = lease.connection.statistics.createdAt >= begin;
      if (fresh || (await answersPing(lease.connection, deadline))) return lease;
      if (!deadline.aborted)
        lease.connection.invalidate('it did not answer when it was checked after a pause');
      lease.release();
    }
  }
}

/** Any answer to a PING is a sign of life, an error too. */
async function answersPing(connection: BaseConnection, deadline: Deadline): Promise<boolean> {
  // At once or not at all: there is no time for a check.
  if (deadline.expired) return true;
  // Half of the time is left for another connection.
  const timeout = Math.min(CHECK, Math.max(1, deadline.remaining() / 2));
  try {
    await ping(coreOf(connection), { timeout, signal: deadline.signal });
    return true;
  } catch {
    // Another connection is tried instead.
    return false;
  }
}

interface LeaseMaker {
  /** The nodes that would do, best first. */
  nodes(): readonly Node[];
  lease(node: Node, deadline: Deadline): Promise<Lease<BaseConnection>>;
}

/**
 * Nodes for a lease in random order, healthy ones first: primaries; or replicas, with the primaries behind them as
 * long as no replica has been reached.
 */
export function candidates(members: Members, keeper: LayoutKeeper, primary: boolean): readonly Node[] {
  const { primaries, replicas } = keeper.layout;
  const first = inOrder(primary ? primaries : replicas, keeper).map((one) => members.at(one).node);
  if (primary || first.some(({ figures }) => figures.open > 0)) return first;
  return [...first, ...inOrder(primaries, keeper).map((one) => members.at(one).node)];
}

function inOrder(nodes: readonly ClusterNodeLocation[], keeper: LayoutKeeper): ClusterNodeLocation[] {
  return nodes
    .map((node) => ({ node, place: (keeper.healthy(node) ? 0 : 1) + keeper.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ node }) => node);
}

/** A lease at one of several nodes. Nodes that are full or unreachable are skipped while there are others. */
export async function leaseAny(maker: LeaseMaker, deadline: Deadline): Promise<Lease<BaseConnection>> {
  for (;;) {
    const nodes = maker.nodes();
    const free = nodes.filter(
      ({ figures }) => figures.idle > 0 || figures.open + figures.connecting < figures.max,
    );
    const [only = nodes[0] as Node] = free;
    if (free.length < 2) return maker.lease(only, deadline);
    for (const [index, node] of free.entries()) {
      const last = !deadline.patient ? index === free.length - 1 : deadline.remaining() < LAST;
      if (last) return maker.lease(free.find(({ figures }) => figures.idle > 0) ?? node, deadline);
      if (node.figures.idle > 0) return maker.lease(node, deadline);
      const lease = await attempt(maker, node, deadline);
      if (lease !== null) return lease;
    }
  }
}

/** Null when the node cannot be reached, or not soon. */
async function attempt(
  maker: LeaseMaker,
  node: Node,
  deadline: Deadline,
): Promise<Lease<BaseConnection> | null> {
  const patience = new Deadline(deadline.signal, Math.min(DIAL_PATIENCE, deadline.remaining() / 2));
  try {
    return await patience.run(
      (signal) => maker.lease(node, Deadline.ofSignal(signal)),
      () => IMPATIENT,
    );
  } catch (error) {
    const lost = error instanceof ConnectionError && !(error instanceof PoolClosedError);
    // The node may have left the cluster.
    if (error === IMPATIENT || lost || error instanceof RedisClusterError) return null;
    throw error;
  }
}
