import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool, LRUCache } from '../../../src/index.ts';
import type { TestServer } from '../../../src/testkit/index.ts';
import { useServer } from '../../support/servers.ts';
import { cachedPool } from '../../conformance/cache/support.ts';

const MAX = 16 << 20;

let server: TestServer;
useServer((started) => (server = started));

test('values of 10 B to 1 MiB never hold more than maxBytes', async () => {
  for (const decodeResponses of [true, false]) {
    const cache = new LRUCache({ maxBytes: MAX });
    await using pool = new ConnectionPool({ location: server.location, decodeResponses, cache });
    await using writer = new ConnectionPool({ location: server.location });
    let most = 0;
    for (let round = 0; round < 400; round++) {
      const size = Math.floor(10 * 104_857 ** Math.random());
      await writer.execute('SET', `k:${round}`, Buffer.alloc(size, 97));
      await Promise.all([pool.execute('GET', `k:${round}`), pool.execute('GET', `k:${round >> 1}`)]);
      most = Math.max(most, cache.stats.bytes);
      assert.ok(cache.stats.bytes <= MAX * 1.05);
    }
    assert.ok(most > MAX / 2, 'it was filled');
    assert.ok(cache.stats.evictions > 0);
    await writer.execute('FLUSHALL');
  }
});

test('many short-lived keys leave no list of themselves', async () => {
  const cache = new LRUCache({ maxKeys: 100 });
  await using pool = cachedPool(server, { cache });
  for (let round = 0; round < 80; round++) {
    await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => pool.execute('GET', `many:${round}:${index}`)),
    );
    assert.equal(cache.size, 100);
  }
  assert.equal(await pool.execute('GET', 'many:79:999'), null);
  pool.disconnect();
  assert.equal(cache.size, 0);
});

test('option cacheable: excluded reads go to the server and are counted', async () => {
  const cache = new LRUCache();
  const asked: string[] = [];
  await using pool = new ConnectionPool({
    location: server.location,
    decodeResponses: true,
    cache,
    cacheable: (command, key) => {
      asked.push(`${command} ${String(key)}`);
      return String(key).startsWith('page:');
    },
  });
  for (const key of ['page:1', 'counter']) await pool.execute('SET', key, key);
  for (let n = 0; n < 3; n++) {
    assert.equal(await pool.execute('GET', 'page:1'), 'page:1');
    assert.equal(await pool.execute('GET', 'counter'), 'counter');
  }
  const { hits, misses, bypassed } = cache.stats;
  assert.deepEqual({ hits, misses, bypassed }, { hits: 2, misses: 1, bypassed: 3 });
  await pool.executeRequest('GET', ['page:1'], { cache: false });
  assert.equal(cache.stats.summary.bypassed, 4);
  assert.ok(asked.includes('GET counter'));
});

test('MGET reads cached keys from memory and asks only for the rest', async () => {
  const cache = new LRUCache();
  await using pool = cachedPool(server, { cache });
  await pool.execute('MSET', 'm:1', 'a', 'm:2', 'b');
  await pool.execute('RPUSH', 'm:list', 'x');
  assert.equal(await pool.execute('GET', 'm:1'), 'a');
  const keys = ['m:1', 'm:2', 'm:none', 'm:list', 'm:1'];
  assert.deepEqual(await pool.execute('MGET', ...keys), ['a', 'b', null, null, 'a']);
  const before = await server.command('INFO', 'commandstats');
  assert.deepEqual(await pool.execute('MGET', 'm:1', 'm:2', 'm:none'), ['a', 'b', null]);
  const gets = /cmdstat_m?get:calls=(\d+)/g;
  assert.deepEqual(
    String(await server.command('INFO', 'commandstats')).match(gets),
    String(before).match(gets),
  );
  // Invalidated like any other entry.
  await pool.execute('SET', 'm:2', 'c');
  assert.deepEqual(await pool.execute('MGET', 'm:1', 'm:2'), ['a', 'c']);
  const uncached = await pool.executeRequest('MGET', ['m:1', 'm:2'], { cache: false });
  assert.deepEqual(uncached, ['a', 'c']);
});
