import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionError, ConnectionPool, OverloadedError, TimeoutError } from '../../../src/index.ts';
import { reply, ScriptedServer, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { atRest, clients, failure, gauges, sleep, turn, until } from './support.ts';
import { atMost } from '../../support/pace.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started));

test('option timeout of a call covers waiting, dialling, writing, reply and every retry', async () => {
  await using full = ConnectionPool.fromUrl(server.url, { maxConnections: 1 });
  const lease = await full.acquire();
  const waiting = await failure(full.executeRequest('PING', [], { timeout: 60 }));
  assert.ok(waiting instanceof TimeoutError && waiting.phase === 'acquire');
  lease.release();

  await using deaf = await ScriptedServer.start({ HELLO: null });
  await using dialling = new ConnectionPool({ location: deaf.location });
  const started = performance.now();
  const dial = await failure(dialling.executeRequest('PING', [], { timeout: 60 }));
  assert.ok(performance.now() - started >= 60);
  assert.ok(dial instanceof TimeoutError && dial.phase === 'acquire' && !dial.maybeExecuted);

  await using silent = await ScriptedServer.start({ GET: null });
  await using replying = new ConnectionPool({ location: silent.location });
  await replying.open();
  const request = replying.executeRequest('GET', ['k'], { timeout: 60 });
  const late = await failure(request);
  assert.ok(late instanceof TimeoutError && late.phase === 'reply' && late.maybeExecuted);
  assert.equal(late.command, 'GET');
  assert.equal(request.maybeExecuted, true);

  await using loading = await ScriptedServer.start({ GET: reply.error('LOADING wait') });
  await using repeating = new ConnectionPool({ location: loading.location });
  const begun = performance.now();
  await failure(repeating.executeRequest('GET', ['k'], { timeout: 200 }));
  assert.ok(performance.now() - begun < atMost(1_000));
});

test('option streamTimeout bounds each reply of a pool and a timeout of a call overrules it', async () => {
  await using silent = await ScriptedServer.start({ GET: null });
  await using pool = new ConnectionPool({ location: silent.location, streamTimeout: 50 });
  const started = performance.now();
  const error = await failure(pool.execute('GET', 'k'));
  assert.ok(error instanceof TimeoutError && /50 ms/.test(error.message));
  assert.ok(performance.now() - started >= 50);
  const longer = performance.now();
  await failure(pool.executeRequest('GET', ['k'], { timeout: 150 }));
  assert.ok(performance.now() - longer >= 150);
});

test('option connectTimeout bounds a dial of a pool', async () => {
  await using deaf = await ScriptedServer.start({ HELLO: null });
  await using pool = new ConnectionPool({ location: deaf.location, connectTimeout: 60 });
  const error = await failure(pool.execute('PING'));
  assert.ok(error instanceof ConnectionError && error.cause instanceof TimeoutError);
  assert.equal((error.cause as TimeoutError).phase, 'connect');
  await atRest(pool);
});

test('a connection on which a request timed out in silence gets no new work and is closed after one more limit', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  await pool.open();
  scripted.connections[0]?.blackHole();
  assert.ok((await failure(pool.executeRequest('GET', ['k'], { timeout: 60 }))) instanceof TimeoutError);
  assert.equal(await pool.execute('ECHO', 'elsewhere'), 'elsewhere');
  assert.equal(scripted.connections.length, 2);
  await scripted.waitFor(
    () => scripted.connections[0]?.open === false,
    'the suspect connection to be closed',
    1_000,
  );
  await atRest(pool);
});

test('a suspect connection is not closed under the request of another caller', async () => {
  let finish!: (text: string) => void;
  const held = new Promise<string>((resolve) => {
    finish = resolve;
  });
  await using scripted = await ScriptedServer.start({ GET: () => held });
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  const hasty = failure(pool.executeRequest('GET', ['k'], { timeout: 30 }));
  const patient = pool.execute('ECHO', 'patient');
  assert.ok((await hasty) instanceof TimeoutError);
  await sleep(150);
  finish(reply.bulk('late'));
  assert.equal(await patient, 'patient');
  assert.equal(scripted.connections.length, 1);
});

test('a suspect connection is used again once data arrives', async () => {
  await using scripted = await ScriptedServer.start({ GET: null });
  await using pool = new ConnectionPool({
    location: scripted.location,
    decodeResponses: true,
    maxConnections: 1,
  });
  await pool.open();
  const slow = failure(pool.executeRequest('GET', ['k'], { timeout: 100 }));
  await slow;
  const echo = pool.execute('ECHO', 'back');
  // A command sent before would arrive before a later question of another connection.
  const other = new ConnectionPool({ location: scripted.location });
  await other.execute('PING');
  await other.close();
  assert.equal(scripted.commands.filter(({ name }) => name === 'ECHO').length, 0);
  scripted.connections[0]?.send(reply.bulk('late'));
  assert.equal(await echo, 'back');
  await sleep(150);
  assert.equal(scripted.openConnections.length, 1);
});

test('option deadPeerTimeout asks a silent server after half of it and drops the connection after all of it', async () => {
  await using scripted = await ScriptedServer.start({ GET: null });
  await using pool = new ConnectionPool({ location: scripted.location, deadPeerTimeout: 300 });
  const started = performance.now();
  const call = failure(pool.execute('GET', 'k'));
  await scripted.waitForCommand('GET');
  scripted.script({ PING: null, GET: null });
  await scripted.waitForCommand('PING');
  assert.ok(performance.now() - started >= 140, 'PING at half');
  const error = await call;
  assert.ok(performance.now() - started >= 290);
  assert.ok(error instanceof ConnectionError && error.maybeExecuted && /deadPeerTimeout/.test(error.message));
  await atRest(pool);

  await using real = await startServer();
  await using other = ConnectionPool.fromUrl(real.url, { deadPeerTimeout: 300 });
  await other.execute('PING');
  real.pause();
  try {
    assert.ok((await failure(other.execute('PING'))) instanceof ConnectionError);
  } finally {
    real.resume();
  }
  assert.equal(String(await other.executeRequest('PING', [], { timeout: 5_000 })), 'PONG');
});

test('a connection that only blocks, or is idle, is not a dead peer', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, {
    deadPeerTimeout: 400,
    maxConnections: 4,
    decodeResponses: true,
  });
  const pop = pool.execute('BLPOP', 'alive', 0);
  const shared = await pool.execute('CLIENT', 'ID');
  await sleep(1_200);
  assert.equal(await pool.execute('CLIENT', 'ID'), shared);
  await pool.execute('LPUSH', 'alive', 'x');
  assert.deepEqual(await pop, ['alive', 'x']);
  assert.equal(pool.statistics.activeConnections, 2);
});

test('a slow server that answers the PING keeps its connection', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { deadPeerTimeout: 400 });
  const before = String(await pool.execute('CLIENT', 'ID'));
  const lease = await pool.acquire();
  const messages = lease.connection.pushMessages;
  lease.connection.sendCommand('SUBSCRIBE', ['c']);
  await sleep(1_200);
  assert.equal(lease.connection.usable, true);
  await messages.return(undefined);
  lease.release();
  assert.ok(before.length > 0);
});

/** A server whose GET sends the head of a bulk reply, and the rest on request. */
async function bulkServer(size: number): Promise<{ scripted: ScriptedServer; finish: () => void }> {
  let finish!: () => void;
  const rest = new Promise<string>((resolve) => {
    finish = () => resolve(`${'x'.repeat(size - 1000)}\r\n`);
  });
  const scripted = await ScriptedServer.start({
    GET: (_command, connection) => {
      connection.send(`$${size}\r\n${'x'.repeat(1000)}`);
      return rest;
    },
  });
  return { scripted, finish };
}

test('option bulkDetour sends small commands elsewhere beside a reply over 1 MiB', async () => {
  const size = 4 * 1024 * 1024;
  for (const bulkDetour of [true, false]) {
    const { scripted, finish } = await bulkServer(size);
    await using pool = new ConnectionPool({ location: scripted.location, bulkDetour, maxConnections: 4 });
    await pool.open();
    const big = pool.execute('GET', 'big');
    await scripted.waitForCommand('GET');
    await sleep(30);
    let done = false;
    const small = Promise.all(Array.from({ length: 20 }, () => pool.execute('ECHO', 'x'))).then(() => {
      done = true;
    });
    if (bulkDetour) await small;
    else await sleep(60);
    assert.equal(done, bulkDetour);
    assert.equal(scripted.connections.length, bulkDetour ? 2 : 1);
    finish();
    assert.equal(((await big) as Buffer).length, size);
    await small;
    await atRest(pool);
    await scripted.close();
  }
});

test('a real 100 MiB reply does not hold up small commands', async () => {
  await server.command('SETRANGE', 'huge', 100 * 1024 * 1024 - 1, 'x');
  await using pool = ConnectionPool.fromUrl(server.url, { maxBufferedBytes: 128 * 1024 * 1024 });
  await pool.execute('PING');
  let arrived = false;
  let before = 0;
  const small: Promise<void>[] = [];
  const big = pool.execute('GET', 'huge').then((value) => {
    arrived = true;
    return (value as Buffer).length;
  });
  while (!arrived) {
    await turn();
    small.push(pool.execute('PING').then(() => void (before += arrived ? 0 : 1)));
  }
  assert.equal(await big, 100 * 1024 * 1024);
  await Promise.all(small);
  assert.ok(before >= 1, `${before} of ${small.length} small commands came first`);
  await server.command('DEL', 'huge');
});

test('small commands wait behind the bulk when bulkDetour has no other connection', async () => {
  const size = 2 * 1024 * 1024;
  const { scripted, finish } = await bulkServer(size);
  await using pool = new ConnectionPool({ location: scripted.location, maxConnections: 2, timeout: 100 });
  const lease = await pool.acquire();
  const big = pool.execute('GET', 'big');
  await scripted.waitForCommand('GET');
  await sleep(20);
  const small = pool.execute('ECHO', 'x').then(String);
  await sleep(150);
  finish();
  assert.equal(((await big) as Buffer).length, size);
  assert.equal(await small, 'x');
  lease.release();
  await pool.close();
  await scripted.close();
});

test('option maxBufferedBytes makes pool calls wait for room, first in, first out, and drops nothing', async () => {
  await using scripted = await ScriptedServer.start({}, { record: false });
  await using pool = new ConnectionPool({
    location: scripted.location,
    maxConnections: 1,
    maxBufferedBytes: 100_000,
    decodeResponses: true,
  });
  await pool.open();
  scripted.connections[0]?.pauseReading();
  const order: number[] = [];
  const calls = Array.from({ length: 400 }, async (_, index) => {
    const value = await pool.execute<string>('ECHO', `${index}`.padEnd(20_000, '.'));
    order.push(index);
    return value.startsWith(String(index));
  });
  await sleep(50);
  assert.ok(pool.statistics.waiting > 100, `${pool.statistics.waiting} wait`);
  const abort = new AbortController();
  const aborted = failure(pool.executeRequest('ECHO', ['x'], { signal: abort.signal }));
  const timedOut = failure(pool.executeRequest('ECHO', ['x'], { timeout: 40 }));
  abort.abort(new Error('enough'));
  assert.equal((await aborted).message, 'enough');
  const late = await timedOut;
  assert.ok(late instanceof TimeoutError && late.phase === 'acquire' && !late.maybeExecuted);
  scripted.connections[0]?.resumeReading();
  assert.ok((await Promise.all(calls)).every(Boolean));
  assert.deepEqual(
    order,
    Array.from({ length: 400 }, (_, index) => index),
  );
  await atRest(pool);
});

test('waiting for room counts for option maxWaiting', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({
    location: scripted.location,
    maxConnections: 1,
    maxBufferedBytes: 1_000,
    maxWaiting: 2,
  });
  await pool.open();
  const text = 'x'.repeat(800);
  const calls = Array.from({ length: 5 }, () =>
    pool.execute('ECHO', text).then(String, (error: unknown) => error),
  );
  assert.equal(pool.statistics.waiting, 2);
  const results = await Promise.all(calls);
  assert.deepEqual(results.slice(0, 3), Array(3).fill(text));
  assert.ok(results[3] instanceof OverloadedError && results[4] instanceof OverloadedError);
  await atRest(pool);
});

test('option maxLifetime replaces connections under load and fails no command', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, {
    maxLifetime: 60,
    decodeResponses: true,
    maxConnections: 4,
  });
  const ids = new Set<unknown>();
  let order = 0;
  const lanes = Array.from({ length: 8 }, async (_, lane) => {
    while (ids.size < 6) {
      ids.add(await pool.execute('CLIENT', 'ID'));
      const token = `${lane}:${order++}`;
      assert.equal(await pool.execute('ECHO', token), token);
    }
  });
  await Promise.all(lanes);
  await until(async () => (await clients(server)).length <= 2);
  await using single = ConnectionPool.fromUrl(server.url, { maxLifetime: 60, maxConnections: 1 });
  const first = String(await single.execute('CLIENT', 'ID'));
  const lease = await single.acquire();
  await sleep(100);
  assert.equal(lease.connection.usable, true, 'a lease is not ended by age');
  lease.release();
  await until(async () => String(await single.execute('CLIENT', 'ID')) !== first);
});

test('option maxIdleTime of a pool closes idle connections', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxIdleTime: 50 });
  await pool.execute('PING');
  await until(() => gauges(pool)[0] === 0, 'the idle connection to be closed');
  assert.equal(String(await pool.execute('PING')), 'PONG');
});

test('option noevict, option notouch, option clientName and option db reach every connection of a pool', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({
    location: scripted.location,
    noevict: true,
    notouch: true,
    clientName: 'me',
    db: 3,
  });
  await pool.open();
  const sent = scripted.commands.map(({ args }) => args.join(' '));
  for (const wanted of ['SELECT 3', 'CLIENT SETNAME me', 'CLIENT NO-EVICT ON', 'CLIENT NO-TOUCH ON']) {
    assert.ok(sent.includes(wanted), wanted);
  }
  assert.equal(pool.db, 3);
});

test('a pool notices idle connections that the server closes: the next command succeeds', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  for (let round = 0; round < 10; round++) {
    const leases = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    for (const lease of leases) lease.release();
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(() => pool.statistics.activeConnections === 0);
    assert.equal(await pool.execute('ECHO', String(round)), String(round));
  }
  await atRest(pool);
});
