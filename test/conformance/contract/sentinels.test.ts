import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Sentinel,
  SentinelConnectionPool,
  SentinelManagedConnection,
  TCPLocation,
} from '../../../src/index.ts';
import { reply, ScriptedServer } from '../../../src/testkit/index.ts';

/** A pool whose primary is that server. */
function poolAt(server: ScriptedServer, options: object = {}): SentinelConnectionPool<true> {
  const sentinelManager = {
    discoverPrimary: async () => server.location,
    discoverReplicas: async () => [],
  };
  return new SentinelConnectionPool({
    serviceName: 'm',
    sentinelManager,
    decodeResponses: true,
    ...options,
  });
}
const count = (server: ScriptedServer, name: string): number =>
  server.commands.filter((command) => command.name === name).length;

test('checkConnection: leases and calls get a connection that was checked after its idle time', async () => {
  await using server = await ScriptedServer.start({ GET: ([, key = '']) => reply.bulk(key), SET: reply.ok });
  await using pool = poolAt(server, { checkConnection: true });
  const lease = await pool.acquire();
  lease.release();
  for (const how of ['getConnection', 'acquire', 'use', 'execute', 'executeBatch'] as const) {
    await sleep(120);
    const before = count(server, 'PING');
    if (how === 'getConnection') pool.release(await pool.getConnection());
    else if (how === 'acquire') (await pool.acquire()).release();
    else if (how === 'use') await pool.use(() => null);
    else if (how === 'execute') await Promise.all([pool.execute('GET', 'a'), pool.execute('GET', 'b')]);
    else await pool.executeBatch([{ command: 'GET', args: ['a'] }]);
    assert.equal(count(server, 'PING'), before + 1, how);
  }
  const before = count(server, 'PING');
  for (let index = 0; index < 5; index++) await pool.execute('GET', 'a');
  assert.equal(count(server, 'PING'), before, 'what is in use is not checked');

  await sleep(120);
  const [first] = server.connections;
  first!.blackHole();
  assert.equal(await pool.executeRequest('GET', ['c'], { timeout: 1_000 }), 'c');
  assert.equal(first!.open, false);
});

test('checkConnection: calls during and after a check keep their order', async () => {
  await using server = await ScriptedServer.start({ SET: reply.ok });
  await using pool = poolAt(server, { checkConnection: true });
  for (let round = 0; round < 3; round++) {
    await pool.execute('SET', 'k', 'warm');
    await sleep(120);
    const all: Promise<unknown>[] = [];
    let sent = 0;
    const send = (): unknown => all.push(pool.execute('SET', 'k', sent++));
    send();
    send();
    void all[0]?.then(send);
    server.connections[0]!.commands.length = 0;
    while (sent < 60) {
      send();
      await (sent % 3 === 0 ? new Promise(setImmediate) : null);
    }
    await Promise.all(all);
    const got = server.connections[0]!.commands.filter(({ name }) => name === 'SET').map(
      ({ args }) => args[2],
    );
    assert.deepEqual(
      got,
      got.map((_, index) => String(index)),
    );
  }
});

test("a sentinel pool has a readable name, and takes connections of the user's own class", async () => {
  await using manager = new Sentinel({ sentinels: [new TCPLocation('a', 1), { host: 'b', port: 2 }] });
  assert.equal(String(manager), 'Sentinel<sentinels=[a:1,b:2]>');
  class Own extends SentinelManagedConnection {}
  await using server = await ScriptedServer.start();
  await using pool = poolAt(server, { connectionClass: Own });
  await pool.use((connection) => assert.ok(connection instanceof Own && connection.primaryName === 'm'));
});
