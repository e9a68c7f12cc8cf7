// A cache on a cluster and behind sentinels: what the old node knew goes when another one serves the key.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterConnectionPool, LRUCache, Sentinel } from '../../../src/index.ts';
import { startCluster, startSentinel } from '../../../src/testkit/index.ts';
import { Monitor, keysNamed } from './monitor.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limit = 10_000,
): Promise<void> {
  for (const end = performance.now() + limit; performance.now() < end; await sleep(20))
    if (await condition()) return;
  assert.fail(`${what} did not come true`);
}

/** A failover while nobody writes, and replicas have everything: what is acknowledged is not lost. */
async function quietly(monitor: Monitor, failover: () => Promise<unknown>): Promise<void> {
  monitor.paused = true;
  await sleep(400);
  await failover();
  monitor.paused = false;
  await sleep(1_500);
}

test('every node of a cluster guards its own keys; moved slots and failovers leave nothing stale', async () => {
  await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 1 });
  const monitor = new Monitor(keysNamed('{tag}:', 60));
  const { cache } = monitor;
  const { startupNodes } = cluster;
  await using writer = new ClusterConnectionPool({ startupNodes });
  await using pool = new ClusterConnectionPool({ startupNodes, decodeResponses: true, cache });
  const other = new LRUCache();
  await using broadcast = new ClusterConnectionPool({
    startupNodes,
    decodeResponses: true,
    cache: other,
    cacheTracking: { mode: 'bcast' },
  });
  for (let key = 0; key < 30; key++) {
    await writer.execute('SET', `k${key}`, key);
    for (const reader of [pool, broadcast]) {
      await until(async () => (await reader.execute('GET', `k${key}`)) === String(key), `k${key}`);
    }
  }
  assert.equal(broadcast.statistics.serviceConnections, 3, 'a listener at each node');
  await broadcast.executeOn('primaries', 'FLUSHALL');
  assert.equal(other.size, 0);
  await until(() => cache.size === 0, 'the flush of the other pool');

  const slot = await cluster.keySlot('tag');
  const writing = Array.from({ length: 5 }, () => monitor.write(writer, 20));
  const reading = monitor.readOn(pool, 20, 2);
  try {
    const faults = async (): Promise<void> => {
      await sleep(500);
      const owner = await cluster.nodeForSlot(slot);
      const target = (await cluster.primaries()).find((node) => node !== owner);
      assert.ok(target);
      await cluster.migrateSlot(slot, target);
      await sleep(1_500);
      await cluster.failover(await cluster.nodeForSlot(slot));
      await sleep(1_500);
      await quietly(monitor, async () => {
        const dead = await cluster.killPrimary(slot);
        await cluster.waitForNewPrimary(slot, dead);
      });
    };
    await Promise.race([faults(), reading]);
  } finally {
    monitor.stop();
    await Promise.all(writing);
  }
  await reading;
  assert.ok(monitor.reads > 100, `${monitor.reads} reads`);
  assert.ok(cache.stats.hits > 500, `${cache.stats.hits} hits`);
});

test('a failover behind sentinels drops the entries of the old primary, and the cache goes on at the new one', async () => {
  await using setup = await startSentinel({ replicas: 1, sentinels: 3 });
  const monitor = new Monitor(keysNamed('s:', 60));
  const { cache } = monitor;
  await using manager = new Sentinel({ sentinels: setup.sentinelLocations });
  const service = setup.serviceName;
  await using writer = manager.primaryFor(service);
  await using pool = manager.primaryFor(service, { decodeResponses: true, cache });
  await using redirected = manager.primaryFor(service, {
    decodeResponses: true,
    cache: new LRUCache(),
    cacheTracking: { redirect: true },
  });
  await writer.execute('SET', 'one', '1');
  assert.equal(await redirected.execute('GET', 'one'), '1');
  const writing = Array.from({ length: 5 }, () => monitor.write(writer, 20));
  const reading = monitor.readOn(pool, 20, 2);
  try {
    const faults = async (): Promise<void> => {
      await sleep(500);
      // Until the old primary follows, it would take writes that are lost.
      await quietly(monitor, async () => {
        await setup.failover();
        await setup.waitHealthy();
      });
      await quietly(monitor, async () => setup.waitForPrimary(await setup.killPrimary()));
      await until(async () => String(await writer.execute('SET', 'one', '2')) === 'OK', 'a write');
      await sleep(1_500);
    };
    await Promise.race([faults(), reading]);
  } finally {
    monitor.stop();
    await Promise.all(writing);
  }
  await reading;
  assert.ok(cache.stats.hits > 500, `${cache.stats.hits} hits`);
  const { hits } = cache.stats;
  await until(async () => (await redirected.execute('GET', 'one')) === '2', 'the new value');
  for (let round = 0; round < 5; round++) await pool.execute('GET', 's:1');
  assert.ok(cache.stats.hits > hits);
});
