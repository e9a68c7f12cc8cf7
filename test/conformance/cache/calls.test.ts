// The calls that a cache answers, and their values.
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import {
  AbstractCache,
  type CacheStatistics,
  ConnectionPool,
  LRUCache,
  type RedisValue,
  type Reply,
  ReplyMap,
  ReplySet,
} from '../../../src/index.ts';
import { reply, type TestServer } from '../../../src/testkit/index.ts';
import { failure, sleep, until } from '../pool/support.ts';
import {
  cachedPool,
  cacheWarnings,
  countingServer,
  invalidation,
  SpiedCache,
  useServerAndWriter,
} from './support.ts';

let server: TestServer;
let writer: ConnectionPool;
useServerAndWriter((...started) => ([server, writer] = started));

test('cacheable reads of every type are served from memory until a write invalidates them', async () => {
  const cache = new LRUCache();
  await using pool = cachedPool(server, { cache });
  await writer.execute('FLUSHALL');
  await writer.execute('SET', 's', 'text');
  await writer.execute('HSET', 'h', 'f', '1', 'g', '2');
  await writer.execute('RPUSH', 'l', 'a', 'b', 'c');
  await writer.execute('SADD', 'set', 'x');
  await writer.execute('ZADD', 'z', 1.5, 'm');
  const reads: [string, RedisValue[], Reply][] = [
    ['GET', ['s'], 'text'],
    ['GET', ['none'], null],
    ['STRLEN', ['none'], 0],
    ['GETRANGE', ['none', 0, 1], ''],
    ['HGET', ['h', 'f'], '1'],
    [
      'HGETALL',
      ['h'],
      new ReplyMap([
        ['f', '1'],
        ['g', '2'],
      ]),
    ],
    ['LRANGE', ['l', 0, -1], ['a', 'b', 'c']],
    ['LRANGE', ['l', 0, 0], ['a']],
    ['SMEMBERS', ['set'], new ReplySet(['x'])],
    ['ZSCORE', ['z', 'm'], 1.5],
    ['EXISTS', ['s'], 1],
  ];
  for (const round of [1, 2, 3]) {
    for (const [command, args, expected] of reads) {
      assert.deepEqual(await pool.execute(command, ...args), expected, `${command}, round ${round}`);
    }
  }
  assert.equal(cache.stats.hits, reads.length * 2, 'falsy values are hits too');
  assert.equal(cache.stats.misses, reads.length);
  await writer.execute('DEL', 's', 'h', 'l', 'set', 'z');
  await until(async () => (await pool.execute('GET', 's')) === null);
  assert.deepEqual(await pool.execute('LRANGE', 'l', 0, -1), []);
});

test('a command that is not a pure read of one key always asks the server', async () => {
  const cache = new LRUCache();
  await using pool = cachedPool(server, { cache });
  await writer.execute('SET', 'k', 'v', 'EX', 100);
  for (const [command, ...args] of [
    ['TTL', 'k'],
    ['EXISTS', 'k', 'k'],
    ['RANDOMKEY'],
    ['OBJECT', 'ENCODING', 'k'],
    ['GET k'],
  ] as [string, ...string[]][]) {
    await pool.execute(command, ...args);
    await pool.execute(command, ...args);
  }
  assert.equal(cache.stats.hits + cache.stats.misses, 0);
  assert.equal(cache.size, 0);
});

test('option cache of a call: false asks the server and keeps nothing; writes still invalidate', async () => {
  await using scripted = await countingServer();
  const cache = new SpiedCache();
  await using pool = cachedPool(scripted, { cache });
  assert.equal(await pool.executeRequest('GET', ['k'], { cache: false }), 'v1');
  assert.equal(await pool.with({ cache: false }).execute('GET', 'k'), 'v2');
  assert.deepEqual(cache.puts, []);
  assert.equal(await pool.executeRequest('GET', ['k']), 'v3');
  assert.equal(await pool.executeRequest('GET', ['k'], { timeout: 500 }), 'v3');
  assert.equal(await pool.executeRequest('GET', ['k'], { cache: false }), 'v4');
  assert.deepEqual(await pool.executeBatch([{ command: 'GET', args: ['k'] }]), ['v5'], 'batches ask');
  assert.deepEqual(await pool.executeRequest('GET', ['k'], { decode: false }), Buffer.from('v6'));
  assert.equal(await pool.executeRequest('GET', ['k'], { encoding: 'latin1' }), 'v7');
  await pool.executeRequest('SET', ['k', 'x'], { cache: false });
  assert.equal(await pool.executeRequest('GET', ['k'], { timeout: 500 }), 'v8', 'kept with a limit as well');
  assert.equal(await pool.execute('GET', 'k'), 'v8');
});

test('a signal that has fired already rejects a call that would be a hit', async () => {
  await using pool = new ConnectionPool({ location: server.location, cache: new LRUCache() });
  await pool.execute('GET', 'k');
  const signal = AbortSignal.abort(new Error('gone'));
  assert.equal((await failure(pool.executeRequest('GET', ['k'], { signal }))).message, 'gone');
});

test('invalidations drop binary keys and keys in latin1', async () => {
  const bytes = Buffer.from([0xff, 0x00, 0xfe]);
  const cache = new LRUCache();
  const latinCache = new LRUCache();
  await using raw = new ConnectionPool({ location: server.location, cache });
  await using latin = new ConnectionPool({
    location: server.location,
    decodeResponses: true,
    encoding: 'latin1',
    cache: latinCache,
  });
  for (const round of ['1', '2', '3']) {
    await writer.execute('SET', bytes, round);
    await writer.execute('SET', Buffer.from('é', 'latin1'), round);
    await until(async () => (await raw.execute('GET', bytes))?.toString() === round);
    await until(async () => (await latin.execute('GET', 'é')) === round);
    assert.equal((await raw.execute('GET', bytes))?.toString(), round);
    assert.equal(await latin.execute('GET', 'é'), round);
    assert.deepEqual([cache.size, latinCache.size], [1, 1], 'both are kept until the next write');
  }
  assert.ok(cache.stats.hits >= 3 && latinCache.stats.hits >= 3);
});

test('maps and sets from the cache find text by its bytes in the encoding', async () => {
  const latin1 = Buffer.from([0xe9]);
  await writer.execute('DEL', 'eh', 'es');
  await writer.execute('HSET', 'eh', latin1, 'v');
  await writer.execute('SADD', 'es', latin1);
  for (const decodeResponses of [true, false]) {
    const cache = new LRUCache();
    await using pool = new ConnectionPool({
      location: server.location,
      decodeResponses,
      encoding: 'latin1',
      cache,
    });
    for (let round = 0; round < 2; round++) {
      const map = await pool.execute<ReplyMap>('HGETALL', 'eh');
      const set = await pool.execute<ReplySet>('SMEMBERS', 'es');
      for (const name of ['é', latin1]) assert.deepEqual([map.has(name), set.has(name)], [true, true]);
      for (const name of ['Ã©', Buffer.from('é')])
        assert.deepEqual([map.has(name), set.has(name)], [false, false]);
    }
    assert.equal(cache.stats.hits, 2);
  }
});

test('pools share a cache: each has its own decoding, and the writes of one invalidate for the other', async () => {
  const cache = new LRUCache();
  await writer.execute('SET', 'k', 'v');
  await using text = cachedPool(server, { cache });
  await using bytes = new ConnectionPool({ location: server.location, cache });
  await using elsewhere = new ConnectionPool({
    location: server.location,
    db: 1,
    decodeResponses: true,
    cache,
  });
  for (let round = 0; round < 2; round++) {
    assert.equal(await text.execute('GET', 'k'), 'v');
    assert.deepEqual(await bytes.execute('GET', 'k'), Buffer.from('v'));
    assert.equal(await elsewhere.execute('GET', 'k'), null);
  }
  assert.equal(cache.stats.hits, 3);
  await text.execute('SET', 'k', 'w');
  assert.deepEqual(await bytes.execute('GET', 'k'), Buffer.from('w'));
  await text.close();
  assert.deepEqual(await bytes.execute('GET', 'k'), Buffer.from('w'));
});

test('a caller that changes its argument bytes after the call changes neither the call nor the cache', async () => {
  await writer.execute('HSET', 'h2', 'field', 'v');
  await using pool = cachedPool(server);
  const key = Buffer.from('h2');
  const field = Buffer.from('field');
  const read = pool.execute('HGET', key, field);
  key.fill(0);
  field.fill(0);
  assert.equal(await read, 'v');
  assert.equal(await pool.execute('HGET', Buffer.from('h2'), Buffer.from('field')), 'v');
  assert.equal(await pool.execute('HGET', key, field), null);
});

test('confidence 0 asks the server, returns its value and reports it to the cache (A-56)', async () => {
  await using scripted = await countingServer({ GET: () => reply.bulk('right') });
  const cache = new SpiedCache({ confidence: 0 });
  await using pool = cachedPool(scripted, { cache });
  assert.equal(await pool.execute('GET', 'k'), 'right');
  cache.put('GET', 'k', [], 'poison');
  assert.equal(await pool.execute('GET', 'k'), 'right');
  assert.equal(await pool.execute('GET', 'k'), 'right');
  assert.deepEqual(cache.verdicts, [false, true]);
  assert.equal(cache.stats.dirtyHits, 1);
  assert.equal(scripted.gets(), 3);
});

test('option confidence sets the share of hits that are served unchecked', async () => {
  await using scripted = await countingServer({ GET: () => reply.bulk('v') });
  const cache = new SpiedCache({ confidence: 50 });
  await using pool = cachedPool(scripted, { cache });
  for (let round = 0; round < 1_000; round++) await pool.execute('GET', 'k');
  assert.ok(scripted.gets() > 350 && scripted.gets() < 650, `${scripted.gets()} of 1,000 were checked`);
  assert.ok(cache.verdicts.every((match) => match));
});

test('option dynamicConfidence lets checked hits move it', async () => {
  await using scripted = await countingServer({ GET: () => reply.bulk('v') });
  const cache = new LRUCache({ confidence: 1e-6, dynamicConfidence: true });
  await using pool = cachedPool(scripted, { cache });
  const half = new LRUCache({ confidence: 50, dynamicConfidence: true });
  half.feedback('GET', 'k', [], true);
  assert.ok(half.confidence > 50);
  half.feedback('GET', 'k', [], false);
  half.feedback('GET', 'k', [], false);
  assert.ok(half.confidence < 50);
  await pool.execute('GET', 'k');
  assert.equal(cache.confidence, 1e-6);
  await pool.execute('GET', 'k');
  assert.ok(cache.confidence > 1e-6, 'the checked hit moved it');
});

test('option maxKeys bounds what a pool keeps', async () => {
  const cache = new LRUCache({ maxKeys: 3 });
  await using pool = cachedPool(server, { cache });
  for (let key = 0; key < 10; key++) await pool.execute('GET', `key:${key}`);
  assert.equal(cache.size, 3);
  assert.equal(cache.stats.evictions, 7);
});

test('option maxBytes bounds what a pool keeps', async () => {
  const cache = new LRUCache({ maxBytes: 5_000 });
  await using pool = cachedPool(server, { cache });
  await writer.execute('SET', 'large', 'x'.repeat(6_000));
  await pool.execute('GET', 'large');
  assert.equal(cache.size, 0);
  for (let key = 0; key < 10; key++) {
    await writer.execute('SET', `key:${key}`, 'x'.repeat(1_000));
    await pool.execute('GET', `key:${key}`);
  }
  assert.equal(cache.size, 4);
  assert.ok(cache.stats.bytes <= 5_000);
});

test('option maxAge bounds the life of what a pool keeps', async () => {
  await using scripted = await countingServer();
  const cache = new LRUCache({ maxAge: 50 });
  await using pool = cachedPool(scripted, { cache });
  assert.equal(await pool.execute('GET', 'k'), 'v1');
  assert.equal(await pool.execute('GET', 'k'), 'v1');
  await sleep(60);
  assert.equal(await pool.execute('GET', 'k'), 'v2');
});

test('an unhealthy cache is neither read nor written', async () => {
  class Moody extends SpiedCache {
    well = true;
    override get healthy(): boolean {
      return this.well;
    }
  }
  await using scripted = await countingServer();
  const cache = new Moody();
  await using pool = cachedPool(scripted, { cache });
  assert.equal(await pool.execute('GET', 'k'), 'v1');
  cache.well = false;
  assert.equal(await pool.execute('GET', 'k'), 'v2');
  assert.equal(await pool.execute('GET', 'j'), 'v3');
  assert.deepEqual(cache.puts, ['GET k']);
  scripted.connections[0]?.send(invalidation('k'));
  await until(() => cache.dropped.includes('k'));
  cache.well = true;
  assert.equal(await pool.execute('GET', 'k'), 'v4');
});

/** Written from the contract alone. */
class TinyCache extends AbstractCache {
  readonly held = new Map<string, Map<string, Reply>>();
  confidence = 100;
  healthy = true;
  broken = false;
  hits = 0;
  get(command: string, key: string | Uint8Array, ...args: RedisValue[]): Reply | undefined {
    if (this.broken) throw new Error('broken');
    const value = this.held.get(String(key))?.get([command, ...args].join('\0'));
    if (value !== undefined) this.hits++;
    return value;
  }
  put(command: string, key: string | Uint8Array, args: readonly RedisValue[], value: Reply): void {
    const entries = this.held.get(String(key)) ?? new Map<string, Reply>();
    this.held.set(String(key), entries.set([command, ...args].join('\0'), value));
  }
  invalidate(...keys: (string | Uint8Array)[]): void {
    if (this.broken) throw new Error('broken');
    for (const key of keys) this.held.delete(String(key));
  }
  reset(): void {
    this.held.clear();
  }
  feedback(): void {}
  get stats(): CacheStatistics {
    const numbers = { hits: this.hits, misses: 0, invalidations: 0, evictions: 0, bytes: 0 };
    return { ...numbers, summary: numbers };
  }
}

test("a cache class of the user's own serves hits and hears of invalidations", async () => {
  const cache = new TinyCache();
  await using pool = cachedPool(server, { cache });
  await writer.execute('SET', 'k', '1');
  for (let round = 0; round < 3; round++) assert.equal(await pool.execute('GET', 'k'), '1');
  assert.equal(cache.hits, 2);
  assert.deepEqual([...(cache.held.get('k')?.keys() ?? [])], ['GET']);
  await writer.execute('SET', 'k', '2');
  await until(async () => (await pool.execute('GET', 'k')) === '2');
});

test('a cache that throws is used no more, and its connection survives', async () => {
  const cache = new TinyCache();
  await using scripted = await countingServer();
  await using pool = cachedPool(scripted, { cache });
  const warnings = await cacheWarnings(async () => {
    assert.equal(await pool.execute('GET', 'k'), 'v1');
    cache.broken = true;
    scripted.connections[0]?.send(invalidation('k'));
    await until(async () => (await pool.execute('GET', 'k').catch(() => '')) === 'v2');
    assert.equal(await pool.execute('GET', 'k'), 'v3');
  });
  assert.equal(scripted.connections.length, 1);
  assert.equal(warnings.length, 1);
});

test('a cache whose get throws costs no caller its answer', async () => {
  const cache = new TinyCache();
  cache.broken = true;
  await using pool = cachedPool(server, { cache });
  const warnings = await cacheWarnings(async () => {
    await writer.execute('SET', 'k', '1');
    assert.equal(await pool.execute('GET', 'k'), '1');
    assert.equal(await pool.execute('GET', 'k'), '1');
  });
  assert.equal(warnings.length, 1);
});

test('cache events are published on a diagnostics channel', async () => {
  const events: { kind: string; keys: number; address: string }[] = [];
  const listen = (event: unknown): void => void events.push(event as (typeof events)[number]);
  subscribe('respool:cache:event', listen);
  try {
    await using scripted = await countingServer();
    const cache = new LRUCache();
    const pool = cachedPool(scripted, { cache });
    await pool.execute('GET', 'k');
    scripted.connections[0]?.send(invalidation('k', 'j'));
    await until(() => events.length === 2);
    await pool.close();
    assert.deepEqual(
      events.map(({ kind, keys }) => [kind, keys]),
      [
        ['on', 0],
        ['invalidation', 2],
        ['off', 0],
      ],
    );
    assert.equal(events[0]?.address, `127.0.0.1:${scripted.port}`);
    assert.deepEqual(Object.keys(cache.stats.summary), [
      'hits',
      'misses',
      'dirtyHits',
      'invalidations',
      'evictions',
      'bypassed',
      'bytes',
    ]);
  } finally {
    unsubscribe('respool:cache:event', listen);
  }
});
