import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClusterConnectionPool } from '../../src/index.ts';
import { type ClusterNode, findServerBinary, startCluster } from '../../src/testkit/index.ts';
import { eventually, keysOfSlot, poolOf } from '../integration/cluster/support.ts';

const { path, kind, version } = await findServerBinary();
const [major = 0, minor = 0] = version.split('.').map(Number);
const valkey9 = kind === 'valkey' && major >= 9;
/** `CLUSTER MIGRATION IMPORT` moves slots in one piece. */
const imports = kind === 'redis' && (major > 8 || (major === 8 && minor >= 4));

/** The primary that has the slot, and another one. */
async function pair(
  cluster: Awaited<ReturnType<typeof startCluster>>,
  slot: number,
): Promise<[ClusterNode, ClusterNode]> {
  const source = await cluster.nodeForSlot(slot);
  const target = (await cluster.primaries()).find((node) => node !== source);
  assert.ok(target !== undefined);
  return [source, target];
}

describe(`${kind} ${version}`, () => {
  it('option db of a cluster: a database of its own where the server has some, else one clear error', async () => {
    const args = valkey9 ? ['--cluster-databases', '16'] : [];
    await using cluster = await startCluster({ binary: path, replicasPerPrimary: 0, args });
    await using pool = poolOf(cluster);
    await using numbered = poolOf(cluster, { db: 5 });
    await pool.execute('SET', 'key', 'in zero');
    const answers = await Promise.allSettled(
      ['a', 'b', 'c', 'd', 'e', 'key'].map((key) => numbered.execute('SET', key, 'in five')),
    );
    assert.equal(await pool.execute('GET', 'key'), 'in zero');
    if (valkey9) {
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set(['fulfilled']));
      assert.equal(await numbered.execute('GET', 'key'), 'in five');
      const found: string[] = [];
      for await (const key of numbered.scan()) found.push(key);
      assert.deepEqual(found.sort(), ['a', 'b', 'c', 'd', 'e', 'key']);
      return;
    }
    for (const answer of answers) {
      assert.ok(answer.status === 'rejected');
      assert.match(String(answer.reason), /db 5: .*cluster-databases/);
    }
  });

  it('slots that move in one piece under load cause no error and lose no key', async (t) => {
    await using cluster = await startCluster({ binary: path, replicasPerPrimary: 0 });
    await using pool = await poolOf(cluster).open();
    const slot = 1_000;
    const keys = [...keysOfSlot(slot, 200), ...keysOfSlot(slot + 1, 200)];
    const counts = keys.map(() => 0);
    let over = false;
    let done = 0;
    const load = Promise.all(
      Array.from({ length: 20 }, async (_, lane) => {
        for (let n = lane; !over; n += 20) {
          const at = n % keys.length;
          counts[at] = (counts[at] ?? 0) + 1;
          await pool.execute('INCR', keys[at] as string);
          done++;
        }
      }),
    );
    await eventually('the load runs', () => done > 1_000);
    for (let round = 0; round < 3; round++) {
      const [source, target] = await pair(cluster, slot);
      if (valkey9) {
        await source.command('CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', slot, slot + 1, 'NODE', target.id);
      } else if (imports) {
        await target.command('CLUSTER', 'MIGRATION', 'IMPORT', slot, slot + 1);
      } else {
        for (const one of [slot, slot + 1]) await cluster.migrateSlot(one, target);
      }
      await eventually('the target has both slots', async () => {
        const owners = await Promise.all([slot, slot + 1].map((one) => cluster.nodeForSlot(one)));
        return owners.every((owner) => owner === target);
      });
      const before = done;
      await eventually('the load goes on', () => done > before + 1_000);
    }
    over = true;
    await load;
    const values = await Promise.all(keys.map((key) => pool.execute('GET', key)));
    assert.deepEqual(values.map(Number), counts);
    t.diagnostic(`${done} INCR, 0 errors`);
  });

  it("option readFrom 'nearest-zone': zones come from the layout or from INFO, as the servers tell them", async () => {
    if (!valkey9) {
      // Servers without zones: a read finds a replica all the same.
      await using cluster = await startCluster({ binary: path, primaries: 1 });
      await using pool = poolOf(cluster, { readFrom: 'nearest-zone', clientZone: 'zone-1' });
      assert.equal(await pool.execute('GET', 'key'), null);
      assert.deepEqual(
        pool.clusterLayout.nodes.map(({ zone }) => zone),
        [null, null],
      );
      return;
    }
    await using cluster = await startCluster({ binary: path, primaries: 1, replicasPerPrimary: 2 });
    for (const [index, node] of cluster.nodes.entries())
      await node.command('CONFIG', 'SET', 'availability-zone', `zone-${index}`);
    const near = (await cluster.replicas())[0] as ClusterNode;
    const zone = String(((await near.command('CONFIG', 'GET', 'availability-zone')) as unknown[])[1]);
    await eventually('the layout has the zone', async () =>
      JSON.stringify(await cluster.nodes[0]?.command('CLUSTER', 'SLOTS')).includes(zone),
    );
    await using pool = new ClusterConnectionPool({
      startupNodes: cluster.startupNodes,
      readFrom: 'nearest-zone',
      clientZone: zone,
      decodeResponses: true,
    });
    await pool.open();
    assert.equal(pool.clusterLayout.nodes.find(({ port }) => port === near.location.port)?.zone, zone);
    const reads = async (node: ClusterNode): Promise<number> =>
      Number(/cmdstat_get:calls=(\d+)/.exec(String(await node.command('INFO', 'commandstats')))?.[1] ?? 0);
    await Promise.all(Array.from({ length: 50 }, () => pool.execute('GET', 'key')));
    assert.equal(await reads(near), 50);
  });
});
