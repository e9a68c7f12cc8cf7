import { inspect } from 'node:util';

/**
 * The gauges of a pool, exact at every moment. `activeConnections` = `inUseConnections` + `idleConnections`; the
 * shared connection counts as idle, whatever is outstanding on it.
 */
export interface ConnectionPoolStatistics {
  /** Epoch ms. */
  readonly createdAt: number;
  readonly maxConnections: number;
  /** Open data connections. */
  readonly activeConnections: number;
  /** Leased or blocked. */
  readonly inUseConnections: number;
  readonly idleConnections: number;
  /** Being made. */
  readonly connectingConnections: number;
  /** Subscribers and cache listeners, outside `maxConnections`. */
  readonly serviceConnections: number;
  /** Calls that wait for a connection or for room. */
  readonly waiting: number;
  /** Age in ms of the oldest lease, or null. */
  readonly oldestLease: number | null;
}

interface Figures {
  readonly open: number;
  readonly inUse: number;
  readonly idle: number;
  readonly connecting: number;
  readonly waiting: number;
  readonly oldestLease: number | null;
}

/** Sums over the nodes of a pool, counted when asked. */
export class PoolStatistics implements ConnectionPoolStatistics {
  readonly createdAt = Date.now();
  readonly #figures: () => Iterable<Figures>;
  readonly #maxConnections: () => number;
  readonly #serviceConnections: () => number;
  readonly #waiting: () => number;

  constructor(
    figures: () => Iterable<Figures>,
    maxConnections: () => number,
    serviceConnections: () => number,
    waiting: () => number,
  ) {
    this.#figures = figures;
    this.#maxConnections = maxConnections;
    this.#serviceConnections = serviceConnections;
    this.#waiting = waiting;
  }

  get maxConnections(): number {
    return this.#maxConnections();
  }
  get activeConnections(): number {
    return this.#sum('open');
  }
  get inUseConnections(): number {
    return this.#sum('inUse');
  }
  get idleConnections(): number {
    return this.#sum('idle');
  }
  get connectingConnections(): number {
    return this.#sum('connecting');
  }
  get serviceConnections(): number {
    return this.#serviceConnections();
  }
  get waiting(): number {
    return this.#sum('waiting') + this.#waiting();
  }
  get oldestLease(): number | null {
    let oldest: number | null = null;
    for (const { oldestLease } of this.#figures()) {
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
      waiting: this.waiting,
      oldestLease: this.oldestLease,
    };
  }

  [inspect.custom](): ConnectionPoolStatistics {
    return this.toJSON();
  }

  #sum(key: 'open' | 'inUse' | 'idle' | 'connecting' | 'waiting'): number {
    let sum = 0;
    for (const figures of this.#figures()) sum += figures[key];
    return sum;
  }
}
