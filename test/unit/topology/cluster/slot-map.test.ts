import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlotMap } from '../../../../src/topology/cluster/slot-map.ts';
import { seeded } from '../manual-clock.ts';
import { at, node, parse, threeShards } from './fixtures.ts';

test('the empty map serves no slot', () => {
  assert.equal(SlotMap.empty.covered, 0);
  assert.equal(SlotMap.empty.shardOf(0), undefined);
  assert.deepEqual(SlotMap.empty.nodes, []);
});

test('MOVED to a known primary moves one slot and leaves the old map alone', () => {
  const before = parse(threeShards());
  const after = before.withMoved(100, at(7002));
  assert.equal(after.shardOf(100)?.primary.port, 7002);
  assert.equal(after.shardOf(99)?.primary.port, 7000);
  assert.equal(after.shardOf(101)?.primary.port, 7000);
  assert.equal(before.shardOf(100)?.primary.port, 7000);
  assert.equal(after.nodes, before.nodes);
  assert.equal(after.shardOf(100), before.shardOf(12_000));
});

test('MOVED to the present owner, and hostile slots, change nothing', () => {
  const map = parse(threeShards());
  assert.equal(map.withMoved(100, at(7000)), map);
  for (const slot of [-1, 16_384, 0.5, NaN, 2 ** 32]) assert.equal(map.withMoved(slot, at(7001)), map);
});

test('MOVED to an unknown node adds it as a primary', () => {
  const map = parse(threeShards()).withMoved(100, at(7100));
  assert.equal(map.shardOf(100)?.primary.port, 7100);
  assert.equal(map.nodeAt('10.0.0.1', 7100)?.serverType, 'primary');
  assert.equal(map.primaries.length, 4);
  assert.equal(map.withMoved(101, at(7100)).primaries.length, 4);
});

test('MOVED to a replica promotes it', () => {
  const before = parse(threeShards());
  const after = before.withMoved(100, at(7003));
  assert.equal(after.shardOf(100)?.primary.nodeId, 'id7003');
  assert.equal(after.nodeAt('10.0.0.1', 7003)?.serverType, 'primary');
  assert.deepEqual(after.shardOf(100)?.replicas, []);
  assert.deepEqual(after.shardOf(101)?.replicas, []);
  assert.equal(after.shardOf(101)?.primary.port, 7000);
  assert.equal(after.nodes.length, 6);
  assert.equal(after.replicas.length, 2);
});

test('MOVED covers an unserved slot', () => {
  const map = parse([[0, 10, node(7000)]]);
  assert.equal(map.withMoved(11, at(7000)).covered, 12);
  assert.equal(map.withMoved(10, at(7001)).covered, 11);
});

test('unknown nodes are learned up to a bound', () => {
  let map = parse([[0, 16_383, node(7000)]]);
  for (let index = 0; index < 5_000; index++) map = map.withMoved(index, at(8000 + index));
  assert.equal(map.nodes.length, 1_000);
  assert.equal(map.shardOf(998)?.primary.port, 8998);
  assert.equal(map.shardOf(999)?.primary.port, 7000);
});

test('random moves agree with a plain array', () => {
  const random = seeded(7);
  let map = parse(threeShards());
  const model = Array.from({ length: 16_384 }, (_, slot) => map.shardOf(slot)!.primary.port);
  for (let round = 0; round < 3_000; round++) {
    const slot = Math.floor(random() * 16_384);
    const port = 7000 + Math.floor(random() * 8);
    map = map.withMoved(slot, at(port));
    model[slot] = port;
  }
  for (let slot = 0; slot < 16_384; slot++) assert.equal(map.shardOf(slot)?.primary.port, model[slot]);
  assert.deepEqual(new Set(map.primaries.map(({ port }) => port)), new Set([...model, 7000, 7001, 7002]));
  assert.equal(new Set(map.nodes.map(String)).size, map.nodes.length);
});

test('the first of overlapping ranges wins', () => {
  const map = parse([
    [0, 10, node(7000)],
    [5, 20, node(7001)],
  ]);
  assert.equal(map.covered, 21);
  assert.equal(map.shardOf(7)?.primary.port, 7000);
  assert.equal(map.shardOf(11)?.primary.port, 7001);
});
