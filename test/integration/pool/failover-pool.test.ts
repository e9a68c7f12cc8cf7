import assert from 'node:assert/strict';
import { channel as diagnosticsChannel } from 'node:diagnostics_channel';
import { describe, it } from 'node:test';
import {
  AbstractCredentialProvider,
  Channel,
  ClusterConnectionPool,
  ConnectionError,
  ConnectionPool,
  type Credentials,
  FailoverPool,
  type FailoverEvent,
  type FailoverPoolOptions,
  type FailoverStateChange,
  RedisError,
} from '../../../src/index.ts';
import { poolConformance, serverBinaries, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { eventually, sleep } from '../cluster/support.ts';

const QUICK = { checkInterval: 100, checkTimeout: 400, failureThreshold: 2, openTime: 100 } as const;

/** Two servers, their pools and the pool over both. */
async function pair(
  path: string,
  options: Partial<FailoverPoolOptions<true>> = {},
): Promise<{
  near: TestServer;
  far: TestServer;
  pool: FailoverPool<true>;
  changes: FailoverStateChange[];
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const [near, far] = [await startServer({ binary: path }), await startServer({ binary: path })];
  const poolOf = ({ url }: TestServer): ConnectionPool<never, true> =>
    ConnectionPool.fromUrl(url, { decodeResponses: true, maxConnections: 4 }) as never;
  const changes: FailoverStateChange[] = [];
  const pool = new FailoverPool<true>({
    pools: [
      { pool: poolOf(near), weight: 2 },
      { pool: poolOf(far), weight: 1 },
    ],
    ...QUICK,
    gracePeriod: 300,
    onState: (change) => changes.push(change),
    ...options,
  });
  return {
    near,
    far,
    pool,
    changes,
    async [Symbol.asyncDispose]() {
      await pool.close({ timeout: 0 });
      await near.stop();
      await far.stop();
    },
  };
}

/** A provider whose user changes. */
class Rotating extends AbstractCredentialProvider {
  #username = 'one';
  #told: (() => void) | null = null;
  async getCredentials(): Promise<Credentials> {
    return { username: this.#username, password: 'any' };
  }
  override onChange(listener: () => void): () => void {
    this.#told = listener;
    return () => {
      this.#told = null;
    };
  }
  change(username: string): void {
    this.#username = username;
    this.#told?.();
  }
}

/** The users of a `CLIENT LIST`, by client id. */
function usersById(list: unknown): Map<string, string> {
  const found = String(list).matchAll(/^id=(\d+) .*\buser=(\S+)/gm);
  return new Map([...found].map(([, id = '', user = '']) => [id, user]));
}

const states = (changes: readonly FailoverStateChange[], pool: FailoverPool<true>): string[] =>
  changes.map((change) => `${change.state} ${pool.pools.indexOf(change.pool as never)}`);

for (const { path, kind, version } of await serverBinaries()) {
  describe(`a pool over two servers, ${kind} ${version}`, () => {
    it('servers killed in turn under load: unsent commands move, sent ones fail and are not repeated', async (t) => {
      await using both = await pair(path, { gracePeriod: 200 });
      const { near, far, pool } = both;
      await pool.open();
      let over = false;
      let done = 0;
      let lost = 0;
      const load = Promise.all(
        Array.from({ length: 10 }, async (_, lane) => {
          for (let n = 0; !over; n++) {
            try {
              // Twice in one server, or once in each, would show in the counters below.
              await pool.execute('INCR', `call:${lane}:${n}`);
              done++;
            } catch (error) {
              assert.ok(error instanceof ConnectionError, String(error));
              assert.equal(error.maybeExecuted, true, String(error));
              lost++;
            }
          }
        }),
      );
      await eventually('the load runs', () => done > 200);
      const [first, second] = pool.pools;
      await near.command('CONFIG', 'SET', 'appendonly', 'no');
      for (const [server, to] of [
        [near, second],
        [far, first],
      ] as const) {
        await server.kill();
        await eventually('work has moved', () => pool.activePool === to, 10_000);
        const before = done;
        await eventually('the load goes on', () => done > before + 200);
        await server.restart();
        await eventually('it is up again', () => pool.isUp(pool.pools[server === near ? 0 : 1] as never));
      }
      over = true;
      await load;
      const counts = new Map<string, number>();
      for (const server of [near, far]) {
        const keys = (await server.command('KEYS', '*')) as string[];
        for (const key of keys) counts.set(String(key), (counts.get(String(key)) ?? 0) + 1);
      }
      assert.deepEqual(
        [...counts].filter(([, count]) => count > 1),
        [],
      );
      assert.ok(lost <= 40, `${lost}`);
      t.diagnostic(`${done} calls done, ${lost} failed because they may have run`);
    });

    it('option gracePeriod: work goes back to the better pool when it has been up for so long, warm', async () => {
      await using both = await pair(path, { gracePeriod: 500 });
      const { near, pool, changes } = both;
      await pool.execute('SET', 'a', 1);
      await near.kill();
      assert.equal(await pool.execute('SET', 'b', 2), 'OK');
      const [first, second] = pool.pools;
      assert.ok(first !== undefined);
      assert.equal(pool.activePool, second);
      assert.equal(pool.isUp(first), false);
      await near.restart();
      const back = Date.now();
      await eventually('work is back', () => pool.activePool === first);
      assert.ok(Date.now() - back >= 400);
      assert.ok(first.statistics.activeConnections >= 1, 'a connection is there before the first call');
      assert.equal(await pool.execute('GET', 'a'), null);
      assert.deepEqual(states(changes, pool), ['down 0', 'active 1', 'up 0', 'active 0']);
      assert.ok(changes[0]?.error instanceof Error);
      assert.equal(pool.pools.indexOf(changes[3]?.from as never), 1);
    });

    it('option checkTimeout: a hanging server is left; its leases, blocked and sent commands fail', async () => {
      await using both = await pair(path);
      const { near, pool } = both;
      await pool.open();
      const lease = await pool.acquire();
      const onLease = lease.connection.execute('BLPOP', 'none', 30);
      const blocked = pool.execute('BLPOP', 'none', 30);
      await pool.execute('PING');
      await eventually('both block', async () =>
        /blocked_clients:2/.test(String(await near.command('INFO', 'clients'))),
      );
      await near.pause();
      const sent = pool.execute('INCR', 'sent');
      const outcomes = await Promise.allSettled([onLease, blocked, sent]);
      for (const outcome of outcomes) {
        assert.ok(outcome.status === 'rejected');
        assert.ok(outcome.reason instanceof ConnectionError && outcome.reason.maybeExecuted);
      }
      lease.release();
      assert.equal(await pool.execute('GET', 'sent'), null);
      assert.equal(pool.activePool, pool.pools[1]);
      const other = await pool.acquire();
      assert.equal(await other.connection.execute('PING'), 'PONG');
      other.release();
      await near.resume();
    });

    it('subscriptions move with a gap, to the other server and back', async () => {
      await using both = await pair(path);
      const { near, far, pool } = both;
      const channel = new Channel('news');
      await pool.executePubsub('SUBSCRIBE', channel);
      await near.command('PUBLISH', 'news', 'one');
      assert.equal(String(await channel.get()), 'one');
      await near.kill();
      await eventually(
        'it is heard at the other server',
        async () => Number(await far.command('PUBLISH', 'news', 'two')) > 0,
      );
      assert.equal(String(await channel.get()), 'two');
      assert.equal(channel.gaps, 1);
      await near.restart();
      await eventually(
        'it is heard at the first one again',
        async () => Number(await near.command('PUBLISH', 'news', 'three')) > 0,
      );
      assert.equal(String(await channel.get()), 'three');
      assert.equal(channel.gaps, 2);
      await eventually(
        'and no more at the other',
        async () => Number(await far.command('PUBLISH', 'news', 'lost')) === 0,
      );
      await pool.executePubsub('UNSUBSCRIBE', channel);
      assert.equal(channel.isActive, false);
    });

    it('failovers are published on their diagnostics channel', async () => {
      await using both = await pair(path);
      const { near, far, pool } = both;
      const events: FailoverEvent[] = [];
      const listener = (event: unknown): void => void events.push(event as FailoverEvent);
      diagnosticsChannel('respool:failover').subscribe(listener);
      try {
        await pool.execute('PING');
        await near.kill();
        await pool.execute('PING');
        await near.restart();
        await eventually('work goes back', () => pool.activePool === pool.pools[0]);
      } finally {
        diagnosticsChannel('respool:failover').unsubscribe(listener);
      }
      const [here, there] = [`127.0.0.1:${near.port}`, `127.0.0.1:${far.port}`];
      assert.deepEqual(
        events.map(({ name, from, to }) => ({ name, from, to })),
        [
          { name: `${here} | ${there}`, from: here, to: there },
          { name: `${here} | ${there}`, from: there, to: here },
        ],
      );
    });

    it('subscribers and health checks use the new user when the credentials of a pool change', async () => {
      const users = { one: 'on nopass ~* &* +@all', two: 'on nopass ~* &* +@all' };
      await using server = await startServer({ binary: path, users });
      const provider = new Rotating();
      const member = new ConnectionPool({
        location: server.location,
        credentialProvider: provider,
        decodeResponses: true,
      });
      await using pool = new FailoverPool<true>({ pools: [member as never], ...QUICK });
      const channel = new Channel('news');
      await pool.executePubsub('SUBSCRIBE', channel);
      const usersNow = async (): Promise<Map<string, string>> =>
        usersById(await server.command('CLIENT', 'LIST'));
      const subscriber = /\bid=(\d+)/.exec(
        String(await server.command('CLIENT', 'LIST', 'TYPE', 'pubsub')),
      )?.[1];
      assert.equal((await usersNow()).get(subscriber as string), 'one');
      await eventually('a check has a connection', async () => (await usersNow()).size >= 3);
      provider.change('two');
      await eventually(
        'nobody is the old user',
        async () => ![...(await usersNow()).values()].includes('one'),
      );
      assert.equal((await usersNow()).get(subscriber as string), 'two');
      await server.command('PUBLISH', 'news', 'x');
      assert.equal(String(await channel.get()), 'x');
      assert.equal(channel.gaps, 0);
    });

    it('the way back ends blocked commands, and lets leases finish where they are', async () => {
      await using both = await pair(path);
      const { near, far, pool } = both;
      await near.kill();
      await pool.execute('PING');
      assert.equal(pool.activePool, pool.pools[1]);
      await using lease = await pool.acquire();
      const blocked = assert.rejects(pool.execute('BLPOP', 'none', 0), (error) => {
        assert.ok(error instanceof RedisError && !(error instanceof ConnectionError));
        assert.match(error.message, /moved/);
        return true;
      });
      await eventually('it blocks', async () =>
        /blocked_clients:1/.test(String(await far.command('INFO', 'clients'))),
      );
      await near.restart();
      await blocked;
      assert.equal(pool.activePool, pool.pools[0]);
      await lease.connection.execute('SET', 'where', 'far');
      assert.equal(String(await far.command('GET', 'where')), 'far');
    });

    it('two dead servers give the error of the server, and the first that is back gets the work', async () => {
      await using both = await pair(path);
      const { near, far, pool } = both;
      await near.kill();
      await far.kill();
      await assert.rejects(pool.execute('PING'), ConnectionError);
      await assert.rejects(pool.acquire({ timeout: 500 }));
      await far.restart();
      assert.equal(await pool.executeRequest('PING', [], { timeout: 10_000 }), 'PONG');
      assert.equal(pool.activePool, pool.pools[1]);
    });

    it('open() finds the pool that answers', async () => {
      await using both = await pair(path, { openTime: 60_000 });
      await both.near.kill();
      await both.pool.open({ timeout: 5_000 });
      assert.equal(both.pool.activePool, both.pool.pools[1]);
    });

    it('a FailoverPool passes the conformance tests of pools', async (t) => {
      await using near = await startServer({ binary: path });
      await using far = await startServer({ binary: path });
      const make = (): FailoverPool<boolean> =>
        new FailoverPool({ pools: [ConnectionPool.fromUrl(near.url), ConnectionPool.fromUrl(far.url)] });
      for (const { name, run } of poolConformance(make)) await t.test(name, run);
    });
  });
}

it('option check, option checkInterval, option failureThreshold and option openTime: control the circuit of a pool', async () => {
  await using one = await startServer();
  await using two = await startServer();
  const [first, second] = [one, two].map(({ location }) => new ConnectionPool({ location }));
  assert.ok(first !== undefined && second !== undefined);
  const checks: number[] = [];
  let healthy = true;
  await using pool = new FailoverPool({
    pools: [first, second],
    checkInterval: 40,
    failureThreshold: 3,
    openTime: 200,
    gracePeriod: 0,
    check: (member) => {
      if (member !== first) return undefined;
      checks.push(performance.now());
      return healthy ? undefined : Promise.reject(new Error('not well'));
    },
  });
  await pool.execute('PING');
  await eventually('checks go on by themselves', () => checks.length > 3);
  healthy = false;
  const before = checks.length;
  await eventually('it is left', () => pool.activePool === (second as unknown));
  assert.ok(checks.length - before >= 3, 'three checks decide');
  const left = checks.length;
  await sleep(100);
  assert.ok(checks.length - left <= 1, 'an open circuit is probed seldom');
  healthy = true;
  await eventually('it is back', () => pool.activePool === first);
});

it('option pools, option FailoverMemberOptions.pool and option weight are checked; pools must decode alike', async () => {
  const location = { host: '127.0.0.1', port: 1 };
  const make = (options: object): FailoverPool => new FailoverPool(options as never);
  assert.throws(() => make({ pools: [] }), /needs pools/);
  assert.throws(() => make({}), /needs pools/);
  assert.throws(() => make({ pools: [{}] }), /must hold pools/);
  const plain = new ConnectionPool({ location });
  const text = new ConnectionPool({ location, decodeResponses: true });
  const cluster = new ClusterConnectionPool({ startupNodes: [location] });
  assert.throws(() => make({ pools: [plain, plain] }), /once/);
  assert.throws(() => make({ pools: [{ pool: plain, weight: 0 }] }), /weight/);
  assert.throws(() => make({ pools: [plain, text] }), /decodeResponses/);
  assert.throws(() => make({ pools: [plain], checkInterval: null }), /checkInterval/);
  assert.throws(() => make({ pools: [plain], other: 1 }), /other/);
  const heavy = make({ pools: [plain, { pool: cluster, weight: 5 }] });
  assert.equal(heavy.activePool, cluster);
  assert.throws(() => heavy.isUp(text as never), /not a member of this FailoverPool/);
  await heavy.close();
  await text.close();
  assert.ok(plain.closed && cluster.closed);
});
