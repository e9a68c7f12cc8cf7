// A pool gets invalidations in every mode, and keeps its cache off where it cannot.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type CacheTracking,
  ConnectionPool,
  LRUCache,
  type RedisError,
  ResponseError,
} from '../../../src/index.ts';
import { reply, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { sleep, until } from '../pool/support.ts';
import {
  cachedPool,
  cacheWarnings,
  countingServer,
  invalidation,
  warningOfUncached,
  useServerAndWriter,
} from './support.ts';

let server: TestServer;
let writer: ConnectionPool;
useServerAndWriter((...started) => ([server, writer] = started));

const WAYS: [string, CacheTracking, number][] = [
  ['default', {}, 0],
  ['optin', { mode: 'optin' }, 0],
  ['optout', { mode: 'optout' }, 0],
  ['bcast', { mode: 'bcast' }, 1],
  ['bcast with prefixes', { mode: 'bcast', prefixes: ['user:', 'item:'] }, 1],
  ['redirect', { redirect: true }, 1],
  ['optin and redirect', { mode: 'optin', redirect: true }, 1],
  ['optout and redirect', { mode: 'optout', redirect: true }, 1],
];

for (const [name, cacheTracking, listeners] of WAYS) {
  test(`option cacheTracking: ${name} keeps the cache true`, async () => {
    const cache = new LRUCache();
    await using pool = cachedPool(server, { cache, cacheTracking, maxConnections: 1 });
    await writer.execute('FLUSHALL');
    for (const round of ['1', '2', '3']) {
      await writer.execute('SET', 'user:1', round);
      await until(async () => (await pool.execute('GET', 'user:1')) === round);
      const { hits } = cache.stats;
      await until(async () => (await pool.execute('GET', 'user:1')) === round && cache.stats.hits > hits + 2);
    }
    assert.equal(pool.statistics.serviceConnections, listeners);
    assert.equal(pool.statistics.activeConnections, 1, 'listeners are outside maxConnections (A-59)');
    await writer.execute('FLUSHALL');
    await until(async () => (await pool.execute('GET', 'user:1')) === null);
    await pool.close();
    assert.equal(cache.size, 0, 'nothing outlives the connections');
    assert.equal(pool.statistics.serviceConnections, 0);
  });
}

test('option cacheTracking: with prefixes other keys are not cached', async () => {
  const cache = new LRUCache();
  const cacheTracking = { mode: 'bcast', prefixes: ['user:'] } as const;
  await using pool = cachedPool(server, { cache, cacheTracking });
  await pool.execute('GET', 'other:1');
  await pool.execute('GET', Buffer.from('user:1'));
  await pool.execute('GET', 'user:2');
  assert.equal(cache.size, 2);
});

test('option cacheTracking: optin makes the server remember only the keys of cached calls', async () => {
  await using pool = cachedPool(server, { cacheTracking: { mode: 'optin' } });
  const tracked = async (): Promise<number> =>
    Number(/tracking_total_keys:(\d+)/.exec(String(await server.command('INFO', 'stats')))?.[1]);
  await writer.execute('FLUSHALL');
  await sleep(20);
  for (let key = 0; key < 10; key++) await pool.executeRequest('GET', [`a:${key}`], { cache: false });
  assert.equal(await tracked(), 0);
  for (let key = 0; key < 10; key++) await pool.execute('GET', `a:${key}`);
  assert.equal(await tracked(), 10);
});

test('option cacheTracking: optout keeps the server from remembering keys that uncached calls read', async () => {
  await using pool = cachedPool(server, {
    cacheable: (_command, key) => !String(key).startsWith('b:'),
    cacheTracking: { mode: 'optout' },
  });
  const tracked = async (): Promise<number> =>
    Number(/tracking_total_keys:(\d+)/.exec(String(await server.command('INFO', 'stats')))?.[1]);
  await writer.execute('FLUSHALL');
  await until(async () => (await tracked()) === 0);
  for (let key = 0; key < 10; key++) {
    await pool.executeRequest('GET', [`a:${key}`], { cache: false });
    await pool.execute('GET', `b:${key}`);
  }
  assert.equal(await tracked(), 0);
  for (let key = 0; key < 10; key++) await pool.execute('GET', `a:${key}`);
  assert.equal(await tracked(), 10);
});

test('option cacheTracking refuses nonsense', () => {
  const { location } = server;
  const make = (cacheTracking: unknown): ConnectionPool =>
    new ConnectionPool({ location, cache: new LRUCache(), cacheTracking: cacheTracking as CacheTracking });
  for (const wrong of [
    1,
    { mode: 'noloop' },
    { prefixes: ['a'] },
    { mode: 'bcast', prefixes: [''] },
    { more: 1 },
  ]) {
    assert.throws(() => make(wrong), { name: 'TypeError', message: /cacheTracking/ });
  }
});

test('a lost listener invalidates what it guarded, and another listener takes its place', async () => {
  for (const cacheTracking of [{ mode: 'bcast' }, { redirect: true }] as const) {
    const cache = new LRUCache();
    await using pool = cachedPool(server, { cache, cacheTracking });
    await pool.execute('SET', 'k', '1');
    await until(async () => (await pool.execute('GET', 'k')) === '1' && cache.stats.hits > 0);
    await pool.use(async (connection) => {
      // Find the listener among all clients of the server.
      const list = String(await server.command('CLIENT', 'LIST')).split('\n');
      const listener =
        list.find((line) =>
          cacheTracking.redirect === true
            ? line.includes(`id=${connection.trackingClientId} `)
            : /flags=[^ ]*t/.test(line) && line.includes('lib-name=respool'),
        ) ?? list.find((line) => /flags=[^ ]*t/.test(line) && !line.includes(`id=${connection.clientId} `));
      assert.equal(
        await server.command('CLIENT', 'KILL', 'ID', String(/id=(\d+)/.exec(listener ?? '')?.[1])),
        1,
      );
    });
    await until(() => pool.statistics.serviceConnections === 0 || cache.size === 0);
    await writer.execute('SET', 'k', '2');
    assert.equal(await pool.execute('GET', 'k'), '2');
    await until(() => pool.statistics.serviceConnections === 1, 'a new listener');
    const { hits } = cache.stats;
    await until(async () => (await pool.execute('GET', 'k')) === '2' && cache.stats.hits > hits);
    await writer.execute('SET', 'k', '3');
    await until(async () => (await pool.execute('GET', 'k')) === '3');
  }
});

test('a RESP2 server keeps the cache off, with one warning', async () => {
  await using scripted = await countingServer({ HELLO: reply.error("ERR unknown command 'HELLO'") });
  assert.match(await warningOfUncached(scripted), /RESP2/);
});

test('a server that forbids tracking keeps the cache off, with one warning', async () => {
  const refusal = reply.error("NOPERM this user has no permissions to run the 'client|tracking' command");
  for (const cacheTracking of [{}, { mode: 'bcast' }] as const) {
    await using scripted = await countingServer({ 'CLIENT TRACKING': refusal });
    assert.match(await warningOfUncached(scripted, cacheTracking), /NOPERM/);
  }
});

for (const [name, cacheTracking] of WAYS) {
  test(`a connection made while a script blocks the server is tracked once the script is over: ${name}`, async () => {
    await using busy = await startServer();
    await busy.command('CONFIG', 'SET', 'lua-time-limit', 20);
    await using other = new ConnectionPool({ location: busy.location });
    await other.execute('SET', 'user:1', '1');
    const script = other.execute('EVAL', 'while true do end', 0);
    const cache = new LRUCache();
    await using pool = cachedPool(busy, { cache, cacheTracking, maxConnections: 1 });
    const warnings = await cacheWarnings(async () => {
      await until(() =>
        pool.execute('GET', 'user:1').then(Boolean, (error: RedisError) => error.code === 'BUSY'),
      );
      await sleep(100);
      await busy.command('SCRIPT', 'KILL');
      await assert.rejects(script, ResponseError);
      await until(async () => (await pool.execute('GET', 'user:1')) === '1' && cache.stats.hits > 2);
    });
    assert.deepEqual(warnings, []);
    await other.execute('SET', 'user:1', '2');
    await until(async () => (await pool.execute('GET', 'user:1')) === '2');
    assert.equal(pool.statistics.activeConnections, 1);
  });
}

test('a lease on a connection that still asks for tracking is not disturbed', async () => {
  let refusals = 0;
  await using scripted = await countingServer({
    'CLIENT TRACKING': () =>
      ++refusals > 3 ? reply.ok : reply.error('BUSY Redis is busy running a script.'),
  });
  const cache = new LRUCache();
  await using pool = cachedPool(scripted, { cache, maxConnections: 1 });
  await pool.use(async (connection) => {
    await connection.createRequest('MULTI');
    await sleep(300);
    assert.equal(refusals, 1, 'nothing is asked inside the transaction');
    await connection.createRequest('DISCARD');
  });
  await until(async () => (await pool.execute('GET', 'k')) !== null && cache.stats.hits > 0);
  assert.equal(refusals, 4);
  assert.equal(scripted.connections.length, 1, 'on the same connection');
});

test('a noreply pool has no cache', async () => {
  const cache = new LRUCache();
  await using pool = new ConnectionPool({ location: server.location, noreply: true, cache });
  assert.equal(await pool.execute('GET', 'k'), null);
  assert.equal(await pool.execute('GET', 'k'), null);
  assert.equal(cache.size, 0);
});

test('invalidations are never messages of a lease, and leave its connection reusable', async () => {
  const cache = new LRUCache();
  await using pool = cachedPool(server, { cache });
  await writer.execute('SET', 'k', '1');
  await pool.execute('GET', 'k');
  await pool.use(async (connection) => {
    assert.equal(connection.reusable, true);
    assert.equal(connection.trackingClientId, connection.clientId);
    await connection.createRequest('GET', ['j']);
    await writer.execute('SET', 'k', '2');
    await writer.execute('SET', 'j', '2');
    await until(() => cache.size === 0);
    await connection.createRequest('PING');
    assert.equal(connection.reusable, true);
  });
  assert.equal(await pool.execute('GET', 'k'), '2');
  assert.equal(pool.statistics.activeConnections, 1);
});

test('writes in a transaction of a lease are invalidated by the server', async () => {
  const cache = new LRUCache();
  await using pool = cachedPool(server, { cache });
  await pool.execute('SET', 'k', 'before');
  await pool.execute('GET', 'k');
  assert.equal(cache.size, 1);
  await pool.use(async (connection) => {
    await connection.createRequest('MULTI');
    await connection.createRequest('SET', ['k', 'after']);
    await connection.createRequest('EXEC');
  });
  await until(async () => (await pool.execute('GET', 'k')) === 'after');
});

test('a lease that switches tracking off, or resets, invalidates the entries of its connection', async () => {
  for (const [command, ...args] of [['CLIENT TRACKING', 'OFF'], ['RESET'], ['HELLO', '3']] as [
    string,
    ...string[],
  ][]) {
    const cache = new LRUCache();
    await using pool = cachedPool(server, { cache, maxConnections: 1 });
    await writer.execute('SET', 'k', '1');
    await pool.execute('GET', 'k');
    assert.equal(cache.size, 1);
    await pool.use(async (connection) => {
      const request = connection.createRequest(command, args);
      assert.equal(cache.size, 0, 'gone as soon as the command is queued');
      await request;
    });
    await writer.execute('SET', 'k', '2');
    assert.equal(await pool.execute('GET', 'k'), '2');
    const { hits } = cache.stats;
    assert.equal(await pool.execute('GET', 'k'), '2');
    assert.equal(cache.stats.hits, hits + 1, 'another connection is tracked again');
  }
});

test('a PING of the cache never gets into a transaction of a lease', async () => {
  await using pool = cachedPool(server);
  await pool.execute('GET', 'k');
  await pool.use(async (connection) => {
    await connection.createRequest('MULTI');
    for (let round = 0; round < 40; round++) {
      await pool.execute('GET', 'k');
      await sleep(25);
    }
    await connection.createRequest('INCR', ['n']);
    assert.equal((await connection.createRequest<number[]>('EXEC')).length, 1);
  });
});

test('a throttled pool still receives invalidations', async () => {
  await using scripted = await countingServer();
  const { CapacityLimiter } = await import('../../../src/index.ts');
  const processingBudget = new CapacityLimiter(1);
  await processingBudget.acquire();
  const cache = new LRUCache();
  await using pool = cachedPool(scripted, { cache, processingBudget });
  assert.equal(await pool.execute('GET', 'k'), 'v1');
  scripted.connections[0]?.send(invalidation('k'));
  await until(() => cache.size === 0);
  assert.equal(await pool.execute('GET', 'k'), 'v2');
});
