import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ClusterConnectionPool, defineScript } from '../../../src/index.ts';
import { serverBinaries, startCluster, type TestCluster } from '../../../src/testkit/index.ts';
import { eventually, keysOfSlot, poolOf, sleep } from './support.ts';

const SLOT = 1_000;
const KEYS = keysOfSlot(SLOT, 200);

for (const { path, kind, version } of await serverBinaries()) {
  describe(`a slot that moves, ${kind} ${version}`, () => {
    let cluster: TestCluster;
    let pool: ClusterConnectionPool<true>;

    before(async () => {
      cluster = await startCluster({ binary: path, replicasPerPrimary: 0 });
      pool = await poolOf(cluster).open();
    });
    after(async () => {
      await pool.close();
      await cluster.stop();
    });

    const write = (round: string): Promise<unknown[]> =>
      Promise.all(
        KEYS.map((key) => pool.executeRequest('SET', [key, `${round}:${key}`], { timeout: 5_000 })),
      );
    const check = async (round: string): Promise<void> => {
      const values = await Promise.all(
        KEYS.map((key) => pool.executeRequest('GET', [key], { timeout: 5_000 })),
      );
      assert.deepEqual(
        values,
        KEYS.map((key) => `${round}:${key}`),
      );
    };

    it('200 keys are read and written on both sides of a migration without an error or a lost key', async () => {
      const source = await cluster.nodeForSlot(SLOT);
      const target = (await cluster.primaries()).find((node) => node !== source);
      assert.ok(target !== undefined);
      await write('before');
      const migration = await cluster.migrateSlot(SLOT, target, { halfway: true });
      await check('before');
      assert.equal(pool.clusterLayout.nodeForSlot(SLOT).port, source.port, 'ASK moves no slot');
      await write('halfway');
      await check('halfway');
      await migration.finish();
      await check('halfway');
      await write('after');
      await check('after');
      assert.equal(pool.clusterLayout.nodeForSlot(SLOT).port, target.port, 'MOVED does');
      assert.equal(Number(await target.command('CLUSTER', 'COUNTKEYSINSLOT', SLOT)), KEYS.length);
    });

    it('counters are right after they were incremented while their slot moved back and forth', async () => {
      const counters = KEYS.slice(0, 20).map((key) => `${key}:counter`);
      let stop = false;
      let increments = 0;
      const load = Promise.all(
        Array.from({ length: 10 }, async (_, lane) => {
          while (!stop) {
            await pool.executeRequest('INCR', [counters[(lane + increments++) % counters.length] as string], {
              timeout: 5_000,
            });
          }
        }),
      );
      for (let round = 0; round < 2; round++) {
        const owner = await cluster.nodeForSlot(SLOT);
        const next = (await cluster.primaries()).find((node) => node !== owner);
        const migration = await cluster.migrateSlot(SLOT, next as typeof owner, { halfway: true });
        await sleep(30);
        await migration.finish();
        await sleep(30);
      }
      stop = true;
      await load;
      const values = await pool.executeRequest('MGET', counters, { timeout: 5_000 });
      assert.equal(
        (values as string[]).reduce((sum, value) => sum + Number(value), 0),
        increments,
      );
    });

    it('TRYAGAIN is waited out: a multi-key read of a half-moved slot resolves once the slot has moved', async () => {
      await write('whole');
      const owner = await cluster.nodeForSlot(SLOT);
      const target = (await cluster.primaries()).find((node) => node !== owner) as typeof owner;
      const migration = await cluster.migrateSlot(SLOT, target, { halfway: true });
      const both = pool.executeRequest('MGET', KEYS, { timeout: 10_000 });
      let settled = false;
      both.then(
        () => (settled = true),
        () => (settled = true),
      );
      await sleep(150);
      assert.equal(settled, false);
      await migration.finish();
      const values = (await both) as string[];
      assert.deepEqual(
        values,
        KEYS.map((key) => `whole:${key}`),
      );
    });

    it('TRYAGAIN is waited out by scripts too: the server refuses before it runs anything', async () => {
      await write('whole');
      const counter = `${KEYS[0]}:runs`;
      await pool.execute('DEL', counter);
      const owner = await cluster.nodeForSlot(SLOT);
      const target = (await cluster.primaries()).find((node) => node !== owner) as typeof owner;
      const migration = await cluster.migrateSlot(SLOT, target, { halfway: true });
      const lua = "redis.call('INCR', KEYS[1]) return redis.call('MGET', unpack(KEYS, 2))";
      const script = defineScript({ lua });
      const keys = [counter, ...KEYS];
      const refusals = async (): Promise<number> => {
        const counts = await Promise.all(
          [owner, target].map(async (node) => {
            const info = String(await node.command('INFO', 'errorstats'));
            return Number(/errorstat_TRYAGAIN:count=(\d+)/.exec(info)?.[1] ?? 0);
          }),
        );
        return counts.reduce((sum, count) => sum + count);
      };
      const before = await refusals();
      const both = [
        pool.run(script, keys, [], { timeout: 20_000 }),
        pool.executeRequest('EVAL', [lua, keys.length, ...keys], { timeout: 20_000 }),
      ];
      for (const call of both) call.catch(() => {});
      await eventually('both were refused', async () => (await refusals()) >= before + 2);
      await migration.finish();
      for (const values of await Promise.all(both)) {
        assert.deepEqual(
          values,
          KEYS.map((key) => `whole:${key}`),
        );
      }
      assert.equal(await pool.execute('GET', counter), '2');
    });

    it('blocking commands follow redirects', async () => {
      const [key] = keysOfSlot(SLOT, 1);
      const owner = await cluster.nodeForSlot(SLOT);
      const target = (await cluster.primaries()).find((node) => node !== owner) as typeof owner;
      await cluster.migrateSlot(SLOT, target);
      const popped = pool.execute('BLPOP', `${key}:list`, 5);
      await sleep(50);
      await pool.execute('RPUSH', `${key}:list`, 'element');
      assert.deepEqual(await popped, [`${key}:list`, 'element']);
    });
  });
}
