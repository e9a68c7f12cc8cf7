import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ClusterConnectionPool } from '../../../src/index.ts';
import { startCluster, type TestCluster } from '../../../src/testkit/index.ts';
import { keysOfSlot, poolOf } from './support.ts';

const COUNT = 3_000;

describe('scans of a cluster', () => {
  let cluster: TestCluster;
  let pool: ClusterConnectionPool<true>;
  const names = new Set<string>();
  before(async () => {
    cluster = await startCluster({ primaries: 3, replicasPerPrimary: 1 });
    pool = poolOf(cluster);
    for (let index = 0; index < COUNT; index++) names.add(`key:${index}`);
    await Promise.all([...names].map((name) => pool.execute('SET', name, 'v')));
  });
  after(async () => {
    await pool.close();
    await cluster.stop();
  });

  /** All keys; `midway` runs once, after about a third of them. */
  async function scanned(midway?: () => Promise<unknown>): Promise<string[]> {
    const keys: string[] = [];
    let due = midway !== undefined;
    for await (const key of pool.scan({ count: 100 })) {
      keys.push(key);
      if (!due || keys.length < COUNT / 3 + 100) continue;
      due = false;
      await midway?.();
    }
    assert.equal(due, false);
    return keys;
  }

  it('a scan visits every primary in turn, and gives each key once while the cluster rests', async () => {
    const keys = await scanned();
    assert.deepEqual(new Set(keys), names);
    assert.equal(keys.length, COUNT);
    let pages = 0;
    for await (const page of pool.scan({ match: 'key:1*', type: 'string' }).pages()) pages += page.length;
    assert.equal(pages, 1_111);
    for await (const key of pool.scan({ match: 'none' })) assert.fail(key);
  });

  it('slots that move in the middle of a scan lose no key', async () => {
    const slots = [100, 8_000, 16_000];
    for (const slot of slots) {
      for (const key of keysOfSlot(slot, 20)) names.add(key);
      await Promise.all(keysOfSlot(slot, 20).map((key) => pool.execute('SET', key, 'v')));
    }
    const move = async (): Promise<void> => {
      const primaries = await cluster.primaries();
      for (const slot of slots) {
        const source = await cluster.nodeForSlot(slot);
        const at = primaries.findIndex(({ id }) => id === source.id);
        await cluster.migrateSlot(slot, primaries[(at + 1) % primaries.length]!);
      }
    };
    for (let round = 0; round < 3; round++) assert.deepEqual(new Set(await scanned(move)), names);
  });

  it('a failover and the death of a primary in the middle of a scan lose no key', async () => {
    assert.deepEqual(new Set(await scanned(() => cluster.failover(12_000))), names);
    const kill = async (): Promise<void> => {
      // Wait until every replica has every write.
      await pool.executeOn('primaries', 'WAIT', [1, 5_000]).catch(() => {});
      const dead = await cluster.killPrimary(12_000);
      await cluster.waitForNewPrimary(12_000, dead);
    };
    assert.deepEqual(new Set(await scanned(kill)), names);
  });

  it('hscan of a key whose slot moves begins again at the new node', async () => {
    const key = keysOfSlot(500, 1)[0]!;
    await pool.execute(
      'HSET',
      key,
      ...Array.from({ length: 2_000 }, (_, index) => [`f${index}`, 'v']).flat(),
    );
    const fields = new Set<string>();
    let moved = false;
    for await (const [field] of pool.hscan(key, { count: 50 })) {
      fields.add(field);
      if (moved || fields.size < 700) continue;
      moved = true;
      const source = await cluster.nodeForSlot(500);
      const target = (await cluster.primaries()).find(({ id }) => id !== source.id)!;
      await cluster.migrateSlot(500, target);
    }
    assert.ok(moved);
    assert.equal(fields.size, 2_000);
  });

  it('hscan stays at one node when reads may go to several', async () => {
    await using near = poolOf(cluster, { readFromReplicas: true });
    await using any = poolOf(cluster, { readFrom: 'any' });
    const key = keysOfSlot(500, 1)[0]!;
    await pool.execute('SET', `${key}:sync`, 1);
    for (const reader of [near, any]) {
      const fields = new Set<string>();
      const pagesBefore = await hscanPages();
      let given = 0;
      for await (const [field] of reader.hscan(key, { count: 50 })) {
        fields.add(field);
        assert.ok(++given < 10_000, 'the scan ends');
      }
      assert.equal(fields.size, 2_000);
      const pages = (await hscanPages()).map((count, index) => count - pagesBefore[index]!);
      const serving = cluster.nodes.filter((_, index) => pages[index]! > 0);
      if (reader === near) assert.deepEqual(serving, await cluster.replicas(await cluster.nodeForSlot(500)));
      else assert.equal(serving.length, 1);
    }
  });

  /** The number of HSCANs that each node has answered. */
  async function hscanPages(): Promise<number[]> {
    return Promise.all(
      cluster.nodes.map(async (node) => {
        if (!node.running) return 0;
        const stats = String(await node.command('INFO', 'commandstats'));
        return Number(/cmdstat_hscan:calls=(\d+)/.exec(stats)?.[1] ?? 0);
      }),
    );
  }
});
