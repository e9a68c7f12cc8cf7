// Several calls share one signal: the abort of one must not let the next one be sent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool } from '../../../src/index.ts';
import { reply, ScriptedServer } from '../../../src/testkit/index.ts';
import { answerLater, atRest, failure } from './support.ts';

test('a call that is admitted by the abort of its own signal is never written', async () => {
  const { answer, release } = answerLater(reply.bulk('done'));
  await using server = await ScriptedServer.start({ GET: answer });
  await using pool = new ConnectionPool({
    location: server.location,
    decodeResponses: true,
    maxConnections: 1,
  });
  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error('enough');
  const first = pool.execute('GET', 'slow');
  await server.waitForCommand('GET');
  // The lease waits until the connection has drained, the call waits behind the lease.
  const lease = failure(pool.acquire({ signal }));
  const call = pool.executeRequest('SET', ['key', 'value'], { signal });
  const rejected = failure(call);
  assert.equal(pool.statistics.waiting, 2);
  controller.abort(reason);
  assert.equal(await lease, reason);
  assert.equal(await rejected, reason);
  assert.equal(call.maybeExecuted, false);
  release();
  assert.equal(await first, 'done');
  await pool.execute('PING');
  assert.deepEqual(
    server.commands.filter(({ name }) => name === 'SET'),
    [],
  );
  await atRest(pool);
});

test('a call that waits for room behind an aborted call with the same signal is never written', async () => {
  await using server = await ScriptedServer.start({});
  await using pool = new ConnectionPool({
    location: server.location,
    decodeResponses: true,
    maxConnections: 1,
    maxBufferedBytes: 1024,
  });
  await pool.open();
  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error('enough');
  const large = 'x'.repeat(1_000);
  const calls = ['1', '2', '3'].map((key) => pool.executeRequest('SET', [key, large], { signal }));
  const rejected = calls.map(failure);
  assert.equal(pool.statistics.waiting, 2);
  controller.abort(reason);
  for (const error of await Promise.all(rejected)) assert.equal(error, reason);
  await pool.execute('PING');
  assert.deepEqual(
    server.commands.filter(({ name }) => name === 'SET'),
    [],
  );
  await atRest(pool);
});
