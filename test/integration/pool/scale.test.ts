import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool, type TCPConnection } from '../../../src/index.ts';
import type { TestServer } from '../../../src/testkit/index.ts';
import { atRest } from '../../conformance/pool/support.ts';
import { useServer } from '../../support/servers.ts';

/** With RESPOOL_FULL=1 the sizes that the documentation speaks of. */
const FULL = process.env['RESPOOL_FULL'] === '1';

let server: TestServer;
useServer((started) => (server = started));

test('100,000 calls in flight share one connection, and each gets its own reply in call order', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true, acquireTimeout: null });
  const order: number[] = [];
  const calls = Array.from({ length: 100_000 }, (_, index) =>
    pool.execute('ECHO', `token:${index}`).then((reply) => {
      assert.equal(reply, `token:${index}`);
      order.push(index);
    }),
  );
  await Promise.all(calls);
  assert.ok(order.every((index, place) => index === place));
  assert.equal(pool.statistics.activeConnections, 1);
  await atRest(pool);
});

test("10,000 leases of one turn, left early, are served over the bound's connections, in order", async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true, maxConnections: 64 });
  const served: number[] = [];
  const one = async (index: number): Promise<void> => {
    const lease = await pool.acquire();
    served.push(index);
    const reply = lease.connection.createRequest('ECHO', [index]);
    lease.release();
    assert.equal(await reply, String(index));
  };
  await Promise.all(Array.from({ length: 10_000 }, (_, index) => one(index)));
  assert.ok(served.every((index, place) => index === place));
  assert.ok(pool.statistics.activeConnections <= 64);
  await atRest(pool);
});

test('requests of two leases in one turn of the loop leave in one write', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  await pool.execute('PING');
  const first = await pool.acquire();
  const { connection } = first;
  const one = connection.createRequest('ECHO', ['one']);
  first.release();
  await new Promise(process.nextTick);
  // The request is not written yet: requests of the same turn join it.
  const second = await pool.acquire();
  assert.equal(second.connection, connection);
  assert.equal(one.maybeExecuted, false);
  const two = second.connection.createRequest('ECHO', ['two']);
  second.release();
  await new Promise(setImmediate);
  assert.equal(one.maybeExecuted, true);
  assert.equal(two.maybeExecuted, true);
  assert.deepEqual([await one, await two], ['one', 'two']);
});

test('64 connections at once each carry hundreds of commands in flight', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true, maxConnections: 64 });
  const leases = await Promise.all(Array.from({ length: 64 }, () => pool.acquire()));
  assert.equal(new Set(leases.map(({ connection }) => connection)).size, 64);
  await Promise.all(
    leases.map(async ({ connection }, lease) => {
      const requests = Array.from({ length: 300 }, (_, index) =>
        (connection as TCPConnection).createRequest('ECHO', [`${lease}:${index}`]),
      );
      for (const [index, request] of requests.entries()) assert.equal(await request, `${lease}:${index}`);
    }),
  );
  for (const lease of leases) lease.release();
  await atRest(pool);
});

test('a reply of hundreds of megabytes arrives whole, in a buffer of its own size', async () => {
  const size = (FULL ? 256 : 64) << 20;
  await server.command('SETRANGE', 'big', size - 7, 'the end');
  await using pool = ConnectionPool.fromUrl(server.url);
  const value = (await pool.execute('GET', 'big')) as Buffer;
  assert.equal(value.length, size);
  assert.equal(value.buffer.byteLength, size);
  assert.equal(value.toString('latin1', size - 7), 'the end');
  assert.ok(value.subarray(0, size - 7).every((byte) => byte === 0));
  await server.command('DEL', 'big');
});

test('an array of a million entries arrives whole', async () => {
  const count = FULL ? 1_000_000 : 300_000;
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  for (let from = 0; from < count; from += 100_000) {
    await pool.execute(
      'RPUSH',
      'long',
      ...Array.from({ length: 100_000 }, (_, index) => `entry:${from + index}`),
    );
  }
  const entries = (await pool.execute('LRANGE', 'long', 0, -1)) as string[];
  assert.equal(entries.length, count);
  assert.ok(entries.every((entry, index) => entry === `entry:${index}`));
});
