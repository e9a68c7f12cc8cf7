import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import {
  AuthenticationFailureError,
  ClusterConnectionPool,
  type ClusterConnectionPoolOptions,
  ClusterDownError,
  ConnectionError,
  OverloadedError,
  RedisClusterError,
  RedisError,
  type RetryPolicy,
  TimeoutError,
} from '../../../src/index.ts';
import { reply, type ScriptedHandler, type ScriptedServer } from '../../../src/testkit/index.ts';
import { closeAll, type ScriptedRange, scriptedCluster, sleep, startNodesOf } from './support.ts';

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

  it('executeOn has one limit for the layout and the answer, and keeps its bytes', async () => {
    const got: string[] = [];
    const { pool } = await shard(1, () => (args) => {
      if (args[0] === 'SET') got.push(args[2] ?? '');
      return args[0] === 'HELLO' ? sleep(1_200).then(() => undefined) : undefined;
    });
    const bytes = Buffer.from('before');
    const set = pool.executeOn('primaries', 'SET', ['key', bytes]);
    bytes.write('after!');
    const begin = performance.now();
    const [answer] = [...(await pool.executeOn('primaries', 'PING', [], { timeout: 2_000 })).values()];
    assert.ok(answer instanceof TimeoutError);
    assert.ok(performance.now() - begin < 2_700);
    await set;
    assert.deepEqual(got, ['before']);
  });

  it('executeOn without a reachable node refuses the same calls as with one', async () => {
    const { pool } = await shard(1, () => () => undefined);
    const refused: [string, unknown[], object][] = [
      ['GET', [undefined], {}],
      ['SELECT', [1], {}],
      ['PING', [], { decode: 3 }],
      ['PING', [], { unknown: 3 }],
      ['PING', [], { timeout: 0 }],
      ['PING', [], { signal: 3 }],
      ['PING', [], { encoding: 'ebcdic' }],
    ];
    for (const [command, args, options] of refused)
      await assert.rejects(pool.executeOn('replicas', command, args as never, options), TypeError);
    await assert.rejects(
      pool.executeOn('primaries', 'MGET', ['a', 'b'], { splitMultiKey: true }),
      (error: unknown) => error instanceof TypeError && /splitMultiKey/.test(error.message),
    );
    assert.equal((await pool.executeOn('replicas', 'PING')).size, 0);
    const reason = new RedisError('mine');
    const aborted = pool.executeOn('primaries', 'PING', [], { signal: AbortSignal.abort(reason) });
    await assert.rejects(aborted, (error) => error === reason);
  });

  it('executeOn waits for its node within its limit, and without a limit rejects with the reason', async () => {
    for (const replica of [false, true]) {
      const { nodes, pool } = await shard(2, () => () => undefined, {
        readFromReplicas: replica,
        timeout: 5_000,
      });
      await pool.open();
      const target = replica ? 'replicas' : 'primaries';
      const node = nodes[replica ? 1 : 0];
      await node?.close();
      // Alone: each failed dial makes the pause of the address longer, which the time of the others would have to cover.
      const [lost] = [...(await pool.executeOn(target, 'PING', [], { timeout: null })).values()];
      assert.equal((lost as Error).constructor, ConnectionError);
      const waits = [
        pool.executeOn(target, 'PING'),
        pool.executeOn(target, 'PING', [], { timeout: 5_000 }),
        pool.executeOn(target, 'BLPOP', ['key', 1], { timeout: 5_000 }),
      ];
      await sleep(800);
      await node?.listen();
      node?.script({ BLPOP: reply.null });
      for (const [index, wait] of waits.entries())
        assert.deepEqual([...(await wait).values()], [index === 2 ? null : 'PONG']);
    }
  });

  it('executeOn reports a wrong password, however often it is asked', async () => {
    let wrong = false;
    const { pool } = await shard(
      1,
      () => (args) => (args[0] === 'HELLO' && wrong ? reply.error('WRONGPASS no') : undefined),
    );
    await pool.open();
    pool.disconnect();
    wrong = true;
    for (let count = 0; count < 4; count++) {
      const [answer] = [...(await pool.executeOn('primaries', 'PING')).values()];
      assert.equal((answer as Error).constructor, AuthenticationFailureError);
    }
  });

  it('maxWaiting and the gauge count the callers that wait for the layout', async () => {
    for (const maxWaiting of [0, 2, null]) {
      const { pool } = await shard(
        1,
        () => (args) => (args[0] === 'HELLO' ? sleep(1_200).then(() => undefined) : undefined),
        { maxWaiting },
      );
      const opening = [pool.open(), pool.refreshLayout()];
      const passes = maxWaiting === null ? 6 : maxWaiting + 1;
      const calls = Array.from({ length: 6 }, (_, index) => {
        if (index % 2 === 0) return pool.executeRequest('PING', [], { timeout: 100 });
        return pool.acquire({ timeout: 100 });
      });
      const outcomes = Promise.allSettled(calls);
      await sleep(20);
      assert.equal(pool.statistics.waiting, passes - 1);
      const reasons = (await outcomes).map((one) => (one as PromiseRejectedResult).reason as Error);
      for (const [index, reason] of reasons.entries())
        assert.ok(reason instanceof (index < passes ? TimeoutError : OverloadedError), reason.message);
      assert.equal(pool.statistics.waiting, 0);
      await Promise.all(opening);
      assert.equal(await pool.execute('PING'), 'PONG');
    }
  });

  it('handshakes and credentials have connectTimeout, whatever the limit of a question', async () => {
    let asked = 0;
    const credentialProvider = {
      getCredentials: async () => {
        // The first time is that of the question.
        if (asked++ === 0) await sleep(3_300);
        return { username: 'default', password: 'x' };
      },
    };
    let greeted = 0;
    const slow = await shard(
      1,
      () => (args) =>
        args[0] === 'HELLO' && greeted++ === 0 ? sleep(3_300).then(() => undefined) : undefined,
    );
    const { pool } = await shard(1, () => () => undefined, { credentialProvider });
    assert.deepEqual(await Promise.all([pool.execute('PING'), slow.pool.execute('PING')]), ['PONG', 'PONG']);
    assert.deepEqual([slow.pool.layoutRefreshes.failed, pool.layoutRefreshes.failed], [0, 0]);
    const late = await shard(1, () => (args) => (args[0] === 'HELLO' ? null : undefined), {
      connectTimeout: 200,
    });
    const begin = performance.now();
    await assert.rejects(late.pool.open(), RedisClusterError);
    assert.ok(performance.now() - begin < 1_500);
  });
});
