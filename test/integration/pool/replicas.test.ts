import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ConnectionPool,
  ExponentialBackoffRetryPolicy,
  type ReadFrom,
  Sentinel,
} from '../../../src/index.ts';
import { serverBinaries, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { eventually } from '../cluster/support.ts';
import { FakeData, FakeSentinel } from '../sentinel/scripted.ts';

async function reads(server: TestServer): Promise<number> {
  const text = String(await server.command('INFO', 'commandstats'));
  return Number(/cmdstat_get:calls=(\d+)/.exec(text)?.[1] ?? 0);
}

/** GETs that it was asked for and refused. */
async function refused(server: TestServer): Promise<number> {
  await server.command('CONFIG', 'SET', 'replica-serve-stale-data', 'yes');
  const text = String(await server.command('INFO', 'commandstats'));
  return Number(/cmdstat_get:.*rejected_calls=(\d+)/.exec(text)?.[1] ?? 0);
}

for (const { path, kind, version } of await serverBinaries()) {
  describe(`a primary and its replicas, ${kind} ${version}`, () => {
    it('option replicas: named or found by ROLE; reads go to replicas, writes to the primary', async () => {
      await using primary = await startServer({ binary: path });
      await using replica = await startServer({ binary: path });
      const { host, port } = primary.location;
      await replica.command('REPLICAOF', host, port);
      // The replica reports its link before the primary, which waits for the first acknowledgement, lists the replica.
      await eventually('the primary lists the replica', async () =>
        String(await primary.command('ROLE')).includes(String(replica.location.port)),
      );
      for (const replicas of ['role' as const, [replica.location]]) {
        await using pool = await new ConnectionPool({
          location: primary.location,
          replicas,
          readFrom: 'replica',
          decodeResponses: true,
        }).open();
        await pool.execute('SET', 'k', 'v');
        await eventually('the replica has it', async () => String(await replica.command('GET', 'k')) === 'v');
        const before = [await reads(primary), await reads(replica)];
        const values = await Promise.all(Array.from({ length: 10 }, () => pool.execute('GET', 'k')));
        assert.deepEqual([...new Set(values)], ['v']);
        assert.deepEqual(
          [await reads(primary), await reads(replica)],
          [before[0], (before[1] as number) + 10],
        );
        await pool.executeRequest('GET', ['k'], { readFrom: 'primary' });
        assert.equal(await reads(primary), (before[0] as number) + 1);
      }
    });

    it('reads avoid a replica that is gone, and none fails', async () => {
      await using primary = await startServer({ binary: path });
      const replica = await startServer({ binary: path });
      await replica.command('REPLICAOF', primary.location.host, primary.location.port);
      await using pool = await new ConnectionPool({
        location: primary.location,
        replicas: [replica.location],
        readFrom: 'replica',
      }).open();
      await pool.execute('GET', 'k');
      await replica.stop();
      for (let n = 0; n < 20; n++) await pool.executeRequest('GET', ['k'], { timeout: 5_000 });
      assert.ok((await reads(primary)) > 0);
    });

    it('reads of a stopped replica go to the primary, and the replica rests', async () => {
      await using primary = await startServer({ binary: path });
      await using replica = await startServer({ binary: path });
      await using pool = await new ConnectionPool({
        location: primary.location,
        replicas: [replica.location],
        readFrom: 'replica',
        deadPeerTimeout: 200,
        retryPolicy: new ExponentialBackoffRetryPolicy({ retryReadOnly: true }),
      }).open();
      await pool.execute('GET', 'k');
      assert.equal(await reads(replica), 1);
      replica.pause();
      await Promise.all(Array.from({ length: 20 }, () => pool.execute('GET', 'k')));
      assert.equal(await reads(primary), 20);
      replica.resume();
    });

    it('a replica without its primary that refuses stale data rests, and no read fails', async () => {
      await using primary = await startServer({ binary: path });
      await using replica = await startServer({
        binary: path,
        args: ['--replica-serve-stale-data', 'no', '--replicaof', '127.0.0.1', '1'],
      });
      await using pool = await new ConnectionPool({
        location: primary.location,
        replicas: [replica.location],
        readFrom: 'replica',
      }).open();
      for (let n = 0; n < 20; n++) await pool.execute('GET', 'k');
      assert.equal(await reads(primary), 20);
      assert.ok((await refused(replica)) < 20, 'it is not asked for each read');
    });
  });
}

it('a pool without replicas refuses to read from them', () => {
  const make = (): ConnectionPool => new ConnectionPool({ host: 'h', readFrom: 'any' });
  assert.throws(make, /replicas/);
});

it('option readFrom of a sentinel pool: reads go to the replicas that sentinels name', async () => {
  await using primary = await FakeData.start();
  await using one = await FakeData.start('slave');
  await using two = await FakeData.start('slave');
  await using sentinel = await FakeSentinel.start({ primary, replicas: [one, two] });
  await using manager = new Sentinel({ sentinels: [sentinel.location], decodeResponses: true });
  await using pool = await manager.primaryFor('m', { readFrom: 'replica', clientZone: 'z' }).open();
  const from = async (readFrom?: ReadFrom): Promise<Set<number>> =>
    new Set(
      (
        await Promise.all(Array.from({ length: 60 }, () => pool.executeRequest('GET', ['x'], { readFrom })))
      ).map(Number),
    );
  assert.ok(!(await from()).has(primary.port));
  assert.deepEqual([...(await from('primary'))], [primary.port]);
  assert.equal((await from('any')).size, 3);
  assert.equal(String(await pool.execute('SET', 'a', 1)), 'OK');
  assert.equal(one.count('SET') + two.count('SET'), 0);
});
