import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { serverBinaries, startCluster, type ClusterNode } from '../../../src/testkit/index.ts';
import { workFolder } from '../../../src/testkit/servers/watchdog.ts';

const indexes = (nodes: readonly ClusterNode[]): number[] => nodes.map(({ index }) => index).sort();

for (const { path, kind, version } of await serverBinaries()) {
  test(`${kind} ${version}: a cluster of three shards is resharded, failed over and enlarged`, async (t) => {
    const cluster = await startCluster({ binary: path });
    try {
      await t.test('a cluster starts with a known order', async () => {
        assert.equal(cluster.nodes.length, 6);
        assert.deepEqual(
          (await cluster.primaries()).map(({ index }) => index),
          [0, 1, 2],
        );
        for (const index of [0, 1, 2]) {
          assert.deepEqual(indexes(await cluster.replicas(cluster.nodes[index])), [index + 3]);
        }
        assert.equal(cluster.url, cluster.nodes[0]?.url);
        assert.equal(cluster.locations.length, 6);
        assert.equal(
          await cluster.keySlot('{}{a}'),
          Number(await cluster.nodes[4]?.command('CLUSTER', 'KEYSLOT', '{}{a}')),
        );
        await cluster.configSet('maxmemory', 50_000_000);
        assert.deepEqual(await cluster.nodes[5]?.command('CONFIG', 'GET', 'maxmemory'), [
          'maxmemory',
          '50000000',
        ]);
      });

      await t.test('a slot moves in pieces', async () => {
        const slot = await cluster.keySlot('{a}');
        const source = await cluster.nodeForSlot(slot);
        const target = cluster.nodes.slice(0, 3).find((node) => node !== source) ?? assert.fail();
        for (let index = 0; index < 10; index++) await source.command('SET', `{a}${index}`, index);
        const migration = await cluster.beginMigration(slot, target);
        assert.deepEqual([migration.source, migration.target], [source, target]);
        await assert.rejects(
          source.command('GET', '{a}none'),
          new RegExp(`ASK ${slot} 127.0.0.1:${target.port}`),
        );
        assert.equal(await migration.moveKeys(4), 4);
        assert.equal(await migration.keysLeft(), 6);
        await assert.rejects(
          source.command('MGET', ...Array.from({ length: 10 }, (_, index) => `{a}${index}`)),
          /TRYAGAIN/,
        );
        await migration.finish();
        assert.equal(await cluster.nodeForSlot(slot), target);
        assert.equal(await target.command('GET', '{a}7'), '7');
        await assert.rejects(
          source.command('GET', '{a}7'),
          new RegExp(`MOVED ${slot} 127.0.0.1:${target.port}`),
        );

        const halfway = await cluster.migrateSlot(slot, source, { halfway: true });
        assert.equal(await halfway.keysLeft(), 5);
        await halfway.cancel();
        assert.equal(await cluster.nodeForSlot(slot), target);
        const keys = await target.pipeline(Array.from({ length: 10 }, (_, index) => ['GET', `{a}${index}`]));
        assert.deepEqual(
          keys,
          Array.from({ length: 10 }, (_, index) => String(index)),
        );
        await cluster.migrateSlot(slot, source);
        assert.equal(await cluster.nodeForSlot(slot), source);
        await cluster.waitOk();
      });

      await t.test('a cluster fails over gently and by force', async () => {
        const first = await cluster.failover(0);
        assert.equal(first.index, 3);
        await cluster.waitOk();
        assert.deepEqual(indexes(await cluster.primaries()), [1, 2, 3]);
        const back = await cluster.failover(first, 'takeover');
        assert.equal(back.index, 0);
        await cluster.waitOk();
        assert.deepEqual(indexes(await cluster.replicas(back)), [3]);
      });

      await t.test('a cluster survives the death of a primary, which comes back as a replica', async () => {
        const dead = await cluster.killPrimary(16_383);
        assert.equal(dead.running, false);
        const heir = await cluster.waitForNewPrimary(16_383, dead);
        assert.equal(heir.index, 5);
        await dead.restart();
        await cluster.waitOk();
        assert.deepEqual(indexes(await cluster.replicas(heir)), [2]);
      });

      await t.test('a paused node is not asked', async () => {
        const [node] = cluster.nodes;
        node?.pause();
        assert.equal(cluster.reachable.length, 5);
        assert.ok((await cluster.view()).length >= 6);
        node?.resume();
        await cluster.waitOk();
      });

      await t.test('a cluster takes new nodes, gives one a slot, and removes one', async () => {
        const added = await cluster.addNode();
        assert.equal(added.index, 6);
        await cluster.migrateSlot(100, added);
        assert.equal(await cluster.nodeForSlot(100), added);
        const replica = await cluster.addNode({ replicaOf: added });
        assert.deepEqual(await cluster.replicas(added), [replica]);
        await cluster.removeNode(replica);
        assert.equal(replica.running, false);
        await cluster.waitOk();
        assert.equal((await cluster.view()).length, 7);
      });
    } finally {
      await cluster.stop();
    }
    assert.ok(cluster.nodes.every((node) => !node.running && !existsSync(node.folder)));
  });

  test(`${kind} ${version}: a cluster uses TLS with a certificate for each node, host names and a password`, async () => {
    await using cluster = await startCluster({
      binary: path,
      requirepass: 'secret',
      tls: (index) => ({ names: [`node-${index}.test`, '127.0.0.1'] }),
      announceHostname: (index) => `node-${index}.test`,
      preferredEndpoint: 'hostname',
    });
    assert.match(cluster.url, /^rediss:\/\/:secret@127\.0\.0\.1:\d+\/0\?ssl_ca_certs=/);
    const slots = (await cluster.nodes[4]?.command('CLUSTER', 'SLOTS')) as [
      number,
      number,
      [string, number],
    ][];
    assert.deepEqual(slots.map(([, , [host]]) => host).sort(), ['node-0.test', 'node-1.test', 'node-2.test']);
    const { port, tls } = cluster.nodes[1] ?? assert.fail();
    const socket = connect({ host: '127.0.0.1', port, ca: tls?.ca ?? '', servername: 'node-1.test' });
    await once(socket, 'secureConnect');
    assert.equal(
      new X509Certificate(socket.getPeerCertificate(true).raw).checkHost('node-1.test'),
      'node-1.test',
    );
    socket.destroy();
    const slot = await cluster.keySlot('k');
    const source = await cluster.nodeForSlot(slot);
    await source.command('SET', 'k', 'v');
    const target = (await cluster.primaries()).find((node) => node !== source) ?? assert.fail();
    await cluster.migrateSlot(slot, target);
    assert.equal(await target.command('GET', 'k'), 'v');
  });
}

test('a cluster without replicas starts', async () => {
  await using cluster = await startCluster({ primaries: 2, replicasPerPrimary: 0 });
  assert.equal(cluster.nodes.length, 2);
  assert.deepEqual(
    (await cluster.primaries()).map(({ index }) => index),
    [0, 1],
  );
  await assert.rejects(cluster.failover(0), /has no replica to take over/);
});

test('invalid options are refused before anything starts', async () => {
  for (const [option, value] of [
    ['primaries', 0],
    ['replicasPerPrimary', -1],
    ['foo', 0],
    ['preferredEndpoint', 'x'],
    ['announceHostname', 1],
  ] as const) {
    const refused = { name: 'TypeError', message: new RegExp(`\\b${option}\\b`) };
    await assert.rejects(startCluster({ [option]: value }), refused);
  }
});

test('a node that does not start stops the others', async () => {
  await assert.rejects(startCluster({ args: ['--no-such-flag', '1'] }), /no-such-flag/);
  const announceHostname = (index: number): string => (index === 2 ? 'no host!' : `node-${index}.test`);
  await assert.rejects(startCluster({ primaries: 3, replicasPerPrimary: 0, announceHostname }), /[Hh]ost/);
  const left = readdirSync(workFolder()).filter((name) => name.startsWith('cluster-node'));
  assert.deepEqual(left, []);
});
