// The server, this process and the network change a key between a read and its reply.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LRUCache, ResponseError } from '../../../src/index.ts';
import { reply, type ScriptedConnection } from '../../../src/testkit/index.ts';
import { answerLater, failure, sleep, until } from '../pool/support.ts';
import { cachedPool, countingServer, flushed, invalidation, SpiedCache } from './support.ts';
import { atMost } from '../../support/pace.ts';

test('option cache answers a repeated read from memory, and asks again after an invalidation', async () => {
  await using server = await countingServer();
  await using pool = cachedPool(server);
  for (let round = 0; round < 5; round++) assert.equal(await pool.execute('GET', 'k'), 'v1');
  assert.equal(server.gets(), 1);
  server.connections[0]?.send(invalidation('k'));
  await until(async () => (await pool.execute('GET', 'k')) === 'v2');
  assert.equal(server.gets(), 2);
  assert.deepEqual(
    server.commands.filter(({ args }) => args[1] === 'TRACKING').map(({ args }) => args),
    [['CLIENT', 'TRACKING', 'ON']],
  );
});

test('a key that is invalidated between request and reply is answered and not kept', async () => {
  let rounds = 0;
  await using server = await countingServer({
    GET: (_command, connection: ScriptedConnection) => {
      rounds++;
      // In one write: the push is read right before the reply.
      connection.send(invalidation('k') + reply.bulk(`old${rounds}`));
      return '';
    },
  });
  const cache = new SpiedCache();
  await using pool = cachedPool(server, { cache });
  for (let round = 1; round <= 200; round++) assert.equal(await pool.execute('GET', 'k'), `old${round}`);
  assert.equal(cache.size, 0);
  assert.deepEqual(cache.puts, []);
});

test('an invalidation in the same packet as the reply takes effect before the caller sees the reply', async () => {
  let rounds = 0;
  await using server = await countingServer({
    GET: (_command, connection: ScriptedConnection) => {
      connection.send(reply.bulk(`v${++rounds}`) + invalidation('k'));
      return '';
    },
  });
  await using pool = cachedPool(server);
  for (let round = 1; round <= 50; round++) assert.equal(await pool.execute('GET', 'k'), `v${round}`);
});

test('FLUSHALL of any client empties the cache (A-55), and so does a broken redirection', async () => {
  await using server = await countingServer();
  const cache = new SpiedCache();
  await using pool = cachedPool(server, { cache });
  for (const push of [flushed, reply.push(reply.bulk('tracking-redir-broken'), reply.integer(7))]) {
    await pool.execute('GET', 'a');
    await pool.execute('GET', 'b');
    assert.equal(cache.size, 2);
    server.connections.at(-1)?.send(push);
    await until(() => cache.size === 0);
  }
});

test('a read in flight during a FLUSHALL is not kept', async () => {
  const { answer, release } = answerLater(reply.bulk('v'));
  await using server = await countingServer({ GET: answer });
  const cache = new SpiedCache();
  await using pool = cachedPool(server, { cache });
  const read = pool.execute('GET', 'k');
  await server.waitForCommand('GET');
  server.connections[0]?.send(flushed);
  await sleep(20);
  release();
  assert.equal(await read, 'v');
  assert.deepEqual(cache.puts, []);
});

test('a connection that ends invalidates its entries before the next read is served', async () => {
  await using server = await countingServer();
  const cache = new LRUCache();
  await using pool = cachedPool(server, { cache });
  let last = '';
  for (let round = 0; round < 50; round++) {
    const value = await pool.execute<string>('GET', 'k');
    assert.equal(value === last, false, 'nothing of a dead connection is served');
    assert.equal(await pool.execute('GET', 'k'), value);
    last = value;
    const { activeConnections } = pool.statistics;
    assert.equal(activeConnections, 1);
    server.connections.at(-1)?.destroy();
    await until(() => pool.statistics.activeConnections === 0);
    assert.equal(cache.size, 0);
  }
});

test('own writes invalidate the cached key when queued and again when settled', async () => {
  await using server = await countingServer();
  const cache = new SpiedCache();
  await using pool = cachedPool(server, { cache });
  await pool.execute('GET', 'k');
  const write = pool.execute('SET', 'k', 'x');
  assert.deepEqual(cache.dropped, ['k']);
  assert.equal(await pool.execute('GET', 'k'), 'v2');
  await write;
  assert.deepEqual(cache.dropped, ['k', 'k']);
  await pool.execute('GET', 'k');
  await pool.executeBatch([
    { command: 'SET', args: ['k', 'y'] },
    { command: 'SET', args: ['j', 'y'] },
  ]);
  assert.deepEqual(cache.dropped.slice(2).sort(), ['j', 'j', 'k', 'k']);
  await pool.executeRequest('EVAL', ['return 1', 2, 'a', 'b', 'argument'], { raiseExceptions: false });
  assert.deepEqual(cache.dropped.slice(6), ['a', 'b', 'a', 'b']);
  await pool.executeRequest('SET', ['n', 'z'], { noreply: true });
  assert.deepEqual(cache.dropped.slice(10), ['n', 'n']);
  await pool.execute('FLUSHALL');
  assert.equal(cache.resets, 2);
  await failure(pool.execute('MY.WRITE', 'one', 'two'));
  assert.deepEqual(cache.dropped.slice(12), ['one', 'two', 'one', 'two']);
});

test('a read made after an own write does not join a request from before it', async () => {
  const answers: (() => void)[] = [];
  let calls = 0;
  await using server = await countingServer({
    GET: () => {
      const number = ++calls;
      return new Promise((resolve) => answers.push(() => resolve(reply.bulk(`v${number}`))));
    },
  });
  await using pool = cachedPool(server);
  const before = pool.execute('GET', 'k');
  const write = pool.execute('SET', 'k', 'x');
  const behind = pool.execute('GET', 'k');
  await server.waitForCommand('GET', 1);
  answers[0]?.();
  await until(() => answers.length === 2);
  answers[1]?.();
  assert.deepEqual(await Promise.all([before, write, behind]), ['v1', 'OK', 'v2']);
});

test('error replies are never kept', async () => {
  let calls = 0;
  await using server = await countingServer({ GET: () => reply.error(`ERR no ${++calls}`) });
  const cache = new SpiedCache();
  await using pool = cachedPool(server, { cache });
  assert.match((await failure(pool.execute('GET', 'k'))).message, /no 1/);
  const value = await pool.executeRequest('GET', ['k'], { raiseExceptions: false });
  assert.ok(value instanceof ResponseError);
  assert.match(value.message, /no 2/);
  assert.deepEqual(cache.puts, []);
});

test('a guard that stops answering lets nothing older than a second be served', async () => {
  await using server = await countingServer();
  const cache = new LRUCache();
  await using pool = cachedPool(server, { cache });
  await pool.execute('GET', 'k');
  const began = performance.now();
  server.connections[0]?.blackHole();
  let hits = 0;
  for (;;) {
    const asked = performance.now();
    const read = pool.execute('GET', 'k');
    read.catch(() => {});
    const value = await Promise.race([read, sleep(50).then(() => null)]);
    if (value === null) break;
    hits++;
    assert.ok(asked - began < 1_000, 'a hit from behind a black hole');
    await sleep(5);
  }
  assert.ok(hits > 10);
  assert.ok(performance.now() - began < atMost(1_200));
});

test('a pause makes the pool ask the guard first; entries that were kept true are served again', async () => {
  await using server = await countingServer();
  await using pool = cachedPool(server);
  await pool.execute('GET', 'a');
  assert.equal(await pool.execute('GET', 'b'), 'v2');
  await sleep(1_000);
  assert.equal(await pool.execute('GET', 'b'), 'v3', 'a miss, as nobody has vouched for it');
  assert.equal(await pool.execute('GET', 'a'), 'v1', 'its guard has answered');
  assert.equal(server.gets(), 3);
});

test('an idle pool with a cache sends nothing', async () => {
  await using server = await countingServer();
  await using pool = cachedPool(server);
  await pool.execute('GET', 'a');
  const { length } = server.commands;
  await sleep(700);
  assert.equal(server.commands.length, length);
});
