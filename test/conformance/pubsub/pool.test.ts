import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Channel,
  ChannelClosedError,
  ConnectionError,
  ConnectionPool,
  PoolClosedError,
  TimeoutError,
} from '../../../src/index.ts';
import { reply, ScriptedServer, type TestServer } from '../../../src/testkit/index.ts';
import { names, Recorder, serverSets, until, useServers } from '../../integration/pubsub/support.ts';
import { failure } from '../pool/support.ts';

let server: TestServer;
let old: TestServer;
useServers((...started) => ([server, old] = started));

const triple = (kind: string, name: string, count: number): unknown => [
  Buffer.from(kind),
  Buffer.from(name),
  count,
];

test('all channels share one connection outside the bound, and none exists without subscriptions', async () => {
  await using pool = new ConnectionPool({ location: server.location, maxConnections: 1 });
  assert.deepEqual(await pool.executePubsub('SUBSCRIBE', 'a', 'b'), [
    triple('subscribe', 'a', 1),
    triple('subscribe', 'b', 2),
  ]);
  await pool.executePubsub('PSUBSCRIBE', 'p*');
  await pool.executePubsub('SSUBSCRIBE', 's');
  const { serviceConnections, activeConnections } = pool.statistics;
  assert.deepEqual([serviceConnections, activeConnections, pool.inPubsub], [1, 0, 4]);
  assert.equal((await serverSets(server)).connections, 1);
  // Ordinary and pub/sub calls mixed, without waiting for either.
  const lease = await pool.acquire();
  const [acks, pong] = await Promise.all([
    pool.executePubsub('SUBSCRIBE', 'c'),
    lease.connection.execute('PING'),
    pool.executePubsub('UNSUBSCRIBE', 'a'),
  ]);
  lease.release();
  assert.deepEqual([acks.length, String(pong)], [1, 'PONG']);
  assert.deepEqual(names(pool.pubsubChannels), ['b', 'c']);
  assert.deepEqual([names(pool.pubsubPatterns), names(pool.pubsubShardChannels)], [['p*'], ['s']]);
  for (const command of ['UNSUBSCRIBE', 'PUNSUBSCRIBE', 'SUNSUBSCRIBE']) await pool.executePubsub(command);
  assert.equal(pool.inPubsub, 0);
  await until(() => pool.statistics.serviceConnections === 0, 'the return of the subscriber');
  await until(async () => (await serverSets(server)).connections === 0, 'its end');
  await pool.executePubsub('SUBSCRIBE', 'again');
  assert.equal(pool.statistics.serviceConnections, 1);
});

test('a subscriber that is being made has a gauge of its own, because it is outside the bound', async () => {
  let admit = (): void => {};
  const admitted = new Promise<void>((resolve) => {
    admit = resolve;
  });
  await using slow = await ScriptedServer.start({
    SELECT: async () => {
      await admitted;
      return reply.ok;
    },
  });
  await using pool = new ConnectionPool({ location: slow.location, db: 1, maxConnections: 1 });
  const subscribed = failure(pool.executePubsub('SUBSCRIBE', 'a'));
  await slow.waitForCommand('SELECT');
  const { connectingServiceConnections, serviceConnections, connectingConnections } = pool.statistics;
  assert.deepEqual([connectingServiceConnections, serviceConnections, connectingConnections], [1, 0, 0]);
  admit();
  await slow.waitForCommand('SUBSCRIBE');
  const up = pool.statistics;
  assert.deepEqual([up.connectingServiceConnections, up.serviceConnections], [0, 1]);
  await pool.close();
  await subscribed;
  const over = pool.statistics;
  assert.deepEqual([over.connectingServiceConnections, over.serviceConnections], [0, 0]);
});

test('names that are left together are counted down one by one', async () => {
  await using pool = new ConnectionPool({ location: server.location });
  await pool.executePubsub('SUBSCRIBE', 'a', 'b', 'c');
  assert.deepEqual(await pool.executePubsub('UNSUBSCRIBE', 'a', 'b', 'c'), [
    triple('unsubscribe', 'a', 2),
    triple('unsubscribe', 'b', 1),
    triple('unsubscribe', 'c', 0),
  ]);
});

test('a name that is left before it was sent needs no acknowledgement', async () => {
  await using pool = new ConnectionPool({ location: server.location });
  const calls = await Promise.allSettled([
    pool.executePubsub('SUBSCRIBE', 'a'),
    pool.executePubsub('UNSUBSCRIBE', 'a'),
  ]);
  assert.ok(calls[0]?.status === 'rejected' && calls[0].reason instanceof ChannelClosedError);
  assert.equal(calls[1]?.status, 'fulfilled');
});

test('a time-out says whether the names were sent; the channel can be given once more', async () => {
  await using pool = new ConnectionPool({ location: server.location });
  await pool.executePubsub('SUBSCRIBE', 'other');
  const channel = new Channel('a');
  await server.pause();
  const late = await failure(pool.with({ timeout: 100 }).executePubsub('SUBSCRIBE', channel));
  await server.resume();
  assert.ok(late instanceof TimeoutError);
  assert.deepEqual([late.phase, late.maybeExecuted, late.command], ['reply', true, 'SUBSCRIBE']);
  assert.equal(channel.isActive, true);
  assert.equal((await pool.executePubsub('SUBSCRIBE', channel)).length, 1);
  await server.command('PUBLISH', 'a', '1');
  assert.equal(String(await channel.get()), '1');

  const gone = await ScriptedServer.start();
  await gone.close();
  await using dead = new ConnectionPool({ location: gone.location });
  const unsent = await failure(dead.with({ timeout: 100 }).executePubsub('SUBSCRIBE', 'a'));
  assert.ok(unsent instanceof TimeoutError && unsent.cause instanceof ConnectionError);
  assert.deepEqual([unsent.phase, unsent.maybeExecuted], ['acquire', false]);
  assert.match(unsent.message, /100 ms; the last attempt to connect failed: /);
});

test('channels that pause use a separate connection; a name may be on both', async () => {
  await using pool = new ConnectionPool({ location: server.location });
  const pausing = new Channel('n');
  const dropping = new Channel('n', { overflow: 'drop-oldest' });
  const foreign = new Recorder('n');
  await pool.executePubsub('SUBSCRIBE', pausing, dropping, foreign);
  assert.deepEqual([pool.statistics.serviceConnections, pool.inPubsub, pool.pubsubChannels.size], [2, 1, 1]);
  assert.deepEqual(new Set(pool.pubsubChannels.all('n')), new Set([pausing, dropping, foreign]));
  await server.command('PUBLISH', 'n', '1');
  assert.deepEqual([String(await pausing.get()), String(await dropping.get())], ['1', '1']);
  await until(() => foreign.heard.numbers.length === 1, 'the foreign one');
  // By name it ends for all; a name given again keeps what it has.
  assert.deepEqual(await pool.executePubsub('SUBSCRIBE', 'n'), [triple('subscribe', 'n', 1)]);
  assert.equal(pool.pubsubChannels.all('n').length, 3);
  assert.deepEqual(await pool.executePubsub('UNSUBSCRIBE', 'n', 'm'), [
    triple('unsubscribe', 'n', 0),
    triple('unsubscribe', 'm', 0),
  ]);
  assert.deepEqual([pausing.isActive, dropping.isActive, foreign.closed], [false, false, true]);
  await until(async () => (await serverSets(server)).channels.length === 0, 'nothing on the server');
});

test('with() gives subscriptions their own limits, and wrong calls reject with TypeError', async () => {
  await using pool = new ConnectionPool({ location: server.location });
  assert.equal((await pool.with({ timeout: 5_000 }).executePubsub('SUBSCRIBE', 'a')).length, 1);
  const reason = new Error('no');
  const view = pool.with({ signal: AbortSignal.abort(reason) });
  await assert.rejects(view.executePubsub('SUBSCRIBE', 'b'), (error) => error === reason);
  await assert.rejects(pool.executePubsub('SUBSCRIBE'), TypeError);
  await assert.rejects(pool.executePubsub('GET', 'a'), TypeError);
  await assert.rejects(pool.executePubsub('SUBSCRIBE', 'c', null as never), TypeError);
  await assert.rejects(pool.executePubsub('PSUBSCRIBE', new Channel('a')), TypeError);
  await assert.rejects(pool.execute('SUBSCRIBE', 'a'), /executePubsub/);
  await assert.rejects(pool.executeRequest('CLIENT', ['REPLY', 'OFF']), TypeError);
  assert.deepEqual(names(pool.pubsubChannels), ['a']);
});

test('a pool subscribes over RESP2 as well', async () => {
  await using pool = new ConnectionPool({ location: old.location, decodeResponses: true });
  await pool.executePubsub('SUBSCRIBE', 'a');
  await pool.executePubsub('PSUBSCRIBE', 'p*');
  assert.equal(await pool.execute('PUBLISH', 'a', 'one'), 1);
  assert.equal(await pool.execute('PUBLISH', 'px', 'two'), 1);
  assert.equal(await pool.pubsubChannels.get('a')?.get(), 'one');
  assert.deepEqual(await pool.pubsubPatterns.get('p*')?.get(), [Buffer.from('px'), 'two']);
  await old.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await until(() => (pool.pubsubChannels.get('a') as Channel).gaps === 1, 'the gap');
  await until(async () => Number(await pool.execute('PUBLISH', 'a', 'three')) === 1, 'a subscriber');
  assert.equal(await pool.pubsubChannels.get('a')?.get(), 'three');
});

test('text names are encoded as arguments are', async () => {
  const latin1 = Buffer.from([0xe9]);
  for (const { location } of [server, old]) {
    for (const decodeResponses of [true, false]) {
      await using pool = new ConnectionPool({ location, decodeResponses, encoding: 'latin1' });
      for (const command of ['SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE']) {
        assert.deepEqual((await pool.executePubsub(command, 'é'))[0], [
          Buffer.from(command.toLowerCase()),
          latin1,
          command === 'PSUBSCRIBE' ? 2 : 1,
        ]);
      }
      assert.equal(await pool.execute('PUBLISH', 'é', 'ü'), 2);
      assert.equal(await pool.execute('SPUBLISH é', 'ü'), 1);
      const message = decodeResponses ? 'ü' : Buffer.from('ü', 'latin1');
      assert.deepEqual(await pool.pubsubChannels.get('é')?.get(), message);
      assert.deepEqual(await pool.pubsubPatterns.get('é')?.get(), [latin1, message]);
      assert.deepEqual(await pool.pubsubShardChannels.get('é')?.get(), message);
      assert.deepEqual([pool.pubsubChannels.has(latin1), pool.pubsubChannels.has('Ã©')], [true, false]);
      await pool.with({ timeout: 5_000 }).executePubsub('UNSUBSCRIBE', 'é');
      assert.equal(pool.pubsubChannels.size, 0);
      await assert.rejects(pool.executePubsub('SUBSCRIBE', 'a', '€'), TypeError);
    }
    await using ascii = new ConnectionPool({ location, encoding: 'ascii' });
    await assert.rejects(ascii.executePubsub('SUBSCRIBE', 'a', 'é'), TypeError);
    assert.equal(ascii.inPubsub, 0);
  }
});

test('one call subscribes ten thousand names', async () => {
  await using pool = new ConnectionPool({ location: server.location });
  const many = Array.from({ length: 10_000 }, (_, at) => `name:${at}`);
  assert.equal((await pool.executePubsub('SUBSCRIBE', ...many)).length, 10_000);
  assert.equal(await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub'), 1);
  await until(() => (pool.pubsubChannels.get('name:0') as Channel).gaps === 1, 'the gap');
  await until(async () => (await serverSets(server)).channels.length === 10_000, 'all of them again');
  const counted = many.filter((name) => (pool.pubsubChannels.get(name) as Channel).gaps === 1);
  assert.equal(counted.length, 10_000);
  assert.equal((await pool.executePubsub('UNSUBSCRIBE')).length, 10_000);
});

test('unref() lets an idle subscriber not keep the process alive', async () => {
  const { spawnSync } = await import('node:child_process');
  const code = `
    import { ConnectionPool } from ${JSON.stringify(new URL('../../../src/index.js', import.meta.url).href)};
    const pool = ConnectionPool.fromUrl(${JSON.stringify(server.url)});
    await pool.executePubsub('SUBSCRIBE', 'a');
    pool.unref();
    console.log('subscribed');
  `;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  assert.deepEqual([child.status, child.stdout.trim()], [0, 'subscribed'], child.stderr);
});

test('close() during an unsubscription resolves it, because nothing is subscribed any more', async () => {
  const pool = new ConnectionPool({ location: server.location });
  await pool.executePubsub('SUBSCRIBE', 'a', 'b');
  await pool.executePubsub('PSUBSCRIBE', 'c*');
  const left = [pool.executePubsub('UNSUBSCRIBE', 'a'), pool.executePubsub('PUNSUBSCRIBE')];
  await pool.close();
  assert.deepEqual(
    (await Promise.all(left)).map((acks) => acks.length),
    [1, 1],
  );
  await assert.rejects(pool.executePubsub('UNSUBSCRIBE', 'b'), PoolClosedError);
});
