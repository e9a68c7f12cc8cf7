import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BaseConnection } from '../../../src/connection/base-connection.ts';
import { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import { PrimaryNotFoundError } from '../../../src/errors/errors.ts';
import { FakeSentinel } from './scripted.ts';
import {
  PrimaryFollowers,
  type PrimaryFollowersParts,
  type PrimaryListener,
} from '../../../src/topology/sentinel/primary-followers.ts';
import { FOLLOW } from '../../../src/topology/sentinel/service-role.ts';
import { PrimaryRole } from '../../../src/topology/sentinel/primary-role.ts';
import { SwitchWatch } from '../../../src/topology/sentinel/switch-watch.ts';
import { TCPLocation } from '../../../src/transport/location.ts';
import { ManualClock, settle } from '../../unit/topology/manual-clock.ts';

const here = new TCPLocation('127.0.0.1', 7000);
const there = new TCPLocation('127.0.0.1', 7001);
const mistake = new TypeError('a mistake');

/** The warnings that come while `act` runs. */
async function warnings(act: () => Promise<void>): Promise<string[]> {
  const told: string[] = [];
  const note = (warning: Error & { code?: string; detail?: string }): void => {
    if (warning.code !== 'RESPOOL_CALLBACK') return;
    assert.match(warning.detail ?? '', /TypeError: a mistake/);
    told.push(warning.message);
  };
  process.on('warning', note);
  try {
    await act();
    await settle();
  } finally {
    process.off('warning', note);
  }
  return told;
}

test('a listener that throws ends no connection to a sentinel, and is reported once', async () => {
  await using sentinel = await FakeSentinel.start({});
  const heard: number[] = [];
  const listener = {
    listening() {},
    switched({ to }: { to: { port: number } }) {
      heard.push(to.port);
      throw mistake;
    },
  };
  const told = await warnings(async () => {
    const watch = new SwitchWatch(
      sentinel.location,
      () => new TCPConnection(sentinel.location, { decodeResponses: true }),
      listener,
    );
    await sentinel.listened();
    sentinel.announce('s', here, there);
    sentinel.announce('s', there, here);
    for (let turns = 0; heard.length < 2 && turns < 1_000; turns++) await settle();
    watch.stop();
  });
  assert.deepEqual(heard, [7001, 7000]);
  assert.equal(sentinel.server.connections.length, 1);
  assert.equal(told.length, 1);
});

test('a follower that throws keeps no news from the others; questions go on', async () => {
  const clock = new ManualClock();
  const news: number[] = [];
  let answer = (): Promise<TCPLocation> => Promise.resolve(here);
  const parts = {
    list: { locations: [] },
    clock,
    random: clock.random,
    lookUp: () => answer(),
  } as unknown as PrimaryFollowersParts;
  const following = new PrimaryFollowers(parts);
  const told = await warnings(async () => {
    following.add('s', () => {
      throw mistake;
    });
    following.add('s', ({ port }) => news.push(port));
    await clock.pass(2_500);
    answer = () => Promise.reject(mistake);
    await clock.pass(2_500);
    answer = () => Promise.resolve(there);
    await clock.pass(1_500);
    following.close();
  });
  assert.ok(news.filter((port) => port === 7000).length >= 2 && news.at(-1) === 7001, news.join());
  assert.deepEqual(told.length, 1);
  assert.equal(clock.pending, 0);
});

test('a programming error while sentinels are asked is reported; an unknown service is not', async () => {
  const clock = new ManualClock();
  const failing = (error: Error): PrimaryFollowers =>
    new PrimaryFollowers({
      list: { locations: [] },
      clock,
      random: clock.random,
      lookUp: () => Promise.reject(error),
    } as unknown as PrimaryFollowersParts);
  const expected = failing(new PrimaryNotFoundError('nobody knows'));
  const mistaken = failing(mistake);
  const told = await warnings(async () => {
    expected.add('expected', () => {});
    mistaken.add('mistaken', () => {});
    await clock.pass(3_000);
    expected.close();
    mistaken.close();
  });
  assert.deepEqual(
    told.map((text) => /'(\w+)'/.exec(text)?.[1]),
    ['mistaken'],
  );
});

test('a programming error in a dial is not taken for a server in another role', async () => {
  let tell: PrimaryListener = () => {};
  let made = 0;
  const connection = {
    closed: false,
    run: async () => {},
    waitClosed: () => new Promise(() => {}),
    invalidate() {},
  };
  const place = new PrimaryRole({
    service: 's',
    directory: {
      discoverPrimary: async () => here,
      discoverReplicas: async () => [],
      [FOLLOW]: (_, listener) => {
        tell = listener;
        return () => {};
      },
    },
    make: () => {
      if (made++ > 0) throw mistake;
      return connection as unknown as BaseConnection;
    },
    hurry() {},
    node: () => assert.fail('nothing moves'),
  });
  await place.connect(new AbortController().signal);
  const told = await warnings(async () => {
    tell(there, false);
    await settle();
    tell(there, false);
    await settle();
  });
  assert.deepEqual([made, told.length, String(place.location)], [3, 1, '127.0.0.1:7000']);
});
