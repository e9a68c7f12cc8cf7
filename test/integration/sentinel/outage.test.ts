import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  Channel,
  PrimaryNotFoundError,
  Sentinel,
  SentinelConnectionPool,
  TimeoutError,
} from '../../../src/index.ts';
import { serverBinaries, startSentinel, type TestSentinel } from '../../../src/testkit/index.ts';
import { eventually } from './support.ts';

for (const binary of await serverBinaries()) {
  describe(`TLS, passwords and outages, ${binary.kind} ${binary.version}`, () => {
    let group: TestSentinel;

    before(async () => {
      group = await startSentinel({
        binary: binary.path,
        tls: true,
        password: 'for-data',
        sentinelPassword: 'for-sentinels',
      });
    });
    after(() => group.stop());

    test('options set TLS and a password for either side', async () => {
      const { tls, password, sentinelPassword, sentinelLocations: sentinels, serviceName } = group;
      assert.ok(tls !== null);
      const sslContext = { ca: tls.ca, cert: tls.clientCert, key: tls.clientKey };
      await using manager = new Sentinel({
        sentinels,
        sslContext,
        password,
        sentinelOptions: { password: sentinelPassword },
      });
      await using primary = manager.primaryFor(serviceName, { decodeResponses: true });
      await using replica = manager.replicaFor(serviceName, { decodeResponses: true });
      assert.equal(await primary.execute('SET', 'tls', 'yes'), 'OK');
      await primary.use((connection) => connection.createRequest('WAIT', [2, 5_000]));
      assert.equal(await replica.execute('GET', 'tls'), 'yes');
      assert.match(String(await replica.execute('INFO', 'replication')), /role:slave/);
      await using insecure = new Sentinel({ sentinels, sslContext, password });
      await assert.rejects(insecure.discoverPrimary(serviceName), PrimaryNotFoundError);
    });

    test('an outage of all sentinels leaves connections working and ends dials in time; afterwards all is well', async () => {
      await using pool = SentinelConnectionPool.fromUrl(group.url, { decodeResponses: true });
      assert.equal(await pool.execute('SET', 'k', 1), 'OK');
      const one = await pool.acquire();
      await Promise.all(group.sentinels.map((sentinel) => sentinel.kill()));
      assert.equal(await one.connection.createRequest('GET', ['k']), '1');
      // The only connection is taken: this one has to dial.
      await assert.rejects(pool.getConnection({ timeout: 200 }), (error: TimeoutError) => {
        assert.ok(error instanceof TimeoutError, String(error));
        assert.ok(error.cause instanceof PrimaryNotFoundError);
        return true;
      });
      await assert.rejects(pool.getConnection(), PrimaryNotFoundError);
      one.release();
      assert.equal(await pool.execute('SET', 'k', 2), 'OK');
      await Promise.all(group.sentinels.map((sentinel) => sentinel.restart()));
      const [first, second] = [
        await pool.acquire({ timeout: 20_000 }),
        await pool.acquire({ timeout: 20_000 }),
      ];
      assert.notEqual(first.connection, second.connection);
      first.release();
      second.release();
      await group.waitHealthy();
    });

    test('a forced failover moves leases, blocking commands and subscriptions', async () => {
      await using pool = SentinelConnectionPool.fromUrl(group.url, { decodeResponses: true });
      const channel = new Channel('news', { encoding: 'utf-8' });
      await pool.executePubsub('SUBSCRIBE', channel);
      const lease = await pool.acquire();
      const blocked = pool.execute('BLPOP', 'late', 0);
      await eventually('it blocks', () => pool.statistics.inUseConnections === 2);
      const before = pool.address;
      await group.failover();
      await eventually('the pool has moved', () => pool.address !== before);
      assert.equal(lease.connection.usable, false);
      lease.release();
      assert.equal(await pool.executeRequest('SET', ['moved', 1], { timeout: 10_000 }), 'OK');
      await pool.executeRequest('RPUSH', ['late', 'x'], { timeout: 10_000 });
      assert.deepEqual(await blocked, ['late', 'x']);
      await eventually('the subscription is heard on the new primary', async () => {
        return Number(await pool.execute('PUBLISH', 'news', 'hello')) === 1;
      });
      assert.equal(await channel.get({ timeout: 5_000 }), 'hello');
      assert.equal(pool.statistics.inUseConnections, 0);
    });
  });
}
