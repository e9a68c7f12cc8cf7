import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Channel, ClusterConnectionPool, ConnectionPool, PatternChannel } from '../../../src/index.ts';
import { reply, ScriptedServer, startCluster, startServer } from '../../../src/testkit/index.ts';
import { names, sleep, until } from './support.ts';

test('option verifyDelivery: a subscriber that receives nothing is replaced, with a gap', async () => {
  let deaf = false;
  await using server = await ScriptedServer.start({
    SUBSCRIBE: (words, connection) => {
      for (const name of words.slice(1)) connection.push('subscribe', name, 1);
      return null;
    },
    PUBLISH: ([, name = '', message = '']) => {
      // Only the newest subscriber gets messages, as if the server had been replaced behind a live socket.
      const subscriber = server.commands.findLast((command) => command.name === 'SUBSCRIBE')?.connection;
      if (!deaf) subscriber?.push('message', name, message);
      return reply.integer(1);
    },
  });
  await using pool = new ConnectionPool({ location: server.location, verifyDelivery: 50 });
  const channel = new Channel('news', { encoding: 'utf-8' });
  await pool.executePubsub('SUBSCRIBE', channel);
  const probes = (): number => server.commands.filter(({ name }) => name === 'PUBLISH').length;
  await until(() => probes() >= 3, 'probes');
  assert.equal(channel.gaps, 0);
  deaf = true;
  await until(() => channel.gaps > 0, 'the gap');
  deaf = false;
  await pool.execute('PUBLISH', 'news', 'again');
  assert.equal(await channel.get({ timeout: 10_000 }), 'again');
  assert.deepEqual(names(pool.pubsubChannels), ['news']);
  assert.equal(pool.inPubsub, 1);
});

test('option verifyDelivery: readers never see a probe, and an unsendable probe proves nothing', async () => {
  await using server = await startServer();
  await using pool = new ConnectionPool({ location: server.location, verifyDelivery: 20 });
  await using other = new ConnectionPool({ location: server.location });
  const heard: string[] = [];
  const all = new PatternChannel('*', { onMessage: (message) => void heard.push(`own ${message}`) });
  const others = new PatternChannel('*', { onMessage: (message) => void heard.push(`other ${message}`) });
  await Promise.all([pool.executePubsub('PSUBSCRIBE', all), other.executePubsub('PSUBSCRIBE', others)]);
  const published = async (): Promise<number> =>
    Number(
      /cmdstat_publish:calls=(\d+)/.exec(String(await server.command('INFO', 'commandstats')))?.[1] ?? 0,
    );
  await until(async () => (await published()) >= 5, 'probes');
  await other.execute('PUBLISH', 'x', 'message');
  await until(() => heard.length === 2, 'the message');
  assert.deepEqual(heard.sort(), ['other message', 'own message']);
  assert.equal(pool.inPubsub, 1);
  await server.command('ACL', 'SETUSER', 'default', '-publish');
  await sleep(100);
  assert.equal(all.gaps, 0);
  await server.command('ACL', 'SETUSER', 'default', '+publish');
  await pool.executePubsub('PUNSUBSCRIBE');
  await until(() => pool.statistics.serviceConnections === 0, 'the end of the subscriber');
});

test('option verifyDelivery: shard channels of a cluster probe their own slot', async () => {
  await using cluster = await startCluster({ primaries: 2, replicasPerPrimary: 0 });
  await using pool = new ClusterConnectionPool({ startupNodes: cluster.startupNodes, verifyDelivery: 30 });
  const shards = [new Channel('one'), new Channel('{two}x'), new Channel('three')];
  await pool.executePubsub('SSUBSCRIBE', ...shards);
  await until(async () => {
    const counts = await Promise.all(
      cluster.nodes.map(async (node) =>
        Number(
          /cmdstat_spublish:calls=(\d+)/.exec(String(await node.command('INFO', 'commandstats')))?.[1] ?? 0,
        ),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0) >= 6;
  }, 'probes');
  assert.ok(shards.every(({ gaps }) => gaps === 0));
  assert.equal(pool.inPubsub, 3);
  await pool.execute('SPUBLISH', 'one', 'm');
  assert.equal(String(await shards[0]?.get({ timeout: 10_000 })), 'm');
});
