import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api';
import { type BaseConnection, type BaseConnectionPool, TimeoutError } from '../index.ts';
import type { LeaseReleasedEvent, PoolCreatedEvent, PoolWaitEvent } from '../telemetry/events.ts';
import type { AcquireTrace, BatchTrace, CommandTrace, ConnectTrace } from '../telemetry/traces.ts';
import { batchName, destinationAttributes, errorAttributes } from './attributes.ts';
import { Attached, type Subscriptions, subscribeTracing } from './subscriptions.ts';

/** The parts of a pool that its gauges need. */
export type ObservedPool = Pick<BaseConnectionPool<BaseConnection>, 'statistics' | 'telemetryAttributes'> & {
  readonly closed: boolean;
};

const SECONDS = { unit: 's' };
/** Histogram bounds that the semantic conventions recommend for the duration of operations. */
const OPERATION_BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** The pools whose gauges are read, held weakly. */
export class ObservedPools {
  readonly #references = new Set<WeakRef<ObservedPool>>();

  add(pool: ObservedPool): void {
    for (const reference of this.#references) if (reference.deref() === pool) return;
    this.#references.add(new WeakRef(pool));
  }
  *[Symbol.iterator](): Iterator<ObservedPool> {
    for (const reference of this.#references) {
      const pool = reference.deref();
      if (pool === undefined || pool.closed) this.#references.delete(reference);
      else yield pool;
    }
  }
}

function now(): number {
  return performance.now() / 1_000;
}

/** Records the duration of traced operations, from `start` to `asyncEnd`. */
function durations<T extends { error?: unknown }>(
  subscriptions: Subscriptions,
  channel: string,
  record: (trace: T, seconds: number) => void,
): void {
  const begun = new Attached<T, number>();
  subscribeTracing<T>(subscriptions, channel, {
    start: (trace) => begun.set(trace, now()),
    asyncEnd(trace) {
      const since = begun.get(trace);
      if (since !== undefined) record(trace, now() - since);
    },
  });
}

function watchOperations(subscriptions: Subscriptions, meter: Meter): void {
  const duration = meter.createHistogram('db.client.operation.duration', {
    ...SECONDS,
    description: 'Duration of database client operations.',
    advice: { explicitBucketBoundaries: OPERATION_BOUNDS },
  });
  const batches = (trace: BatchTrace, seconds: number): void =>
    duration.record(seconds, {
      ...destinationAttributes(trace),
      'db.operation.name': batchName(trace.batchMode, trace.commands),
      ...errorAttributes(trace.error),
    });
  durations<CommandTrace>(subscriptions, 'command', (trace, seconds) => {
    // A batch counts as one operation, so its commands are not recorded.
    if (trace.batchMode !== undefined) return;
    duration.record(seconds, {
      ...destinationAttributes(trace),
      'db.operation.name': trace.command,
      ...errorAttributes(trace.error),
    });
  });
  durations<BatchTrace>(subscriptions, 'batch', batches);
  durations<BatchTrace>(subscriptions, 'transaction', batches);
}

function poolAttributes(poolName: string): Attributes {
  return { 'db.client.connection.pool.name': poolName };
}

function watchConnections(subscriptions: Subscriptions, meter: Meter): void {
  const histogram = (name: string, description: string) =>
    meter.createHistogram(`db.client.connection.${name}`, { ...SECONDS, description });
  const created = histogram('create_time', 'The time it took to create a new connection.');
  const waited = histogram('wait_time', 'The time it took to obtain an open connection from the pool.');
  const used = histogram('use_time', 'The time between borrowing a connection and returning it to the pool.');
  const timeouts = meter.createCounter('db.client.connection.timeouts', {
    unit: '{timeout}',
    description:
      'The number of connection timeouts that have occurred trying to obtain a connection from the pool.',
  });
  durations<ConnectTrace>(subscriptions, 'connect', (trace, seconds) => {
    if (trace.error === undefined) created.record(seconds, poolAttributes(poolNameOf(trace)));
  });
  subscriptions.on<PoolWaitEvent>('pool:wait', ({ poolName, waitTime }) =>
    waited.record(waitTime / 1_000, poolAttributes(poolName)),
  );
  subscriptions.on<LeaseReleasedEvent>('lease:released', ({ poolName, useTime }) =>
    used.record(useTime / 1_000, poolAttributes(poolName)),
  );
  const timedOut = ({ error, poolName }: { error?: unknown; poolName: string | null }): void => {
    if (error instanceof TimeoutError && error.phase === 'acquire')
      timeouts.add(1, poolAttributes(poolName ?? ''));
  };
  const ended = { start: () => {} };
  subscribeTracing<CommandTrace>(subscriptions, 'command', { ...ended, asyncEnd: timedOut });
  subscribeTracing<AcquireTrace>(subscriptions, 'acquire', { ...ended, asyncEnd: timedOut });
}

function poolNameOf({ serverAddress, serverPort }: ConnectTrace): string {
  return serverPort === undefined ? serverAddress : `${serverAddress}:${serverPort}`;
}

function watchGauges(subscriptions: Subscriptions, meter: Meter, pools: ObservedPools): void {
  const gauge = (
    name: string,
    unit: string,
    description: string,
    observe: (result: ObservableResult, pool: ObservedPool, attributes: Attributes) => void,
  ): void => {
    const instrument = meter.createObservableUpDownCounter(`db.client.connection.${name}`, {
      unit,
      description,
    });
    const callback = (result: ObservableResult): void => {
      for (const pool of pools) observe(result, pool, pool.telemetryAttributes());
    };
    instrument.addCallback(callback);
    subscriptions.add(() => instrument.removeCallback(callback));
  };
  const text = 'The number of connections that are currently in state described by the state attribute.';
  gauge('count', '{connection}', text, (result, { statistics }, attributes) => {
    const state = (name: string): Attributes => ({ ...attributes, 'db.client.connection.state': name });
    result.observe(statistics.idleConnections, state('idle'));
    result.observe(statistics.inUseConnections, state('used'));
  });
  const limit = 'The maximum number of open connections allowed.';
  gauge('limit', '{connection}', limit, (result, { statistics }, attributes) =>
    result.observe(statistics.maxConnections, attributes),
  );
  const idleMax = 'The maximum number of idle open connections allowed.';
  gauge('idle.max', '{connection}', idleMax, (result, { statistics }, attributes) =>
    result.observe(statistics.maxConnections, attributes),
  );
  const idleMin = 'The minimum number of idle open connections allowed.';
  gauge('idle.min', '{connection}', idleMin, (result, _pool, attributes) => result.observe(0, attributes));
  const pending = 'The number of current pending requests for an open connection.';
  gauge('pending_requests', '{request}', pending, (result, { statistics }, attributes) =>
    result.observe(statistics.waiting, attributes),
  );
}

/** Records durations and counters, and registers the gauges of the pools. */
export function watchMetrics(subscriptions: Subscriptions, meter: Meter, pools: ObservedPools): void {
  watchOperations(subscriptions, meter);
  watchConnections(subscriptions, meter);
  watchGauges(subscriptions, meter, pools);
  subscriptions.on<PoolCreatedEvent>('pool:created', ({ pool }) => pools.add(pool as ObservedPool));
}
