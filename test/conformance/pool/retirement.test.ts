import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool, TimeoutError } from '../../../src/index.ts';
import { reply, type ScriptedConnection, ScriptedServer } from '../../../src/testkit/index.ts';
import { atMost } from '../../support/pace.ts';
import { atRest, failure, sleep } from './support.ts';

/** Answers `GET slow` when told to and never says anything again; other reads get no answer. */
function slowThenSilent(): { script: Parameters<typeof ScriptedServer.start>[0]; finish(): void } {
  let finish!: () => void;
  const told = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const GET = ([, key]: readonly string[], connection: ScriptedConnection) =>
    key === 'slow'
      ? told.then(() => {
          connection.send(reply.bulk('slow'));
          connection.blackHole();
          return null;
        })
      : null;
  return { script: { GET }, finish };
}

for (const how of ['timeout', 'abort'] as const) {
  test(`a connection kept for another caller's request is closed once that is answered (${how})`, async () => {
    const { script, finish } = slowThenSilent();
    await using scripted = await ScriptedServer.start(script);
    await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
    await pool.open();
    const patient = pool.execute('GET', 'slow');
    const abort = new AbortController();
    const limit = how === 'timeout' ? { timeout: 40 } : { signal: abort.signal };
    const hasty = failure(pool.executeRequest('GET', ['k'], { disconnectOnCancellation: true, ...limit }));
    await scripted.waitForCommand('GET');
    if (how === 'abort') abort.abort(new Error('no more'));
    await hasty;
    assert.equal(scripted.connections[0]?.open, true);
    finish();
    assert.equal(await patient, 'slow');
    await scripted.waitFor(() => scripted.connections[0]?.open === false, 'the connection to be closed');
    assert.equal(await pool.executeRequest('ECHO', ['x'], { timeout: 5_000 }), 'x');
    await atRest(pool);
  });
}

test('a connection past its lifetime is closed once its last caller gives up', async () => {
  await using scripted = await ScriptedServer.start({ GET: null });
  await using pool = new ConnectionPool({
    location: scripted.location,
    maxLifetime: 100,
    decodeResponses: true,
  });
  await pool.open();
  const abort = new AbortController();
  const call = failure(pool.executeRequest('GET', ['k'], { signal: abort.signal }));
  await sleep(200);
  abort.abort(new Error('no more'));
  await call;
  assert.equal(await pool.executeRequest('ECHO', ['x'], { timeout: 5_000 }), 'x');
  assert.equal(scripted.connections[0]?.open, false);
});

test('a connection past its lifetime is closed when its last requests timed out before', async () => {
  const { script, finish } = slowThenSilent();
  await using scripted = await ScriptedServer.start(script);
  await using pool = new ConnectionPool({
    location: scripted.location,
    maxLifetime: 150,
    decodeResponses: true,
  });
  await pool.open();
  const patient = pool.execute('GET', 'slow');
  assert.ok((await failure(pool.executeRequest('GET', ['k'], { timeout: 40 }))) instanceof TimeoutError);
  await sleep(250);
  finish();
  assert.equal(await patient, 'slow');
  assert.equal(await pool.executeRequest('ECHO', ['x'], { timeout: 5_000 }), 'x');
});

test('a connection refused with READONLY is closed though an aborted request is still on it', async () => {
  await using scripted = await ScriptedServer.start({
    GET: null,
    SET: (_, { id }) => (id === 1 ? reply.error('READONLY no') : reply.simple('OK')),
  });
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  await pool.open();
  const abort = new AbortController();
  const write = pool.execute('SET', 'k', 'v');
  const read = failure(pool.executeRequest('GET', ['k'], { signal: abort.signal }));
  await scripted.waitForCommand('GET');
  await sleep(20);
  abort.abort(new Error('no more'));
  await read;
  assert.equal(await write, 'OK');
  assert.equal(scripted.connections[0]?.open, false);
});

for (const how of ['timeout', 'abort'] as const) {
  test(`close() waits for no request once the last caller has given up (${how})`, async () => {
    await using scripted = await ScriptedServer.start({ GET: null });
    const pool = new ConnectionPool({ location: scripted.location });
    await pool.open();
    const abort = new AbortController();
    const limit = how === 'timeout' ? { timeout: 80 } : { signal: abort.signal };
    const call = failure(pool.executeRequest('GET', ['k'], limit));
    await scripted.waitForCommand('GET');
    const started = performance.now();
    const closed = pool.close();
    if (how === 'abort') abort.abort(new Error('no more'));
    await call;
    await closed;
    assert.ok(performance.now() - started < atMost(2_000));
  });
}

test('close() waits for a live request and not for an aborted one behind it', async () => {
  const { script, finish } = slowThenSilent();
  await using scripted = await ScriptedServer.start(script);
  const pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  await pool.open();
  const patient = pool.execute('GET', 'slow');
  const abort = new AbortController();
  const call = failure(pool.executeRequest('GET', ['k'], { signal: abort.signal }));
  await scripted.waitForCommand('GET', 1);
  await sleep(10);
  abort.abort(new Error('no more'));
  await call;
  const started = performance.now();
  const closed = pool.close();
  finish();
  assert.equal(await patient, 'slow');
  await closed;
  assert.ok(performance.now() - started < atMost(2_000));
});
