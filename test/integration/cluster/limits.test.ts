import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import {
  ClusterConnectionPool,
  type ClusterConnectionPoolOptions,
  ClusterDownError,
  type RetryPolicy,
} from '../../../src/index.ts';
import { reply, type ScriptedHandler, type ScriptedServer } from '../../../src/testkit/index.ts';
import { closeAll, type ScriptedRange, scriptedCluster, startNodesOf } from './support.ts';

const NEVER: RetryPolicy = { next: () => null };

/** All slots at the first node, the others are its replicas. */
function oneShard(nodes: readonly ScriptedServer[]): ScriptedRange[] {
  return [
    { from: 0, to: 16_383, nodes: nodes.map(({ host, port }, index) => [host, port, `node-${index}`]) },
  ];
}

describe('limits of calls to a cluster', () => {
  const open: { close(): Promise<void> }[] = [];
  after(() => closeAll(open));

  async function shard(
    count: number,
    script: (index: number) => ScriptedHandler,
    options: Partial<ClusterConnectionPoolOptions<true>> = {},
  ): Promise<{ nodes: ScriptedServer[]; pool: ClusterConnectionPool<true> }> {
    const nodes = await scriptedCluster(count, script, oneShard);
    const pool = new ClusterConnectionPool({
      ...startNodesOf(nodes.slice(0, 1)),
      decodeResponses: true,
      ...options,
    });
    open.unshift(pool, ...nodes);
    return { nodes, pool };
  }

  it('a replica that says CLUSTERDOWN rests while the primary answers', async () => {
    const { nodes, pool } = await shard(
      2,
      (index) => (args) => {
        if (args[0] !== 'GET' && args[0] !== 'XREAD') return undefined;
        return index === 0 ? reply.bulk('primary') : reply.error('CLUSTERDOWN The cluster is down');
      },
      { readFromReplicas: true, retryPolicy: NEVER },
    );
    await pool.open();
    for (let count = 0; count < 10; count++) assert.equal(await pool.execute('GET', 'key'), 'primary');
    assert.deepEqual(await pool.executeBatch([{ command: 'GET', args: ['key'] }]), ['primary']);
    assert.equal(await pool.execute('XREAD', 'BLOCK', 50, 'STREAMS', 'key', '$'), 'primary');
    const asked = nodes[1]?.commands.filter(({ name }) => name === 'GET' || name === 'XREAD') ?? [];
    assert.ok(asked.length >= 1 && asked.length <= 3, `asked ${asked.length} times`);
  });

  it('CLUSTERDOWN of every node ends as the retry policy says, and is waited out within a limit', async () => {
    const { nodes, pool } = await shard(
      8,
      () => (args) =>
        args[0] === 'GET' || args[0] === 'XREAD' ? reply.error('CLUSTERDOWN The cluster is down') : undefined,
      { readFromReplicas: true, retryPolicy: NEVER },
    );
    await pool.open();
    const asked = (): number =>
      nodes.flatMap(({ commands }) => commands).filter(({ name }) => name === 'GET' || name === 'XREAD')
        .length;
    await assert.rejects(pool.execute('GET', 'key'), ClusterDownError);
    const [entry] = await pool.executeBatch([{ command: 'GET', args: ['key'] }]);
    assert.ok(entry instanceof ClusterDownError);
    await assert.rejects(pool.execute('XREAD', 'BLOCK', 50, 'STREAMS', 'key', '$'), ClusterDownError);
    assert.ok(asked() <= 12, `asked ${asked()} times`);
    await assert.rejects(pool.executeRequest('GET', ['key'], { timeout: 400 }));
    assert.ok(asked() <= 40, `asked ${asked()} times`);
  });
});
