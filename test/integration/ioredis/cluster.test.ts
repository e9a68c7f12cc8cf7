import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it } from 'node:test';
import type { Cluster, Command, DnsLookup, ResolveSrv } from '../../../src/ioredis/index.ts';
import { type Methods, startClusterWithClients } from '../../support/ioredis-clients.ts';

const { servers, open } = await startClusterWithClients();

/** The port of the server that runs it. */
const WHERE = "return string.match(redis.call('info', 'server'), 'tcp_port:(%d+)')";

it('a cluster routes commands by their keys, and emits events about its nodes', async () => {
  const cluster = open();
  await once(cluster, 'ready');
  for (const key of ['a', 'b', 'c', 'd']) assert.equal(await cluster.set!(key, key), 'OK');
  const batch = cluster.pipeline([
    ['get', 'a'],
    ['getBuffer', 'b'],
    ['incr', 'c'],
  ]);
  const [text, bytes, refused] = (await batch.exec()) as unknown[][];
  assert.deepEqual(text, [null, 'a']);
  assert.deepEqual(bytes, [null, Buffer.from('b')]);
  assert.match(String(refused![0]), /not an integer/);
  assert.equal(cluster.nodes().length, 6);
  assert.equal(cluster.nodes('master').length, 3);
  const [node] = cluster.nodes('slave') as (ReturnType<Cluster['nodes']>[number] & Methods)[];
  assert.match(String(await node!.info!('replication')), /role:slave/);
});

it('a transaction and a script of a cluster run in one slot', async () => {
  const cluster = open({
    scripts: { add: { lua: 'return redis.call("incrby", KEYS[1], ARGV[1])', numberOfKeys: 1 } },
  });
  const transaction = cluster.multi() as {
    set(...args: unknown[]): { get(key: string): { exec(): Promise<unknown> } };
  };
  assert.deepEqual(await transaction.set('{t}1', 5).get('{t}1').exec(), [
    [null, 'OK'],
    [null, '5'],
  ]);
  assert.equal(await cluster.add!('{t}1', 2), 7);
  assert.equal(await cluster.add!('elsewhere', 2), 2);
});

it('a cluster receives messages, reads from replicas and ends', async () => {
  const cluster = open({ scaleReads: 'slave' });
  const message = once(cluster, 'message');
  assert.equal(await cluster.subscribe!('news'), 1);
  await open().publish!('news', 'hello');
  assert.deepEqual(await message, ['news', 'hello']);
  assert.equal(await cluster.get!('nothing'), null);
  assert.equal(await cluster.quit(), 'OK');
  await assert.rejects(cluster.get!('a'), /Connection is closed/);
});

it('a cluster is found by host names, and reports the nodes that gave no layout', async () => {
  const { port } = servers.startupNodes[0]!;
  const asked: string[] = [];
  const dnsLookup: DnsLookup = (hostname, callback) => {
    asked.push(hostname);
    callback(null, '127.0.0.1');
  };
  const cluster = open({ dnsLookup }, [{ host: 'cluster.example', port }]);
  await once(cluster, 'ready');
  assert.deepEqual(asked, ['cluster.example']);
  const refreshed = once(cluster, 'refresh');
  cluster.refreshSlotsCache();
  await refreshed;
  const records = [{ name: '127.0.0.1', port, priority: 1, weight: 1 }];
  const resolveSrv: ResolveSrv = (_hostname, callback) => callback(null, records);
  const byService = open({ useSRVRecords: true, resolveSrv }, [{ host: 'service.example' }]);
  await once(byService, 'ready');

  const nowhere = open({ clusterRetryStrategy: null }, [{ host: '127.0.0.1', port: 1 }]);
  const [error, address] = (await once(nowhere, 'node error')) as [NodeJS.ErrnoException, string];
  assert.equal(address, '127.0.0.1:1');
  assert.equal(error.code, 'ECONNREFUSED');
});

it('a pipeline of a cluster refuses a command whose keys are in several slots', async () => {
  const batch = open().pipeline([['mget', 'a', 'b']]);
  await assert.rejects(batch.exec() as Promise<unknown>, /All the keys in a pipeline command should belong/);
});

it('a function as scaleReads chooses the node of a read among those of its slot', async () => {
  const asked: [string[], string, number][] = [];
  let choice: 'primary' | 'replica' | 'unknown' = 'replica';
  const scaleReads = (nodes: string[], command: Command): string => {
    asked.push([nodes, command.name, command.getSlot()]);
    return choice === 'unknown' ? 'nowhere:1' : nodes[choice === 'primary' ? 0 : 1]!;
  };
  const cluster = open({ scaleReads });
  await new Promise((resolve) => cluster.delayUntilReady(resolve));
  await cluster.set!('scaled', 'v');
  assert.equal(asked.length, 0);
  // The replica tells itself by its port, which a script that only reads can ask for.
  cluster.defineCommand('whereIs', { lua: WHERE, numberOfKeys: 1, readOnly: true });
  const ports: unknown[] = [];
  for (choice of ['primary', 'replica', 'unknown'] as const) ports.push(await cluster.whereIs!('scaled'));
  const [[nodes, , slot]] = asked as [[string[], string, number]];
  assert.deepEqual(nodes.length, 2);
  assert.equal(slot, await cluster.cluster!('KEYSLOT', 'scaled'));
  const [primary, replica] = nodes.map((node) => node.split(':')[1]);
  assert.deepEqual(ports, [primary, replica, primary]);
  assert.equal(await cluster.get!('scaled'), 'v');
  assert.equal(asked.at(-1)![1], 'get');
});

it('a script that only reads goes to a replica with scaleReads slave', async () => {
  const scripts = { whereIs: { lua: WHERE, numberOfKeys: 1, readOnly: true } };
  const cluster = open({ scaleReads: 'slave', scripts });
  await once(cluster, 'ready');
  const replicas = cluster.nodes('slave').map(({ options }) => String(options.port));
  for (const key of ['a', 'b', 'c']) assert.ok(replicas.includes(String(await cluster.whereIs!(key))));
});

it('reads go to every node of their slot with scaleReads all', async () => {
  const scripts = { whereIs: { lua: WHERE, numberOfKeys: 1, readOnly: true } };
  const cluster = open({ scaleReads: 'all', scripts });
  await once(cluster, 'ready');
  const ports = new Set<unknown>();
  // Chosen at random: the first reads only connect the replica.
  for (let reads = 0; reads < 2_000 && ports.size < 2; reads++) ports.add(await cluster.whereIs!('a'));
  const all = cluster.nodes().map(({ options }) => String(options.port));
  assert.equal(ports.size, 2);
  assert.ok([...ports].every((port) => all.includes(String(port))));
});
