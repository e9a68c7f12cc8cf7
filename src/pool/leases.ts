import { Deadline } from '../base/deadline.ts';
import type { BaseConnection } from '../connection/base-connection.ts';
import { ConnectionError, PoolClosedError, RedisClusterError } from '../errors/errors.ts';
import type { Lease } from '../interfaces/abstract-pool.ts';
import type { ConnectionNode } from '../node/connection-node.ts';
import type { LayoutKeeper } from '../topology/cluster/layout-keeper.ts';
import type { Members } from '../topology/cluster/members.ts';
import type { ClusterNodeLocation } from '../transport/location.ts';

/** One tenure of one connection. */
export class ConnectionLease<C extends BaseConnection> implements Lease<C> {
  readonly connection: C;
  readonly #node: ConnectionNode<C>;
  readonly #tenure: number;

  constructor(connection: C, node: ConnectionNode<C>) {
    this.connection = connection;
    this.#node = node;
    this.#tenure = node.pool.tenureOf(connection);
  }

  release(): void {
    this.#node.release(this.connection, this.#tenure);
  }
  [Symbol.dispose](): void {
    this.release();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }
}

/** How long a lease that may be at any of several nodes waits for the first connection to one. */
const DIAL_PATIENCE = 500;
/** With less time than this the next node is the last. */
const LAST = 20;
const IMPATIENT = new Error('another node may be quicker');

export interface LeaseMaker<C extends BaseConnection> {
  /** The nodes that would do, best first. */
  nodes(): readonly ConnectionNode<C>[];
  lease(node: ConnectionNode<C>, deadline: Deadline): Promise<Lease<C>>;
}

/**
 * Nodes for a lease in random order, those that seem well first: primaries; or replicas, with the primaries behind
 * them as long as no replica has been reached.
 */
export function candidates<C extends BaseConnection>(
  members: Members<C>,
  keeper: LayoutKeeper,
  primary: boolean,
): readonly ConnectionNode<C>[] {
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

/** A lease at one of several nodes: those that are used up or cannot be reached are passed by while there are others. */
export async function leaseAny<C extends BaseConnection>(
  maker: LeaseMaker<C>,
  deadline: Deadline,
): Promise<Lease<C>> {
  for (;;) {
    const nodes = maker.nodes();
    const free = nodes.filter(
      ({ figures }) => figures.idle > 0 || figures.open + figures.connecting < figures.max,
    );
    const [only = nodes[0] as ConnectionNode<C>] = free;
    if (free.length < 2) return maker.lease(only, deadline);
    for (const [index, node] of free.entries()) {
      const last = deadline.unlimited ? index === free.length - 1 : deadline.remaining() < LAST;
      if (last) return maker.lease(free.find(({ figures }) => figures.idle > 0) ?? node, deadline);
      if (node.figures.idle > 0) return maker.lease(node, deadline);
      const lease = await attempt(maker, node, deadline);
      if (lease !== null) return lease;
    }
  }
}

/** Null when the node cannot be reached, or not soon. */
async function attempt<C extends BaseConnection>(
  maker: LeaseMaker<C>,
  node: ConnectionNode<C>,
  deadline: Deadline,
): Promise<Lease<C> | null> {
  const controller = new AbortController();
  const patience = Math.min(DIAL_PATIENCE, deadline.remaining() / 2);
  const timer = setTimeout(() => controller.abort(IMPATIENT), patience);
  const stop = (reason: unknown): void => controller.abort(reason);
  deadline.watch({ onAbort: stop, onTimeout: () => stop(IMPATIENT) });
  try {
    return await maker.lease(node, new Deadline(controller.signal, null));
  } catch (error) {
    const lost = error instanceof ConnectionError && !(error instanceof PoolClosedError);
    // The node may have left the cluster.
    if (error === IMPATIENT || lost || error instanceof RedisClusterError) return null;
    throw error;
  } finally {
    clearTimeout(timer);
    deadline.unwatch();
  }
}
