import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ConnectionError, ConnectionPool, TimeoutError } from '../../../src/index.ts';
import { startServer, type TestServer } from '../../../src/testkit/index.ts';
import { atRest, clients, failure } from './support.ts';

/** The loop stands still: nothing is read, no timer fires. */
function freeze(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe('after a freeze of the process', () => {
  let server: TestServer;
  before(async () => {
    // The server closes clients that have been idle for a second.
    server = await startServer({ args: ['--timeout', '1', '--hz', '100'] });
  });
  after(() => server.stop());

  test('the next command goes to a fresh connection when the server has closed the old one', async () => {
    await using pool = new ConnectionPool({ location: server.location, decodeResponses: true });
    for (let round = 0; round < 4; round++) {
      await pool.execute('PING');
      freeze(2_500);
      // From a promise, a timer and a callback of the poll phase.
      if (round === 1) await new Promise((resolve) => setTimeout(resolve, 0));
      if (round === 2) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(await pool.execute('SET', 'k', round), 'OK');
    }
    await atRest(pool);
  });

  test('a command on a lease fails unsent', async () => {
    await using pool = new ConnectionPool({ location: server.location });
    const lease = await pool.acquire();
    await lease.connection.execute('PING');
    freeze(2_500);
    const error = (await failure(lease.connection.execute('SET', 'k', 1))) as ConnectionError;
    assert.ok(error instanceof ConnectionError);
    assert.equal(error.maybeExecuted, false);
    lease.release();
    await atRest(pool);
  });
});

test('option maxIdleTime and option maxLifetime: a connection past its time is not used after a freeze', async () => {
  await using server = await startServer();
  for (const options of [{ maxIdleTime: 1_200 }, { maxLifetime: 1_200 }]) {
    await using pool = new ConnectionPool({ location: server.location, decodeResponses: true, ...options });
    const [before] = [await pool.execute('CLIENT', 'ID')];
    freeze(1_500);
    assert.notEqual(await pool.execute('CLIENT', 'ID'), before);
    assert.equal((await clients(server)).length, 1);
    await atRest(pool);
  }
});

test('a silent connection that is well stays in use after a freeze', async () => {
  await using server = await startServer();
  await using pool = new ConnectionPool({ location: server.location, decodeResponses: true });
  const before = await pool.execute('CLIENT', 'ID');
  freeze(1_200);
  const answers = await Promise.all(Array.from({ length: 600 }, (_, n) => pool.execute('ECHO', n)));
  assert.deepEqual(
    answers,
    Array.from({ length: 600 }, (_, n) => String(n)),
  );
  assert.equal(await pool.execute('CLIENT', 'ID'), before);
});

test('a jump of the system clock ends no wait, no connection in use and no lease, and lengthens no limit', async (t) => {
  await using server = await startServer();
  await using pool = new ConnectionPool({
    location: server.location,
    decodeResponses: true,
    maxIdleTime: 60_000,
    maxLifetime: 600_000,
    leakDetection: 60_000,
  });
  const { now } = Date;
  let jump = 0;
  Date.now = () => now() + jump;
  t.after(() => {
    Date.now = now;
  });
  await pool.execute('SET', 'k', 0);
  for (const days of [1, -1, 400, -400, 0]) {
    const lease = await pool.acquire();
    const popped = pool.executeRequest('BLPOP', ['q', 5], { timeout: 10_000 });
    const late = pool.executeRequest('BLPOP', ['other', 0], { timeout: 150 });
    jump = days * 86_400_000;
    assert.equal(await pool.execute('SET', 'k', days), 'OK');
    assert.equal(await lease.connection.execute('GET', 'k'), String(days));
    lease.release();
    assert.ok((await failure(late)) instanceof TimeoutError);
    await pool.execute('RPUSH', 'q', days);
    assert.deepEqual(await popped, ['q', String(days)]);
  }
  await atRest(pool);
});
