import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ClusterConnectionPool,
  type FailoverEvent,
  type LayoutEvent,
  type PubsubGapEvent,
  type RedirectEvent,
  SentinelConnectionPool,
} from '../../../src/index.ts';
import { startCluster, startSentinel } from '../../../src/testkit/index.ts';
import { Events } from '../../support/tracing.ts';

describe('point channels of topologies', () => {
  it('channels report layouts, redirects, failovers and gaps of a cluster', async () => {
    await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 1 });
    using layouts = new Events<LayoutEvent>('layout');
    using redirects = new Events<RedirectEvent>('redirect');
    using failovers = new Events<FailoverEvent>('failover');
    using gaps = new Events<PubsubGapEvent>('pubsub:gap');
    await using pool = ClusterConnectionPool.fromUrl(cluster.url);
    await pool.execute('SET', 'k', '1');
    await pool.executePubsub('SSUBSCRIBE', 'k');
    const [first] = layouts.all;
    assert.deepEqual([first?.primaries, first?.replicas, first?.uncovered, first?.changed], [3, 3, 0, true]);
    const from = pool.clusterLayout.nodeForKey('k');
    const replica = pool.clusterLayout.nodeForKey('k', false);
    assert.ok(from !== null && replica !== null && replica !== undefined);
    const old = cluster.nodes.find(({ port }) => port === from.port);
    assert.ok(old !== undefined);
    await cluster.failover(old);
    const until = Date.now() + 20_000;
    while (failovers.all.length === 0 && Date.now() < until)
      await pool.executeRequest('SET', ['k', '2'], { timeout: 10_000 });
    assert.deepEqual(
      failovers.all.map((event) => [event.from, event.to]),
      [[String(from), String(replica)]],
    );
    assert.equal(redirects.all[0]?.kind, 'MOVED');
    assert.equal(redirects.all[0]?.to, String(replica));
    while (gaps.all.length === 0 && Date.now() < until)
      await pool.executeRequest('GET', ['k'], { timeout: 10_000 });
    assert.deepEqual(
      gaps.all.map(({ kind, channel }) => [kind, channel]),
      [['shard', 'k']],
    );
  });

  it('channels report a failover behind sentinels', async () => {
    await using sentinels = await startSentinel({ replicas: 1, sentinels: 1 });
    using failovers = new Events<FailoverEvent>('failover');
    await using pool = SentinelConnectionPool.fromUrl(sentinels.url);
    await pool.execute('SET', 'k', '1');
    const before = String(await pool.getPrimaryLocation());
    await sentinels.failover();
    const until = Date.now() + 20_000;
    while (failovers.all.length === 0 && Date.now() < until)
      await pool.executeRequest('SET', ['k', '2'], { timeout: 10_000 }).catch(() => {});
    assert.equal(failovers.all[0]?.from, before);
    assert.notEqual(failovers.all[0]?.to, before);
  });
});
