import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  ClusterConnectionPool,
  ExponentialBackoffRetryPolicy,
  RedisClusterError,
} from '../../../src/index.ts';
import {
  type ClusterNode,
  reply,
  serverBinaries,
  startCluster,
  type TestCluster,
} from '../../../src/testkit/index.ts';
import { closeAll, eventually, keyWhere, poolOf, scriptedCluster, sleep, startNodesOf } from './support.ts';

const gets = async (node: ClusterNode): Promise<number> =>
  Number(/cmdstat_get:calls=(\d+)/.exec(String(await node.command('INFO', 'commandstats')))?.[1] ?? 0);
const sum = async (nodes: readonly ClusterNode[]): Promise<number> =>
  (await Promise.all(nodes.map(gets))).reduce((all, one) => all + one, 0);

for (const { path, kind, version } of await serverBinaries()) {
  describe(`reading from replicas, ${kind} ${version}`, () => {
    let cluster: TestCluster;
    const keys = Array.from({ length: 30 }, (_, index) => `read:${index}`);
    before(async () => {
      cluster = await startCluster({ binary: path, nodeTimeout: 5_000 });
      const pool = poolOf(cluster);
      await Promise.all(keys.map((key) => pool.execute('SET', key, key)));
      await Promise.all((await cluster.primaries()).map((node) => node.command('WAIT', 1, 1_000)));
      await pool.close();
    });
    after(() => cluster.stop());

    const readsBy = async (option: 'readFromReplicas' | 'readonly'): Promise<void> => {
      const replicas = await cluster.replicas();
      const primaries = await cluster.primaries();
      for (const on of [false, true]) {
        const pool = poolOf(cluster, { [option]: on });
        const [before, others] = [await sum(replicas), await sum(primaries)];
        assert.deepEqual(await Promise.all(keys.map((key) => pool.execute('GET', key))), keys);
        assert.equal((await sum(replicas)) - before, on ? keys.length : 0);
        assert.equal((await sum(primaries)) - others, on ? 0 : keys.length);
        const [first, second] = keys as [string, string];
        assert.equal(await pool.execute('SET', first, first), 'OK');
        assert.equal(await pool.execute('EVAL_RO', 'return redis.call("GET", KEYS[1])', 1, second), second);
        await pool.close();
      }
    };
    it('option ClusterConnectionPoolOptions.readFromReplicas: read-only commands go to replicas, the others to primaries', () =>
      readsBy('readFromReplicas'));
    it('option readonly: the older name of readFromReplicas', () => readsBy('readonly'));

    it('reads of a hanging and of a dead replica go to the primary, and come back', async () => {
      // Reads on the wire to a dying server may be repeated.
      const retryPolicy = new ExponentialBackoffRetryPolicy({ retryReadOnly: true });
      const pool = poolOf(cluster, { readFromReplicas: true, retryPolicy });
      const read = (): Promise<unknown[]> =>
        Promise.all(keys.map((key) => pool.executeRequest('GET', [key], { timeout: 4_000 })));
      await read();
      const [victim] = await cluster.replicas();
      assert.ok(victim !== undefined);
      victim.pause();
      // Reads on the way to the replica are lost; soon the pool leaves it out.
      await eventually(
        'reads pass it by',
        async () => {
          const started = performance.now();
          const values = await Promise.allSettled(
            keys.map((key) => pool.executeRequest('GET', [key], { timeout: 300 })),
          );
          return values.every(({ status }) => status === 'fulfilled') && performance.now() - started < 290;
        },
        20_000,
      );
      victim.resume();
      await victim.kill();
      assert.deepEqual(await read(), keys, 'no read waits for a dead replica');
      await victim.restart();
      await cluster.waitOk();
      await eventually(
        'it serves again',
        async () => {
          const before = await gets(victim);
          await read();
          await sleep(50);
          return (await gets(victim)) > before;
        },
        // One that failed often rests for up to 10 s, and the layout is read again after 75 s at the latest.
        80_000,
      );
      await pool.close();
    });

    it('a shard without a living replica is read from its primary', async () => {
      const pool = poolOf(cluster, { readFromReplicas: true });
      await pool.open();
      const replicas = await cluster.replicas();
      await Promise.all(replicas.map((node) => node.kill()));
      const values = await Promise.all(
        keys.map((key) => pool.executeRequest('GET', [key], { timeout: 4_000 })),
      );
      assert.deepEqual(values, keys);
      await Promise.all(replicas.map((node) => node.restart()));
      await cluster.waitOk();
      await pool.close();
    });
  });
}

describe('nodes that come and go', () => {
  const open: { close(): Promise<void> }[] = [];
  after(() => closeAll(open));

  it('reads avoid a loading replica', async () => {
    const nodes = await scriptedCluster(
      2,
      (index) => (args) => {
        if (args[0] !== 'GET') return undefined;
        return index === 0
          ? reply.bulk('primary')
          : reply.error('LOADING Redis is loading the dataset in memory');
      },
      ([one, two]) => [
        {
          from: 0,
          to: 16_383,
          nodes: [
            [one?.host ?? '', one?.port ?? 0, 'a'],
            [two?.host ?? '', two?.port ?? 0, 'b'],
          ],
        },
      ],
    );
    const pool = new ClusterConnectionPool({
      ...startNodesOf(nodes),
      readFromReplicas: true,
      decodeResponses: true,
    });
    open.unshift(pool, ...nodes);
    for (let count = 0; count < 20; count++) assert.equal(await pool.execute('GET', 'key'), 'primary');
    assert.ok((nodes[1]?.commands.filter(({ name }) => name === 'GET').length ?? 0) <= 2);
    assert.ok(nodes[1]?.commands.some(({ name }) => name === 'READONLY'));
    assert.ok(!nodes[0]?.commands.some(({ name }) => name === 'READONLY'));
  });

  it('without a gcInterval, removed nodes are collected by default; one of months is not taken for 1 ms', async (t) => {
    const intervals: unknown[] = [];
    const { setInterval } = globalThis;
    t.mock.method(globalThis, 'setInterval', (call: () => void, delay: number) => {
      intervals.push(delay);
      return setInterval(call, delay);
    });
    for (const gcInterval of [null, 1e10]) {
      const nodes = await scriptedCluster(1);
      const pool = new ClusterConnectionPool({ ...startNodesOf(nodes), gcInterval: gcInterval as number });
      open.unshift(pool, ...nodes);
      await pool.open();
    }
    assert.deepEqual(intervals, [30_000, 2 ** 31 - 1]);
  });

  it('option gcInterval: connections of a removed node end after it, a lease with its release', async () => {
    for (const gcInterval of [150, 60_000]) {
      let both = true;
      const nodes = await scriptedCluster(
        2,
        () => (args) => (args[0] === 'GET' ? reply.bulk('value') : undefined),
        ([one, two]) => [
          { from: 0, to: 8_191, nodes: [[one?.host ?? '', one?.port ?? 0, 'a']] },
          {
            from: 8_192,
            to: 16_383,
            nodes: [[(both ? two : one)?.host ?? '', (both ? two : one)?.port ?? 0, both ? 'b' : 'a']],
          },
        ],
      );
      const pool = new ClusterConnectionPool({
        ...startNodesOf(nodes.slice(0, 1)),
        gcInterval,
        decodeResponses: true,
      });
      open.unshift(pool, ...nodes);
      const key = keyWhere((slot) => slot >= 8_192);
      await pool.open();
      const node = pool.clusterLayout.nodeForKey(key);
      const lease = await pool.acquire({ node });
      await pool.execute('GET', key);
      assert.equal(nodes[1]?.openConnections.length, 2);
      both = false;
      await pool.refreshLayout();
      assert.equal(await pool.execute('GET', key), 'value');
      if (gcInterval > 1_000) {
        await sleep(300);
        assert.equal(nodes[1]?.openConnections.length, 2);
      } else {
        await eventually('the idle one is closed', () => nodes[1]?.openConnections.length === 1);
        assert.equal(pool.statistics.inUseConnections, 1);
        assert.equal(String(await lease.connection.execute('GET', key)), 'value');
      }
      lease.release();
      if (gcInterval < 1_000)
        await eventually('the leased one is closed', () => nodes[1]?.openConnections.length === 0);
      await assert.rejects(pool.getConnection({ node }), RedisClusterError);
      assert.equal(pool.statistics.inUseConnections, 0);
    }
  });
});
