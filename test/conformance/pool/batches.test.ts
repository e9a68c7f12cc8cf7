import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool, RequestAbortedError, TimeoutError, WrongTypeError } from '../../../src/index.ts';
import { ScriptedServer, type TestServer } from '../../../src/testkit/index.ts';
import { failure, sleep } from './support.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started));

test('executeBatch holds values and errors in their places and never rejects for them', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  await pool.execute('DEL', 'counter', 'list');
  const batch = await pool.executeBatch([
    { command: 'INCR', args: ['counter'] },
    { command: 'LPUSH', args: ['counter', 'x'] },
    { command: 'BLPOP', args: ['list', 0.05] },
    { command: 'ECHO', args: ['bytes'], decode: false },
    { command: 'INCR', args: ['counter'] },
  ]);
  assert.equal(batch[0], 1);
  assert.ok(batch[1] instanceof WrongTypeError);
  assert.equal(batch[2], null);
  assert.deepEqual(batch[3], Buffer.from('bytes'));
  assert.equal(batch[4], 2);
  assert.deepEqual(await pool.executeBatch([]), []);
});

test('executeBatch refuses a bad command before anything of it is queued', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({ location: scripted.location });
  await pool.open();
  for (const bad of [
    { command: 'SELECT', args: [1] },
    { command: 'GET', args: [undefined as never] },
    { command: '' },
  ]) {
    assert.ok((await failure(pool.executeBatch([{ command: 'PING' }, bad]))) instanceof TypeError);
  }
  assert.equal(await pool.execute('PING').then(String), 'PONG');
  assert.deepEqual(scripted.commands.filter(({ name }) => name === 'PING' || name === 'GET').length, 1);
});

test('an aborted executeBatch keeps the entries that came', async () => {
  await using scripted = await ScriptedServer.start({ GET: null, PING: null });
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  const abort = new AbortController();
  const reason = new Error('enough');
  const running = pool.executeBatch(
    [{ command: 'ECHO', args: ['x'] }, { command: 'GET', args: ['k'] }, { command: 'PING' }],
    { signal: abort.signal },
  );
  await scripted.waitForCommand('PING');
  await sleep(20);
  abort.abort(reason);
  const [first, second, third] = await running;
  assert.equal(first, 'x');
  for (const entry of [second, third]) {
    assert.ok(entry instanceof RequestAbortedError);
    assert.equal(entry.cause, reason);
    assert.equal(entry.maybeExecuted, true);
  }
  const [early] = await pool.executeBatch([{ command: 'PING' }], { signal: abort.signal });
  assert.ok(early instanceof RequestAbortedError && !early.maybeExecuted);
});

test('executeBatch with a timeout holds a TimeoutError for entries that did not come', async () => {
  await using scripted = await ScriptedServer.start({ GET: null });
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  const batch = await pool.executeBatch(
    [
      { command: 'ECHO', args: ['x'] },
      { command: 'GET', args: ['k'] },
    ],
    { timeout: 60 },
  );
  assert.equal(batch[0], 'x');
  assert.ok(batch[1] instanceof TimeoutError && batch[1].phase === 'reply' && batch[1].maybeExecuted);
});
