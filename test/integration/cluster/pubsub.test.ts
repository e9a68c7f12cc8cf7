import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Channel, type ClusterConnectionPool } from '../../../src/index.ts';
import { type ClusterNode, serverBinaries, type TestCluster } from '../../../src/testkit/index.ts';
import { keySlot } from '../../../src/commands/key-slot.ts';
import { eventually, useCluster } from './support.ts';

for (const { path, kind, version } of await serverBinaries()) {
  describe(`pub/sub on a cluster, ${kind} ${version}`, () => {
    let cluster: TestCluster;
    let pool: ClusterConnectionPool<true>;
    useCluster({ binary: path }, (...started) => {
      [cluster, pool] = started;
    });
    const nextOf = async (channel: Channel<unknown>): Promise<unknown> => channel.get({ timeout: 5_000 });

    it('channels and patterns receive messages published at any node', async () => {
      const [channel, pattern] = [
        new Channel('news', { encoding: 'utf-8' }),
        new Channel('ne*', { isPattern: true, encoding: 'utf-8' }),
      ];
      await pool.executePubsub('SUBSCRIBE', channel);
      await pool.executePubsub('PSUBSCRIBE', pattern);
      for (const node of await cluster.primaries()) {
        await node.command('PUBLISH', 'news', `from ${node.port}`);
        assert.equal(await nextOf(channel), `from ${node.port}`);
        assert.equal(String(((await nextOf(pattern)) as unknown[])[1]), `from ${node.port}`);
      }
      assert.ok(pool.statistics.serviceConnections <= 2);
    });

    it('shard channels subscribe at the primary of their slot, each at its own', async () => {
      const channels = Array.from(
        { length: 12 },
        (_, index) => new Channel(`shard:${index}`, { encoding: 'utf-8' }),
      );
      await pool.executePubsub('SSUBSCRIBE', ...channels);
      for (const [index, channel] of channels.entries()) {
        assert.equal(await pool.execute('SPUBLISH', `shard:${index}`, index), 1);
        assert.equal(await nextOf(channel), String(index));
      }
      assert.ok(pool.statistics.serviceConnections <= 8);
    });

    it('a shard channel moves with its slot', async () => {
      const channel = new Channel('moving', { encoding: 'utf-8' });
      await pool.executePubsub('SSUBSCRIBE', channel);
      const slot = keySlot('moving');
      const owner = await cluster.nodeForSlot(slot);
      const target = (await cluster.primaries()).find((node) => node !== owner) as ClusterNode;
      await cluster.migrateSlot(slot, target);
      await pool.execute('GET', 'moving');
      await eventually(
        'somebody listens at the new node',
        async () => Number(await pool.execute('SPUBLISH', 'moving', 'probe')) === 1,
      );
      await pool.execute('SPUBLISH', 'moving', 'arrived');
      for (let message = await nextOf(channel); message !== 'arrived'; message = await nextOf(channel)) {
        assert.equal(message, 'probe');
      }
    });
  });
}
