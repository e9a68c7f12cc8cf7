// Dials for the pool's own use end with it: close() waits for no dial to a silent server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool, LRUCache, PoolClosedError } from '../../../src/index.ts';
import { reply, ScriptedServer } from '../../../src/testkit/index.ts';
import { failure, sleep, until } from './support.ts';

/** The first connection works, the others are accepted and never answered. */
function silentAfterFirst(): Promise<ScriptedServer> {
  return ScriptedServer.start(
    { GET: reply.bulk('v'), BLPOP: null },
    {
      onConnection: (connection) => {
        if (connection.id > 1) connection.blackHole();
      },
    },
  );
}

async function closesAtOnce(pool: ConnectionPool): Promise<void> {
  const closed = pool.close({ timeout: 0 }).then(() => 'closed');
  assert.equal(await Promise.race([closed, sleep(600)]), 'closed');
}

test('close() ends while UNBLOCK waits for a connection that is being made', async () => {
  await using server = await silentAfterFirst();
  const pool = new ConnectionPool({ location: server.location, maxConnections: 1 });
  const blocked = failure(pool.execute('BLPOP', 'list', 0));
  await server.waitForCommand('BLPOP');
  await closesAtOnce(pool);
  const error = await blocked;
  assert.ok(error instanceof PoolClosedError);
  assert.equal(error.maybeExecuted, true);
  await until(() => server.openConnections.length === 0);
});

test('close() ends while a listener of the cache is being made', async () => {
  for (const cacheTracking of [{ redirect: true }, { mode: 'bcast' }] as const) {
    await using server = await silentAfterFirst();
    const pool = new ConnectionPool({ location: server.location, cache: new LRUCache(), cacheTracking });
    const call = failure(pool.execute('GET', 'key'));
    await server.waitForConnections(2);
    await closesAtOnce(pool);
    assert.ok((await call) instanceof PoolClosedError);
    await until(() => server.openConnections.length === 0);
  }
});
