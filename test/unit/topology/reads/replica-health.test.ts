import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplicaHealth } from '../../../../src/topology/reads/replica-health.ts';
import { ClusterNodeLocation } from '../../../../src/transport/location.ts';
import { ManualClock, seeded } from '../manual-clock.ts';

const replica = (port: number) =>
  new ClusterNodeLocation('h', port, { nodeId: `id${port}`, serverType: 'replica', hostname: null });
const replicas = [replica(1), replica(2), replica(3)];
const [one, two, three] = replicas as [ClusterNodeLocation, ClusterNodeLocation, ClusterNodeLocation];

function stage() {
  const clock = new ManualClock(seeded(3));
  return { clock, health: new ReplicaHealth(clock, clock.random) };
}

function tally(health: ReplicaHealth, count = 3_000): Map<number, number> {
  const counts = new Map<number, number>();
  for (let round = 0; round < count; round++) {
    const { port } = health.pick(replicas)!;
    counts.set(port, (counts.get(port) ?? 0) + 1);
  }
  return counts;
}

test('unmeasured replicas are all equally likely', () => {
  const counts = tally(stage().health);
  for (const port of [1, 2, 3]) assert.ok(counts.get(port)! > 800 && counts.get(port)! < 1_200);
  assert.equal(stage().health.pick([]), null);
});

test('quick replicas share the work, and a slow one gets none', () => {
  const { health } = stage();
  health.report(one, 0.3);
  health.report(two, 0.4);
  health.report(three, 9);
  const counts = tally(health);
  assert.ok(counts.get(1)! > 1_200 && counts.get(2)! > 1_200);
  assert.equal(counts.get(3), undefined);
});

test('an unmeasured replica is tried together with the quickest', () => {
  const { health } = stage();
  health.report(one, 0.3);
  health.report(two, 9);
  assert.deepEqual([...tally(health).keys()].sort(), [1, 3]);
});

test('a measurement grows old', async () => {
  const { health, clock } = stage();
  health.report(one, 0.3);
  health.report(three, 50);
  await clock.pass(5_001);
  health.report(one, 0.3);
  assert.ok(tally(health).get(3)! > 500);
});

test('a failing replica rests, longer each time, and is tried again', async () => {
  const { health, clock } = stage();
  health.report(one, new Error('lost'));
  assert.equal(health.healthy(one), false);
  assert.equal(tally(health).get(1), undefined);
  await clock.pass(500);
  assert.equal(health.healthy(one), true);
  for (let round = 0; round < 8; round++) health.report(one, new Error('lost'));
  await clock.pass(4_900);
  assert.equal(health.healthy(one), false);
  await clock.pass(5_200);
  assert.equal(health.healthy(one), true);
  health.report(one, 1);
  health.report(one, new Error('lost'));
  await clock.pass(500);
  assert.equal(health.healthy(one), true);
});

test('replicas that all fail give null', () => {
  const { health } = stage();
  for (const node of replicas) health.report(node, new Error('lost'));
  assert.equal(health.pick(replicas), null);
});

test('loading replicas are skipped until a layout calls them ready', () => {
  const { health } = stage();
  health.update(replicas, new Set(['id1', 'id2']));
  assert.deepEqual([...tally(health).keys()], [3]);
  health.update(replicas, new Set());
  assert.equal(tally(health).size, 3);
});

test('measurements of an address outlive a layout, and end with the node', () => {
  const { health } = stage();
  health.report(one, new Error('lost'));
  const again = replica(1);
  health.update([again, two, three], new Set());
  assert.equal(health.healthy(again), false);
  health.update([two, three], new Set());
  health.update([again, two, three], new Set());
  assert.equal(health.healthy(again), true);
});
