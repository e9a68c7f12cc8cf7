import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ConnectionPool, LRUCache, type RequestAbortedError, TCPConnection } from '../../../src/index.ts';
import { reply, ScriptedServer, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { ServiceAddress } from '../../support/service-address.ts';
import { cachedPool, countingServer, warningOfUncached } from '../cache/support.ts';
import { atRest, blockedClients, failure, until } from './support.ts';

describe('one address that leads to two servers', () => {
  let old: TestServer;
  let next: TestServer;
  before(async () => {
    [old, next] = await Promise.all([startServer(), startServer()]);
  });
  after(() => Promise.all([old.stop(), next.stop()]));

  test('CLIENT UNBLOCK does not end the BLPOP of a stranger', async () => {
    await using address = await ServiceAddress.start(old.location);
    await using pool = new ConnectionPool({ location: address.location, decodeResponses: true });
    const abort = new AbortController();
    const call = failure(pool.executeRequest('BLPOP', ['q', 0], { signal: abort.signal }));
    await until(async () => (await blockedClients(old)) === 1, 'a blocked client');
    address.target = next.location;
    // Strangers at the next server, one of them with the very id.
    const strangers: { connection: TCPConnection; waits: PromiseLike<unknown> }[] = [];
    for (let count = 0; count < 30; count++) {
      const connection = new TCPConnection(next.location);
      await connection.run();
      strangers.push({
        connection,
        waits: connection.createRequest('BLPOP', ['q', 0]).then(
          () => 'ended',
          () => 'closed',
        ),
      });
    }
    await until(async () => (await blockedClients(next)) === 30, 'thirty strangers');
    abort.abort(new Error('enough'));
    await call;
    assert.equal(await blockedClients(next), 30);
    for (const { connection } of strangers) void connection.close();
    assert.deepEqual([...new Set(await Promise.all(strangers.map(({ waits }) => waits)))], ['closed']);
    await atRest(pool);
  });

  for (const cacheTracking of [{ redirect: true }, { mode: 'bcast' }] as const) {
    test(`a cache is kept true by a listener at the server that answers its reads (${JSON.stringify(cacheTracking)})`, async () => {
      await using address = await ServiceAddress.start(old.location);
      await Promise.all([old, next].map((server) => server.command('SET', 'k', 'before')));
      const cache = new LRUCache();
      await using pool = cachedPool(address, { cache, cacheTracking });
      assert.equal(await pool.execute('GET', 'k'), 'before');
      // The listener stays where it is; the data connection is made again, elsewhere.
      address.target = next.location;
      const lease = await pool.acquire();
      lease.connection.invalidate('test');
      lease.release();

      for (let n = 0; n < 3; n++) {
        const { hits } = cache.stats;
        await until(
          async () => typeof (await pool.execute('GET', 'k')) === 'string' && cache.stats.hits > hits,
          'a hit',
        );
        await next.command('SET', 'k', `v${n}`);
        await until(async () => (await pool.execute('GET', 'k')) === `v${n}`, 'the new value');
      }
      await atRest(pool);
    });
  }
});

describe('a server that hides its run id', () => {
  const INFO = reply.error("NOPERM this user has no permissions to run the 'info' command");

  test('an aborted blocking call costs its connection, and no client is unblocked', async () => {
    await using scripted = await ScriptedServer.start({ INFO, BLPOP: null });
    await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
    const abort = new AbortController();
    const call = failure(pool.executeRequest('BLPOP', ['q', 0], { signal: abort.signal }));
    await scripted.waitForCommand('BLPOP');
    const blocked = scripted.connections.find(({ commands }) =>
      commands.some(({ name }) => name === 'BLPOP'),
    );
    abort.abort(new Error('enough'));
    assert.equal(((await call) as RequestAbortedError).maybeExecuted, true);
    await until(() => blocked?.open === false, 'the connection is dropped');
    const unblocked = scripted.commands.filter(({ args }) => args[1]?.toUpperCase() === 'UNBLOCK');
    assert.deepEqual(unblocked, []);
    await atRest(pool);
  });

  for (const cacheTracking of [{ redirect: true }, { mode: 'bcast' }] as const) {
    test(`a cache gets no listener at a server without a run id (${JSON.stringify(cacheTracking)})`, async () => {
      await using scripted = await countingServer({ INFO });
      assert.match(await warningOfUncached(scripted, cacheTracking), /run_id/);
    });
  }
});
