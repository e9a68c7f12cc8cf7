import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ConnectionError,
  ConnectionPool,
  InvalidResponse,
  type RedisError,
  TimeoutError,
} from '../../../src/index.ts';
import { ScriptedServer, startServer } from '../../../src/testkit/index.ts';
import { atRest, failure, sleep, turn } from './support.ts';
import { atMost } from '../../support/pace.ts';

const named = (scripted: ScriptedServer, wanted: string): number =>
  scripted.commands.filter(({ name }) => name === wanted).length;

test('callers share a back-off: during a pause they wait for the next dial, which is one at a time', async () => {
  await using scripted = await ScriptedServer.start();
  const { port } = scripted;
  await scripted.stopListening();
  const pools = Array.from(
    { length: 5 },
    () => new ConnectionPool({ host: '127.0.0.1', port, maxConnections: 4 }),
  );
  let refusals = 0;
  const end = performance.now() + 600;
  await Promise.all(
    pools.map(async (pool) => {
      while (performance.now() < end) {
        const error = await failure(pool.execute('PING'));
        assert.ok(error instanceof ConnectionError, String(error));
        assert.equal((error.cause as { code?: string }).code, 'ECONNREFUSED');
        refusals++;
        await turn();
      }
    }),
  );
  // Each failed dial rejects one waiter per pool at most; with a pause before each there are few of them.
  assert.ok(refusals >= 5 && refusals < 5 * 20, `${refusals} refusals`);
  const patient = Promise.all(
    pools.map((pool) => pool.executeRequest('PING', [], { timeout: 5_000 }).then(String)),
  );
  await scripted.listen();
  assert.deepEqual(await patient, Array(5).fill('PONG'));
  await Promise.all(pools.map((pool) => pool.close()));
});

test('a dial failure without any limit rejects every waiter with its ConnectionError', async () => {
  await using scripted = await ScriptedServer.start();
  const { port } = scripted;
  await scripted.stopListening();
  await using pool = new ConnectionPool({ host: '127.0.0.1', port });
  const errors = await Promise.all([
    ...Array.from({ length: 10 }, () => failure(pool.execute('PING'))),
    failure(pool.getConnection()),
    failure(pool.open()),
    failure(pool.executeRequest('PING', [], { timeout: null })),
  ]);
  for (const error of errors)
    assert.ok(error instanceof ConnectionError && !error.maybeExecuted, String(error));
  await atRest(pool);
});

test('a dial failure without any limit also rejects callers that had no room yet', async () => {
  const scripted = await ScriptedServer.start();
  const { location } = scripted;
  await scripted.close();
  await using pool = new ConnectionPool({ location, maxConnections: 1 });
  const started = performance.now();
  const calls = Array.from({ length: 12 }, (_, index) =>
    index % 2 === 0 ? pool.acquire() : pool.execute('BLPOP', 'q', 0),
  );
  for (const error of await Promise.all(calls.map(failure)))
    assert.ok(error instanceof ConnectionError, String(error));
  assert.ok(performance.now() - started < atMost(1_000));
  await atRest(pool);
});

test('with a limit an unreachable server ends in a TimeoutError with the failure as its cause', async () => {
  await using scripted = await ScriptedServer.start();
  const { port } = scripted;
  await scripted.stopListening();
  await using pool = new ConnectionPool({ host: '127.0.0.1', port, timeout: 120 });
  for (const call of [
    () => pool.execute('PING'),
    () => pool.getConnection(),
    () => pool.executeRequest('PING', [], { timeout: 80 }),
  ]) {
    const error = await failure(call());
    assert.ok(
      error instanceof TimeoutError && error.phase === 'acquire' && !error.maybeExecuted,
      String(error),
    );
    assert.ok(error.cause instanceof ConnectionError);
    assert.match(error.message, /ECONNREFUSED/);
  }
});

test('wrong credentials reject at once, also with a limit, and are not retried in a loop', async () => {
  await using locked = await startServer({ requirepass: 'right' });
  await using pool = new ConnectionPool({ location: locked.location, password: 'wrong', timeout: 3_000 });
  const started = performance.now();
  const errors = await Promise.all(Array.from({ length: 5 }, () => failure(pool.execute('PING'))));
  assert.ok(performance.now() - started < atMost(1_000, 2_900));
  for (const error of errors) assert.equal(error.name, 'AuthenticationFailureError');
  await atRest(pool);
});

test('a connection lost in its handshake has executed nothing of its callers', async () => {
  const garbage = '?x\r\n';
  for (const HELLO of [
    (_: readonly string[], connection: { destroy(): void }) => connection.destroy(),
    garbage,
  ]) {
    await using scripted = await ScriptedServer.start({ HELLO: HELLO as string });
    await using pool = new ConnectionPool({ location: scripted.location });
    const request = pool.executeRequest('INCR', ['n']);
    const error = (await failure(request)) as ConnectionError;
    assert.ok(error instanceof ConnectionError, String(error));
    assert.equal(error instanceof InvalidResponse, HELLO === garbage);
    assert.deepEqual([error.maybeExecuted, request.maybeExecuted, error.command], [false, false, undefined]);
    assert.equal((error.cause as RedisError).command, 'HELLO');
    const [entry] = await pool.executeBatch([{ command: 'INCR', args: ['n'] }]);
    assert.equal((entry as ConnectionError).maybeExecuted, false);
  }
});

test('a pause longer than a timer can hold does not repeat at once', async () => {
  await using scripted = await ScriptedServer.start({
    INCR: (_, connection) => {
      connection.destroy();
      return null;
    },
  });
  const pool = new ConnectionPool({ location: scripted.location, retryPolicy: { next: () => 1e12 } });
  const call = failure(pool.execute('INCR', 'n'));
  await scripted.waitForCommand('INCR');
  await sleep(50);
  assert.equal(named(scripted, 'INCR'), 1);
  await pool.close();
  await call;
});
