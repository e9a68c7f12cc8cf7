import assert from 'node:assert/strict';
import type { AbstractConnection } from '../../interfaces/abstract-connection.ts';
import { RecordingChannel } from './recording-channel.ts';
import {
  bytesOf,
  type ConnectionCase,
  fresh,
  type MakeConnection,
  rejectsWithName,
  soon,
  until,
} from './suite.ts';

type Acks = readonly [kind: unknown, name: unknown, count: unknown][];

async function subscribe(
  connection: AbstractConnection,
  command: string,
  ...targets: Parameters<AbstractConnection['executePubsub']>[1][]
): Promise<Acks> {
  return (await soon(command, connection.executePubsub(command, ...targets))) as unknown as Acks;
}

type Publish = (name: string, message: string | Buffer, command?: string) => Promise<void>;
type PubsubCase = (connection: AbstractConnection, publish: Publish) => Promise<void>;

const CASES: Record<string, PubsubCase> = {
  'executePubsub() resolves with a triple for each name: kind, name, count': async (connection) => {
    const [one, two] = [fresh('one'), fresh('two')];
    const acks = await subscribe(connection, 'SUBSCRIBE', one, Buffer.from(two));
    const [first, second] = acks;
    assert.equal(acks.length, 2);
    assert.deepEqual([bytesOf(first?.[0]), bytesOf(second?.[0])].map(String), ['subscribe', 'subscribe']);
    assert.deepEqual([bytesOf(first?.[1]), bytesOf(second?.[1])].map(String), [one, two]);
    assert.ok(typeof second?.[2] === 'number');
    assert.equal(connection.inPubsub, 2);
    const gone = await subscribe(connection, 'UNSUBSCRIBE', one, two);
    assert.deepEqual(
      gone.map(([kind]) => String(bytesOf(kind))),
      ['unsubscribe', 'unsubscribe'],
    );
    assert.equal(connection.inPubsub, 0);
  },
  'its maps are live, cannot be written to, and find text and bytes': async (connection) => {
    const [name, pattern] = [fresh('name'), fresh('*')];
    await subscribe(connection, 'SUBSCRIBE', name);
    await subscribe(connection, 'PSUBSCRIBE', pattern);
    const { pubsubChannels: channels, pubsubPatterns: patterns } = connection;
    const channel = channels.get(name);
    assert.ok(channel !== undefined && !channel.isPattern && channel.isActive);
    assert.equal(channels.get(Buffer.from(name)), channel);
    assert.deepEqual([channels.has(name), channels.has(pattern), patterns.has(pattern)], [true, false, true]);
    assert.deepEqual([...channels.keys()].map(String), [name]);
    assert.deepEqual([...channels.all(name)], [channel]);
    assert.deepEqual([connection.inPubsub, patterns.get(pattern)?.isPattern], [2, true]);
    assert.throws(() => Object.assign(channels, { size: 7 }));
    await subscribe(connection, 'UNSUBSCRIBE', name);
    assert.deepEqual([connection.pubsubChannels.size, connection.inPubsub, channel.isActive], [0, 1, false]);
  },
  'messages reach a channel object as bytes, in order': async (connection, publish) => {
    const channel = new RecordingChannel(fresh('object'));
    await subscribe(connection, 'SUBSCRIBE', channel);
    assert.equal(connection.pubsubChannels.get(channel.name), channel);
    const messages = [Buffer.from([255, 0, 13, 10]), Buffer.from('two'), Buffer.from('')];
    for (const [at, message] of messages.entries()) {
      // Wait for each message: published at different nodes of a cluster, messages have no order.
      await publish(String(channel.name), message);
      await until('a message', () => channel.messages.length === at + 1);
    }
    assert.deepEqual(channel.messages, messages);
    assert.ok(channel.messages.every((message) => Buffer.isBuffer(message)));
    assert.deepEqual([channel.closings, channel.gaps], [[], []]);
  },
  'a pattern gets pairs of name and message, as bytes': async (connection, publish) => {
    const name = fresh('pair');
    const pattern = new RecordingChannel(`${name}*`, true);
    await subscribe(connection, 'PSUBSCRIBE', pattern);
    await publish(`${name}:x`, 'hello');
    await until('the message', () => pattern.messages.length === 1);
    assert.deepEqual(pattern.messages, [[Buffer.from(`${name}:x`), Buffer.from('hello')]]);
  },
  'shard channels have a map and messages of their own': async (connection, publish) => {
    const channel = new RecordingChannel(fresh('shard'));
    const name = String(channel.name);
    const [ack] = await subscribe(connection, 'SSUBSCRIBE', channel);
    assert.deepEqual([bytesOf(ack?.[0]), bytesOf(ack?.[1])].map(String), ['ssubscribe', name]);
    const { pubsubShardChannels: shards } = connection;
    assert.deepEqual([shards.get(name), [...shards.keys()].map(String)], [channel, [name]]);
    assert.deepEqual(
      [connection.pubsubChannels.has(name), connection.pubsubPatterns.has(name)],
      [false, false],
    );
    await publish(name, 'hello', 'SPUBLISH');
    await until('the message', () => channel.messages.length === 1);
    assert.deepEqual(channel.messages, [Buffer.from('hello')]);
    await subscribe(connection, 'UNSUBSCRIBE', name);
    assert.equal(connection.pubsubShardChannels.has(name), true, 'UNSUBSCRIBE is not of its kind');
    await subscribe(connection, 'SUNSUBSCRIBE', name);
    assert.deepEqual([connection.pubsubShardChannels.size, channel.closings], [0, [undefined]]);
  },
  'two channel objects for one name both hear; one of them may leave': async (connection, publish) => {
    const name = fresh('both');
    const [one, two] = [new RecordingChannel(name), new RecordingChannel(name)];
    await subscribe(connection, 'SUBSCRIBE', one);
    await subscribe(connection, 'SUBSCRIBE', two);
    assert.equal(connection.pubsubChannels.all(name).length, 2);
    await publish(name, 'a');
    await until('both', () => one.messages.length === 1 && two.messages.length === 1);
    await subscribe(connection, 'UNSUBSCRIBE', one);
    await publish(name, 'b');
    await until('the one that stayed', () => two.messages.length === 2);
    assert.deepEqual([one.messages.length, one.closings, two.closings], [1, [undefined], []]);
  },
  'a channel given as a name is read from the map': async (connection, publish) => {
    const name = fresh('named');
    await subscribe(connection, 'SUBSCRIBE', name);
    const channel = connection.pubsubChannels.get(name);
    await publish(name, 'hello');
    assert.equal(String(bytesOf(await soon('get()', channel?.get() ?? Promise.reject()))), 'hello');
  },
  'unsubscribing closes a channel once and without error; others are untouched': async (connection) => {
    const [one, two] = [new RecordingChannel(fresh('gone')), new RecordingChannel(fresh('stays'))];
    await subscribe(connection, 'SUBSCRIBE', one, two);
    await subscribe(connection, 'UNSUBSCRIBE', String(one.name));
    assert.deepEqual([one.closings, two.closings], [[undefined], []]);
    assert.equal((await subscribe(connection, 'UNSUBSCRIBE', fresh('unknown'))).length, 1);
    assert.equal(connection.inPubsub, 1);
  },
  'commands work again when nothing is subscribed any more': async (connection) => {
    const name = fresh('busy');
    await subscribe(connection, 'SUBSCRIBE', name);
    await subscribe(connection, 'UNSUBSCRIBE', name);
    assert.equal(String(await soon('ECHO', connection.execute('ECHO', 'hello'))), 'hello');
  },
  'a wrong pub/sub call rejects with TypeError and changes nothing': async (connection) => {
    const calls: [string, ...unknown[]][] = [
      ['SUBSCRIBE'],
      ['GET', 'x'],
      ['SUBSCRIBE', fresh('fine'), null],
      ['SUBSCRIBE', new RecordingChannel('x*', true)],
      ['PSUBSCRIBE', new RecordingChannel('x')],
    ];
    for (const [command, ...targets] of calls) {
      await rejectsWithName(`executePubsub('${command}')`, 'TypeError', () =>
        connection.executePubsub(command, ...(targets as string[])),
      );
    }
    assert.deepEqual([connection.inPubsub, connection.pubsubChannels.size], [0, 0]);
  },
  'close() closes its channels, once, and its maps are empty': async (connection) => {
    const channel = new RecordingChannel(fresh('last'));
    await subscribe(connection, 'SUBSCRIBE', channel);
    await soon('close()', Promise.resolve(connection.close()));
    assert.equal(channel.closings.length, 1);
    assert.deepEqual([connection.inPubsub, connection.pubsubChannels.size], [0, 0]);
  },
};

/** Cases for the channels of a connection; `make` also makes the publishing connection. */
export function pubsubCases(make: MakeConnection): Record<string, ConnectionCase> {
  const publish: Publish = async (name, message, command = 'PUBLISH') => {
    const publisher = await make();
    await soon(command, publisher.execute(command, name, message));
    await publisher.close();
  };
  return Object.fromEntries(
    Object.entries(CASES).map(([name, check]) => [name, (connection) => check(connection, publish)]),
  );
}
