import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ClusterConnectionPool, ClusterDownError, RedisClusterError } from '../../../src/index.ts';
import {
  reply,
  ScriptedServer,
  serverBinaries,
  startCluster,
  type TestCluster,
} from '../../../src/testkit/index.ts';
import { closeAll, eventually, keysOfSlot, poolOf, scriptedCluster, sleep, startNodesOf } from './support.ts';

/** Any slot: all keys of these tests live in it. */
const SLOT = 42;
const [KEY = '', OTHER = ''] = keysOfSlot(SLOT, 2);

for (const { path, kind, version } of await serverBinaries()) {
  describe(`the layout learns from every reply, ${kind} ${version}`, () => {
    let cluster: TestCluster;
    let pool: ClusterConnectionPool<true>;

    before(async () => {
      cluster = await startCluster({ binary: path, nodeTimeout: 1_500 });
      pool = await poolOf(cluster, { reinitializeSteps: 1 }).open();
    });
    after(async () => {
      await pool.close();
      await cluster.stop();
    });

    /** Moves the slot while nobody calls `execute`, and gives the node that had it before. */
    async function move(): Promise<ReturnType<typeof pool.clusterLayout.nodeForSlot>> {
      const from = pool.clusterLayout.nodeForSlot(SLOT);
      const targets = await cluster.primaries();
      const target = targets.find(({ port }) => port !== from.port);
      assert.ok(target !== undefined);
      await cluster.migrateSlot(SLOT, target);
      return from;
    }
    const knows = async (from: { readonly port: number }): Promise<void> => {
      await eventually(
        'the slot is known to be elsewhere',
        () => {
          return pool.clusterLayout.nodeForSlot(SLOT).port !== from.port;
        },
        2_000,
      );
    };

    it('MOVED to a transaction on a lease moves the slot', async () => {
      const from = await move();
      await pool.use(
        async (connection) => {
          const answers = await connection.createRequestBatch([
            { command: 'MULTI' },
            { command: 'INCR', args: [KEY] },
            { command: 'EXEC' },
          ]);
          assert.match(String(answers[1]), /MOVED/);
        },
        { node: from },
      );
      await knows(from);
    });

    it('MOVED to a connection of getConnection and to its batches moves the slot', async () => {
      const from = await move();
      const connection = await pool.getConnection({ node: from });
      await connection.createRequestBatch([{ command: 'GET', args: [KEY] }]);
      pool.release(connection);
      await knows(from);
    });

    it('MOVED to executeOn moves the slot', async () => {
      const from = await move();
      const answers = await pool.executeOn(from, 'GET', [KEY]);
      assert.match(String(answers.get(from)), /MOVED/);
      await knows(from);
    });

    it('executeOn never lists a demoted node as a primary', async () => {
      const demoted = await cluster.nodeForSlot(SLOT);
      const before = pool.clusterLayout.primaries.length;
      await cluster.failover(demoted);
      const [reads, writes] = await Promise.all([
        pool.executeOn('primaries', 'DBSIZE', [], { timeout: 8_000 }),
        pool.executeOn('primaries', 'FLUSHALL', [], { timeout: 8_000 }),
      ]);
      for (const answers of [reads, writes]) {
        assert.equal(answers.size, before);
        for (const [node, answer] of answers) {
          assert.notEqual(node.port, demoted.port);
          assert.ok(!(answer instanceof Error), String(answer));
        }
      }
    });

    it('a database other than 0 works or gives an error that says so', async () => {
      const numbered = poolOf(cluster, { db: 3 });
      try {
        await numbered.execute('SET', KEY, 'in three');
        assert.equal(await pool.execute('GET', KEY), null);
        assert.equal(await numbered.execute('GET', KEY), 'in three');
      } catch (error) {
        assert.match(String(error), /SELECT is not allowed in cluster mode|DB index is out of range/);
      } finally {
        await numbered.close();
      }
    });

    it('an unmapped slot is waited out inside the deadline', async () => {
      await cluster.configSet('cluster-require-full-coverage', 'no');
      const owner = await cluster.nodeForSlot(SLOT);
      const nodes = cluster.reachable;
      const loose = poolOf(cluster, { skipFullCoverageCheck: true });
      await loose.execute('RPUSH', KEY, 'one');
      await Promise.all(nodes.map((node) => node.command('CLUSTER', 'DELSLOTS', SLOT).catch(() => {})));
      await eventually('the pool knows of no owner', async () => {
        await loose.refreshLayout();
        try {
          loose.clusterLayout.nodeForSlot(SLOT);
          return false;
        } catch {
          return true;
        }
      });
      await assert.rejects(loose.execute('GET', OTHER), (error: unknown) => {
        return error instanceof ClusterDownError || error instanceof RedisClusterError;
      });
      const timeout = 8_000;
      const all = Promise.all([
        loose.executeRequest('EXISTS', [OTHER], { timeout }),
        loose.with({ timeout }).executeBatch([{ command: 'EXISTS', args: [OTHER] }]),
        loose.executeRequest('BLPOP', [KEY, 5], { timeout }),
        loose.executeRequest('MGET', [OTHER, 'elsewhere'], { timeout, splitMultiKey: true }),
      ]);
      all.catch(() => {});
      await sleep(300);
      await owner.command('CLUSTER', 'ADDSLOTS', SLOT);
      assert.deepEqual(await all, [0, [0], [KEY, 'one'], [null, null]]);
      await loose.close();
    });
  });
}

describe('refused addresses', () => {
  it('addressMap null: a refused address is never dialled, in a layout or a redirect', async () => {
    const stranger = await ScriptedServer.start({}, { mode: 'cluster' });
    const nodes = await scriptedCluster(
      1,
      () => (args) =>
        args[0] === 'GET' ? reply.error(`MOVED 42 ${stranger.host}:${stranger.port}`) : undefined,
      ([node]) => [
        { from: 0, to: 9_999, nodes: [[node?.host ?? '', node?.port ?? 0, 'a']] },
        { from: 10_000, to: 16_383, nodes: [[stranger.host, stranger.port, 'b']] },
      ],
    );
    const pool = new ClusterConnectionPool({
      ...startNodesOf(nodes),
      skipFullCoverageCheck: true,
      addressMap: (host, port) => (port === stranger.port ? null : { host, port }),
    });
    await assert.rejects(pool.execute('GET', KEY), { code: 'RESPOOL_ADDRESS_REFUSED' });
    assert.equal(pool.clusterLayout.nodes.length, 1);
    const [node] = nodes;
    const plain = { host: node?.host ?? '', port: node?.port ?? 0 };
    assert.equal((await pool.executeOn(plain, 'PING')).size, 1);
    await pool.use((connection) => connection.execute('PING'), { node: plain });
    assert.equal(stranger.connections.length, 0);
    await pool.close();
    await closeAll([...nodes, stranger]);
  });

  it('addressMap null for a primary: the error says so at once, whatever the time limit', async () => {
    const required = reply.array(reply.bulk('cluster-require-full-coverage'), reply.bulk('yes'));
    const nodes = await scriptedCluster(
      2,
      () =>
        ([name]) =>
          name === 'CONFIG' ? required : undefined,
    );
    const [first, second] = nodes;
    assert.ok(first !== undefined && second !== undefined);
    const options = {
      startupNodes: [{ host: first.host, port: first.port }],
      addressMap: { [`${second.host}:${second.port}`]: null },
    };
    const [key = ''] = keysOfSlot(16_000, 1);
    const says = (text: string) => (error: RedisClusterError) => {
      assert.ok(error instanceof RedisClusterError, String(error));
      assert.ok(
        error.message.includes(`${text}: addressMap refuses ${second.host}:${second.port}`),
        error.message,
      );
      return true;
    };
    const whole = new ClusterConnectionPool(options);
    for (const timeout of [undefined, 60_000])
      await assert.rejects(whole.executeRequest('GET', [key], { timeout }), says('8192 of 16384'));
    const part = new ClusterConnectionPool({ ...options, skipFullCoverageCheck: true });
    const unserved = says('Unable to map slot 16000 to a primary node');
    for (const timeout of [undefined, 60_000])
      await assert.rejects(part.executeRequest('GET', [key], { timeout }), (error: RedisClusterError) => {
        assert.equal(error.code, 'RESPOOL_ADDRESS_REFUSED');
        return unserved(error);
      });
    const none = new ClusterConnectionPool({ ...options, addressMap: () => null });
    await assert.rejects(none.executeRequest('GET', [key], { timeout: 60_000 }), /addressMap refuses/);
    await Promise.all([whole.close(), part.close(), none.close()]);
    await closeAll(nodes);
  });
});
