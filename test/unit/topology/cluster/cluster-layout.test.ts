import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RedisClusterError } from '../../../../src/errors/errors.ts';
import { ClusterLayout } from '../../../../src/topology/cluster/cluster-layout.ts';
import { SlotMap } from '../../../../src/topology/cluster/slot-map.ts';
import { seeded } from '../manual-clock.ts';
import { at, node, parse, threeShards } from './fixtures.ts';

function layout(map: SlotMap, sick: readonly number[] = [], encoding?: string): ClusterLayout {
  return new ClusterLayout(
    {
      map,
      random: seeded(1),
      healthy: ({ port }) => !sick.includes(port),
      pickReplica: (replicas) => replicas.find(({ port }) => !sick.includes(port)) ?? null,
    },
    encoding,
  );
}

test('nodes are found by slot, key and location', () => {
  const it = layout(parse(threeShards()));
  assert.equal(it.nodes.length, 6);
  assert.equal(it.primaries.length, 3);
  assert.equal(it.replicas.length, 3);
  assert.equal(it.nodeForSlot(0).port, 7000);
  assert.equal(it.nodeForSlot(0, false).port, 7003);
  assert.equal(it.nodeForKey('foo').port, 7002);
  assert.equal(it.nodeForKey(Buffer.from('foo'), false).port, 7005);
  assert.equal(it.nodeForLocation(at(7004))?.serverType, 'replica');
  assert.equal(it.nodeForLocation(at(7999)), undefined);
});

test('keys are hashed as they are sent', () => {
  const map = parse(threeShards());
  const bytes = Buffer.from('é', 'latin1');
  assert.equal(layout(map, [], 'latin1').nodeForKey('é'), layout(map).nodeForKey(bytes));
});

test('the primary is chosen where no replica is healthy', () => {
  assert.equal(layout(parse(threeShards()), [7003]).nodeForSlot(0, false).port, 7000);
  assert.equal(layout(parse([[0, 16_383, node(7000)]])).nodeForSlot(0, false).port, 7000);
});

test('an unserved slot is a typed error', () => {
  const it = layout(parse([[0, 10, node(7000)]]));
  for (const slot of [11, -1, 16_384, NaN]) {
    assert.throws(
      () => it.nodeForSlot(slot),
      (error: Error) => {
        assert.equal(error.message, `Unable to map slot ${slot} to a primary node`);
        return error instanceof RedisClusterError;
      },
    );
  }
  assert.throws(() => it.nodeForSlot(11, false), /a replica node/);
});

test('random nodes reach every node of the kind', () => {
  const it = layout(parse(threeShards()), [7004]);
  const seen = (primary: boolean) =>
    [...new Set(Array.from({ length: 200 }, () => it.randomNode(primary).port))].sort();
  assert.deepEqual(seen(true), [7000, 7001, 7002]);
  assert.deepEqual(seen(false), [7003, 7005]);
  assert.equal(layout(parse([[0, 1, node(7000)]])).randomNode(false).port, 7000);
  assert.throws(() => layout(SlotMap.empty).randomNode(), /empty/);
});
