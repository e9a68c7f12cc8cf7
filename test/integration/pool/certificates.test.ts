import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  ClusterConnectionPool,
  ConnectionError,
  ConnectionPool,
  type RedisError,
  Sentinel,
  TimeoutError,
} from '../../../src/index.ts';
import { startServer } from '../../../src/testkit/index.ts';

const server = await startServer({ tls: true });
after(() => server.stop());

/** Longer than any test may take. */
const timeout = 600_000;
const fails = (call: Promise<unknown>): Promise<void> =>
  assert.rejects(call, (error: RedisError) => {
    assert.ok(!(error instanceof TimeoutError), String(error));
    assert.match(error.message, /certificate/);
    return true;
  });

test('a certificate that is refused fails a call at once, whatever its time limit', async () => {
  for (const sslContext of [
    {},
    { ca: server.tls?.otherCa },
    { ca: server.tls?.ca, servername: 'elsewhere.test' },
  ]) {
    await using pool = new ConnectionPool({ location: server.location, sslContext, acquireTimeout: timeout });
    const call = pool.executeRequest('PING', [], { timeout });
    await assert.rejects(call, (error: ConnectionError) => error.constructor === ConnectionError);
  }
  await using pool = new ConnectionPool({
    location: server.location,
    sslContext: {},
    acquireTimeout: timeout,
  });
  await assert.rejects(pool.executeRequest('BLPOP', ['q', 0], { timeout }), ConnectionError);
  await assert.rejects(pool.executePubsub('SUBSCRIBE', 'news'), ConnectionError);
});

test('clusters and sentinels whose certificates are refused fail a call at once', async () => {
  const sslContext = { ca: server.tls?.otherCa };
  await using cluster = new ClusterConnectionPool({ startupNodes: [server.location], sslContext });
  await fails(cluster.executeRequest('GET', ['a'], { timeout }));
  await using sentinel = new Sentinel({ sentinels: [server.location], sslContext });
  await using pool = sentinel.primaryFor('m');
  await fails(pool.executeRequest('GET', ['a'], { timeout }));
});
