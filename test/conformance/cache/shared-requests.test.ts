import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool, LRUCache, TimeoutError, WrongTypeError } from '../../../src/index.ts';
import { reply, type TestServer } from '../../../src/testkit/index.ts';
import { failure, sleep, until } from '../pool/support.ts';
import { cachedPool, countingServer, useServerAndWriter } from './support.ts';

let server: TestServer;
let writer: ConnectionPool;
useServerAndWriter((...started) => ([server, writer] = started));

test('a hundred callers who miss the same key share one request, and each has a copy of its own', async () => {
  await using scripted = await countingServer({
    LRANGE: () => reply.array(reply.bulk('a'), reply.bulk('b')),
  });
  await using pool = new ConnectionPool({ location: scripted.location, cache: new LRUCache() });
  const reads = Array.from({ length: 100 }, () => pool.execute<Buffer[]>('LRANGE', 'l', 0, -1));
  const lists = await Promise.all(reads);
  assert.equal(scripted.commands.filter(({ name }) => name === 'LRANGE').length, 1);
  for (const list of lists) {
    assert.deepEqual(list, [Buffer.from('a'), Buffer.from('b')]);
    list[0]?.fill(0);
    list.length = 1;
  }
  assert.deepEqual(await pool.execute('LRANGE', 'l', 0, -1), [Buffer.from('a'), Buffer.from('b')]);
});

test('a caller that gives up leaves the shared request to the others', async () => {
  const answers: (() => void)[] = [];
  await using scripted = await countingServer({
    GET: () => new Promise((resolve) => answers.push(() => resolve(reply.bulk('v')))),
  });
  await using pool = cachedPool(scripted);
  const leader = new AbortController();
  const follower = new AbortController();
  const first = failure(pool.executeRequest('GET', ['k'], { signal: leader.signal }));
  const second = failure(pool.executeRequest('GET', ['k'], { signal: follower.signal }));
  const third = failure(pool.executeRequest('GET', ['k'], { timeout: 30 }));
  const patient = pool.executeRequest('GET', ['k'], { timeout: 5_000 });
  const plain = pool.execute('GET', 'k');
  await scripted.waitForCommand('GET');
  follower.abort(new Error('follower'));
  assert.equal((await second).message, 'follower');
  assert.equal((await third).name, 'TimeoutError');
  leader.abort(new Error('leader'));
  assert.equal((await first).message, 'leader');
  answers[0]?.();
  await until(() => answers.length === 2, 'one more request');
  answers[1]?.();
  assert.deepEqual(await Promise.all([patient, plain]), ['v', 'v']);
});

test('a streamTimeout ends the wait of the call that made the request; a call that joined it asks anew', async () => {
  let gets = 0;
  await using scripted = await countingServer({
    GET: () => (++gets === 1 ? new Promise<string>(() => {}) : reply.bulk('v')),
  });
  await using pool = cachedPool(scripted, { streamTimeout: 400 });
  const first = failure(pool.execute('GET', 'k'));
  await sleep(200);
  const second = pool.execute('GET', 'k');
  assert.ok((await first) instanceof TimeoutError);
  assert.equal(await second, 'v');
  assert.equal(gets, 2);
});

test('a silent server costs callers that share a request one streamTimeout each', async () => {
  await using scripted = await countingServer({ GET: null });
  await using pool = new ConnectionPool({
    location: scripted.location,
    cache: new LRUCache(),
    streamTimeout: 150,
  });
  const start = performance.now();
  const errors = await Promise.all(Array.from({ length: 20 }, () => failure(pool.execute('GET', 'k'))));
  assert.ok(performance.now() - start < 1_000);
  for (const error of errors) {
    assert.ok(error instanceof TimeoutError);
    assert.match(error.message, /GET timed out after 150 ms waiting for its reply/);
  }
});

test('a time-out in a shared request reads like one of its own, and the pool leaves the silent connection', async () => {
  let first: unknown = null;
  await using scripted = await countingServer({
    GET: (_command, connection) =>
      (first ??= connection) === connection ? new Promise<string>(() => {}) : reply.bulk('v'),
  });
  await using pool = cachedPool(scripted);
  const leader = new AbortController();
  const leading = failure(pool.executeRequest('GET', ['k'], { signal: leader.signal }));
  await scripted.waitForCommand('GET');
  const joined = pool.executeRequest('GET', ['k'], { timeout: 120 });
  assert.equal(joined.maybeExecuted, true);
  const error = await failure(joined);
  assert.ok(error instanceof TimeoutError);
  assert.match(error.message, /GET timed out after 120 ms waiting for its reply/);
  const { phase, maybeExecuted, endpoint, command } = error;
  assert.deepEqual(
    [phase, maybeExecuted, endpoint, command],
    ['reply', true, scripted.location.toString(), 'GET'],
  );
  assert.equal(await pool.executeRequest('GET', ['other'], { timeout: 2_000 }), 'v');
  assert.equal(await pool.executeRequest('GET', ['k'], { timeout: 2_000 }), 'v', 'nor is it joined any more');
  leader.abort(new Error('enough'));
  assert.equal((await leading).message, 'enough');
});

test('a call keeps its own limit when its shared request is given up', async () => {
  await using scripted = await countingServer({ GET: null });
  await using pool = new ConnectionPool({ location: scripted.location, cache: new LRUCache() });
  const leader = new AbortController();
  const leading = failure(pool.executeRequest('GET', ['k'], { signal: leader.signal }));
  await scripted.waitForCommand('GET');
  const start = performance.now();
  const joined = pool.executeRequest('GET', ['k'], { timeout: 200 });
  const failed = failure(joined);
  await sleep(60);
  leader.abort(new Error('enough'));
  await leading;
  const error = await failed;
  assert.match(error.message, /GET timed out after 200 ms waiting for its reply/);
  assert.ok(performance.now() - start < 1_000);
  assert.deepEqual([(error as TimeoutError).maybeExecuted, joined.maybeExecuted], [true, true]);
});

test('an error reaches all who share the request, thrown or as a value, as each call wants it', async () => {
  await writer.execute('DEL', 'list');
  await writer.execute('RPUSH', 'list', 'a');
  await using pool = new ConnectionPool({ location: server.location, cache: new LRUCache() });
  const thrown = [failure(pool.execute('GET', 'list')), failure(pool.execute('GET', 'list'))];
  const value = await pool.executeRequest('GET', ['list'], { raiseExceptions: false });
  assert.ok(value instanceof WrongTypeError);
  for (const error of await Promise.all(thrown)) assert.ok(error instanceof WrongTypeError);
  const lead = pool.executeRequest('GET', ['list'], { raiseExceptions: false });
  const follow = failure(pool.execute('GET', 'list'));
  assert.ok((await lead) instanceof WrongTypeError);
  assert.ok((await follow) instanceof WrongTypeError);
});
