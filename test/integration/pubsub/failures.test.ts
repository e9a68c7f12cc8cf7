import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AuthorizationError,
  type Channel,
  ConnectionError,
  ConnectionPool,
  PoolClosedError,
  TCPLocation,
  TimeoutError,
} from '../../../src/index.ts';
import { reply, ScriptedServer, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { names, readChannel, Recorder, serverSets, sleep, until } from './support.ts';
import { atMost } from '../../support/pace.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started));

/** Acknowledges like a server. */
function subscribing(): Record<
  string,
  (command: readonly string[], connection: { push(...items: never[]): void }) => null
> {
  const answer =
    (kind: string) =>
    (command: readonly string[], connection: { push(...items: never[]): void }): null => {
      const push = connection.push.bind(connection) as (...items: (string | number)[]) => void;
      for (const [at, name] of command.slice(1).entries()) push(kind, name, at + 1);
      return null;
    };
  return { SUBSCRIBE: answer('subscribe'), UNSUBSCRIBE: answer('unsubscribe') };
}

test('a subscriber that receives nothing any more is replaced, and its channels get the gap', async () => {
  await using black = await ScriptedServer.start(subscribing());
  await using pool = new ConnectionPool({ location: black.location, deadPeerTimeout: 150 });
  const { channel, heard } = readChannel('news');
  await pool.executePubsub('SUBSCRIBE', channel);
  const [first] = black.openConnections;
  assert.ok(first);
  for (let cycle = 0; cycle < 3; cycle++) {
    const line = black.openConnections.at(-1);
    line?.push('message', 'news', String(cycle * 10));
    await until(() => heard.numbers.at(-1) === cycle * 10, 'a message');
    const started = performance.now();
    line?.blackHole();
    // Commands elsewhere are unaffected.
    assert.equal(String(await pool.execute('PING')), 'PONG');
    await until(() => channel.gaps === cycle + 1, 'the gap');
    assert.ok(performance.now() - started < atMost(2_000));
  }
  heard.check('news');
  for (const gap of heard.gaps) assert.ok(gap.reason instanceof ConnectionError && gap.to - gap.from >= 100);
});

test('a name that may not be subscribed rejects its own call alone', async () => {
  await server.command(
    'ACL',
    'SETUSER',
    'limited',
    'on',
    '>secret',
    '+@all',
    '~*',
    'resetchannels',
    '&open*',
  );
  await using pool = new ConnectionPool({
    location: server.location,
    username: 'limited',
    password: 'secret',
  });
  const good = pool.executePubsub('SUBSCRIBE', 'open:1', 'open:2');
  const bad = pool.executePubsub('SUBSCRIBE', 'shut');
  const mixed = pool.executePubsub('SUBSCRIBE', 'open:3', 'shut:2');
  await assert.rejects(bad, AuthorizationError);
  await assert.rejects(mixed, AuthorizationError);
  assert.equal((await good).length, 2);
  assert.deepEqual(names(pool.pubsubChannels), ['open:1', 'open:2']);
  const channel = pool.pubsubChannels.get('open:1') as Channel;
  await server.command('PUBLISH', 'open:1', 'hello');
  assert.equal(String(await channel.get()), 'hello');
  await until(
    async () => (await serverSets(server)).channels.join() === 'open:1,open:2',
    'what the server has',
  );
});

test('a failed first dial rejects the waiting calls; a limit makes them wait on', async () => {
  const dead = await ScriptedServer.start();
  const { port } = dead;
  await dead.close();
  const location = new TCPLocation('127.0.0.1', port);
  await using pool = new ConnectionPool({ location });
  const error = await pool.executePubsub('SUBSCRIBE', 'a').catch((reason: unknown) => reason);
  assert.ok(error instanceof ConnectionError);
  assert.equal(pool.inPubsub, 0);
  const started = performance.now();
  const late = await pool
    .with({ timeout: 150 })
    .executePubsub('SUBSCRIBE', 'a')
    .catch((reason: unknown) => reason);
  assert.ok(late instanceof TimeoutError && late.cause instanceof ConnectionError);
  assert.ok(performance.now() - started >= 149);
  const reason = new Error('enough');
  const controller = new AbortController();
  const aborted = pool.with({ timeout: 5_000, signal: controller.signal }).executePubsub('SUBSCRIBE', 'a');
  setTimeout(() => controller.abort(reason), 30);
  await assert.rejects(aborted, (thrown) => thrown === reason);

  await using bounded = new ConnectionPool({ location, timeout: 10_000 });
  const waiting = bounded.executePubsub('SUBSCRIBE', 'a', 'b');
  await sleep(100);
  await using risen = await ScriptedServer.start(subscribing(), { port });
  assert.equal((await waiting).length, 2);
  assert.deepEqual(names(bounded.pubsubChannels), ['a', 'b']);
  assert.equal(risen.openConnections.length, 1);
});

test('the server has the wanted subscriptions after an outage, with the changes made meanwhile', async () => {
  const own = await startServer();
  await using pool = new ConnectionPool({ location: own.location, timeout: 20_000 });
  const kept = new Recorder('kept');
  const left = new Recorder('left');
  const pattern = readChannel('pat*', { isPattern: true });
  await pool.executePubsub('SUBSCRIBE', kept, left);
  await pool.executePubsub('PSUBSCRIBE', pattern.channel);
  await own.kill();
  const fresh = new Recorder('fresh');
  const joining = pool.executePubsub('SUBSCRIBE', fresh);
  await pool.executePubsub('UNSUBSCRIBE', left);
  assert.ok(left.closed && left.closedWith === undefined);
  assert.equal(pool.inPubsub, 2);
  await own.restart();
  await joining;
  await until(async () => (await serverSets(own)).patterns === 1, 'the pattern');
  await until(async () => (await serverSets(own)).channels.join() === 'fresh,kept', 'the channels');
  assert.deepEqual([kept.heard.gaps.length, fresh.heard.gaps.length], [1, 0]);
  await until(() => pattern.channel.gaps === 1, 'the gap of the pattern');
  await own.command('PUBLISH', 'kept', '1');
  await own.command('PUBLISH', 'pattern', '2');
  await until(() => kept.heard.numbers.length === 1 && pattern.heard.numbers.length === 1, 'messages');
  await own.stop();
});

test('a server that drops every connection is not stormed with dials', async () => {
  await using rude = await ScriptedServer.start({
    SUBSCRIBE: (_, connection) => {
      connection.destroy();
      return null;
    },
  });
  await using pool = new ConnectionPool({ location: rude.location, timeout: 1_000 });
  await assert.rejects(pool.executePubsub('SUBSCRIBE', 'a'), TimeoutError);
  assert.ok(rude.connections.length < 40, `${rude.connections.length} connections in a second`);
  await until(() => rude.openConnections.length === 0, 'the end of the last connection');
});

test('disconnect() is a gap; close() ends channels without error and calls with PoolClosedError', async () => {
  const pool = new ConnectionPool({ location: server.location });
  const recorder = new Recorder('kept');
  const { channel, done } = readChannel('read');
  await pool.executePubsub('SUBSCRIBE', recorder, channel);
  pool.disconnect();
  await until(() => recorder.heard.gaps.length === 1 && channel.gaps === 1, 'the gaps');
  const waiting = pool.executePubsub('SUBSCRIBE', 'more');
  const closing = pool.close();
  await assert.rejects(waiting, PoolClosedError);
  assert.ok(recorder.closed && recorder.closedWith === undefined);
  await done;
  assert.equal(pool.inPubsub, 0);
  await closing;
  assert.equal(pool.statistics.serviceConnections, 0);
  await assert.rejects(pool.executePubsub('SUBSCRIBE', 'a'), PoolClosedError);
});

test('unref() and close() before the first subscription apply to the subscriber', async () => {
  // Resources that keep the process alive.
  const sockets = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
  const pool = new ConnectionPool({ location: server.location });
  await pool.execute('PING');
  const counted = sockets();
  pool.unref();
  assert.equal(sockets(), counted - 1);
  const { channel } = readChannel('early');
  await pool.executePubsub('SUBSCRIBE', channel);
  assert.equal(pool.inPubsub, 1);
  assert.equal(sockets(), counted - 1);
  pool.ref();
  assert.equal(sockets(), counted + 1);
  await pool.close();

  const closed = new ConnectionPool({ location: server.location });
  await closed.execute('PING');
  await closed.close();
  assert.equal(closed.inPubsub, 0);
  assert.equal(closed.pubsubChannels.size, 0);
  await assert.rejects(closed.executePubsub('SUBSCRIBE', 'late'), PoolClosedError);
});

test('the subscriber of a noreply pool with maxIdleTime receives its messages', async () => {
  await using quiet = new ConnectionPool({ location: server.location, noreply: true, maxIdleTime: 50 });
  const { channel, heard } = readChannel('quiet');
  await quiet.executePubsub('SUBSCRIBE', channel);
  await sleep(150);
  await server.command('PUBLISH', 'quiet', '7');
  await until(() => heard.numbers[0] === 7, 'the message');
  assert.equal(channel.gaps, 0);
});

test('a temporarily refused subscription is asked for again', async () => {
  let refusals = 0;
  const script = subscribing();
  await using loading = await ScriptedServer.start({
    ...script,
    SUBSCRIBE: (command, connection) => {
      if (refusals++ < 2) return reply.error('LOADING Redis is loading the dataset in memory');
      return script['SUBSCRIBE']?.(command, connection as never) ?? null;
    },
  });
  await using pool = new ConnectionPool({ location: loading.location, timeout: 5_000 });
  assert.equal((await pool.executePubsub('SUBSCRIBE', 'a')).length, 1);
  assert.equal(refusals, 3);
});
