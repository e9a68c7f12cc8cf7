import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Reply } from '../../src/resp/types.ts';
import { serverBinaries, startCluster, startServer } from '../../src/testkit/index.ts';
import { addressResolver } from '../../src/topology/cluster/address-map.ts';
import { Discovery } from '../../src/topology/cluster/discovery.ts';
import { keySlot } from '../../src/commands/key-slot.ts';
import { LayoutKeeper } from '../../src/topology/cluster/layout-keeper.ts';
import { TCPLocation } from '../../src/transport/location.ts';

const resolve = addressResolver();
const KEYS = [
  '',
  'foo',
  '123456789',
  '{}',
  '{}{a}',
  'foo{}{bar}',
  '{{a}}b',
  'foo{bar}{zap}',
  '}{a}',
  'a{b',
  '{a',
  'a}b{c}',
  'x\ud800y',
  '\udc00',
  '\ud83d\ude00{\ud83d\ude00}',
  'ключ{метка}',
  'é',
  '中文',
  '\x00',
  'a b\r\n',
];

for (const { path, kind, version } of await serverBinaries()) {
  describe(`cluster facts of ${kind} ${version}`, () => {
    it("key slots are the same as the server's, for text and for bytes", async () => {
      await using server = await startServer({ binary: path, args: ['--cluster-enabled', 'yes'] });
      for (const key of KEYS) {
        const bytes = Buffer.from(key);
        const slot = await server.command('CLUSTER', 'KEYSLOT', bytes);
        assert.equal(keySlot(key), slot, JSON.stringify(key));
        assert.equal(keySlot(bytes), slot, JSON.stringify(key));
      }
      for (let length = 0; length < 256; length += 5) {
        const bytes = Buffer.from(Array.from({ length }, (_, index) => (index * 7 + length) & 0xff));
        assert.equal(keySlot(bytes), await server.command('CLUSTER', 'KEYSLOT', bytes));
      }
    });

    it('the layout of a real cluster is read, and the one after a failover', async () => {
      await using cluster = await startCluster({ binary: path });
      const ask = async (location: TCPLocation, command: string, args: readonly string[]): Promise<Reply> => {
        const node = cluster.nodes.find((one) => one.location.port === location.port);
        assert.ok(node !== undefined, location.toString());
        return (await node.command(command, ...args)) as Reply;
      };
      const startNodes = [new TCPLocation('127.0.0.1', cluster.nodes[0]!.location.port)];
      const discovery = new Discovery({ startNodes, resolve, ask, withHealth: true });
      const keeper = new LayoutKeeper({ discovery, resolve });
      await keeper.refresh();
      const { layout } = keeper;
      assert.equal(layout.primaries.length, 3);
      assert.equal(layout.replicas.length, 3);
      assert.equal(keeper.map.covered, 16_384);
      for (const slot of [0, 5_000, 10_000, 16_383]) {
        const owner = await cluster.nodeForSlot(slot);
        assert.equal(layout.nodeForSlot(slot).port, owner.location.port);
        assert.equal(layout.nodeForSlot(slot).nodeId, owner.id);
        const [replica] = await cluster.replicas(owner);
        assert.equal(layout.nodeForSlot(slot, false).port, replica?.location.port);
      }
      const old = layout.nodeForSlot(0);
      const heir = layout.nodeForSlot(0, false);
      await ask(heir, 'CLUSTER', ['FAILOVER', 'FORCE']);
      for (let round = 0; round < 200 && layout.nodeForSlot(0).port !== heir.port; round++) {
        await new Promise((next) => setTimeout(next, 50));
        await keeper.refresh();
      }
      assert.equal(layout.nodeForSlot(0).port, heir.port);
      assert.equal(layout.nodeForLocation(heir)?.serverType, 'primary');
      assert.equal(layout.nodeForLocation(old)?.serverType ?? 'replica', 'replica');
      keeper.close();
    });
  });
}
