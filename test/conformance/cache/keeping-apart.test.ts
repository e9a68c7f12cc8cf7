// One cache for several pools: each gets the replies that it would get from the server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool, LRUCache, type TextEncoding } from '../../../src/index.ts';
import { startServer } from '../../../src/testkit/index.ts';

interface Reading {
  decodeResponses?: boolean | 'lenient';
  encoding?: TextEncoding;
  resp2Replies?: boolean;
}

test('pools share a cache: replies of other shapes, encodings and decodings stay apart', async () => {
  await using server = await startServer();
  const readings: Reading[] = [
    {},
    { resp2Replies: true },
    { encoding: 'latin1' },
    { encoding: 'latin1', decodeResponses: true },
    { decodeResponses: true, resp2Replies: true },
    { decodeResponses: 'lenient' },
    { decodeResponses: 'lenient', encoding: 'ascii' },
  ];
  await server.command('HSET', 'hash', 'f\u00e9', 'v\u00e9');
  await server.command('ZADD', 'ranked', '1.5', 'one');
  const cache = new LRUCache();
  const make = (reading: Reading, shared: LRUCache | null) =>
    ConnectionPool.fromUrl(server.url, { ...reading, cache: shared });
  const ask = (pool: ReturnType<typeof make>): Promise<unknown[]> =>
    Promise.all([
      pool.execute('HGETALL', 'hash'),
      pool.execute('ZRANGE', 'ranked', 0, -1, 'WITHSCORES'),
      pool.execute('SMEMBERS', 'none'),
    ]);
  const wanted: unknown[] = [];
  for (const reading of readings) {
    await using uncached = make(reading, null);
    wanted.push(await ask(uncached));
  }
  const pools = readings.map((reading) => make(reading, cache));
  for (let round = 0; round < 3; round++) {
    for (const [index, pool] of pools.entries())
      assert.deepEqual(await ask(pool), wanted[index], JSON.stringify(readings[index]));
  }
  assert.equal(cache.stats.hits, 2 * pools.length * 3, 'the later rounds were hits');
  await Promise.all(pools.map((pool) => pool.close()));
});
