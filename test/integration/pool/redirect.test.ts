import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConnectionPool, UnixDomainSocketLocation } from '../../../src/index.ts';
import { serverBinaries, startServer } from '../../../src/testkit/index.ts';
import { eventually, sleep } from '../cluster/support.ts';

for (const { path, kind, version } of await serverBinaries()) {
  describe(`a plain pool whose primary is demoted, ${kind} ${version}`, () => {
    it('option followPrimary: no call fails or is lost when primary and replica change places', async () => {
      await using one = await startServer({ binary: path });
      await using two = await startServer({ binary: path });
      const { host, port } = one.location;
      await two.command('REPLICAOF', host, port);
      await eventually('the primary lists the replica', async () =>
        String(await one.command('ROLE')).includes(String(two.location.port)),
      );
      await using pool = new ConnectionPool({ host, port, followPrimary: true, decodeResponses: true });
      const blocked = pool.executeRequest('BLPOP', ['queue', 20], { timeout: 20_000 });
      let over = false;
      let increments = 0;
      const load = Promise.all(
        Array.from({ length: 8 }, async () => {
          for (; !over; increments++) await pool.execute('INCR', 'counter');
        }),
      );
      await eventually('the load runs', () => increments > 100);
      const follows = kind === 'valkey';
      if (follows) {
        await one.command('FAILOVER', 'TO', two.location.host, two.location.port);
        await eventually('the replica was promoted', async () =>
          String(await two.command('ROLE')).startsWith('master'),
        );
        const before = increments;
        await eventually('the load goes on', () => increments > before + 100);
      } else await sleep(50);
      over = true;
      await load;
      await pool.execute('RPUSH', 'queue', 'element');
      assert.deepEqual(await blocked, ['queue', 'element']);
      const primary = follows ? two : one;
      assert.equal(Number(await primary.command('GET', 'counter')), increments);
      assert.equal(await pool.execute('GET', 'counter'), String(increments));
    });

    it('dials that fail at the named primary go to the given address again', async () => {
      await using one = await startServer({ binary: path });
      const two = await startServer({ binary: path });
      await one.command('REPLICAOF', two.location.host, two.location.port);
      await eventually('the replica is linked', async () =>
        String(await one.command('INFO', 'replication')).includes('master_link_status:up'),
      );
      const { host, port } = one.location;
      await using pool = new ConnectionPool({ host, port, followPrimary: true, decodeResponses: true });
      const first = pool.execute('SET', 'key', 'value');
      if (kind === 'valkey') assert.equal(await first, 'OK');
      else await assert.rejects(first, { code: 'READONLY' });
      await two.stop();
      await one.command('REPLICAOF', 'NO', 'ONE');
      assert.equal(await pool.executeRequest('SET', ['key', 'other'], { timeout: 10_000 }), 'OK');
      assert.equal(await one.command('GET', 'key'), 'other');
    });
  });
}

it('option followPrimary is refused for a Unix domain socket', () => {
  const location = new UnixDomainSocketLocation('/tmp/none.sock');
  assert.throws(() => new ConnectionPool({ location, followPrimary: true }), /followPrimary/);
});
