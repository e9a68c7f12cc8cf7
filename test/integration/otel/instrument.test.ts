import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import * as stable from '@opentelemetry/semantic-conventions';
import * as incubating from '@opentelemetry/semantic-conventions/incubating';
import { ClusterConnectionPool, ConnectionPool, SentinelConnectionPool } from '../../../src/index.ts';
import { instrument } from '../../../src/otel/index.ts';
import { startCluster, startSentinel, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { recordMetrics, recordSpans } from '../../support/otel-recorder.ts';

const KNOWN = new Set<unknown>();
for (const names of [stable, incubating] as object[])
  for (const name of Object.values(names)) KNOWN.add(name);

describe('respool/otel', () => {
  let server: TestServer;
  const { spans, tracerProvider, contextManager } = recordSpans();
  before(async () => {
    server = await startServer();
    context.setGlobalContextManager(contextManager.enable());
  });
  after(async () => {
    context.disable();
    await server.stop();
  });

  function finished(): ReadableSpan[] {
    const all = spans.getFinishedSpans();
    spans.reset();
    return all;
  }

  it('a command makes a span, a child of its caller, named by the conventions', async () => {
    using _on = instrument({ tracerProvider, meterProvider: null });
    await using pool = ConnectionPool.fromUrl(`redis://127.0.0.1:${server.port}/3`);
    const tracer = tracerProvider.getTracer('test');
    const parent = tracer.startSpan('caller');
    await context.with(trace.setSpan(context.active(), parent), () =>
      pool.execute('SET', 'k', 'canary-value'),
    );
    parent.end();
    const all = finished();
    const span = all.find(({ name }) => name === 'SET');
    assert.ok(span !== undefined);
    assert.equal(span.kind, SpanKind.CLIENT);
    assert.equal(span.parentSpanContext?.spanId, parent.spanContext().spanId);
    assert.deepEqual(
      { ...span.attributes, 'respool.queue_time': undefined },
      {
        'db.system.name': 'redis',
        'db.operation.name': 'SET',
        'db.namespace': '3',
        'server.address': '127.0.0.1',
        'server.port': server.port,
        'network.peer.address': '127.0.0.1',
        'network.peer.port': server.port,
        'respool.attempts': 1,
        'respool.queue_time': undefined,
      },
    );
    for (const name of Object.keys(span.attributes))
      assert.ok(name.startsWith('respool.') || KNOWN.has(name), name);
    assert.doesNotMatch(JSON.stringify(all.map(({ attributes }) => attributes)), /canary/);
  });

  it('a span of a failed command says what failed', async () => {
    using _on = instrument({ tracerProvider, meterProvider: null });
    await using pool = ConnectionPool.fromUrl(server.url);
    await pool.execute('SET', 'text', 'x');
    await assert.rejects(pool.execute('LPUSH', 'text', 'y'));
    await assert.rejects(pool.executeRequest('BLPOP', ['nothing', 0], { timeout: 20 }));
    const failed = finished().filter(({ status }) => status.code === SpanStatusCode.ERROR);
    assert.deepEqual(
      failed.map(({ name, attributes }) => [
        name,
        attributes['error.type'],
        attributes['db.response.status_code'],
      ]),
      [
        ['LPUSH', 'WRONGTYPE', 'WRONGTYPE'],
        ['BLPOP', 'TimeoutError', undefined],
      ],
    );
  });

  it('a batch and a transaction make one span each', async () => {
    using _on = instrument({ tracerProvider, meterProvider: null });
    await using pool = ConnectionPool.fromUrl(server.url);
    await pool.executeBatch([
      { command: 'GET', args: ['a'] },
      { command: 'GET', args: ['b'] },
    ]);
    await pool.transaction([
      { command: 'SET', args: ['a', '1'] },
      { command: 'GET', args: ['a'] },
    ]);
    assert.deepEqual(
      finished().map(({ name, attributes }) => [name, attributes['db.operation.batch.size']]),
      [
        ['PIPELINE GET', 2],
        ['MULTI', 2],
      ],
    );
  });

  it('spans name the configured server and the one that answered, in a cluster and behind sentinels', async () => {
    using _on = instrument({ tracerProvider, meterProvider: null });
    await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 0 });
    await using pool = ClusterConnectionPool.fromUrl(cluster.url);
    const ports = new Set<unknown>();
    for (let index = 0; index < 20; index++) await pool.execute('SET', `key:${index}`, 'v');
    const all = finished().filter(({ name }) => name === 'SET');
    assert.equal(all.length, 20);
    for (const { attributes } of all) ports.add(attributes['network.peer.port']);
    assert.equal(ports.size, 3);
    assert.equal(new Set(all.map(({ attributes }) => attributes['server.port'])).size, 1);
    await using sentinels = await startSentinel({ replicas: 1, sentinels: 1 });
    await using behind = SentinelConnectionPool.fromUrl(sentinels.url);
    await behind.execute('SET', 'k', 'v');
    assert.equal(finished().find(({ name }) => name === 'SET')?.attributes['db.system.name'], 'redis');
  });

  it('metrics have the names, units and bounds of the conventions', async () => {
    const { exporter, reader, meterProvider } = recordMetrics();
    using _on = instrument({ tracerProvider: null, meterProvider });
    await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 2 });
    await pool.execute('SET', 'k', 'v');
    const lease = await pool.acquire();
    const other = await pool.acquire();
    await assert.rejects(async () => void (await pool.acquire({ timeout: 5 })));
    other.release();
    await reader.forceFlush();
    lease.release();
    await reader.forceFlush();
    const metrics = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    const byName = new Map(metrics.map((metric) => [metric.descriptor.name, metric]));
    const expected = {
      'db.client.operation.duration': 's',
      'db.client.connection.count': '{connection}',
      'db.client.connection.limit': '{connection}',
      'db.client.connection.idle.max': '{connection}',
      'db.client.connection.idle.min': '{connection}',
      'db.client.connection.pending_requests': '{request}',
      'db.client.connection.timeouts': '{timeout}',
      'db.client.connection.create_time': 's',
      'db.client.connection.wait_time': 's',
      'db.client.connection.use_time': 's',
    };
    for (const [name, unit] of Object.entries(expected)) {
      assert.ok(KNOWN.has(name), `${name} is in the conventions`);
      const metric = byName.get(name);
      assert.equal(metric?.descriptor.unit, unit, name);
      for (const point of metric?.dataPoints ?? []) {
        const pooled = name.includes('connection');
        if (pooled)
          assert.equal(point.attributes['db.client.connection.pool.name'], `127.0.0.1:${server.port}`, name);
        for (const attribute of Object.keys(point.attributes)) assert.ok(KNOWN.has(attribute), attribute);
      }
    }
    const duration = byName.get('db.client.operation.duration')?.dataPoints[0]?.value as {
      buckets: { boundaries: number[] };
    };
    assert.deepEqual(duration.buckets.boundaries, [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]);
    const count = metrics.filter(({ descriptor }) => descriptor.name === 'db.client.connection.count')[0];
    assert.deepEqual(
      count?.dataPoints.map(({ attributes, value }) => [attributes['db.client.connection.state'], value]),
      [
        ['idle', 1],
        ['used', 1],
      ],
    );
    await meterProvider.shutdown();
  });

  it('disable() ends the instrumentation, and unknown options are refused', async () => {
    const on = instrument({ tracerProvider, meterProvider: null });
    on.disable();
    // Spans of the test before may have ended after it.
    spans.reset();
    await using pool = ConnectionPool.fromUrl(server.url);
    await pool.execute('PING');
    assert.deepEqual(finished(), []);
    assert.throws(() => instrument({ tracer: null } as never), /tracer/);
  });
});
