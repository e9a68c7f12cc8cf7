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
/** Longest wait in ms for the PING of an idle connection. */
const CHECK = 2_000;
/** How long, in ms, a lease waits for a dial to one of several nodes before it tries the next. */
const DIAL_PATIENCE = 500;
/** With less time left than this, in ms, the next node is the last one tried. */
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

/** Turns a lease into a plain connection, which the caller releases by `pool.release(connection)`. */
export function handOver<C extends BaseConnection>(lease: Lease<C>): C {
  return lease instanceof ConnectionLease ? (lease.handOver() as C) : lease.connection;
}

/** Leases connections to single callers. */
export class Leases {
  readonly #topology: Topology;
  /** Whether an idle connection is checked with PING before it is leased. */
  readonly #checks: boolean;

  constructor(topology: Topology, checks: boolean) {
    this.#topology = topology;
    this.#checks = checks;
  }

  /**
   * Leases a connection of `node`; null for a node that the topology finds. With a known node nothing is awaited before
   * the lease queues up, which keeps the order of callers. `pinned`: the wait may not be moved to another node.
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
      // A connection opened while this lease waited needs no check.
      const fresh = lease.connection.statistics.createdAt >= begin;
      if (fresh || (await answersPing(lease.connection, deadline))) return lease;
      if (!deadline.aborted)
        lease.connection.invalidate('it did not answer when it was checked after a pause');
      lease.release();
    }
  }
}

/** Whether the connection answers a PING; an error reply counts. */
async function answersPing(connection: BaseConnection, deadline: Deadline): Promise<boolean> {
  // With `timeout: 0` there is no time for a check.
  if (deadline.expired) return true;
  // Keep half of the time for another connection.
  const timeout = Math.min(CHECK, Math.max(1, deadline.remaining() / 2));
  try {
    await ping(coreOf(connection), { timeout, signal: deadline.signal });
    return true;
  } catch {
    // The caller tries another connection.
    return false;
  }
}

interface LeaseMaker {
  /** The possible nodes, best first. */
  nodes(): readonly Node[];
  lease(node: Node, deadline: Deadline): Promise<Lease<BaseConnection>>;
}

/**
 * Nodes for a lease, in random order, healthy ones first: primaries, or replicas followed by the primaries until a
 * replica was reached.
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

/** Leases a connection of one of several nodes. Skips full and unreachable nodes as long as others are left. */
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

/** Tries to lease at one node; null if it cannot be reached, or not soon enough. */
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
    // A RedisClusterError: the node may have left the cluster.
    if (error === IMPATIENT || lost || error instanceof RedisClusterError) return null;
    throw error;
  }
}
