import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AbstractChannel, ChannelClosedError, ConnectionPool } from '../../../src/index.ts';
import type { TestServer } from '../../../src/testkit/index.ts';
import { FULL, type Heard, names, readChannel, Recorder, serverSets, sleep, until } from './support.ts';
import { useServer } from '../../support/servers.ts';

const KILLS = FULL ? 1000 : 150;
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const PATTERNS = ['pa*', 'pb*'];

let server: TestServer;
useServer((started) => (server = started));

/** Repeatable chance. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Subscription {
  readonly target: AbstractChannel;
  readonly name: string;
  readonly heard: Heard;
}

test(`${KILLS} killed connections while subscribing, unsubscribing and receiving lose no subscription`, async () => {
  const random = chance(20_240_607);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const pool = new ConnectionPool({ location: server.location });
  const publisher = new ConnectionPool({ location: server.location });
  const live = new Set<Subscription>();
  const all: Subscription[] = [];
  const failures: unknown[] = [];
  const sent = new Map<string, number>();
  let working = true;

  async function publishing(): Promise<void> {
    while (working) {
      const batch = [];
      for (let index = 0; index < 20; index++) {
        const name = pick([...NAMES, 'pa1', 'pb1']);
        const number = sent.get(name) ?? 0;
        sent.set(name, number + 1);
        batch.push({ command: 'PUBLISH', args: [name, number] });
      }
      await publisher.executeBatch(batch);
      await sleep(1);
    }
  }

  function make(): Subscription {
    const pattern = random() < 0.3;
    const name = pick(pattern ? PATTERNS : NAMES);
    if (random() < 0.5) {
      const target = new Recorder(name, pattern);
      return { target, name, heard: target.heard };
    }
    const { channel, heard } = readChannel(name, { isPattern: pattern });
    return { target: channel, name, heard };
  }

  async function changing(): Promise<void> {
    while (working) {
      try {
        if (random() < 0.55 && live.size < 30) {
          const one = make();
          live.add(one);
          all.push(one);
          await pool.executePubsub(one.target.isPattern ? 'PSUBSCRIBE' : 'SUBSCRIBE', one.target);
        } else if (live.size > 0) {
          const one = pick([...live]);
          live.delete(one);
          await pool.executePubsub(one.target.isPattern ? 'PUNSUBSCRIBE' : 'UNSUBSCRIBE', one.target);
        }
      } catch (error) {
        // Another worker left it before it was acknowledged.
        if (!(error instanceof ChannelClosedError)) failures.push(error);
      }
      await sleep(Math.floor(random() * 6));
    }
  }

  const workers = [publishing(), changing(), changing(), changing()];
  let killed = 0;
  while (killed < KILLS) {
    await sleep(Math.floor(random() * 20));
    const list = String(await server.command('CLIENT', 'LIST', 'TYPE', 'pubsub'));
    const ids = [...list.matchAll(/^id=(\d+)/gm)].map((match) => match[1] as string);
    if (ids.length > 0) killed += Number(await server.command('CLIENT', 'KILL', 'ID', pick(ids)));
  }
  working = false;
  await Promise.all(workers);
  assert.deepEqual(failures, []);

  const wanted = (pattern: boolean): string[] =>
    [
      ...new Set([...live].filter(({ target }) => target.isPattern === pattern).map(({ name }) => name)),
    ].toSorted();
  assert.deepEqual(names(pool.pubsubChannels), wanted(false));
  assert.deepEqual(names(pool.pubsubPatterns), wanted(true));
  for (const { target, name } of live) {
    const map = target.isPattern ? pool.pubsubPatterns : pool.pubsubChannels;
    assert.ok(map.all(name).includes(target));
  }
  // Each name is heard over one connection for each kind of channels that it has.
  const lines = (pattern: boolean, pausing: boolean): number =>
    new Set(
      [...live]
        .filter(({ target }) => target.isPattern === pattern && target instanceof Recorder !== pausing)
        .map(({ name }) => name),
    ).size;
  await until(async () => {
    const sets = await serverSets(server);
    return (
      sets.channels.join() === wanted(false).join() &&
      sets.patterns === wanted(true).length &&
      sets.connections === pool.statistics.serviceConnections
    );
  }, 'server and client agree');
  const counts = (await server.command('PUBSUB', 'NUMSUB', ...NAMES)) as (string | number)[];
  const total = counts
    .filter((_, index) => index % 2 === 1)
    .reduce<number>((sum, count) => sum + Number(count), 0);
  assert.equal(total, lines(false, true) + lines(false, false));

  // Every live subscription gets a message published now, once.
  for (const name of [...NAMES, 'pa1', 'pb1']) await publisher.execute('PUBLISH', name, sent.get(name) ?? 0);
  const last = (name: string): number => sent.get(name.replace('*', '1')) ?? 0;
  await until(
    () => [...live].every(({ name, heard }) => heard.numbers.at(-1) === last(name)),
    'the last message',
  );
  for (const { name, heard } of all) heard.check(name);
  const gaps = all.reduce((sum, { heard }) => sum + heard.gaps.length, 0);
  assert.ok(gaps > 0, 'the kills were noticed');

  await pool.close();
  await publisher.close();
  assert.equal(pool.statistics.serviceConnections, 0);
  await until(async () => (await serverSets(server)).connections === 0, 'no subscriber is left');
});
