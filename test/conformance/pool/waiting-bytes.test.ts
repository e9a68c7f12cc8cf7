import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool, OverloadedError } from '../../../src/index.ts';
import { startServer } from '../../../src/testkit/index.ts';
import { atRest, until } from './support.ts';

test('option maxWaitingBytes bounds the memory of calls that wait for a stopped server', async () => {
  await using server = await startServer();
  await using pool = new ConnectionPool({
    location: server.location,
    maxConnections: 1,
    maxBufferedBytes: 64 * 1024,
    maxWaitingBytes: 1024 * 1024,
  });
  await pool.execute('PING');
  server.pause();
  const value = Buffer.alloc(32 * 1024);
  let refused = 0;
  const calls = Array.from({ length: 300 }, (_, index) =>
    pool.execute('SET', `k${index}`, value).catch((error: unknown) => {
      assert.ok(error instanceof OverloadedError && /maxWaitingBytes/.test(error.message), String(error));
      refused++;
    }),
  );
  await until(() => refused > 0);
  assert.ok(pool.statistics.waiting <= 32, String(pool.statistics.waiting));
  server.resume();
  await Promise.all(calls);
  assert.ok(refused > 200 && refused < 300, String(refused));
  await atRest(pool as never);
  await pool.execute('SET', 'one', Buffer.alloc(2 * 1024 * 1024));
  for (const maxWaitingBytes of [0, -1, 1.5, '1'])
    assert.throws(
      () => new ConnectionPool({ location: server.location, maxWaitingBytes } as never),
      TypeError,
    );
});
