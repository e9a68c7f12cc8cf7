import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool } from '../../../src/index.ts';
import { startServer } from '../../../src/testkit/index.ts';
import { FULL, names, sleep, until } from './support.ts';

const TIME = FULL ? 60_000 : 6_000;
const NAMES = 200;
const COMMANDS = ['SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE', 'UNSUBSCRIBE', 'PUNSUBSCRIBE', 'SUNSUBSCRIBE'];

/** A generator of numbers below `limit`, the same ones for one seed. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % limit;
  };
}

test('a storm of subscriptions and killed connections leaves the server with what the pools state', async (t) => {
  await using server = await startServer();
  const seed = Number(process.env['RESPOOL_SEED'] ?? Date.now() % 1_000_000);
  t.diagnostic(`RESPOOL_SEED=${seed}`);
  const random = numbers(seed);
  const pools = Array.from({ length: 4 }, () => new ConnectionPool({ location: server.location }));
  t.after(() => Promise.all(pools.map((pool) => pool.close())));
  let calls = 0;
  let failed = 0;
  const lane = async (pool: ConnectionPool, at: number): Promise<void> => {
    const own = Array.from({ length: NAMES }, (_, number) => `pool ${at} name ${number}`);
    const end = performance.now() + TIME;
    while (performance.now() < end) {
      const command = COMMANDS[random(COMMANDS.length)] as string;
      const first = random(NAMES);
      const some = own.slice(first, first + 1 + random(8));
      calls++;
      // Without a name, now and then: everything of the kind.
      const all = command.includes('UN') && random(40) === 0;
      const call = pool.executePubsub(command, ...(all ? [] : some));
      // A name that another lane leaves before it was sent is acknowledged to nobody.
      const settled = call.then(
        () => {},
        (error: unknown) => {
          failed++;
          assert.equal((error as Error).name, 'ChannelClosedError', String(error));
        },
      );
      if (random(4) > 0) await settled;
    }
  };
  const killing = (async () => {
    const end = performance.now() + TIME;
    while (performance.now() < end) {
      await sleep(100 + random(300));
      await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
  })();
  await Promise.all([...pools.flatMap((pool, at) => [lane(pool, at), lane(pool, at)]), killing]);
  const wanted = (view: 'pubsubChannels' | 'pubsubPatterns' | 'pubsubShardChannels'): string[] =>
    pools.flatMap((pool) => names(pool[view])).sort();
  const told = async (...words: string[]): Promise<string[]> =>
    ((await server.command('PUBSUB', ...words)) as unknown[]).map(String).sort();
  await until(async () => {
    const channels = await told('CHANNELS');
    return channels.length === wanted('pubsubChannels').length;
  }, 'rest');
  await until(
    async () => Number(await server.command('PUBSUB', 'NUMPAT')) === wanted('pubsubPatterns').length,
    'rest',
  );
  assert.deepEqual(await told('CHANNELS'), wanted('pubsubChannels'));
  assert.deepEqual(await told('SHARDCHANNELS'), wanted('pubsubShardChannels'));
  assert.ok(calls > 50, `${calls} calls`);
  t.diagnostic(`${calls} calls, ${failed} of a name that was left before it was sent`);
  for (const pool of pools) {
    for (const command of COMMANDS.slice(3)) await pool.executePubsub(command);
    assert.equal(pool.inPubsub, 0);
  }
  await until(async () => (await told('CHANNELS')).length === 0, 'nothing is subscribed');
  await until(() => pools.every((pool) => pool.statistics.serviceConnections === 0), 'no subscriber is left');
});
