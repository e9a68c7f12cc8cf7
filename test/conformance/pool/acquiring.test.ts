import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionError, ConnectionPool, type RetryPolicy, TimeoutError } from '../../../src/index.ts';
import { startServer } from '../../../src/testkit/index.ts';
import { atRest, failure, until } from './support.ts';

/** A port where nothing listens. */
async function closedPort(): Promise<number> {
  const server = await startServer();
  const { port } = server.location;
  await server.stop();
  return port;
}

function counting(next: (attempt: number) => number | null): RetryPolicy & { asked: number } {
  const policy = {
    asked: 0,
    next(attempt: number) {
      policy.asked++;
      return next(attempt);
    },
  };
  return policy;
}

test('option acquireTimeout: bounds the wait for a connection; timeout is its older name', async () => {
  await using server = await startServer();
  for (const option of ['acquireTimeout', 'timeout'] as const) {
    await using pool = new ConnectionPool({ location: server.location, maxConnections: 1, [option]: 40 });
    const held = await pool.acquire({ timeout: 5_000 });
    const error = await failure(pool.acquire());
    assert.ok(error instanceof TimeoutError);
    assert.match(error.message, /within 40 ms/);
    held.release();
    await atRest(pool);
  }
  assert.throws(() => new ConnectionPool({ location: server.location, acquireTimeout: 1, timeout: 1 }), {
    name: 'TypeError',
    message: /acquireTimeout/,
  });
  assert.throws(() => ConnectionPool.fromUrl(server.url, { acquireTimeout: -1 }), TypeError);
  await using fromUrl = ConnectionPool.fromUrl(`${server.url}?acquireTimeout=30&maxConnections=1`);
  const held = await fromUrl.acquire({ timeout: 5_000 });
  assert.match((await failure(fromUrl.acquire())).message, /within 30 ms/);
  held.release();
});

test('a failed dial without a limit asks the retry policy, then rejects with the error of the dial', async () => {
  const port = await closedPort();
  for (const acquireTimeout of [undefined, null]) {
    const retryPolicy = counting((attempt) => (attempt < 4 ? 1 : null));
    await using pool = new ConnectionPool({ host: '127.0.0.1', port, retryPolicy, acquireTimeout });
    const error = await failure(pool.execute('SET', 'k', 1));
    assert.ok(error instanceof ConnectionError);
    assert.equal(error.maybeExecuted, false);
    assert.equal(retryPolicy.asked, 4);
    const lease = await failure(pool.acquire());
    assert.ok(lease instanceof ConnectionError, 'leases are not repeated');
  }
});

test('a retry policy of the user decides about failed dials under acquireTimeout; a limit of the call waits them out', async () => {
  const port = await closedPort();
  const own = counting(() => 20);
  await using pool = new ConnectionPool({ host: '127.0.0.1', port, retryPolicy: own, acquireTimeout: 3_000 });
  const abort = new AbortController();
  const call = failure(pool.executeRequest('SET', ['k', 1], { signal: abort.signal }));
  await until(() => own.asked > 2, 'three questions');
  abort.abort(new Error('enough'));
  assert.equal((await call).message, 'enough');
  const before = own.asked;
  assert.ok((await failure(pool.executeRequest('SET', ['k', 1], { timeout: 300 }))) instanceof Error);
  assert.equal(own.asked, before);
});

test('a policy that never gives up outlasts a restart', async () => {
  await using server = await startServer();
  await using pool = new ConnectionPool({
    location: server.location,
    decodeResponses: true,
    retryPolicy: { next: (_attempt, _error, { maybeExecuted }) => (maybeExecuted ? null : 20) },
  });
  await pool.execute('SET', 'k', 0);
  await server.kill();
  const calls = Array.from({ length: 50 }, (_, n) => pool.execute('SET', `k${n}`, n));
  const outcomes = Promise.allSettled(calls);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await server.restart();
  // Written commands may have been lost with the server; unsent ones are all carried out.
  for (const outcome of await outcomes)
    if (outcome.status === 'rejected') assert.equal((outcome.reason as ConnectionError).maybeExecuted, true);
  assert.equal(await pool.execute('SET', 'k', 1), 'OK');
  await atRest(pool);
});

test('option waitForServer: failed dials are repeated until the limit of the call', async () => {
  const server = await startServer();
  try {
    await server.kill();
    await using pool = new ConnectionPool({
      location: server.location,
      decodeResponses: true,
      waitForServer: true,
      acquireTimeout: null,
    });
    const call = pool.execute('PING');
    const lease = pool.acquire();
    const limited = failure(pool.executeRequest('PING', [], { timeout: 60 }));
    assert.ok((await limited) instanceof TimeoutError);
    await server.restart();
    assert.equal(await call, 'PONG');
    (await lease).release();
    await atRest(pool);
  } finally {
    await server.stop();
  }
});
