import { inspect } from 'node:util';
import type { ConnectionNode } from '../node/connection-node.ts';

/**
 * The gauges of a pool, exact at every moment. `activeConnections` = `inUseConnections` + `idleConnections`;
 * the shared connection counts as idle, even while it waits for replies.
 */
export interface ConnectionPoolStatistics {
  /** Epoch ms. */
  readonly createdAt: number;
  readonly maxConnections: number;
  /** Open data connections. */
  readonly activeConnections: number;
  /** Connections of leases and blocking commands. */
  readonly inUseConnections: number;
  readonly idleConnections: number;
  /** Data connections that are being dialled; with the active ones never more than `maxConnections`. */
  readonly connectingConnections: number;
  /** Open subscribers and cache listeners; they do not count towards `maxConnections`. */
  readonly serviceConnections: number;
  /** Subscribers and cache listeners that are being dialled. */
  readonly connectingServiceConnections: number;
  /** Calls that wait for a connection or for room. */
  readonly waiting: number;
  /** Age in ms of the oldest lease, or null. */
  readonly oldestLease: number | null;
}

type Node = Pick<ConnectionNode, 'figures' | 'services'>;

/** Sums the gauges of a pool's nodes when they are read. */
export class PoolStatistics implements ConnectionPoolStatistics {
  readonly createdAt = Date.now();
  readonly #nodes: () => Iterable<Node>;
  readonly #maxConnections: () => number;
  readonly #waiting: () => number;

  constructor(nodes: () => Iterable<Node>, maxConnections: () => number, waiting: () => number) {
    this.#nodes = nodes;
    this.#maxConnections = maxConnections;
    this.#waiting = waiting;
  }

  get maxConnections(): number {
    return this.#maxConnections();
  }
  get activeConnections(): number {
    return this.#sum(({ figures }) => figures.open);
  }
  get inUseConnections(): number {
    return this.#sum(({ figures }) => figures.inUse);
  }
  get idleConnections(): number {
    return this.#sum(({ figures }) => figures.idle);
  }
  get connectingConnections(): number {
    return this.#sum(({ figures }) => figures.connecting);
  }
  get serviceConnections(): number {
    return this.#sum(({ services }) => services.open);
  }
  get connectingServiceConnections(): number {
    return this.#sum(({ services }) => services.connecting);
  }
  get waiting(): number {
    return this.#sum(({ figures }) => figures.waiting) + this.#waiting();
  }
  get oldestLease(): number | null {
    let oldest: number | null = null;
    for (const { figures } of this.#nodes()) {
      const { oldestLease } = figures;
      if (oldestLease !== null && (oldest === null || oldestLease > oldest)) oldest = oldestLease;
    }
    return oldest;
  }

  toJSON(): ConnectionPoolStatistics {
    return {
      createdAt: this.createdAt,
      maxConnections: this.maxConnections,
      activeConnections: this.activeConnections,
      inUseConnections: this.inUseConnections,
      idleConnections: this.idleConnections,
      connectingConnections: this.connectingConnections,
      serviceConnections: this.serviceConnections,
      connectingServiceConnections: this.connectingServiceConnections,
      waiting: this.waiting,
      oldestLease: this.oldestLease,
    };
  }

  [inspect.custom](): ConnectionPoolStatistics {
    return this.toJSON();
  }

  #sum(gauge: (node: Node) => number): number {
    let sum = 0;
    for (const node of this.#nodes()) sum += gauge(node);
    return sum;
  }
}
