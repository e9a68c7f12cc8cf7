import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AuthorizationError,
  type BaseConnectionOptions,
  Channel,
  ChannelClosedError,
  ConnectionError,
  type ReplyMap,
  type ReplySet,
  TCPConnection,
  TimeoutError,
  UserPassCredentialProvider,
} from '../../../src/index.ts';
import { reply, ScriptedServer, type TestServer } from '../../../src/testkit/index.ts';
import { names, Recorder, until, useServers } from '../../integration/pubsub/support.ts';

let server: TestServer;
let old: TestServer;
useServers((...started) => ([server, old] = started));

async function open(options: BaseConnectionOptions = {}, to = server): Promise<TCPConnection> {
  const connection = new TCPConnection(to.location, options);
  await connection.run();
  return connection;
}
test('other pushes are decoded as the connection decodes, with all their items', async () => {
  await using scripted = await ScriptedServer.start({
    SUBSCRIBE: (_, connection) => {
      connection.push('subscribe', 'a', 1);
      return null;
    },
  });
  const pushed = reply.push(
    reply.bulk('news'),
    reply.map([reply.bulk('\xe9'), reply.array(reply.bulk('v'))]),
    reply.set(reply.bulk('m'), reply.map([reply.bulk('k'), reply.bulk('v')])),
  );
  for (const decodeResponses of [true, false]) {
    const connection = await open({ decodeResponses, encoding: 'latin1' }, scripted as never);
    const seen: unknown[][] = [];
    for (const subscribed of [false, true]) {
      if (subscribed) await connection.executePubsub('SUBSCRIBE', 'a');
      scripted.connections.at(-1)?.send(pushed);
      for await (const push of connection.pushMessages) {
        seen.push(push);
        break;
      }
    }
    assert.deepEqual(seen[1], seen[0]);
    const [, map, set] = seen[1] as [unknown, ReplyMap, ReplySet];
    const value = (text: string): unknown => (decodeResponses ? text : Buffer.from(text));
    assert.deepEqual(map.get('é'), [value('v')]);
    assert.ok(set.has('m'));
    assert.deepEqual(([...set][1] as ReplyMap).get('k'), value('v'));
    await connection.close();
  }
});

for (const protocol of [3, 2]) {
  test(`text names are encoded as arguments are (RESP${protocol})`, async () => {
    const to = protocol === 3 ? server : old;
    const writer = await open({ encoding: 'latin1' }, to);
    const latin1 = Buffer.from([0xe9]);
    for (const decodeResponses of [true, false]) {
      const connection = await open({ decodeResponses, encoding: 'latin1' }, to);
      const own = new Channel('é');
      const acks = await connection.executePubsub('SUBSCRIBE', 'é', latin1, own);
      assert.deepEqual(
        acks.map(([, name]) => name),
        [latin1, latin1, Buffer.from('é')],
      );
      assert.equal(await writer.execute('PUBLISH', 'é', 'über'), 1);
      const { pubsubChannels } = connection;
      const message = await pubsubChannels.get('é')?.get();
      assert.deepEqual(message, decodeResponses ? 'über' : Buffer.from('über', 'latin1'));
      assert.equal(pubsubChannels.get(Buffer.from('é')), own);
      assert.equal(pubsubChannels.get('Ã©'), own);
      assert.deepEqual([pubsubChannels.size, pubsubChannels.has('€')], [2, false]);
      await connection.executePubsub('UNSUBSCRIBE', 'é');
      assert.deepEqual([...pubsubChannels.keys()], [Buffer.from('é')]);
      await assert.rejects(connection.executePubsub('SUBSCRIBE', 'a', '€'), TypeError);
      assert.equal(pubsubChannels.has('a'), false);
      await connection.close();
    }
    const ascii = await open({ decodeResponses: true, encoding: 'ascii' }, to);
    await assert.rejects(ascii.executePubsub('SUBSCRIBE', 'a', 'é'), TypeError);
    await ascii.executePubsub('SUBSCRIBE', latin1);
    assert.deepEqual([ascii.pubsubChannels.has('é'), ascii.pubsubChannels.has(latin1)], [false, true]);
    await Promise.all([ascii.close(), writer.close()]);
  });
}

const triple = (kind: string, name: string, count: number): unknown => [
  Buffer.from(kind),
  Buffer.from(name),
  count,
];

for (const protocol of [3, 2] as const) {
  for (const decodeResponses of [false, true]) {
    const what = `RESP${protocol}, decodeResponses ${decodeResponses}`;
    const connect = (): Promise<TCPConnection> => open({ decodeResponses }, protocol === 3 ? server : old);

    test(`acknowledged calls return triples for text, bytes and channel objects mixed (${what})`, async () => {
      const connection = await connect();
      const channel = new Channel('c');
      const acks = await connection.executePubsub('SUBSCRIBE', 'a', Buffer.from('b'), channel);
      assert.deepEqual(acks, [
        triple('subscribe', 'a', 1),
        triple('subscribe', 'b', 2),
        triple('subscribe', 'c', 3),
      ]);
      assert.equal(connection.inPubsub, 3);
      assert.deepEqual(await connection.executePubsub('subscribe', 'a'), [triple('subscribe', 'a', 3)]);
      assert.deepEqual(await connection.executePubsub('PSUBSCRIBE', 'p*'), [triple('psubscribe', 'p*', 4)]);
      assert.equal(connection.inPubsub, 4);
      assert.deepEqual(await connection.executePubsub('UNSUBSCRIBE', 'nobody'), [
        triple('unsubscribe', 'nobody', 4),
      ]);
      assert.deepEqual(await connection.executePubsub('UNSUBSCRIBE', 'a', 'a'), [
        triple('unsubscribe', 'a', 3),
        triple('unsubscribe', 'a', 3),
      ]);
      assert.deepEqual(names(connection.pubsubChannels), ['b', 'c']);
      assert.equal((await connection.executePubsub('UNSUBSCRIBE')).length, 2);
      assert.deepEqual([channel.isActive, connection.inPubsub], [false, 1]);
      assert.deepEqual(await connection.executePubsub('PUNSUBSCRIBE', 'p*'), [
        triple('punsubscribe', 'p*', 0),
      ]);
      assert.equal(String(await connection.execute('PING')), 'PONG');
      assert.equal(connection.reusable, true);
      await connection.close();
    });

    test(`messages reach their channels as bytes; channels given as names decode as the connection does (${what})`, async () => {
      const connection = await connect();
      const to = protocol === 3 ? server : old;
      const recorder = new Recorder('n');
      const bytes = new Channel('bytes');
      await connection.executePubsub('SUBSCRIBE', 'text', bytes, recorder);
      await connection.executePubsub('PSUBSCRIBE', new Recorder('n*', true), 'te?t');
      const binary = Buffer.from([0xff, 0, 0x0d, 0x0a]);
      await to.command('PUBLISH', 'text', 'žluť');
      await to.command('PUBLISH', 'text', binary);
      await to.command('PUBLISH', 'bytes', binary);
      await to.command('PUBLISH', 'n', '7');
      const text = connection.pubsubChannels.get('text') as Channel<unknown>;
      assert.deepEqual(await text.get(), decodeResponses ? 'žluť' : Buffer.from('žluť'));
      assert.deepEqual(await text.get(), binary);
      assert.deepEqual(await bytes.get(), binary);
      const pattern = connection.pubsubPatterns.get('te?t') as Channel<unknown>;
      assert.deepEqual(await pattern.get(), [
        Buffer.from('text'),
        decodeResponses ? 'žluť' : Buffer.from('žluť'),
      ]);
      await until(() => recorder.heard.numbers.length === 1, 'the number');
      await connection.close();
    });
  }
}

test('ordinary commands go on working on RESP3, also right behind a SUBSCRIBE', async () => {
  const connection = await open();
  const subscribing = connection.executePubsub('SUBSCRIBE', 'a');
  const [ping, set, publish] = await Promise.all([
    connection.execute('PING'),
    connection.execute('SET', 'k', 'v'),
    connection.execute('PUBLISH', 'a', 'm'),
  ]);
  await subscribing;
  assert.deepEqual([String(ping), String(set), publish], ['PONG', 'OK', 1]);
  assert.equal(String(await connection.pubsubChannels.get('a')?.get()), 'm');
  await connection.close();
});

test('other commands throw on RESP2 while subscribed, and work again afterwards', async () => {
  const connection = await open({}, old);
  await connection.executePubsub('SUBSCRIBE', 'a');
  await assert.rejects(connection.execute('GET', 'k'), TypeError);
  await old.command('PUBLISH', 'a', 'm');
  assert.equal(String(await connection.pubsubChannels.get('a')?.get()), 'm');
  await connection.executePubsub('UNSUBSCRIBE', 'a');
  assert.equal(await connection.execute('GET', 'k'), null);
  await connection.close();
});

test('an invalid call is a TypeError before anything is sent', async () => {
  const connection = await open();
  const written = connection.statistics.bytesWritten;
  const closed = new Channel('closed');
  closed.close();
  const wrong: [string, ...unknown[]][] = [
    ['SUBSCRIBE'],
    ['PSUBSCRIBE'],
    ['SSUBSCRIBE'],
    ['GET', 'a'],
    ['', 'a'],
    ['SUBSCRIBE', null],
    ['SUBSCRIBE', 'a', 7],
    ['SUBSCRIBE', 'a', new Channel('p*', { isPattern: true })],
    ['PSUBSCRIBE', new Channel('a')],
    ['SUBSCRIBE', 'a', closed],
  ];
  for (const [command, ...targets] of wrong) {
    await assert.rejects(connection.executePubsub(command, ...(targets as string[])), TypeError);
  }
  assert.deepEqual([connection.inPubsub, connection.statistics.bytesWritten], [0, written]);
  await connection.execute('MULTI');
  await assert.rejects(connection.executePubsub('SUBSCRIBE', 'a'), TypeError);
  await connection.execute('DISCARD');
  for (const command of ['SUBSCRIBE', 'punsubscribe', 'SSUBSCRIBE']) {
    assert.throws(() => connection.createRequest(command, ['a']), /executePubsub/);
  }
  await connection.close();
  const quiet = await open({ noreply: true });
  await assert.rejects(quiet.executePubsub('SUBSCRIBE', 'a'), TypeError);
  await quiet.close();
});

test('two channel objects of one name both receive its messages; one of them may leave', async () => {
  const connection = await open();
  const [one, two] = [new Channel('a'), new Recorder('a')];
  await connection.executePubsub('SUBSCRIBE', one);
  await connection.executePubsub('SUBSCRIBE', two, 'a');
  assert.deepEqual(connection.pubsubChannels.all('a'), [one, two]);
  await server.command('PUBLISH', 'a', '1');
  assert.equal(String(await one.get()), '1');
  await until(() => two.heard.numbers.length === 1, 'the second');
  await connection.executePubsub('UNSUBSCRIBE', one);
  assert.deepEqual([one.isActive, two.closed, connection.inPubsub], [false, false, 1]);
  await server.command('PUBLISH', 'a', '2');
  await until(() => two.heard.numbers.length === 2, 'the one that stayed');
  await connection.executePubsub('UNSUBSCRIBE', 'a');
  assert.deepEqual([two.closed, two.closedWith, connection.inPubsub], [true, undefined, 0]);
  await connection.close();
});

test('channel maps are live and read-only, and find text and bytes alike', async () => {
  const connection = await open();
  const map = connection.pubsubChannels;
  assert.deepEqual([map.size, map.get('a'), map.all('a'), map.has('a')], [0, undefined, [], false]);
  await connection.executePubsub('SUBSCRIBE', 'a');
  const live = connection.pubsubChannels;
  const channel = live.get('a');
  assert.ok(channel);
  assert.equal(live.get(Buffer.from('a')), channel);
  assert.ok(live.has('a') && live.has(new Uint8Array([97])));
  assert.deepEqual([...live.keys()], [Buffer.from('a')]);
  assert.deepEqual([...live], [[Buffer.from('a'), [channel]]]);
  assert.throws(() => (live.all('a') as AbstractList).push(channel), TypeError);
  assert.throws(() => Object.assign(live, { size: 5 }), TypeError);
  await connection.close();
  assert.deepEqual([live.size, connection.inPubsub], [0, 0]);
});
type AbstractList = unknown[];

test('a lost connection closes its channels with the error; so does a closed one', async () => {
  for (const end of ['killed', 'closed'] as const) {
    const connection = await open();
    const recorder = new Recorder('a');
    await connection.executePubsub('SUBSCRIBE', recorder, 'b');
    const channel = connection.pubsubChannels.get('b') as Channel;
    await server.command('PUBLISH', 'b', 'last');
    await until(() => connection.statistics.lastByteReceivedAt !== null, 'bytes');
    if (end === 'closed') {
      assert.equal(String(await channel.get()), 'last');
      await connection.close();
    } else await server.command('CLIENT', 'KILL', 'ID', String(connection.clientId));
    await until(() => recorder.closed, 'the end');
    assert.ok(recorder.closedWith instanceof ConnectionError);
    if (end === 'killed') assert.equal(String(await channel.get()), 'last');
    const error = await channel.get().catch((reason: unknown) => reason);
    assert.ok(error instanceof ChannelClosedError && error.cause instanceof ConnectionError);
    assert.deepEqual(
      [connection.inPubsub, connection.pubsubChannels.size, recorder.heard.gaps.length],
      [0, 0, 0],
    );
    await assert.rejects(connection.executePubsub('SUBSCRIBE', 'a'), ConnectionError);
  }
});

test('RESET and QUIT work while subscribed; RESET ends the subscriptions', async () => {
  const connection = await open();
  const channel = new Channel('a');
  await connection.executePubsub('SUBSCRIBE', channel);
  await connection.execute('RESET');
  assert.deepEqual([connection.inPubsub, connection.pubsubChannels.size, channel.isActive], [0, 0, false]);
  await connection.executePubsub('SUBSCRIBE', 'b');
  await server.command('PUBLISH', 'b', 'again');
  assert.equal(String(await connection.pubsubChannels.get('b')?.get()), 'again');
  await connection.executePubsub('UNSUBSCRIBE', 'b');
  const quitting = await open();
  await quitting.executePubsub('SUBSCRIBE', 'a');
  assert.equal(String(await quitting.execute('QUIT')), 'OK');
  await connection.close();
  await quitting.close();
});

test('subscriptions made with sendCommand go to pushMessages, whatever channels do', async () => {
  const connection = await open({ decodeResponses: true });
  const pushes = connection.pushMessages;
  connection.sendCommand('SUBSCRIBE', ['raw']);
  await connection.executePubsub('SUBSCRIBE', 'a');
  assert.deepEqual((await pushes.next()).value, ['subscribe', 'raw', 1]);
  await server.command('PUBLISH', 'raw', 'x');
  await server.command('PUBLISH', 'a', 'y');
  assert.deepEqual((await pushes.next()).value, ['message', 'raw', 'x']);
  assert.equal(await connection.pubsubChannels.get('a')?.get(), 'y');
  assert.equal(connection.inPubsub, 2);
  await connection.executePubsub('UNSUBSCRIBE');
  await server.command('PUBLISH', 'raw', 'z');
  assert.deepEqual((await pushes.next()).value, ['message', 'raw', 'z']);
  connection.sendCommand('UNSUBSCRIBE', ['raw']);
  assert.deepEqual((await pushes.next()).value, ['unsubscribe', 'raw', 0]);
  await connection.close();
});

test('an unread channel pauses its connection, but delays no reply', async () => {
  const connection = await open();
  const channel = new Channel('slow', { maxMessages: 100 });
  await connection.executePubsub('SUBSCRIBE', channel);
  const publish = Array.from({ length: 20_000 }, (_, at) => ['PUBLISH', 'slow', `${at}${'x'.repeat(500)}`]);
  await server.pipeline(publish, 30_000);
  await until(() => channel.paused, 'the pause');
  for (let round = 0; round < 5; round++) assert.equal(String(await connection.execute('PING')), 'PONG');
  for (let at = 0; at < 20_000; at++) assert.equal(Number.parseInt(String(await channel.get()), 10), at);
  assert.equal(channel.gaps, 0);
  await connection.close();
});

test('an acknowledgement that does not come is a TimeoutError by streamTimeout, and the subscription is taken back', async () => {
  await using silent = await ScriptedServer.start({ SUBSCRIBE: null, UNSUBSCRIBE: null });
  const connection = new TCPConnection(silent.location, { streamTimeout: 60 });
  await connection.run();
  await assert.rejects(connection.executePubsub('SUBSCRIBE', 'a'), TimeoutError);
  await silent.waitForCommand('UNSUBSCRIBE');
  assert.equal(connection.pubsubChannels.size, 0);
  await connection.close();
});

test('a subscription that is left at once waits for its own acknowledgement', async () => {
  const connection = await open();
  await server.pause();
  const settled: string[] = [];
  const calls = ['SUBSCRIBE', 'UNSUBSCRIBE'].map((command) =>
    connection.executePubsub(command, 'x').then((acks) => {
      settled.push(command);
      return acks;
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(settled, []);
  await server.resume();
  assert.deepEqual(await Promise.all(calls), [
    [triple('subscribe', 'x', 1)],
    [triple('unsubscribe', 'x', 0)],
  ]);
  assert.deepEqual(settled, ['SUBSCRIBE', 'UNSUBSCRIBE']);
  await connection.close();
});

test('third-party channels that throw disturb no other channel', async () => {
  class Bad extends Recorder {
    override putNowait(): void {
      throw new Error('putNowait');
    }
    override close(): void {
      throw new Error('close');
    }
  }
  const connection = await open();
  const good = new Channel('a');
  await connection.executePubsub('SUBSCRIBE', new Bad('a'), good);
  await server.command('PUBLISH', 'a', '1');
  assert.equal(String(await good.get()), '1');
  await connection.executePubsub('UNSUBSCRIBE', 'a');
  assert.equal(connection.inPubsub, 0);
  await connection.close();
});

test('a refused unsubscription settles every caller, and can be asked for again', async () => {
  const admin = await open();
  await admin.execute(
    'ACL',
    'SETUSER',
    'listener',
    'on',
    '>pw',
    '&*',
    '+@all',
    '-unsubscribe',
    '-punsubscribe',
  );
  await admin.execute('ACL', 'SETUSER', 'listener', '-sunsubscribe');
  const connection = await open({ credentialProvider: new UserPassCredentialProvider('listener', 'pw') });
  for (const prefix of ['', 'P', 'S']) {
    await connection.executePubsub(`${prefix}SUBSCRIBE`, 'one', 'two');
    const leave = (...names: string[]): Promise<unknown> =>
      connection.executePubsub(`${prefix}UNSUBSCRIBE`, ...names).catch((error: unknown) => error);
    const refused = [leave('one'), leave('one', 'two'), leave()];
    for (const outcome of await Promise.all(refused.slice(0, 2)))
      assert.ok(outcome instanceof AuthorizationError);
    await refused[2];
    assert.ok((await leave('two')) instanceof AuthorizationError);
    assert.ok((await leave('one')) instanceof AuthorizationError);
    assert.equal(String(await connection.execute('ECHO', prefix)), prefix);
  }
  await admin.execute('ACL', 'SETUSER', 'listener', '+@all');
  for (const prefix of ['', 'P', 'S']) {
    assert.equal((await connection.executePubsub(`${prefix}UNSUBSCRIBE`, 'one', 'two')).length, 2);
  }
  assert.equal(connection.inPubsub, 0);
  await Promise.all([connection.close(), admin.close()]);
});
