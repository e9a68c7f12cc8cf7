import { channel, tracingChannel } from 'node:diagnostics_channel';
import {
  ClusterConnectionPool,
  type ClusterLayout,
  type CommandTrace,
  type ConnectionClosedEvent,
  type ConnectionPoolStatistics,
  type FailoverEvent,
  type PoolCreatedEvent,
  type PoolStateEvent,
  type PubsubGapEvent,
  type RedirectEvent,
  RedisClusterError,
} from '../../src/index.ts';
import { Histogram } from '../histogram.ts';

/** Slots are drawn in so many cells. */
const CELLS = 64;
const SLOTS = 16_384;

/** One node of a cluster, and what it serves. */
interface NodePicture {
  readonly address: string;
  readonly role: 'primary' | 'replica';
  readonly slots: number;
}

/** Something that happened, for the list beside the charts. */
interface Happening {
  readonly kind: 'kill' | 'down' | 'up' | 'failover' | 'gap' | 'redirect';
  readonly text: string;
}

/** The state of one interval. */
export interface Sample {
  readonly at: number;
  readonly operationsPerSecond: number;
  readonly errorsPerSecond: number;
  /** Milliseconds; null where nothing was answered. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly connections: { readonly idle: number; readonly used: number; readonly connecting: number };
  readonly waiting: number;
  readonly happenings: readonly Happening[];
  readonly cluster: { readonly nodes: readonly NodePicture[]; readonly cells: readonly number[] } | null;
}

interface Watched {
  readonly statistics: ConnectionPoolStatistics;
  readonly closed: boolean;
}

/** When a command began; kept on its trace, for a WeakMap of them costs the collector more than the call. */
const BEGUN = Symbol('begun');
type TimedTrace = CommandTrace & { [BEGUN]?: number };

/** Watches every pool of the process through its diagnostics channels, as a program of your own would. */
export class Watcher {
  readonly #pools: Watched[] = [];
  #latency = new Histogram();
  #operations = 0;
  #errors = 0;
  #happenings: Happening[] = [];
  #redirects = 0;
  #since = performance.now();

  constructor() {
    const { start, asyncEnd } = tracingChannel<unknown, CommandTrace>('respool:command');
    start.subscribe((trace) => {
      (trace as TimedTrace)[BEGUN] = performance.now();
    });
    asyncEnd.subscribe((trace) => this.#ended(trace as TimedTrace));
    this.#on<PoolCreatedEvent>('pool:created', ({ pool }) => void this.#pools.push(pool as Watched));
    this.#on<ConnectionClosedEvent>('connection:closed', ({ serverPort, lost, reason }) => {
      if (lost > 0)
        this.#note('kill', `connection to ${serverPort} ended with ${lost} calls on it: ${brief(reason)}`);
    });
    this.#on<PoolStateEvent>('pool:state', ({ address, state }) =>
      this.#note(state, `${address} is ${state}`),
    );
    this.#on<FailoverEvent>('failover', ({ from, to }) =>
      this.#note('failover', `primary ${from ?? '?'} → ${to}`),
    );
    this.#on<PubsubGapEvent>('pubsub:gap', ({ channel: name, from, to }) =>
      this.#note('gap', `${name}: messages of ${to - from} ms may be missing`),
    );
    this.#on<RedirectEvent>('redirect', () => void this.#redirects++);
  }

  /** The time since the last call; null when there is no open pool and nothing was done. */
  take(): Sample | null {
    const now = performance.now();
    const seconds = (now - this.#since) / 1_000;
    const latency = this.#latency;
    if (this.#redirects > 0) this.#note('redirect', `${this.#redirects} commands were redirected`);
    const pools = this.#pools.filter(({ closed }) => !closed);
    if (pools.length === 0 && this.#operations === 0 && this.#happenings.length === 0) return null;
    const sum = (field: keyof ConnectionPoolStatistics): number =>
      pools.reduce((total, { statistics }) => total + Number(statistics[field] ?? 0), 0);
    const sample: Sample = {
      at: Date.now(),
      operationsPerSecond: this.#operations / seconds,
      errorsPerSecond: this.#errors / seconds,
      p50: latency.count === 0 ? null : latency.percentile(0.5),
      p99: latency.count === 0 ? null : latency.percentile(0.99),
      connections: {
        idle: sum('idleConnections'),
        used: sum('inUseConnections'),
        connecting: sum('connectingConnections'),
      },
      waiting: sum('waiting'),
      happenings: this.#happenings,
      cluster: pictureOf(pools.find((pool) => pool instanceof ClusterConnectionPool)),
    };
    this.#since = now;
    this.#latency = new Histogram();
    this.#operations = this.#errors = this.#redirects = 0;
    this.#happenings = [];
    return sample;
  }

  #ended(trace: TimedTrace): void {
    const begun = trace[BEGUN];
    this.#operations++;
    if (trace.error !== undefined) this.#errors++;
    else if (begun !== undefined) this.#latency.add(performance.now() - begun);
  }
  #note(kind: Happening['kind'], text: string): void {
    if (this.#happenings.length < 20) this.#happenings.push({ kind, text });
  }
  #on<E>(name: string, listener: (event: E) => void): void {
    channel(`respool:${name}`).subscribe((event) => listener(event as E));
  }
}

function brief({ message }: Error): string {
  return message.replace(/^Connection to [^ ]+: /, '').slice(0, 80);
}

/** Its address; an empty one where nobody owns the slot. */
function ownerOf(layout: ClusterLayout, slot: number): string {
  try {
    return String(layout.nodeForSlot(slot));
  } catch (error) {
    if (error instanceof RedisClusterError) return '';
    throw error;
  }
}

function pictureOf(pool: unknown): Sample['cluster'] {
  if (!(pool instanceof ClusterConnectionPool)) return null;
  const layout = pool.clusterLayout;
  if (layout.nodes.length === 0) return null;
  const primaries = layout.primaries.map(String).sort();
  const counts = new Map<string, number>();
  const cells: number[] = [];
  for (let cell = 0; cell < CELLS; cell++) {
    const address = ownerOf(layout, (cell * SLOTS) / CELLS);
    counts.set(address, (counts.get(address) ?? 0) + SLOTS / CELLS);
    cells.push(primaries.indexOf(address));
  }
  const nodes = [
    ...primaries.map((address) => ({ address, role: 'primary' as const, slots: counts.get(address) ?? 0 })),
    ...layout.replicas
      .map(String)
      .sort()
      .map((address) => ({ address, role: 'replica' as const, slots: 0 })),
  ];
  return { nodes, cells };
}
