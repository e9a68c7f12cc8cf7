// Listeners that end silently, or while a connection redirects to them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BaseConnection, type ConnectionPool, LRUCache } from '../../../src/index.ts';
import { reply } from '../../../src/testkit/index.ts';
import { until } from '../pool/support.ts';
import { cachedPool, cacheWarnings, countingServer } from './support.ts';

/** Resolves once a read was answered from the cache. */
async function served(pool: ConnectionPool<BaseConnection, true>, cache: LRUCache): Promise<void> {
  const { hits } = cache.stats;
  await until(async () => (await pool.execute('GET', 'k')) !== null && cache.stats.hits > hits, 'a hit');
}

test('a listener that ends before it is redirected to is replaced, without a warning', async () => {
  let redirects = 0;
  await using scripted = await countingServer({
    'CLIENT TRACKING': ([, , , , id]) =>
      id === undefined || redirects++ > 0
        ? reply.ok
        : reply.error('ERR The client ID you want redirect to does not exist'),
  });
  const cache = new LRUCache();
  await using pool = cachedPool(scripted, { cache, cacheTracking: { redirect: true } });
  const warnings = await cacheWarnings(async () => {
    await served(pool, cache);
  });
  assert.deepEqual(warnings, []);
  assert.equal(redirects, 2);
  assert.equal(pool.statistics.serviceConnections, 1);
  await until(() => scripted.openConnections.length === 2);
});

test('a listener that ends while it is redirected to guards nothing; its successor does', async () => {
  await using scripted = await countingServer();
  let redirects = 0;
  scripted.script({
    GET: () => reply.bulk('v'),
    'CLIENT TRACKING': async ([, , , , id]) => {
      if (redirects++ > 0) return reply.ok;
      const listener = scripted.connections.find((connection) => String(connection.id) === id);
      listener?.end();
      await listener?.closed;
      return reply.ok;
    },
  });
  const cache = new LRUCache();
  await using pool = cachedPool(scripted, { cache, cacheTracking: { redirect: true } });
  await served(pool, cache);
  assert.equal(redirects, 2);
});

test('option deadPeerTimeout: a silent listener is replaced', async () => {
  for (const cacheTracking of [{ mode: 'bcast' }, { redirect: true }] as const) {
    await using scripted = await countingServer();
    const cache = new LRUCache();
    await using pool = cachedPool(scripted, { cache, cacheTracking, deadPeerTimeout: 150 });
    await served(pool, cache);
    const listener = scripted.connections.find(({ commands }) =>
      commands.every(({ name }) => name !== 'GET'),
    );
    listener?.blackHole();
    await until(async () => {
      await pool.execute('GET', 'k');
      return listener?.open === false && pool.statistics.serviceConnections === 1;
    }, 'another listener');
    await served(pool, cache);
  }
});
