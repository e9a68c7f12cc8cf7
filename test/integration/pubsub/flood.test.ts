import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Channel, ConnectionPool } from '../../../src/index.ts';
import type { TestServer } from '../../../src/testkit/index.ts';
import { FULL, Heard, sleep, until } from './support.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started));

async function publish(channel: string, from: number, count: number, payload = ''): Promise<void> {
  for (let start = from; start < from + count; start += 1000) {
    const size = Math.min(1000, from + count - start);
    const batch = Array.from({ length: size }, (_, at) => ['PUBLISH', channel, `${start + at}${payload}`]);
    await server.pipeline(batch, 60_000);
  }
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** MiB that are in use, without what is only not collected yet. */
function held(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
}

const MESSAGES = FULL ? 1_000_000 : 200_000;

test(`${MESSAGES} messages through one channel arrive in order, without loss, in bounded memory`, async () => {
  await server.configSet('client-output-buffer-limit', 'pubsub 0 0 0');
  await using pool = new ConnectionPool({ location: server.location });
  const channel = new Channel('flood', { encoding: 'utf-8', decoder: Number });
  await pool.executePubsub('SUBSCRIBE', channel);
  const before = held();
  let highest = 0;
  const reading = (async () => {
    let next = 0;
    for await (const number of channel) {
      assert.equal(number, next);
      next++;
      if (next % 20_000 === 0) highest = Math.max(highest, held() - before);
      // A reader that is slow at times.
      if (next % 50_000 === 0) await sleep(20);
      if (next === MESSAGES) return next;
    }
    return next;
  })();
  await publish('flood', 0, MESSAGES);
  assert.equal(await reading, MESSAGES);
  assert.equal(channel.gaps, 0);
  assert.equal(channel.dropped, 0);
  assert.ok(highest < 30, `${Math.round(highest)} MiB more were held`);
});

test('an unread channel pauses its connection; its messages arrive when it is read', async () => {
  await server.configSet('client-output-buffer-limit', 'pubsub 0 0 0');
  await using pool = new ConnectionPool({ location: server.location, deadPeerTimeout: 600 });
  const slow = new Channel('slow', { maxMessages: 1000 });
  const quick = new Channel('quick', { overflow: 'drop-oldest', maxMessages: 100_000 });
  await pool.executePubsub('SUBSCRIBE', slow, quick);
  assert.equal(pool.statistics.serviceConnections, 2);
  const payload = 'x'.repeat(1000);
  const before = held();
  await publish('slow', 0, 20_000, payload);
  await until(() => slow.paused, 'the pause');
  // Other channels are not delayed, and a requested pause does not count as a dead peer.
  await publish('quick', 0, 10);
  for (let number = 0; number < 10; number++) assert.equal(String(await quick.get()), String(number));
  await sleep(1_500);
  // Memory of messages under way at the pause goes with a later collection.
  await until(() => held() - before < 15, 'no more than its policy allows and one read is held');
  assert.ok(slow.paused);
  for (let number = 0; number < 20_000; number++) {
    assert.equal(Number.parseInt(String(await slow.get()), 10), number);
  }
  assert.equal(slow.paused, false);
  assert.deepEqual([slow.gaps, slow.dropped, quick.gaps], [0, 0, 0]);
});

test('policies that drop report how much, and the closing one ends the subscription', async () => {
  await using pool = new ConnectionPool({ location: server.location });
  const oldest = new Channel('oldest', { overflow: 'drop-oldest', maxMessages: 10 });
  const newest = new Channel('newest', { overflow: 'drop-newest', maxMessages: 10 });
  const closing = new Channel('closing', { overflow: 'close', maxMessages: 10 });
  await pool.executePubsub('SUBSCRIBE', oldest, newest, closing);
  for (const name of ['oldest', 'newest', 'closing']) await publish(name, 0, 100);
  await until(
    () => oldest.dropped === 90 && newest.dropped === 90 && !pool.pubsubChannels.has('closing'),
    'drops',
  );
  assert.equal(String(await oldest.get()), '90');
  assert.equal(String(await newest.get()), '0');
  assert.equal(closing.dropped, 1);
  for (let number = 0; number < 10; number++) assert.equal(String(await closing.get()), String(number));
  await assert.rejects(closing.get(), { name: 'ChannelClosedError' });
  const unsubscribed = async (): Promise<boolean> =>
    !((await server.command('PUBSUB', 'CHANNELS')) as string[]).includes('closing');
  await until(unsubscribed, 'the end of the subscription');
});

test('a subscriber whose output buffer the server cut gets a gap; commands go on', async () => {
  await server.configSet('client-output-buffer-limit', 'pubsub 262144 0 0');
  await using pool = new ConnectionPool({ location: server.location });
  const heard = new Heard();
  const channel = new Channel('cut', { maxMessages: 10, onGap: (gap) => heard.log.push(gap) });
  await pool.executePubsub('SUBSCRIBE', channel);
  let going = Promise.resolve();
  const reading = (async () => {
    for await (const message of channel) {
      heard.log.push(Number.parseInt(String(message), 10));
      await going;
    }
  })();
  const payload = 'x'.repeat(1000);
  const errors: unknown[] = [];
  let asked = 0;
  for (let round = 0; round < (FULL ? 20 : 5); round++) {
    let goOn = (): void => {};
    going = new Promise((resolve) => {
      goOn = resolve;
    });
    await publish('cut', round * 20_000, 20_000, payload);
    await until(() => channel.paused, 'the pause');
    for (let ping = 0; ping < 20; ping++) {
      asked++;
      await pool.execute('PING').catch((error: unknown) => errors.push(error));
    }
    // The reader returns: it reads up to the gap, and gets the messages after it.
    const { gaps } = channel;
    goOn();
    await until(() => channel.gaps > gaps, 'a gap');
  }
  await publish('cut', 1_000_000, 1);
  await until(() => heard.numbers.at(-1) === 1_000_000, 'the last message');
  channel.close();
  await reading;
  heard.check('cut');
  assert.deepEqual([asked > 99, errors], [true, []]);
  await server.configSet('client-output-buffer-limit', 'pubsub 0 0 0');
});
