import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RedisClusterError } from '../../../../src/errors/errors.ts';
import { ReplyMap } from '../../../../src/resp/reply-map.ts';
import type { Reply } from '../../../../src/resp/types.ts';
import { addressResolver } from '../../../../src/topology/cluster/address-map.ts';
import { parseClusterSlots, parseUnready } from '../../../../src/topology/cluster/cluster-slots.ts';
import { ClusterNodeLocation, TCPLocation } from '../../../../src/transport/location.ts';
import { asked, node, parse, threeShards } from './fixtures.ts';

function bytes(value: Reply): Reply {
  if (typeof value === 'string') return Buffer.from(value);
  return Array.isArray(value) ? value.map(bytes) : value;
}

test('an ordinary answer is read, as text and as bytes', () => {
  for (const reply of [threeShards(), bytes(threeShards())]) {
    const map = parse(reply);
    assert.equal(map.covered, 16_384);
    assert.deepEqual(map.primaries.map(String), ['10.0.0.1:7000', '10.0.0.1:7001', '10.0.0.1:7002']);
    assert.deepEqual(map.replicas.map(String), ['10.0.0.1:7003', '10.0.0.1:7004', '10.0.0.1:7005']);
    const shard = map.shardOf(5461);
    assert.ok(shard?.primary instanceof ClusterNodeLocation);
    assert.equal(shard.primary.port, 7001);
    assert.equal(shard.primary.nodeId, 'id7001');
    assert.equal(shard.primary.serverType, 'primary');
    assert.equal(shard.primary.hostname, null);
    assert.equal(shard.replicas[0]?.serverType, 'replica');
    assert.equal(map.shardOf(0)?.primary.port, 7000);
    assert.equal(map.shardOf(16_383)?.primary.port, 7002);
    for (const slot of [-1, 16_384, NaN, 1e9]) assert.equal(map.shardOf(slot), undefined);
  }
});

test('null, empty and ? hosts mean the host that was asked, for primaries and replicas', () => {
  for (const host of [null, '', '?', Buffer.from('?')]) {
    const map = parse([[0, 16_383, [host, 7001, 'a'], [host, 7002, 'b']]]);
    assert.deepEqual(map.nodes.map(String), ['10.0.0.9:7001', '10.0.0.9:7002']);
  }
});

test('host names come from the metadata, in both shapes, or from the endpoint itself', () => {
  const flat = parse([[0, 1, ['10.0.0.1', 1, 'a', ['hostname', 'n1.example']]]]);
  assert.equal(flat.nodes[0]?.hostname, 'n1.example');
  assert.equal(flat.nodes[0]?.host, '10.0.0.1');
  const map = parse([[0, 1, ['10.0.0.1', 1, 'a', new ReplyMap([[Buffer.from('hostname'), 'n1.example']])]]]);
  assert.equal(map.nodes[0]?.hostname, 'n1.example');
  const named = parse([[0, 1, ['n2.example', 1, 'a', ['ip', '10.0.0.2']]]]);
  assert.equal(named.nodes[0]?.host, 'n2.example');
  assert.equal(named.nodes[0]?.hostname, 'n2.example');
  assert.equal(parse([[0, 1, ['10.0.0.1', 1, 'a', ['hostname', '']]]]).nodes[0]?.hostname, null);
});

test('IPv6 addresses are read with and without brackets', () => {
  const map = parse([[0, 1, ['::1', 7000, 'a'], ['[fe80::2]', 7001, 'b']]]);
  assert.deepEqual(
    map.nodes.map(({ host }) => host),
    ['::1', 'fe80::2'],
  );
  assert.equal(map.nodeAt('::1', 7000)?.nodeId, 'a');
});

test('answers without metadata and ids are read', () => {
  const map = parse([[0, 16_383, ['10.0.0.1', 7000]]]);
  assert.equal(map.nodes[0]?.nodeId, '');
});

test('the address map is applied to every node, once per address', () => {
  const calls: string[] = [];
  const resolve = addressResolver((host, port) => {
    calls.push(`${host}:${port}`);
    return new TCPLocation('proxy.example', port + 1000);
  });
  const reply = [
    [0, 1, node(7000), node(7001)],
    [2, 3, node(7000), node(7001)],
  ];
  const map = parseClusterSlots(reply, asked, resolve);
  assert.deepEqual(map.nodes.map(String), ['proxy.example:8000', 'proxy.example:8001']);
  assert.deepEqual(calls, ['10.0.0.1:7000', '10.0.0.1:7001']);
});

test('a node that owns slots is not a replica of another one', () => {
  const map = parse([
    [0, 1, node(7000), node(7001)],
    [2, 3, node(7001)],
  ]);
  assert.deepEqual(map.shardOf(0)?.replicas, []);
  assert.equal(map.nodes.length, 2);
});

test('unchanged nodes stay the same objects', () => {
  const before = parse(threeShards());
  const swapped = threeShards();
  swapped[0] = [0, 5460, node(7003), node(7000)];
  const after = parse(swapped, before);
  assert.equal(after.shardOf(6000)?.primary, before.shardOf(6000)?.primary);
  assert.notEqual(after.nodeAt('10.0.0.1', 7000), before.nodeAt('10.0.0.1', 7000));
  assert.equal(after.nodeAt('10.0.0.1', 7003)?.serverType, 'primary');
});

test('impossible answers are refused with a typed error', () => {
  const good = node(7000);
  const hostile: Reply[] = [
    null,
    'OK',
    7,
    new ReplyMap(),
    [7],
    ['__proto__'],
    [[]],
    [[0]],
    [null],
    [[-1, 5, good]],
    [[0, 16_384, good]],
    [[5, 4, good]],
    [['__proto__', 1, good]],
    [[0, '1e3', good]],
    [[0.5, 1, good]],
    [['constructor', 'constructor', good]],
    [[0n, 1, good]],
    [[NaN, 1, good]],
    [['', '', good]],
    [[0, 1, 'host']],
    [[0, 1, null]],
    [[0, 1, [7, 7000]]],
    [[0, 1, good, 'x']],
    Array.from({ length: 16_385 }, () => [0, 0, good]),
  ];
  for (const reply of hostile) assert.throws(() => parse(reply), RedisClusterError);
});

test('nodes that cannot be dialled are left out', () => {
  const bad: [Reply, Reply][] = [
    ['10.0.0.1', 0],
    ['10.0.0.1', 65_536],
    ['10.0.0.1', -1],
    ['10.0.0.1', '__proto__'],
    ['10.0.0.1', null],
    ['a b', 1],
    ['user@host', 1],
    ['a/b', 1],
    ['a\r\nb', 1],
    ['x'.repeat(300), 1],
    ['a\0b', 1],
    ['[::1', 1],
  ];
  for (const [host, port] of bad) {
    const map = parse([
      [0, 10, node(7000), [host, port, 'bad']],
      [11, 20, [host, port, 'bad']],
    ]);
    assert.deepEqual(map.nodes.map(String), ['10.0.0.1:7000']);
    assert.equal(map.covered, 11);
  }
});

test('hostile names pollute no prototype', () => {
  const before =
    JSON.stringify(Reflect.ownKeys(Object.prototype).map(String)) + Reflect.ownKeys(Array.prototype).length;
  const map = parse([[0, 1, ['__proto__', 1, '__proto__', ['__proto__', 'x', 'hostname', '__proto__']]]]);
  assert.equal(map.nodeAt('__proto__', 1)?.nodeId, '__proto__');
  assert.equal(({} as Record<string, unknown>)['hostname'], undefined);
  assert.equal(
    JSON.stringify(Reflect.ownKeys(Object.prototype).map(String)) + Reflect.ownKeys(Array.prototype).length,
    before,
  );
});

test('a flood of nodes is refused whole', () => {
  const flood = Array.from({ length: 16_384 }, (_, slot) => [
    slot,
    slot,
    [`10.0.${slot >> 8}.${slot & 255}`, 7000, 'x'],
  ]);
  assert.throws(() => parse(flood), /more than 1000 nodes/);
  const wide = [[0, 1, ...Array.from({ length: 100_000 }, (_, index) => node(1 + (index % 60_000)))]];
  assert.throws(() => parse(wide), /more than 1000 nodes/);
  const full = Array.from({ length: 1_000 }, (_, index) => [index, index, node(1 + index)]);
  assert.equal(parse(full).nodes.length, 1_000);
});

test('the health of CLUSTER SHARDS is read in both shapes', () => {
  const flat: Reply = [
    [
      'slots',
      [0, 1],
      'nodes',
      [
        ['id', 'a', 'health', 'online'],
        ['id', 'b', 'health', 'loading'],
      ],
    ],
    ['slots', [], 'nodes', [['id', 'c', 'health', 'fail']]],
  ];
  assert.deepEqual([...parseUnready(flat)], ['b', 'c']);
  const maps: Reply = [
    new ReplyMap([
      [
        'nodes',
        [
          new ReplyMap([
            ['id', Buffer.from('b')],
            ['health', 'loading'],
          ]),
        ],
      ],
    ]),
  ];
  assert.deepEqual([...parseUnready(maps)], ['b']);
  for (const odd of [null, 'x', [null], [[]], [['nodes', 7]], [['nodes', [null, 7]]]] as Reply[]) {
    assert.equal(parseUnready(odd).size, 0);
  }
});
