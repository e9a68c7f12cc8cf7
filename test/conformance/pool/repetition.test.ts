import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BusyLoadingError,
  ConnectionError,
  ConnectionPool,
  ExponentialBackoffRetryPolicy,
  ReadOnlyError,
  ResponseError,
  type RetryContext,
  TimeoutError,
} from '../../../src/index.ts';
import { reply, ScriptedServer, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { atRest, failure, sleep, until } from './support.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started));

const named = (scripted: ScriptedServer, wanted: string): number =>
  scripted.commands.filter(({ name }) => name === wanted).length;

test('an unsent command moves to a fresh connection, a written one is not repeated', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1, decodeResponses: true });
  await pool.execute('DEL', 'n');
  await pool.execute('CLIENT', 'ID');
  const unsent = pool.executeRequest('INCR', ['n']);
  pool.disconnect();
  assert.equal(await unsent, 1);
  assert.equal(unsent.maybeExecuted, true);

  await using scripted = await ScriptedServer.start({ INCR: null });
  await using other = new ConnectionPool({ location: scripted.location });
  const written = other.executeRequest('INCR', ['n']);
  await scripted.waitForCommand('INCR');
  scripted.connections[0]?.reset();
  const error = await failure(written);
  assert.ok(error instanceof ConnectionError && error.maybeExecuted);
  assert.equal(written.maybeExecuted, true);
  await other.execute('PING');
  assert.equal(named(scripted, 'INCR'), 1);
});

test('a hundred written INCRs whose connection dies are executed at most once each', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  await pool.execute('DEL', 'n');
  let acknowledged = 0;
  let unknown = 0;
  const rounds = Array.from({ length: 30 }, async (_, round) => {
    await sleep(round * 4);
    const calls = Array.from({ length: 20 }, async () => {
      const request = pool.executeRequest('INCR', ['n'], { timeout: 5_000 });
      try {
        await request;
        acknowledged++;
      } catch {
        assert.equal(request.maybeExecuted, true, 'what was surely not executed is repeated');
        unknown++;
      }
    });
    if (round % 3 === 0) await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await Promise.all(calls);
  });
  await Promise.all(rounds);
  const total = Number(await pool.execute('GET', 'n'));
  assert.ok(
    total >= acknowledged && total <= acknowledged + unknown,
    `${acknowledged} ≤ ${total} ≤ +${unknown}`,
  );
  await atRest(pool);
});

test('commands that wait for room on a connection that dies are served by the next one', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({
    location: scripted.location,
    maxConnections: 1,
    maxBufferedBytes: 1_000,
    decodeResponses: true,
  });
  await pool.open();
  const calls = Array.from({ length: 20 }, (_, index) =>
    pool.execute<string>('ECHO', `${index}`.padEnd(500, '.')),
  );
  assert.equal(pool.statistics.waiting, 19);
  pool.disconnect();
  const values = await Promise.all(calls);
  assert.ok(values.every((value, index) => value.startsWith(String(index))));
  assert.equal(scripted.connections.length, 2);
  await atRest(pool);
});

for (const [text, type] of [
  ['LOADING Redis is loading the dataset in memory', BusyLoadingError],
  ['MASTERDOWN Link with MASTER is down', ResponseError],
  ['TRYAGAIN Multiple keys request during rehashing of slot', ResponseError],
  ['CLUSTERDOWN The cluster is down', ResponseError],
] as const) {
  test(`${text.split(' ')[0]} is waited out inside the deadline and rejects the call at its end`, async () => {
    let refusals = 3;
    await using scripted = await ScriptedServer.start({
      GET: () => (refusals-- > 0 ? reply.error(text) : reply.bulk('value')),
    });
    await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
    assert.equal(await pool.executeRequest('GET', ['k'], { timeout: 3_000 }), 'value');
    assert.equal(named(scripted, 'GET'), 4);
    refusals = Number.POSITIVE_INFINITY;
    const error = await failure(pool.executeRequest('GET', ['k'], { timeout: 150 }));
    assert.ok(error instanceof type || error instanceof TimeoutError, String(error));
    // Without a limit as often as the retry policy says.
    const before = named(scripted, 'GET');
    assert.ok((await failure(pool.execute('GET', 'k'))) instanceof type);
    assert.equal(named(scripted, 'GET') - before, 4);
    // A script that answers so may have done something already.
    scripted.script({ EVAL: reply.error(text), FCALL: reply.error(text) });
    for (const command of ['EVAL', 'FCALL']) {
      assert.ok((await failure(pool.executeRequest(command, ['x', 0], { timeout: 1_000 }))) instanceof type);
      assert.equal(named(scripted, command), 1);
    }
  });
}

test('a pause before a retry ends with the signal', async () => {
  await using scripted = await ScriptedServer.start({ GET: reply.error('LOADING wait') });
  await using pool = new ConnectionPool({
    location: scripted.location,
    retryPolicy: { next: () => 10_000 },
  });
  const abort = new AbortController();
  const call = pool.executeRequest('GET', ['k'], { signal: abort.signal });
  await scripted.waitForCommand('GET');
  await sleep(50);
  abort.abort(new Error('enough'));
  assert.equal((await failure(call)).message, 'enough');
  assert.equal(call.maybeExecuted, false);
});

test('"max number of clients" is waited out inside the deadline', async () => {
  await using small = await startServer();
  await small.configSet('maxclients', 2);
  await using first = ConnectionPool.fromUrl(small.url);
  await first.execute('PING');
  await using pool = ConnectionPool.fromUrl(small.url);
  const error = await failure(pool.execute('PING'));
  assert.ok(error instanceof ConnectionError && /max number of clients/.test(error.message), String(error));
  const waiting = pool.executeRequest('PING', [], { timeout: 5_000 });
  await sleep(50);
  first.disconnect();
  assert.equal(String(await waiting), 'PONG');
});

test('READONLY on a plain pool drops the connection, dials again and repeats once', async () => {
  await using scripted = await ScriptedServer.start({
    SET: (_command, connection) =>
      connection.id <= 2 ? reply.error("READONLY You can't write against a read only replica.") : reply.ok,
  });
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  const leases = [await pool.acquire(), await pool.acquire()];
  for (const lease of leases) lease.release();
  const results = await Promise.all(Array.from({ length: 10 }, () => pool.execute('SET', 'k', 'v')));
  assert.deepEqual(results, Array(10).fill('OK'));
  assert.equal(scripted.connections.length, 3);
  await until(() => scripted.openConnections.length === 1, 'the demoted connections to go');
  assert.equal(named(scripted, 'SET'), 20);
});

test('a second READONLY rejects with the ReadOnlyError', async () => {
  await using replica = await startServer();
  await replica.command('REPLICAOF', '127.0.0.1', String(server.port));
  await using pool = ConnectionPool.fromUrl(replica.url);
  const ids = new Set([String(await pool.execute('CLIENT', 'ID'))]);
  const error = await failure(pool.execute('SET', 'k', 'v'));
  assert.ok(error instanceof ReadOnlyError && error.code === 'READONLY');
  ids.add(String(await pool.execute('CLIENT', 'ID')));
  assert.equal(ids.size, 2);
  await replica.command('REPLICAOF', 'NO', 'ONE');
  assert.equal(String(await pool.execute('SET', 'k', 'v')), 'OK');
});

test('an error answer to EVAL is never repeated, whatever it says', async () => {
  await server.command('DEL', 'n');
  await using pool = ConnectionPool.fromUrl(server.url, {
    retryPolicy: new ExponentialBackoffRetryPolicy({ retryReadOnly: true, retries: 5 }),
  });
  for (const text of [
    'LOADING no',
    'READONLY no',
    'TRYAGAIN no',
    'MASTERDOWN no',
    'ERR max number of clients reached',
  ]) {
    const script = `redis.call('INCR', 'n') return redis.error_reply('${text}')`;
    await failure(pool.executeRequest('EVAL', [script, 0], { timeout: 1_000 }));
  }
  assert.equal(await server.command('GET', 'n'), '5');
});

test('option retryPolicy decides about retries and is told about the failure', async () => {
  const asked: [number, string, RetryContext][] = [];
  await using scripted = await ScriptedServer.start({
    INCR: (_command, connection) => {
      connection.destroy();
      return null;
    },
  });
  await using pool = new ConnectionPool({
    location: scripted.location,
    retryPolicy: {
      next(attempt, error, context) {
        asked.push([attempt, error.name, context]);
        return attempt < 3 ? 30 : null;
      },
    },
  });
  const error = await failure(pool.execute('INCR', 'n'));
  assert.ok(error instanceof ConnectionError && error.maybeExecuted);
  assert.equal(named(scripted, 'INCR'), 3);
  assert.deepEqual(
    asked.map(([attempt]) => attempt),
    [1, 2, 3],
  );
  const [, name, context] = asked[2] as [number, string, RetryContext];
  assert.equal(name, 'ConnectionError');
  assert.equal(context.command, 'INCR');
  assert.equal(context.maybeExecuted, true);
  assert.ok(context.elapsed >= 59 && context.elapsed < 5_000, `elapsed ${context.elapsed}`);
});

test('option retryPolicy with retryReadOnly repeats a written read and no write', async () => {
  let dying = 2;
  await using scripted = await ScriptedServer.start((_command, connection) => {
    if (_command[0] !== 'GET' && _command[0] !== 'INCR') return undefined;
    if (dying-- > 0) {
      connection.destroy();
      return null;
    }
    return reply.bulk('x');
  });
  const retryPolicy = new ExponentialBackoffRetryPolicy({ retryReadOnly: true });
  await using pool = new ConnectionPool({ location: scripted.location, retryPolicy, decodeResponses: true });
  assert.equal(await pool.execute('GET', 'k'), 'x');
  dying = 2;
  assert.ok((await failure(pool.execute('INCR', 'k'))) instanceof ConnectionError);
  assert.equal(named(scripted, 'INCR'), 1);
});

test('option idempotent decides whether a call is repeated after its reply was lost', async () => {
  await using scripted = await ScriptedServer.start({ INCR: null, SET: null, GET: null });
  const lost = async (pool: ConnectionPool, command: string, options: object): Promise<number> => {
    const before = named(scripted, command);
    const request = pool.executeRequest(command, ['k', ...(command === 'SET' ? ['v'] : [])], options);
    // Each connection is cut once the command has arrived; a repetition then ends with its own limit.
    await until(() => named(scripted, command) > before);
    for (const connection of scripted.connections) connection.reset();
    const error = await failure(request);
    assert.ok(error instanceof ConnectionError || error instanceof TimeoutError, String(error));
    return named(scripted, command) - before;
  };
  await using pool = new ConnectionPool({ location: scripted.location });
  assert.equal(await lost(pool, 'SET', {}), 1);
  assert.equal(await lost(pool, 'SET', { idempotent: false }), 1);
  assert.equal(await lost(pool, 'SET', { idempotent: true, timeout: 300 }), 2);
  await using reading = new ConnectionPool({
    location: scripted.location,
    retryPolicy: new ExponentialBackoffRetryPolicy({ retryReadOnly: true }),
  });
  assert.equal(await lost(reading, 'GET', { timeout: 300 }), 2);
  assert.equal(await lost(reading, 'GET', { timeout: 300, idempotent: false }), 1);
  const view = reading.with({ idempotent: true, timeout: 300 });
  const before = named(scripted, 'INCR');
  const batch = view.executeBatch([{ command: 'INCR', args: ['n'] }]);
  await until(() => named(scripted, 'INCR') > before);
  for (const connection of scripted.connections) connection.reset();
  assert.ok((await batch)[0] instanceof Error);
  assert.equal(named(scripted, 'INCR') - before, 2);
});

test('a retry policy that throws or answers nonsense fails its call and nothing else', async () => {
  await using scripted = await ScriptedServer.start({ GET: null });
  for (const next of [
    (): number => {
      throw new Error('policy');
    },
    (): number => Number.NaN,
    (): number => -1,
    (): number => '5' as never,
  ]) {
    await using pool = new ConnectionPool({ location: scripted.location, retryPolicy: { next } });
    const calls = Array.from({ length: 3 }, () => failure(pool.execute('GET', 'k')));
    await scripted.waitFor(() => named(scripted, 'GET') >= 3);
    scripted.openConnections.at(-1)?.destroy();
    for (const error of await Promise.all(calls)) assert.match(error.message, /policy/);
    scripted.commands.length = 0;
    assert.equal(String(await pool.execute('PING')), 'PONG');
    await atRest(pool);
  }
});

const upTo = (attempts: number) => ({ next: (attempt: number) => (attempt < attempts ? 1 : null) });

test('the error of a later attempt says that an earlier one may have been executed', async () => {
  for (const limit of [{ timeout: 300 }, {}]) {
    await using scripted = await ScriptedServer.start({
      INCR: (_, connection) => {
        void scripted.stopListening();
        connection.destroy();
        return null;
      },
    });
    await using pool = new ConnectionPool({ location: scripted.location, retryPolicy: upTo(5) });
    const request = pool.executeRequest('INCR', ['n'], limit);
    const error = await failure(request);
    assert.ok(error instanceof TimeoutError || error instanceof ConnectionError, String(error));
    assert.deepEqual([error.maybeExecuted, request.maybeExecuted], [true, true], String(error));
    assert.equal(error instanceof TimeoutError, limit.timeout !== undefined);
    if (error instanceof TimeoutError) assert.deepEqual([error.phase, error.waiting], ['acquire', 1]);
    assert.ok(error.cause instanceof Error);
  }
});

test('the refusal of a later attempt says that an earlier one may have been executed, also in a batch', async () => {
  for (const batch of [false, true]) {
    let attempts = 0;
    await using scripted = await ScriptedServer.start({
      INCR: (_, connection) => {
        if (++attempts > 1) return reply.error('LOADING wait');
        connection.destroy();
        return null;
      },
    });
    await using pool = new ConnectionPool({ location: scripted.location, retryPolicy: upTo(2) });
    const error = batch
      ? (await pool.executeBatch([{ command: 'INCR', args: ['n'] }]))[0]
      : await failure(pool.execute('INCR', 'n'));
    assert.ok(error instanceof BusyLoadingError, String(error));
    assert.deepEqual([error.maybeExecuted, error.code, error.command], [true, 'LOADING', 'INCR']);
  }
});

test('a repeated blocking call has the whole limit of the pool for its dial', async () => {
  let pops = 0;
  await using scripted = await ScriptedServer.start({
    BLPOP: (_, connection) => {
      if (++pops > 1) return reply.null;
      setTimeout(() => connection.destroy(), 300);
      return null;
    },
  });
  await using pool = new ConnectionPool({
    location: scripted.location,
    timeout: 200,
    retryPolicy: upTo(3),
  });
  assert.equal(await pool.execute('BLPOP', 'k', 0), null);
  assert.equal(pops, 2);
});

test('an abort rejects with its reason, also when that is a server error and raiseExceptions is off', async () => {
  await using scripted = await ScriptedServer.start({ GET: null });
  await using pool = new ConnectionPool({ location: scripted.location });
  const abort = new AbortController();
  const reason = new ResponseError('no more');
  const call = failure(pool.executeRequest('GET', ['k'], { signal: abort.signal, raiseExceptions: false }));
  await scripted.waitForCommand('GET');
  abort.abort(reason);
  assert.equal(await call, reason);
});
