import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConnectionPool, LRUCache } from '../../../src/index.ts';
import { startServer, type TestServer } from '../../../src/testkit/index.ts';

const MAX = 16 << 20;

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

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

test('many keys that come and go leave no list of themselves', async () => {
  const cache = new LRUCache({ maxKeys: 100 });
  await using pool = new ConnectionPool({ location: server.location, decodeResponses: true, cache });
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
