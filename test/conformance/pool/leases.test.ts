import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import { type BaseConnection, ConnectionPool, OverloadedError, TimeoutError } from '../../../src/index.ts';
import { reply, ScriptedServer, type TestServer } from '../../../src/testkit/index.ts';
import { answerLater, atRest, clients, failure, gauges, sleep, turn, until } from './support.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started));

test('500 leases left before their reply share one connection', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  const replies: PromiseLike<unknown>[] = [];
  for (let index = 0; index < 500; index++) {
    using lease = await pool.acquire();
    replies.push(lease.connection.createRequest('ECHO', [String(index)]));
  }
  assert.equal(pool.statistics.activeConnections, 1);
  const values = await Promise.all(replies);
  assert.deepEqual(
    values,
    Array.from({ length: 500 }, (_, index) => String(index)),
  );
  assert.equal(pool.statistics.activeConnections, 1);
  await atRest(pool);
});

test('getConnection gives the most recently released connection first, a new one only when none is idle', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 3 });
  const [a, b, c] = [await pool.getConnection(), await pool.getConnection(), await pool.getConnection()];
  assert.deepEqual(gauges(pool), [3, 3, 0, 0, 0]);
  assert.equal(pool.tryGetConnection(), null);
  pool.release(a);
  pool.release(c);
  pool.release(b);
  const again = [await pool.getConnection(), await pool.getConnection(), pool.tryGetConnection()];
  assert.deepEqual(
    again.map((one) => one?.clientId),
    [b.clientId, c.clientId, a.clientId],
  );
  for (const one of again) pool.release(one as BaseConnection);
  assert.deepEqual(gauges(pool), [3, 0, 3, 0, 0]);
});

test('option maxConnections bounds the connections; waiters are served first in, first out', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 2 });
  assert.equal(pool.statistics.maxConnections, 2);
  const held = await Promise.all([pool.getConnection(), pool.getConnection()]);
  const order: number[] = [];
  const waiting = Array.from({ length: 20 }, async (_, index) => {
    const connection = await pool.getConnection();
    order.push(index);
    assert.ok(pool.statistics.activeConnections + pool.statistics.connectingConnections <= 2);
    await turn();
    pool.release(connection);
  });
  await turn();
  assert.deepEqual(gauges(pool), [2, 2, 0, 0, 20]);
  assert.equal((await clients(server)).length, 2);
  for (const connection of held) pool.release(connection);
  await Promise.all(waiting);
  assert.deepEqual(
    order,
    Array.from({ length: 20 }, (_, index) => index),
  );
  await atRest(pool);
});

test('without option maxConnections the bound is 64', () => {
  const pool = new ConnectionPool({ location: server.location, maxConnections: null });
  assert.equal(pool.statistics.maxConnections, 64);
});

test('a cancelled waiter neither swallows a wake-up nor loses the connection being made', async () => {
  let release!: () => void;
  const held = new Promise<undefined>((resolve) => {
    release = () => resolve(undefined);
  });
  await using scripted = await ScriptedServer.start({ HELLO: () => held });
  await using pool = new ConnectionPool({ location: scripted.location, maxConnections: 1 });
  const abort = new AbortController();
  const early = failure(pool.getConnection({ signal: AbortSignal.abort(new Error('before')) }));
  const dialling = failure(pool.getConnection({ signal: abort.signal }));
  await scripted.waitForCommand('HELLO');
  abort.abort(new Error('while dialling'));
  assert.deepEqual([(await early).message, (await dialling).message], ['before', 'while dialling']);
  release();
  await until(() => pool.statistics.idleConnections === 1, 'the dial to complete into idle');
  const lease = await pool.acquire();
  const second = new AbortController();
  const cancelled = failure(pool.acquire({ signal: second.signal }));
  const timedOut = failure(pool.acquire({ timeout: 30 }));
  const patient = pool.acquire();
  second.abort(new Error('while waiting'));
  assert.equal((await cancelled).message, 'while waiting');
  assert.ok((await timedOut) instanceof TimeoutError);
  lease.release();
  (await patient).release();
  await atRest(pool);
  assert.equal(scripted.connections.length, 1);
});

test('a lease is released once, never ends the next lease, and is released when its scope ends or its body throws', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1 });
  const first = await pool.acquire();
  first.release();
  const second = await pool.acquire();
  assert.equal(first.connection, second.connection);
  first.release();
  first[Symbol.dispose]();
  assert.equal(pool.statistics.inUseConnections, 1);
  await second[Symbol.asyncDispose]();
  assert.equal(pool.statistics.inUseConnections, 0);
  const thrown = await failure(
    pool.use(() => {
      throw new Error('body');
    }),
  );
  assert.equal(thrown.message, 'body');
  assert.equal(await pool.use(async (connection) => connection.execute('ECHO', 'x').then(String)), 'x');
  {
    await using lease = await pool.acquire();
    assert.equal(lease.connection.usable, true);
  }
  await atRest(pool);
});

test('releasing twice, or a connection of another pool, throws and changes no gauge', async () => {
  await using pool = ConnectionPool.fromUrl(server.url);
  await using other = ConnectionPool.fromUrl(server.url);
  const connection = await pool.getConnection();
  const foreign = await other.getConnection();
  assert.throws(() => pool.release(foreign), TypeError);
  assert.throws(() => pool.release({} as never), TypeError);
  pool.release(connection);
  assert.throws(() => pool.release(connection), TypeError);
  assert.deepEqual(gauges(pool), [1, 0, 1, 0, 0]);
  assert.deepEqual(gauges(other), [1, 1, 0, 0, 0]);
  other.release(foreign);
});

test('a second release(connection) does not end the lease of the waiter that was served', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1 });
  for (const next of [() => pool.acquire(), () => pool.getConnection()]) {
    const connection = await pool.getConnection();
    const waiting = next();
    pool.release(connection);
    assert.throws(() => pool.release(connection), { name: 'TypeError', message: /handed on/ });
    const served = await waiting;
    assert.deepEqual(gauges(pool), [1, 1, 0, 0, 0]);
    if ('release' in served) {
      // The waiter has a lease of its own, so this release can only be the first holder's second one.
      assert.throws(() => pool.release(connection), { name: 'TypeError', message: /handed on/ });
      served.release();
    } else {
      pool.release(served);
    }
    assert.throws(() => pool.release(connection), { name: 'TypeError', message: /not leased out/ });
    assert.deepEqual(gauges(pool), [1, 0, 1, 0, 0]);
  }
});

test('a leased connection that dies gives its slot back', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1 });
  for (let round = 0; round < 5; round++) {
    const lease = await pool.acquire();
    lease.connection.invalidate('test');
    assert.equal(pool.statistics.activeConnections, 0);
    if (round % 2 === 0) lease.release();
    else pool.release(lease.connection);
  }
  const lease = await pool.acquire();
  await server.command('CLIENT', 'KILL', 'ID', String(lease.connection.clientId));
  await until(() => !lease.connection.usable);
  lease.release();
  assert.equal(await pool.execute('PING').then(String), 'PONG');
  await atRest(pool);
});

type Dirty = readonly [name: string, make: (connection: BaseConnection) => unknown];
const dirty: readonly Dirty[] = [
  ['another db', (connection) => connection.createRequest('SELECT', [3])],
  ['an open MULTI', (connection) => connection.createRequest('MULTI')],
  ['WATCH', (connection) => connection.createRequest('WATCH', ['k'])],
  [
    'WATCH behind an EXEC that is refused',
    (connection) => [
      connection.createRequest('WATCH', ['k']),
      connection.createRequest('EXEC').catch(() => {}),
    ],
  ],
  ['a name', (connection) => connection.createRequest('CLIENT SETNAME', ['mine'])],
  ['a subscription', (connection) => connection.sendCommand('SUBSCRIBE', ['c'])],
  ['tracking', (connection) => connection.createRequest('CLIENT TRACKING', ['ON'])],
  ['NO-EVICT', (connection) => connection.createRequest('CLIENT NO-EVICT', ['ON'])],
  ['REPLY OFF', (connection) => connection.sendCommand('CLIENT REPLY', ['OFF'])],
  ['REPLY SKIP', (connection) => connection.sendCommand('CLIENT REPLY', ['SKIP'])],
  ['MONITOR', (connection) => connection.sendCommand('MONITOR')],
  ['RESET', (connection) => connection.createRequest('RESET')],
  [
    'AUTH as the same user',
    (connection) => connection.createRequest('AUTH', ['default', 'x']).catch(() => {}),
  ],
  ['READONLY', (connection) => connection.createRequest('READONLY').catch(() => {})],
  ['an unread streamed reply', (connection) => connection.sendCommand('PING')],
];
for (const [name, make] of dirty) {
  test(`${name} never reaches the next borrower`, async () => {
    await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true, maxConnections: 1 });
    for (const wait of [false, true]) {
      const lease = await pool.acquire();
      make(lease.connection);
      if (wait) await sleep(20);
      lease.release();
      const next = await pool.acquire({ timeout: 2_000 });
      assert.equal(next.connection.reusable, true);
      assert.equal(next.connection.db, 0);
      assert.equal(await next.connection.createRequest('ECHO', ['mine']), 'mine');
      const info = String(await next.connection.createRequest('CLIENT INFO'));
      assert.match(info, / name= .* db=0 sub=0 psub=0 .*multi=-1/);
      assert.ok(!/ flags=\S*[tROe]/.test(info), info);
      assert.match(info, / watch=0 |^(?!.* watch=)/);
      next.release();
      assert.equal(await pool.execute('SET', 'k', 'v'), 'OK');
    }
    await atRest(pool);
  });
}

test('a released connection that will be clean once its replies are in is reused after them', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true, maxConnections: 1 });
  const lease = await pool.acquire();
  const { connection } = lease;
  const replies = [
    connection.createRequest('MULTI'),
    connection.createRequest('INCR', ['tx']),
    connection.createRequest('EXEC'),
    connection.createRequest('SELECT', [2]),
    connection.createRequest('SELECT', [0]),
  ];
  lease.release();
  const next = await pool.acquire({ timeout: 2_000 });
  assert.equal(next.connection, connection);
  assert.deepEqual((await Promise.all(replies)).slice(0, 2), ['OK', 'QUEUED']);
  next.release();
});

test('a released connection that will stay dirty is closed after its outstanding requests, never under them', async () => {
  const { answer, release } = answerLater(reply.bulk('value'));
  await using scripted = await ScriptedServer.start({ GET: answer });
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  const lease = await pool.acquire();
  const select = lease.connection.createRequest('SELECT', [1]);
  const get = lease.connection.createRequest('GET', ['k']);
  lease.release();
  await select;
  await sleep(30);
  assert.equal(lease.connection.usable, true);
  assert.equal(await pool.execute('ECHO', 'elsewhere'), 'elsewhere');
  release();
  assert.equal(await get, 'value');
  await until(() => lease.connection.closed, 'the dirty connection to be closed');
  await atRest(pool);
});

test('an abandoned blocking request on a released connection does not keep it', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1 });
  for (const order of ['abort first', 'release first']) {
    const lease = await pool.acquire();
    const abort = new AbortController();
    const blocked = failure(lease.connection.createRequest('BLPOP', ['never', 0], { signal: abort.signal }));
    await sleep(20);
    if (order === 'abort first') abort.abort();
    lease.release();
    if (order === 'release first') abort.abort();
    await blocked;
    assert.equal(await pool.executeRequest('PING', [], { timeout: 2_000 }).then(String), 'PONG', order);
  }
});

test('a leased connection carries only the commands of its holder', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({ location: scripted.location });
  await pool.execute('ECHO', 'first');
  const lease = await pool.acquire();
  assert.equal(lease.connection.clientId, 1);
  await Promise.all([pool.execute('ECHO', 'other'), lease.connection.createRequest('ECHO', ['mine'])]);
  const where = scripted.commands
    .filter(({ name }) => name === 'ECHO')
    .map(({ args, connection }) => [args[1], connection.id]);
  assert.deepEqual(
    new Map(where as [string, number][]),
    new Map([
      ['first', 1],
      ['other', 2],
      ['mine', 1],
    ]),
  );
  lease.release();
});

test('option timeout of a pool bounds the wait for a connection and its error says why', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 2, timeout: 60 });
  const patient = { timeout: 10_000 };
  const held = [await pool.getConnection(patient), await pool.getConnection(patient)];
  const started = performance.now();
  const error = await failure(pool.getConnection());
  assert.ok(performance.now() - started >= 60);
  assert.ok(error instanceof TimeoutError);
  assert.equal(error.phase, 'acquire');
  assert.equal(error.code, 'RESPOOL_TIMEOUT');
  assert.deepEqual([error.max, error.inUse, error.idle, error.connecting], [2, 2, 0, 0]);
  assert.ok(typeof error.waiting === 'number' && (error.oldestLease ?? 0) >= 60);
  assert.match(error.message, /within 60 ms/);
  assert.ok((await failure(pool.execute('PING'))) instanceof TimeoutError);
  assert.ok((await failure(pool.acquire({ timeout: 20 }))) instanceof TimeoutError);
  for (const connection of held) pool.release(connection);
  assert.equal(await pool.execute('PING').then(String), 'PONG');
  await atRest(pool);
});

test('timeout 0 acquires at once or not at all', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1, timeout: 0 });
  await pool.open();
  const connection = await pool.getConnection();
  const error = await failure(pool.getConnection());
  assert.ok(error instanceof TimeoutError && error.phase === 'acquire');
  assert.ok((await failure(pool.execute('PING'))) instanceof TimeoutError);
  pool.release(connection);
  assert.equal(await pool.execute('PING').then(String), 'PONG');
  assert.equal(await pool.getConnection({ timeout: 0 }), connection);
  pool.release(connection);
});

test('option maxWaiting refuses one more waiter at once; 0 allows no waiter', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1, maxWaiting: 2 });
  const held = await pool.getConnection();
  const waiting = [pool.getConnection(), pool.getConnection()];
  const error = await failure(pool.getConnection());
  assert.ok(error instanceof OverloadedError && error.code === 'RESPOOL_OVERLOADED');
  assert.equal(pool.statistics.waiting, 2);
  pool.release(held);
  for (const one of waiting) pool.release(await one);

  await using none = ConnectionPool.fromUrl(server.url, { maxConnections: 1, maxWaiting: 0 });
  const dialled = await none.getConnection();
  assert.ok((await failure(none.getConnection())) instanceof OverloadedError);
  assert.ok((await failure(none.execute('PING'))) instanceof OverloadedError);
  none.release(dialled);
  const calls = Array.from({ length: 50 }, () => none.execute('PING').then(String));
  assert.deepEqual(new Set(await Promise.all(calls)), new Set(['PONG']));
});

test('option maxWaiting counts callers that wait behind a dial, not the caller that dials', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxWaiting: 5 });
  const calls = Array.from({ length: 10 }, () =>
    pool.execute('PING').then(String, (error: Error) => error.name),
  );
  assert.equal(pool.statistics.waiting, 5);
  const results = await Promise.all(calls);
  assert.deepEqual(results, [...Array<string>(6).fill('PONG'), ...Array<string>(4).fill('OverloadedError')]);
  assert.equal(pool.statistics.activeConnections, 1);
});

test('the cause of an exhausted pool may be a dial of its subscribers', async () => {
  let dials = 0;
  await using scripted = await ScriptedServer.start({
    HELLO: () => (dials++ === 0 ? undefined : reply.error('WRONGPASS no more of you')),
  });
  await using pool = new ConnectionPool({ location: scripted.location, maxConnections: 1 });
  using _lease = await pool.acquire();
  await failure(pool.executePubsub('SUBSCRIBE', 'a'));
  const error = await failure(pool.acquire({ timeout: 20 }));
  assert.ok(error instanceof TimeoutError);
  assert.match(String(error.cause), /no more of you/);
});

test('option maxWaiting counts waits for a connection and waits for room together', async () => {
  await using scripted = await ScriptedServer.start({ SET: reply.ok });
  const pool = new ConnectionPool({
    location: scripted.location,
    maxConnections: 1,
    maxWaiting: 1,
    maxBufferedBytes: 1_000,
  });
  await pool.open();
  const big = 'x'.repeat(900);
  const calls = Array.from({ length: 2 }, () => pool.execute('SET', 'k', big));
  assert.equal(pool.statistics.waiting, 1);
  assert.ok((await failure(pool.acquire())) instanceof OverloadedError);
  assert.deepEqual((await Promise.all(calls)).map(String), ['OK', 'OK']);

  const first = pool.execute('SET', 'k', big);
  const lease = pool.acquire();
  assert.equal(pool.statistics.waiting, 1);
  assert.ok((await failure(pool.execute('SET', 'k', big))) instanceof OverloadedError);
  assert.equal(String(await first), 'OK');
  (await lease).release();
  await pool.close();
});

test('option leakDetection reports a lease that is held too long once, with the stack of its acquire', async () => {
  const warnings: Error[] = [];
  const events: { address: string; age: number; stack: string }[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  const onEvent = (event: unknown): void => void events.push(event as never);
  process.on('warning', onWarning);
  subscribe('respool:pool:leak', onEvent);
  try {
    await using pool = ConnectionPool.fromUrl(server.url, { leakDetection: 40 });
    async function theCulprit(): Promise<BaseConnection> {
      return await pool.getConnection();
    }
    const leaked = await theCulprit();
    const lease = await pool.acquire();
    lease.release();
    await sleep(200);
    const leaks = warnings.filter((warning) => (warning as { code?: string }).code === 'RESPOOL_LEAK');
    assert.equal(leaks.length, 1);
    assert.match(String(leaks[0]?.message), /theCulprit/);
    assert.equal(events.length, 1);
    assert.match(String(events[0]?.stack), /theCulprit/);
    assert.ok((events[0]?.age ?? 0) >= 40);
    pool.release(leaked);
  } finally {
    process.off('warning', onWarning);
    unsubscribe('respool:pool:leak', onEvent);
  }
});

test('a dead or unread idle connection is replaced before the next caller gets it', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  for (let round = 1; round <= 20; round++) {
    assert.equal(await pool.execute('ECHO', String(round)), String(round));
    const connection = scripted.connections.at(-1);
    if (round % 3 === 0) connection?.end();
    else if (round % 3 === 1) connection?.push('invalidate', 'x');
    else connection?.send(reply.bulk('unasked'));
    // Wait for the reply: a late reply cannot be distinguished from that of the next request.
    if (round % 3 === 1) await sleep(5);
    else await until(() => connection?.open === false);
  }
  await atRest(pool);
});
