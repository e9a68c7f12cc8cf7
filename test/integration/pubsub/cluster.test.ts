import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Channel, ClusterConnectionPool, PatternChannel } from '../../../src/index.ts';
import { startCluster, type TestCluster } from '../../../src/testkit/index.ts';
import { names, readChannel, Recorder, sleep, until } from './support.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster({ primaries: 3, replicasPerPrimary: 1 });
});
after(() => cluster.stop());

function open(): ClusterConnectionPool {
  return new ClusterConnectionPool({ startupNodes: cluster.startupNodes, timeout: 20_000 });
}

test('a shard channel follows its slot while messages flow', async () => {
  await using pool = open();
  await using publisher = open();
  const { channel, heard } = readChannel('{moving}news');
  const other = new Recorder('{moving}too');
  const elsewhere = new Recorder('{staying}news');
  await pool.executePubsub('SSUBSCRIBE', channel, other, elsewhere);
  let number = 0;
  let working = true;
  const publishing = (async () => {
    while (working) {
      await publisher.execute('SPUBLISH', '{moving}news', number);
      number++;
      if (number % 10 === 0) await sleep(1);
    }
  })();
  const slot = await cluster.keySlot('{moving}news');
  for (let round = 1; round <= 3; round++) {
    await until(() => heard.numbers.length > round * 20, 'messages');
    const owner = await cluster.nodeForSlot(slot);
    const target = (await cluster.primaries()).find(({ id }) => id !== owner.id);
    assert.ok(target);
    await cluster.migrateSlot(slot, target);
    await until(() => channel.gaps === round && other.heard.gaps.length === round, 'the gap');
    const moved = await cluster.nodeForSlot(slot);
    await until(
      async () => String(await moved.command('PUBSUB', 'SHARDCHANNELS')).includes('{moving}news'),
      'the new subscription',
    );
    assert.equal(String(await owner.command('PUBSUB', 'SHARDCHANNELS')).includes('{moving}'), false);
  }
  const before = heard.numbers.length;
  await until(() => heard.numbers.length > before + 20, 'messages on the new owner');
  working = false;
  await publishing;
  await until(() => heard.numbers.at(-1) === number - 1, 'the last message');
  heard.check('{moving}news');
  assert.equal(elsewhere.heard.gaps.length, 0);
  assert.deepEqual(names(pool.pubsubShardChannels), ['{moving}news', '{moving}too', '{staying}news']);
  assert.equal((await pool.executePubsub('SUNSUBSCRIBE', '{moving}news', channel)).length, 2);
});

test('plain channels and patterns are spread over the primaries, each on one', async () => {
  await using pool = open();
  const wanted = Array.from({ length: 40 }, (_, at) => `plain:${at}`);
  const acks = await pool.executePubsub('SUBSCRIBE', ...wanted);
  assert.equal(acks.length, 40);
  await pool.executePubsub('PSUBSCRIBE', 'plain:1*');
  const all = await Promise.all(
    (await cluster.primaries()).map((node) => node.command('PUBSUB', 'CHANNELS', 'plain:*')),
  );
  const heldBy = all.map((held) => (held as string[]).length);
  assert.equal(
    heldBy.reduce((sum, count) => sum + count, 0),
    40,
  );
  assert.ok(
    heldBy.every((count) => count > 2),
    `${heldBy}`,
  );
  assert.equal(pool.statistics.serviceConnections, 3);
  const [primary] = await cluster.primaries();
  for (const name of wanted) await primary?.command('PUBLISH', name, name);
  for (const name of wanted)
    assert.equal(String(await (pool.pubsubChannels.get(name) as Channel).get()), name);
  await pool.executePubsub('UNSUBSCRIBE');
  await pool.executePubsub('PUNSUBSCRIBE');
  await until(() => pool.statistics.serviceConnections === 0, 'the end of the subscribers');
});

test('names of a dead primary move elsewhere, shard channels to the new primary', async () => {
  await using pool = open();
  const plain = Array.from({ length: 12 }, (_, at) => new Recorder(`plain:${at}`));
  await pool.executePubsub('SUBSCRIBE', ...plain);

  const channel = new Recorder('{dying}shard');
  await pool.executePubsub('SSUBSCRIBE', channel);
  const owner = await cluster.nodeForSlot(await cluster.keySlot('{dying}shard'));
  const held = (await owner.command('PUBSUB', 'CHANNELS', 'plain:*')) as string[];
  await owner.kill();
  const moved = plain.filter(({ name }) => held.includes(String(name)));
  const stayed = plain.filter(({ name }) => !held.includes(String(name)));
  await until(() => moved.every(({ heard }) => heard.gaps.length > 0), 'gaps of plain channels', 30_000);
  await until(() => channel.heard.gaps.length > 0, 'the gap of the shard channel', 30_000);
  assert.ok(stayed.length > 0 && stayed.every(({ heard }) => heard.gaps.length === 0));
  await pool.execute('SPUBLISH', '{dying}shard', 5);
  await until(() => channel.heard.numbers.at(-1) === 5, 'the message');
  await pool.execute('PUBLISH', String(plain[0]?.name), 6);
  await until(() => plain[0]?.heard.numbers.at(-1) === 6, 'the message');

  await owner.restart();
});

test('keyspace events arrive from every primary, also when the primaries change', async () => {
  for (const node of cluster.nodes) await node.command('CONFIG', 'SET', 'notify-keyspace-events', 'KEA');
  await using pool = open();
  const heard = { set: new Set<string>(), keys: new Set<string>(), all: 0 };
  const set = new Channel('__keyevent@0__:set', { onMessage: (key) => void heard.set.add(String(key)) });
  const keys = new PatternChannel('__keyspace@0__:event*', {
    onMessage: (what, channel) => {
      if (String(what) !== 'set') return;
      heard.all++;
      heard.keys.add(String(channel).slice('__keyspace@0__:'.length));
    },
  });
  await pool.executePubsub('SUBSCRIBE', set);
  assert.equal((await pool.executePubsub('PSUBSCRIBE', keys)).length, 1);
  assert.equal(pool.inPubsub, 2);
  const write = async (round: number): Promise<string[]> => {
    const written = Array.from({ length: 90 }, (_, at) => `event:${round}:${at}`);
    await Promise.all(written.map((key) => pool.execute('SET', key, '1')));
    return written;
  };
  const first = await write(1);
  await until(() => heard.set.size === 90 && heard.keys.size === 90, 'all events');
  assert.deepEqual([...heard.set].sort(), first.sort());
  const [primary] = await cluster.primaries();
  assert.ok(primary);
  await cluster.failover(primary);
  await pool.refreshLayout();
  await until(() => set.gaps > 0 && keys.gaps > 0, 'the gap');
  await pool.executePubsub('SUBSCRIBE', set);
  await write(2);
  await until(() => heard.set.size === 180 && heard.keys.size === 180, 'all events of the new primaries');
  assert.equal(heard.all, 180);
  await pool.executePubsub('UNSUBSCRIBE', set);
  await pool.executePubsub('PUNSUBSCRIBE');
  await until(async () => {
    const left = await Promise.all(cluster.nodes.map((node) => node.command('PUBSUB', 'NUMPAT')));
    return left.every((count) => Number(count) === 0);
  }, 'the end on every node');
});

test('PUBLISH of one name goes to one node, so that awaited messages arrive in order', async () => {
  await using pool = open();
  await using publisher = open();
  const { channel, heard } = readChannel('in order');
  await pool.executePubsub('SUBSCRIBE', channel);
  for (let number = 0; number < 300; number++) await publisher.execute('PUBLISH', 'in order', number);
  await until(() => heard.numbers.length === 300, 'all messages');
  heard.check('in order');
  const loads = await Promise.all(
    (await cluster.primaries()).map(async (node) => {
      const text = String(await node.command('INFO', 'commandstats'));
      return Number(/cmdstat_publish:calls=(\d+)/.exec(text)?.[1] ?? 0);
    }),
  );
  assert.ok(Math.max(...loads) >= 300, String(loads));
});
