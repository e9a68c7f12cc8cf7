import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { ConnectionError, ConnectionPool, PoolClosedError, TimeoutError } from '../../../src/index.ts';
import { reply, ScriptedServer, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { atRest, clients, failure, gauges, sleep, turn, until } from './support.ts';
import { atMost } from '../../support/pace.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started));

const entry = new URL('../../../src/index.js', import.meta.url).href;

/** Runs a module in a process of its own; rejects unless it ends by itself with 0. */
async function runs(source: string): Promise<string> {
  const text = `import { ConnectionPool } from ${JSON.stringify(entry)};\nconst url = ${JSON.stringify(server.url)};\n${source}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...args) => resolve(args));
  });
  clearTimeout(timer);
  assert.deepEqual([code, signal], [0, null], `it did not end by itself:\n${output}`);
  return output;
}

const sockets = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;

test('close() lets requests in flight finish, refuses new ones and leaves no connection', async () => {
  await server.command('PING');
  await turn();
  const [handles, open] = [
    process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length,
    sockets(),
  ];
  const pool = ConnectionPool.fromUrl(server.url, {
    decodeResponses: true,
    deadPeerTimeout: 1_000,
    maxLifetime: 10_000,
  });
  await pool.execute('PING');
  const flying = Array.from({ length: 1_000 }, (_, index) => pool.execute('ECHO', String(index)));
  const closed = pool.close();
  assert.equal(pool.closed, true);
  assert.ok((await failure(pool.execute('PING'))) instanceof PoolClosedError);
  const values = await Promise.all(flying);
  assert.deepEqual(
    values,
    Array.from({ length: 1_000 }, (_, index) => String(index)),
  );
  await closed;
  await pool.waitClosed();
  assert.deepEqual(gauges(pool), [0, 0, 0, 0, 0]);
  await until(() => sockets() === open, 'the sockets to be gone');
  await until(
    () => process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length <= handles,
  );
  assert.equal((await clients(server)).length, 0);
});

test('close() rejects waiters at once and gives a lease its time, then drops it', async () => {
  const pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1 });
  const lease = await pool.acquire();
  const waiting = [pool.acquire(), pool.execute('PING'), pool.execute('BLPOP', 'q', 0)].map((one) =>
    failure(one),
  );
  const started = performance.now();
  const closed = pool.close({ timeout: 500 });
  let over = false;
  void closed.then(() => {
    over = true;
  });
  for (const error of await Promise.all(waiting)) assert.ok(error instanceof PoolClosedError, String(error));
  assert.equal(over, false, 'at once');
  assert.equal(String(await lease.connection.createRequest('PING')), 'PONG');
  await closed;
  assert.ok(performance.now() - started >= 499);
  assert.equal(lease.connection.usable, false);
  lease.release();
  assert.deepEqual(gauges(pool), [0, 0, 0, 0, 0]);
});

test('option timeout of close(): a second call returns the same promise and may shorten the time', async () => {
  await using scripted = await ScriptedServer.start({ GET: null });
  const pool = new ConnectionPool({ location: scripted.location });
  const call = failure(pool.execute('GET', 'k'));
  await scripted.waitForCommand('GET');
  const started = performance.now();
  const first = pool.close({ timeout: null });
  await sleep(30);
  const second = pool.close({ timeout: 40 });
  const third = pool.close({ timeout: 60_000 });
  assert.ok(first === second && second === third);
  await first;
  const took = performance.now() - started;
  assert.ok(took >= 69 && took < atMost(2_000), `took ${took}`);
  const error = await call;
  assert.ok(error instanceof ConnectionError && error.maybeExecuted);
  for (const timeout of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.ok((await failure(pool.close({ timeout }))) instanceof TypeError);
  }
});

test('waitClosed closes nothing itself and keeps its limits', async () => {
  const pool = ConnectionPool.fromUrl(server.url);
  assert.ok((await failure(pool.waitClosed({ timeout: 20 }))) instanceof TimeoutError);
  assert.equal(
    (await failure(pool.waitClosed({ signal: AbortSignal.abort(new Error('no')) }))).message,
    'no',
  );
  const waiting = pool.waitClosed();
  assert.equal(pool.closed, false);
  await pool.close();
  await waiting;
});

test('close() during a dial, a handshake or a back-off pause rejects the callers and leaves no socket', async () => {
  await using deaf = await ScriptedServer.start({ HELLO: null });
  for (let round = 0; round < 20; round++) {
    const pool = new ConnectionPool({ location: deaf.location });
    const calls = [pool.execute('PING'), pool.open(), pool.acquire()].map((one) => failure(one));
    if (round % 2 === 1) await sleep(round);
    await pool.close();
    for (const error of await Promise.all(calls)) assert.ok(error instanceof PoolClosedError, String(error));
    assert.deepEqual(gauges(pool), [0, 0, 0, 0, 0]);
  }
  await deaf.waitFor(() => deaf.openConnections.length === 0, 'no connection left');
  await deaf.stopListening();
  const pausing = new ConnectionPool({ location: deaf.location, timeout: 10_000 });
  const call = failure(pausing.execute('PING'));
  await sleep(100);
  await pausing.close();
  assert.ok((await call) instanceof PoolClosedError);
});

test('close() ends a pause before a retry', async () => {
  await using scripted = await ScriptedServer.start({ GET: reply.error('LOADING wait') });
  const pool = new ConnectionPool({ location: scripted.location, retryPolicy: { next: () => 60_000 } });
  const call = failure(pool.execute('GET', 'k'));
  await scripted.waitForCommand('GET');
  await sleep(30);
  await pool.close();
  assert.ok((await call) instanceof PoolClosedError);
});

test('calls that wait for room are rejected by close()', async () => {
  await using scripted = await ScriptedServer.start();
  const pool = new ConnectionPool({
    location: scripted.location,
    maxConnections: 1,
    maxBufferedBytes: 1_000,
  });
  await pool.open();
  const calls = Array.from({ length: 4 }, () =>
    pool.execute('ECHO', 'x'.repeat(900)).then(
      () => 'done',
      (error: Error) => error.name,
    ),
  );
  await pool.close();
  assert.deepEqual(await Promise.all(calls), [
    'done',
    'PoolClosedError',
    'PoolClosedError',
    'PoolClosedError',
  ]);
});

test('await using closes a pool at the end of its scope', async () => {
  let seen: { readonly closed: boolean };
  {
    await using pool = ConnectionPool.fromUrl(server.url);
    seen = pool;
    await pool.execute('PING');
  }
  assert.equal(seen.closed, true);
  assert.equal((await clients(server)).length, 0);
});

test('a process that only opened and closed a pool ends by itself', async () => {
  await runs(
    'const pool = ConnectionPool.fromUrl(url); await pool.open(); await pool.execute("PING"); await pool.close();',
  );
  await runs(
    'const pool = ConnectionPool.fromUrl(url); pool.execute("BLPOP", "none", 0).catch(() => {});' +
      'await pool.execute("PING"); await pool.close();',
  );
  await runs('ConnectionPool.fromUrl(url, { leakDetection: 60000, maxLifetime: 60000 });');
});

test('unref() lets a process with an idle pool end, ref() takes it back', async () => {
  await runs(
    'const pool = ConnectionPool.fromUrl(url).unref(); await pool.execute("PING"); await pool.execute("ECHO", "x");' +
      'const lease = await pool.acquire({ timeout: 1000 }); lease.release();',
  );
  await runs('const pool = ConnectionPool.fromUrl(url); await pool.open(); pool.unref();');
  const output = await runs(
    'const pool = ConnectionPool.fromUrl(url); await pool.open(); pool.unref().ref();' +
      'setTimeout(() => { console.log("alive"); pool.unref(); }, 300).unref();',
  );
  assert.match(output, /alive/);
});

test('a pool in a process without error listeners survives every end of its connections', async () => {
  await runs(`
    process.on('unhandledRejection', () => process.exit(3));
    const pool = ConnectionPool.fromUrl(url);
    const killer = ConnectionPool.fromUrl(url);
    for (let round = 0; round < 20; round++) {
      const lease = await pool.acquire({ timeout: 5000 });
      const request = lease.connection.createRequest('BLPOP', ['none', 0]);
      pool.executeRequest('PING', [], { timeout: 5000 }).catch(() => {});
      await killer.executeRequest('CLIENT', ['KILL', 'TYPE', 'normal', 'SKIPME', 'yes'], { timeout: 5000 });
      lease.release();
    }
    await pool.close(); await killer.close();
  `);
});

test('inspect, JSON and text of a pool show its address and figures', async () => {
  const { inspect } = await import('node:util');
  await using locked = await startServer({ requirepass: 'right' });
  await using pool = ConnectionPool.fromUrl(`redis://default:canary@127.0.0.1:${locked.port}`);
  for (const text of [
    inspect(pool),
    JSON.stringify(pool),
    String(pool),
    inspect(pool, { depth: 10, showHidden: true }),
  ]) {
    assert.ok(text.includes(`127.0.0.1:${locked.port}`), text);
    assert.ok(!text.includes('canary'), text);
  }
  const error = await failure(pool.execute('PING'));
  assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes('canary'));
  await atRest(pool);
});
