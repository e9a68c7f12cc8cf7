import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BaseConnection,
  ConnectionError,
  ConnectionPool,
  defineScript,
  ExecAbortError,
  TimeoutError,
  WatchError,
  WrongTypeError,
} from '../../../src/index.ts';
import { reply, ScriptedServer, type TestServer } from '../../../src/testkit/index.ts';
import { atRest, clients, failure, sleep } from './support.ts';
import { useServer } from '../../support/servers.ts';
import { transfer } from '../../integration/transactions/money.ts';

let server: TestServer;
useServer((started) => (server = started));

type Pool = ConnectionPool<BaseConnection, true>;
const open = (options: object = {}): Pool =>
  ConnectionPool.fromUrl(server.url, { decodeResponses: true, ...options }) as unknown as Pool;

const increment = (pool: Pool, key: string, options: object = {}): Promise<unknown> =>
  pool.watch(
    [key],
    async (connection) => {
      const value = Number(await connection.execute('GET', key));
      return [{ command: 'SET', args: [key, value + 1] }];
    },
    options,
  );

test('a watch reads and writes on one connection, which is used again afterwards', async () => {
  await using pool = open({ maxConnections: 2 });
  await pool.execute('SET', 'w:a', 1);
  for (let round = 0; round < 5; round++) assert.deepEqual(await increment(pool, 'w:a'), ['OK']);
  assert.equal(await pool.execute('GET', 'w:a'), '6');
  assert.ok((await clients(server)).length <= 2);
  await atRest(pool as never);
});

test('option attempts: a watch begins again while others change the key, then rejects with WatchError', async () => {
  await using pool = open();
  await pool.execute('SET', 'w:b', 0);
  let runs = 0;
  const disturbed = (times: number, options: object): Promise<unknown> =>
    pool.watch(
      ['w:b'],
      async (connection) => {
        const value = Number(await connection.execute('GET', 'w:b'));
        if (runs++ < times) await pool.execute('INCR', 'w:b');
        return [{ command: 'SET', args: ['w:b', value + 100] }];
      },
      options,
    );
  assert.deepEqual(await disturbed(3, {}), ['OK']);
  assert.equal(runs, 4);
  assert.equal(await pool.execute('GET', 'w:b'), '103');
  runs = 0;
  const error = await failure(disturbed(10, { attempts: 3 }));
  assert.ok(error instanceof WatchError && error.code === 'RESPOOL_WATCH', String(error));
  assert.match(error.message, /each of 3 attempts/);
  assert.equal(runs, 3);
  await atRest(pool as never);
});

test('a null result gives the watch up: nothing is written, and the connection watches nothing more', async () => {
  await using pool = open({ maxConnections: 1 });
  const id = await pool.execute('CLIENT', 'ID');
  assert.equal(await pool.watch(['w:c'], () => null), null);
  assert.deepEqual(await pool.watch(['w:c'], () => []), []);
  assert.equal(await pool.execute('CLIENT', 'ID'), id);
  await atRest(pool as never);
});

test('a watch that ends in any way leaves nothing watched before the connection is used again', async () => {
  const answers = { WATCH: reply.ok, UNWATCH: reply.ok, GET: reply.null, ECHO: reply.bulk('x') };
  await using scripted = await ScriptedServer.start(answers);
  await using pool = new ConnectionPool({ location: scripted.location, maxConnections: 1 });
  const sent = (): string[] =>
    scripted.commands.map(({ name }) => name).filter((name) => /^(UN)?WATCH|RESET|ECHO$/.test(name));
  assert.equal(await pool.watch(['w:k'], () => null), null);
  await pool.execute('ECHO', 'x');
  assert.deepEqual(sent(), ['WATCH', 'UNWATCH', 'ECHO']);
  await failure(pool.watch(['w:k'], () => Promise.reject(new Error('of the function'))));
  await pool.execute('ECHO', 'x');
  const [watch, between, echo] = sent().slice(3);
  const replaced = scripted.connections.length > 1;
  assert.equal(watch, 'WATCH');
  assert.ok(replaced || (/UNWATCH|RESET/.test(String(between)) && echo === 'ECHO'), sent().join());
});

test('errors of the function and of the transaction reach the caller, and the connection comes back clean', async () => {
  await using pool = open({ maxConnections: 1 });
  await pool.execute('SET', 'w:d', 'text');
  const own = new Error('of the function');
  assert.equal(
    await failure(
      pool.watch(['w:d'], () => {
        throw own;
      }),
    ),
    own,
  );
  const commands = [
    { command: 'SET', args: ['w:e', 1] },
    { command: 'LPUSH', args: ['w:d', 'x'] },
  ];
  const replies = await pool.watch(['w:d'], () => commands);
  assert.ok(replies?.[1] instanceof WrongTypeError);
  assert.ok(
    (await failure(pool.watch(['w:d'], () => commands, { throwErrors: true }))) instanceof WrongTypeError,
  );
  const aborted = await failure(pool.watch(['w:d'], () => [{ command: 'HSET', args: ['a'] }]));
  assert.ok(aborted instanceof ExecAbortError && aborted.command === 'HSET', String(aborted));
  assert.ok(
    (await failure(pool.watch(['w:d'], () => [{ command: 'WATCH', args: ['a'] }]))) instanceof TypeError,
  );
  assert.equal(await pool.execute('GET', 'w:d'), 'text');
  await atRest(pool as never);
});

test('a signal and a timeout end a watch, also while its function runs', async () => {
  await using pool = open();
  const never = (): Promise<null> => new Promise(() => {});
  const controller = new AbortController();
  const aborted = pool.watch(['w:f'], never, { signal: controller.signal });
  await sleep(30);
  controller.abort(new Error('enough'));
  assert.equal((await failure(aborted)).message, 'enough');
  const late = await failure(pool.watch(['w:f'], never, { timeout: 50 }));
  assert.ok(late instanceof TimeoutError && !late.maybeExecuted, String(late));
  await atRest(pool as never);
});

test('scripts run in the transaction of a watch', async () => {
  await using pool = open();
  const script = defineScript({ lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])", keys: 1 });
  await pool.execute('SET', 'w:g', 1);
  assert.deepEqual(await pool.watch(['w:g'], () => [script.command(['w:g'], [4])]), [5]);
});

test('invalid input is refused before anything is sent', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({ location: scripted.location });
  const fn = (): null => null;
  const bad: unknown[][] = [
    [[], fn],
    ['a', fn],
    [[null], fn],
    [['a'], null],
    [['a'], fn, { attempts: 0 }],
    [['a'], fn, { attempts: 1.5 }],
    [['a'], fn, { retries: 1 }],
  ];
  for (const args of bad)
    assert.ok(
      (await failure((pool.watch as (...all: unknown[]) => Promise<unknown>).apply(pool, args))) instanceof
        TypeError,
    );
  assert.equal(scripted.commands.length, 0);
});

test('money is conserved by transfers of many callers while connections are killed', async () => {
  await using pool = open({ maxConnections: 8 });
  const accounts = Array.from({ length: 10 }, (_, index) => `w:account:${index}`);
  for (const account of accounts) await pool.execute('SET', account, 100);
  let done = 0;
  let unknown = 0;
  const attempt = async (from: string, to: string): Promise<void> => {
    try {
      const replies = await transfer(pool as never, [from, to], 10_000);
      if (replies !== null) done++;
    } catch (error) {
      assert.ok(error instanceof ConnectionError, String(error));
      unknown++;
    }
  };
  const workers = Array.from({ length: 8 }, async (_, worker) => {
    for (let round = 0; round < 30; round++) {
      const from = accounts[(worker * 3 + round) % accounts.length]!;
      const to = accounts[(worker * 7 + round * 3 + 1) % accounts.length]!;
      if (from !== to) await attempt(from, to);
    }
  });
  let killing = true;
  const killer = (async () => {
    // On a slow machine kills without end would leave no time for anything else.
    for (let kills = 0; killing && kills < 10; kills++) {
      await sleep(100);
      await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    }
  })();
  await Promise.all(workers);
  killing = false;
  await killer;
  const sums = ((await pool.execute('MGET', ...accounts)) as string[]).map(Number);
  assert.equal(
    sums.reduce((sum, one) => sum + one, 0),
    1_000,
  );
  assert.ok(done > 50, `${done} done, ${unknown} unknown`);
  await atRest(pool as never);
});
