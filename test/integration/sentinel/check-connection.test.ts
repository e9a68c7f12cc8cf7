import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sentinel } from '../../../src/index.ts';
import { reply } from '../../../src/testkit/index.ts';
import { FakeData, FakeSentinel } from './scripted.ts';
import { sleep } from './support.ts';

test('option checkConnection verifies an idle connection before handing it out', async () => {
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using careless = manager.primaryFor('m');
  careless.release(await careless.getConnection());
  careless.release(await careless.getConnection());
  assert.equal(data.count('PING'), 0);

  await using careful = manager.primaryFor('m', { checkConnection: true });
  const first = await careful.getConnection();
  assert.equal(data.count('PING'), 0, 'a new one needs no check');
  careful.release(first);
  const again = await careful.getConnection();
  assert.equal(again, first);
  assert.equal(data.count('PING'), 1);
  careful.release(again);
  // Still open, but it answers no more.
  for (const connection of data.server.openConnections) connection.blackHole();
  const next = await careful.getConnection({ timeout: 10_000 });
  assert.notEqual(next, first);
  assert.equal(first.usable, false);
  careful.release(next);
  assert.equal(careful.statistics.activeConnections, 1);
});

test('checkConnection: an error counts as an answer, and a connection made for a lease needs no check', async () => {
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using pool = manager.primaryFor('m', { checkConnection: true });
  data.server.script({
    ROLE: async () => {
      await sleep(150);
      return reply.array(reply.bulk('master'), reply.integer(0), reply.array());
    },
    PING: reply.error('NOPERM no ping for you'),
  });
  (await pool.acquire({ timeout: 10_000 })).release();
  assert.deepEqual([data.server.connections.length, data.count('PING')], [1, 0]);
  (await pool.acquire({ timeout: 10_000 })).release();
  assert.deepEqual([data.server.connections.length, data.count('PING')], [1, 1]);
  await sleep(150);
  await pool.execute('SET', 'a', 1).catch(() => {});
  assert.deepEqual([data.server.connections.length, data.count('PING')], [1, 2]);
});

test('checkConnection: a wrong nonce shows shifted replies, and the connection ends', async () => {
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data });
  await using manager = new Sentinel({ sentinels: [sentinel.location], decodeResponses: true });
  await using pool = manager.primaryFor('m', { checkConnection: true });
  let shifted = false;
  data.server.script({ PING: ([, nonce = '']) => reply.bulk(shifted ? 'the value before' : nonce) });
  for (const kind of ['lease', 'call']) {
    const first = await pool.acquire();
    first.release();
    shifted = true;
    if (kind === 'lease') (await pool.acquire({ timeout: 10_000 })).release();
    else {
      await sleep(150);
      assert.equal(await pool.execute('SET', 'a', 1), 'OK');
    }
    shifted = false;
    assert.equal(first.connection.closed, true, kind);
  }
});
