import { context, SpanKind, trace } from '@opentelemetry/api';
import type { InMemoryMetricExporter } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { ClusterConnectionPool, ConnectionPool } from '../../src/index.ts';
import { instrument } from '../../src/otel/index.ts';
import { startCluster, startServer } from '../../src/testkit/index.ts';
import { recordMetrics, recordSpans } from './otel-recorder.ts';

const DURATION = 'db.client.operation.duration';
/** The error's message holds this. */
const TIMEOUT = 50;

/** A span as lines: its name, kind, parent and duration, its attributes, its status. */
function shownSpan({ name, kind, attributes, status, duration, parentSpanContext }: ReadableSpan): string {
  const [seconds, nanos] = duration;
  const took = `${(seconds * 1_000 + nanos / 1e6).toFixed(2)} ms`;
  const parent = parentSpanContext === undefined ? '' : ', child of "request"';
  const width = Math.max(...Object.keys(attributes).map((key) => key.length));
  const lines = Object.entries(attributes).map(
    ([key, value]) => `  ${key.padEnd(width)}  ${shownValue(value)}`,
  );
  const failed = status.message === undefined ? [] : [`  status ERROR: ${status.message}`];
  return [`${name} (${SpanKind[kind]}${parent}) ${took}`, ...lines, ...failed].join('\n');
}

function shownValue(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(6) : JSON.stringify(value);
}

/** The durations as lines: how many operations of which kind were measured. */
function shownDurations(exporter: InMemoryMetricExporter): string {
  const all = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
  const found = all.findLast(({ descriptor }) => descriptor.name === DURATION);
  const points = (found?.dataPoints ?? []).map(({ attributes, value }) => {
    const { count } = value as { count: number };
    const error = attributes['error.type'];
    const failed = error === undefined ? '' : `, error.type=${JSON.stringify(error)}`;
    return `  {db.operation.name=${JSON.stringify(attributes['db.operation.name'])}${failed}} count ${count}`;
  });
  return [`${DURATION} (histogram, ${found?.descriptor.unit})`, ...points.sort()].join('\n');
}

async function aCommandABatchAndATimeout(inRequest: <R>(run: () => Promise<R>) => Promise<R>): Promise<void> {
  await using server = await startServer();
  await using pool = ConnectionPool.fromUrl(server.url, {
    sanitizeArguments: (_command: string, args: readonly unknown[]) =>
      args.map((arg, index) => (index === 0 ? String(arg) : '?')),
  });
  await inRequest(() => pool.execute('SET', 'user:42', 'secret'));
  await inRequest(() =>
    pool.executeBatch([
      { command: 'GET', args: ['user:42'] },
      { command: 'GET', args: ['user:43'] },
    ]),
  );
  await server.pause();
  await inRequest(() => pool.executeRequest('GET', ['user:42'], { timeout: TIMEOUT })).catch(() => {});
  await server.resume();
}

async function aRedirect(inRequest: <R>(run: () => Promise<R>) => Promise<R>): Promise<void> {
  await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 0 });
  await using pool = ClusterConnectionPool.fromUrl(cluster.url);
  await pool.refreshLayout();
  const slot = await cluster.keySlot('user:42');
  const from = await cluster.nodeForSlot(slot);
  const target = (await cluster.primaries()).find(
    ({ port }) => port !== from.port && !cluster.url.includes(String(port)),
  );
  if (target === undefined) throw new Error('a cluster of three has another primary');
  await cluster.migrateSlot(slot, target);
  await inRequest(() => pool.execute('GET', 'user:42'));
}

/** The spans and durations of a command, a batch, a call that times out and one that a cluster redirects. */
export async function otelOutput(): Promise<string> {
  const { spans, tracerProvider, contextManager } = recordSpans();
  const { exporter, reader, meterProvider } = recordMetrics();
  context.setGlobalContextManager(contextManager.enable());
  const tracer = tracerProvider.getTracer('example');
  const inRequest = async <R>(run: () => Promise<R>): Promise<R> => {
    const span = tracer.startSpan('request');
    try {
      return await context.with(trace.setSpan(context.active(), span), run);
    } finally {
      span.end();
    }
  };
  try {
    using _on = instrument({ tracerProvider, meterProvider });
    await aCommandABatchAndATimeout(inRequest);
    await aRedirect(inRequest);
    await reader.forceFlush();
    const own = spans.getFinishedSpans().filter(({ kind }) => kind === SpanKind.CLIENT);
    return [...own.map(shownSpan), shownDurations(exporter)].join('\n\n');
  } finally {
    context.disable();
    await meterProvider.shutdown();
  }
}
