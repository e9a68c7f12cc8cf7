import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ConnectionError,
  ConnectionPool,
  PoolClosedError,
  RequestAbortedError,
  TimeoutError,
  WrongTypeError,
} from '../../../src/index.ts';
import { reply, ScriptedServer, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { atRest, blockedClients, clients, failure, gauges, until } from './support.ts';
import { atMost } from '../../support/pace.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started), { users: { limited: 'on >pw ~* &* +@all -client|unblock' } });

test('10 BLPOPs of one second on 8 connections take two seconds and PINGs go on beside them', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 8 });
  const started = performance.now();
  let pending = 10;
  const pops = Array.from({ length: 10 }, async () => {
    const value = await pool.execute('BLPOP', 'empty', 1);
    pending--;
    return value;
  });
  await until(async () => (await blockedClients(server)) === 7, '7 blocked clients');
  assert.equal(pool.statistics.inUseConnections, 7);
  assert.equal(pool.statistics.waiting, 3);
  for (let index = 0; index < 200; index++) assert.equal(String(await pool.execute('PING')), 'PONG');
  assert.equal(pending, 10, 'the PINGs did not wait for the BLPOPs');
  assert.deepEqual(await Promise.all(pops), Array<null>(10).fill(null));
  const took = performance.now() - started;
  assert.ok(took >= 1_950 && took < atMost(2_900, 8_000), `took ${took} ms`);
  assert.equal((await clients(server)).length, 8);
  await atRest(pool);
});

test('8 consumers that block for ever and 8 producers on one pool all settle', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 8, decodeResponses: true });
  const pops = Array.from({ length: 8 }, () => pool.execute('BLPOP', 'q', 0));
  const pushes = Array.from({ length: 8 }, () => pool.execute('LPUSH', 'q', 'x'));
  assert.deepEqual(await Promise.all(pops), Array(8).fill(['q', 'x']));
  assert.equal((await Promise.all(pushes)).length, 8);
  await atRest(pool);
});

test('a blocking command on a released connection counts as blocking', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 2, decodeResponses: true });
  const lease = await pool.acquire();
  const left = lease.connection.createRequest('BLPOP', ['left', 0]);
  lease.release();
  await until(async () => (await blockedClients(server)) === 1, 'a blocked client');
  const pop = pool.execute('BLPOP', 'next', 0);
  assert.equal(await pool.executeRequest('RPUSH', ['next', 'x'], { timeout: 5_000 }), 1);
  assert.equal(pool.statistics.waiting, 1);
  await pool.execute('RPUSH', 'left', 'y');
  assert.deepEqual(await left, ['left', 'y']);
  assert.deepEqual(await pop, ['next', 'x']);
  await atRest(pool);
});

test('a second release of a connection does not end the blocking command of its next user', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 2, decodeResponses: true });
  const connection = await pool.getConnection();
  pool.release(connection);
  const pop = pool.execute('BLPOP', 'late', 3);
  await until(async () => (await blockedClients(server)) === 1, 'a blocked client');
  assert.throws(() => pool.release(connection), TypeError);
  assert.equal(pool.statistics.inUseConnections, 1);
  assert.equal(await pool.execute('GET', 'none'), null);
  await server.command('RPUSH', 'late', 'x');
  assert.deepEqual(await pop, ['late', 'x']);
  await atRest(pool);
});

test('with option maxConnections 1 a blocking command gets the only connection', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1 });
  const pop = pool.execute('BLPOP', 'one', 0.1);
  await until(() => pool.statistics.inUseConnections === 1);
  const ping = pool.execute('PING').then(String);
  assert.equal(await pop, null);
  assert.equal(await ping, 'PONG');
  await atRest(pool);
});

test('an aborted blocking command rejects with the reason; its connection is unblocked and used again', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 2 });
  for (const max of ['shared open', 'again']) {
    const abort = new AbortController();
    const reason = new Error(max);
    const pop = pool.executeRequest('BLPOP', ['none', 0], { signal: abort.signal });
    await until(async () => (await blockedClients(server)) === 1);
    if (max === 'shared open') await pool.execute('PING');
    const ids = (await clients(server)).map((line) => line.split(' ')[0]);
    abort.abort(reason);
    assert.equal(await failure(pop), reason);
    await atRest(pool);
    assert.equal(await blockedClients(server), 0);
    const after = (await clients(server)).map((line) => line.split(' ')[0]);
    assert.ok(ids.every((id) => after.includes(id)));
  }
});

test('with one connection an aborted blocking command is unblocked over a temporary connection', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1 });
  const abort = new AbortController();
  const pop = failure(pool.executeRequest('BLPOP', ['none', 0], { signal: abort.signal }));
  await until(async () => (await blockedClients(server)) === 1);
  const [before] = await clients(server);
  abort.abort(new Error('enough'));
  assert.equal((await pop).message, 'enough');
  await until(async () => (await clients(server)).length === 1, 'one connection');
  assert.equal((await clients(server))[0]?.split(' ')[0], before?.split(' ')[0]);
  assert.equal(await pool.execute('PING').then(String), 'PONG');
});

test('an element that was popped before UNBLOCK resolves the aborted call', async () => {
  await using scripted = await ScriptedServer.start({
    BLPOP: null,
    'CLIENT UNBLOCK': () => {
      const blocked = scripted.commands.find(({ name }) => name === 'BLPOP')?.connection;
      blocked?.send(reply.array(reply.bulk('q'), reply.bulk('element')));
      return reply.integer(0);
    },
  });
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  const abort = new AbortController();
  const pop = pool.executeRequest('BLPOP', ['q', 0], { signal: abort.signal });
  await scripted.waitForCommand('BLPOP');
  abort.abort();
  assert.deepEqual(await pop, ['q', 'element']);
  assert.equal(pop.maybeExecuted, true);
  await atRest(pool);
});

test('UNBLOCK that arrives before the blocking command is sent again', async () => {
  await using scripted = await ScriptedServer.start({
    BLPOP: null,
    'CLIENT UNBLOCK': () => {
      const asked = scripted.commands.filter(({ args }) => args[1] === 'UNBLOCK').length;
      if (asked < 3) return reply.integer(0);
      scripted.commands.find(({ name }) => name === 'BLPOP')?.connection.send(reply.null);
      return reply.integer(1);
    },
  });
  await using pool = new ConnectionPool({ location: scripted.location });
  const abort = new AbortController();
  const pop = failure(pool.executeRequest('BLPOP', ['q', 0], { signal: abort.signal }));
  await scripted.waitForCommand('BLPOP');
  abort.abort(new Error('enough'));
  assert.equal((await pop).message, 'enough');
  await atRest(pool);
  assert.equal(scripted.openConnections.length, 2);
});

test('UNBLOCK never uses a connection that was leased meanwhile', async () => {
  const info = reply.bulk(`run_id:${'0'.repeat(40)}\r\n`);
  let tell: (() => void) | null = null;
  await using scripted = await ScriptedServer.start({
    BLPOP: null,
    // The first question after the connection is blocked goes over the shared one: it waits until that one is leased.
    INFO: () => {
      if (tell !== null || !scripted.commands.some(({ name }) => name === 'BLPOP')) return info;
      return new Promise<string>((resolve) => {
        tell = () => resolve(info);
      });
    },
    MULTI: reply.ok,
    'CLIENT UNBLOCK': () => {
      scripted.commands.find(({ name }) => name === 'BLPOP')?.connection.send(reply.null);
      return reply.integer(1);
    },
  });
  await using pool = new ConnectionPool({ location: scripted.location, maxConnections: 2 });
  const both = [await pool.acquire(), await pool.acquire()];
  for (const lease of both) lease.release();
  const abort = new AbortController();
  const pop = failure(pool.executeRequest('BLPOP', ['q', 0], { signal: abort.signal }));
  await scripted.waitForCommand('BLPOP');
  abort.abort(new Error('enough'));
  await scripted.waitForCommand('INFO', 2);
  const leasing = pool.acquire();
  tell!();
  const lease = await leasing;
  const transaction = lease.connection.createRequest('MULTI');
  assert.equal((await pop).message, 'enough');
  await transaction;
  const multi = scripted.commands.find(({ name }) => name === 'MULTI');
  const unblocks = scripted.commands.filter(({ args }) => args[1] === 'UNBLOCK');
  assert.ok(unblocks.length > 0);
  assert.ok(unblocks.every(({ connection }) => connection !== multi!.connection));
  lease.release();
});

test('a blocking command that times out rejects with TimeoutError after being unblocked', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 4 });
  const pop = pool.executeRequest('BLPOP', ['none', 0], { timeout: 80 });
  const error = await failure(pop);
  assert.ok(error instanceof TimeoutError && error.phase === 'reply');
  assert.equal(error.maybeExecuted, false);
  assert.match(error.message, /BLPOP timed out after 80 ms/);
  await atRest(pool);
  assert.equal(await blockedClients(server), 0);
});

test('an abort while writes are paused harms no server and loses no element', async () => {
  await using paused = await startServer();
  await using pool = ConnectionPool.fromUrl(paused.url, { decodeResponses: true });
  await pool.execute('PING');
  await paused.command('CLIENT', 'PAUSE', 400, 'WRITE');
  const controller = new AbortController();
  const pop = pool.executeRequest('BLPOP', ['q', 30], { signal: controller.signal });
  const arrived = async () => /flags=b.* cmd=blpop/.test(String(await paused.command('CLIENT', 'LIST')));
  await until(arrived, 'the command at the server');
  controller.abort(new Error('aborted'));
  await assert.rejects(pop, { message: 'aborted' });
  await paused.command('RPUSH', 'q', 'x');
  assert.deepEqual(await pool.execute('BLPOP', 'q', 1), ['q', 'x']);
  await atRest(pool);
});

test('a refused UNBLOCK drops the connection and the call may have been executed', async () => {
  await using pool = new ConnectionPool({
    location: server.location,
    username: 'limited',
    password: 'pw',
    maxConnections: 2,
  });
  await pool.execute('PING');
  const abort = new AbortController();
  const reason = new Error('enough');
  const pop = pool.executeRequest('BLPOP', ['none', 0], { signal: abort.signal });
  await until(async () => (await blockedClients(server)) === 1);
  abort.abort(reason);
  const error = await failure(pop);
  assert.ok(error instanceof RequestAbortedError && error.maybeExecuted && error.cause === reason);
  assert.equal(pop.maybeExecuted, true);
  await until(async () => (await blockedClients(server)) === 0, 'the connection to be dropped');

  const late = pool.executeRequest('BLPOP', ['none', 0], { timeout: 50 });
  const timeout = await failure(late);
  assert.ok(timeout instanceof TimeoutError && timeout.maybeExecuted);
  await atRest(pool);
});

test('a server that stays silent after UNBLOCK costs a second, then the connection', async () => {
  for (const maxConnections of [1, 2]) {
    await using scripted = await ScriptedServer.start({ BLPOP: null, 'CLIENT UNBLOCK': null });
    await using pool = new ConnectionPool({ location: scripted.location, maxConnections });
    const abort = new AbortController();
    const pop = pool.executeRequest('BLPOP', ['q', 0], { signal: abort.signal });
    await scripted.waitForCommand('BLPOP');
    const started = performance.now();
    abort.abort(new Error('enough'));
    const error = await failure(pop);
    const took = performance.now() - started;
    assert.ok(took >= 990 && took < atMost(2_000), `took ${took} ms`);
    assert.ok(error instanceof RequestAbortedError && error.maybeExecuted);
    await until(() => scripted.connections.some(({ open }) => !open));
    scripted.script({});
    assert.equal(await pool.executeRequest('PING', [], { timeout: 3_000 }).then(String), 'PONG');
  }
});

test('option streamTimeout is lengthened by the time a command blocks and does not apply when it blocks for ever', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { streamTimeout: 600, maxConnections: 4 });
  const [short, forEver] = [pool.execute('BLPOP', 'none', 1), pool.execute('BLPOP', 'forever', 0)];
  assert.equal(await short, null);
  await pool.execute('LPUSH', 'forever', 'x');
  assert.deepEqual(((await forEver) as Buffer[]).map(String), ['forever', 'x']);

  await using scripted = await ScriptedServer.start({ BLPOP: null, 'CLIENT UNBLOCK': null });
  await using silent = new ConnectionPool({ location: scripted.location, streamTimeout: 60 });
  const started = performance.now();
  assert.ok((await failure(silent.execute('BLPOP', 'q', 0.1))) instanceof TimeoutError);
  assert.ok(performance.now() - started >= 160);
});

test('the limit of the reply begins when the command has its connection', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { streamTimeout: 500, maxConnections: 2 });
  const pops = Array.from({ length: 3 }, () => pool.execute('BLPOP', 'none', 0.8));
  assert.deepEqual(await Promise.all(pops), [null, null, null]);
});

test('XREAD blocks only with BLOCK before STREAMS', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 2, decodeResponses: true });
  await pool.execute('DEL', 'BLOCK', 's');
  await pool.execute('PING');
  const read = pool.execute('XREAD', 'BLOCK', 0, 'STREAMS', 's', '$');
  await until(async () => (await blockedClients(server)) === 1);
  assert.equal(await pool.execute('XREAD', 'STREAMS', 'BLOCK', 's', '0', '0'), null);
  assert.equal(pool.statistics.inUseConnections, 1);
  const id = await pool.execute('XADD', 's', '*', 'f', 'v');
  assert.ok(JSON.stringify([...((await read) as Map<string, unknown>)]).includes(String(id)));
});

test('a blocking command on a lease counts as blocking and its error stays its own', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 2 });
  await pool.execute('SET', 'text', 'x');
  assert.ok((await failure(pool.execute('BLPOP', 'text', 0))) instanceof WrongTypeError);
  const value = await pool.executeRequest('BLPOP', ['text', 0], { raiseExceptions: false });
  assert.ok(value instanceof WrongTypeError);
  assert.equal(await pool.use((connection) => connection.createRequest('WAIT', [0, 10])), 0);
  await atRest(pool);
});

test('a blocked connection that is killed rejects its call and gives its slot back', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 2 });
  const pop = pool.executeRequest('BLPOP', ['none', 0]);
  const outcome = failure(pop);
  await until(async () => (await blockedClients(server)) === 1);
  const blocked = (await clients(server)).find((line) => line.includes('cmd=blpop'));
  await server.command('CLIENT', 'KILL', 'ID', String(/^id=(\d+)/.exec(blocked ?? '')?.[1]));
  const error = await outcome;
  assert.ok(error instanceof ConnectionError && error.maybeExecuted);
  assert.equal(pop.maybeExecuted, true);
  await atRest(pool);
});

test('close() unblocks blocking commands, which reject with PoolClosedError', async () => {
  for (const maxConnections of [1, 8]) {
    const pool = ConnectionPool.fromUrl(server.url, { maxConnections });
    await pool.open();
    const running = Array.from({ length: 10 }, () => failure(pool.execute('BLPOP', 'none', 0)));
    const blocked = Math.max(1, maxConnections - 1);
    await until(async () => (await blockedClients(server)) === blocked);
    const started = performance.now();
    await pool.close();
    assert.ok(performance.now() - started < atMost(900), 'nothing was waited for');
    for (const error of await Promise.all(running))
      assert.ok(error instanceof PoolClosedError, String(error));
    await until(async () => (await clients(server)).length === 0, 'no connection left');
  }
});

test('an element that is pushed while a pool closes is not lost', async () => {
  const pool = ConnectionPool.fromUrl(server.url, { maxConnections: 4, decodeResponses: true });
  const pop = pool.execute('BLPOP', 'closing', 0);
  await until(async () => (await blockedClients(server)) === 1);
  const pushed = server.command('LPUSH', 'closing', 'x');
  const closed = pool.close();
  const value = await pop.catch((error: unknown) => error);
  await Promise.all([pushed, closed]);
  const left = Number(await server.command('LLEN', 'closing'));
  assert.equal(left + (Array.isArray(value) ? 1 : 0), 1);
});

for (const [name, options] of [
  ['of a call', {}],
  ['of a pool', { noreply: true }],
] as const) {
  test(`noreply ${name}: a blocking command keeps its connection until the server is done with it`, async () => {
    await using pool = ConnectionPool.fromUrl(server.url, { ...options, maxConnections: 3 });
    await pool.execute('DEL', 'quiet', 'told');
    const own = { noreply: true };
    const started = performance.now();
    assert.deepEqual(
      await Promise.all([
        pool.executeRequest('BLPOP', ['quiet', 20], own),
        pool.with(own).executeBatch([{ command: 'BLPOP', args: ['quiet', 20] }]),
      ]),
      [null, [null]],
    );
    await until(async () => (await blockedClients(server)) === 2, 'both are blocked');
    assert.equal(pool.statistics.inUseConnections, 2);
    await pool.execute('SET', 'told', 'yes');
    assert.deepEqual(gauges(pool), [3, 2, 1, 0, 0]);
    await pool.use((connection) => connection.createRequest('APPEND', ['told', '!']));
    await until(async () => (await server.command('GET', 'told')) === 'yes!');
    assert.ok(performance.now() - started < atMost(2_000, 15_000), 'nobody waited for them');
    await server.command('RPUSH', 'quiet', 'a', 'b');
    await atRest(pool);
    assert.equal(pool.statistics.activeConnections, 3, 'their connections are used again');
    assert.equal(await server.command('EXISTS', 'quiet'), 0);
    await Promise.all(Array.from({ length: 3 }, () => pool.execute('APPEND', 'told', '.')));
    await until(async () => (await server.command('GET', 'told')) === 'yes!...');
  });

  test(`noreply ${name}: close() unblocks commands without a waiting caller`, async () => {
    const pool = ConnectionPool.fromUrl(server.url, { ...options, maxConnections: 2 });
    assert.equal(await pool.executeRequest('BLPOP', ['none', 0], { noreply: true }), null);
    const waiting = failure(pool.execute('BLPOP', 'none', 0));
    await until(async () => (await blockedClients(server)) === 1);
    const started = performance.now();
    await pool.close();
    assert.ok(performance.now() - started < atMost(900), 'nothing was waited for');
    assert.ok((await waiting) instanceof PoolClosedError);
    await until(async () => (await blockedClients(server)) === 0);
  });
}

test('noreply: an unwritten blocking command rejects; a late error or loss reaches no caller', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 2, timeout: 50 });
  const own = { noreply: true };
  await pool.execute('SET', 'text', 'x');
  assert.equal(await pool.executeRequest('BLPOP', ['text', 0], own), null);
  await atRest(pool);
  const pop = pool.executeRequest('BLPOP', ['none', 0], { ...own, timeout: 40 });
  assert.deepEqual([await pop, pop.maybeExecuted], [null, true]);
  await until(async () => (await blockedClients(server)) === 1);
  const late = pool.executeRequest('BLPOP', ['none', 0], own);
  assert.ok((await failure(late)) instanceof TimeoutError);
  assert.equal(late.maybeExecuted, false);
  const blocked = (await clients(server)).find((line) => line.includes('cmd=blpop'));
  await server.command('CLIENT', 'KILL', 'ID', String(/^id=(\d+)/.exec(blocked ?? '')?.[1]));
  await atRest(pool);
});

test('a lease that leaves an unanswered blocking command gives its connection up', async () => {
  for (const noreply of [false, true]) {
    await using pool = ConnectionPool.fromUrl(server.url, { noreply, maxConnections: 2 });
    const { clientId, reusable } = await pool.use(async (connection) => {
      await connection.createRequest('BLPOP', ['none', 20], { noreply: true });
      return connection;
    });
    assert.equal(reusable, false);
    const started = performance.now();
    await pool.execute('PING');
    assert.ok(performance.now() - started < atMost(2_000, 15_000));
    await until(async () => !(await clients(server)).some((line) => line.startsWith(`id=${clientId} `)));
    await atRest(pool);
  }
});

test('a connection released with a blocking command on it counts as in use until it is answered', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1 });
  await pool.execute('DEL', 'left');
  const lease = await pool.acquire();
  const pop = lease.connection.createRequest('BLPOP', ['left', 0]);
  lease.release();
  await until(async () => (await blockedClients(server)) === 1);
  assert.deepEqual(gauges(pool), [1, 1, 0, 0, 0]);
  assert.match((await failure(pool.executeRequest('PING', [], { timeout: 30 }))).message, /in use 1, idle 0/);
  await server.command('RPUSH', 'left', 'x');
  await pop;
  await atRest(pool);
  assert.equal(pool.statistics.activeConnections, 1);
});
