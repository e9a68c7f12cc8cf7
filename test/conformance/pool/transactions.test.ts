import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ConnectionError,
  ConnectionPool,
  DecodingError,
  defineScript,
  ExecAbortError,
  LRUCache,
  ReadOnlyError,
  RedisError,
  ReplyMap,
  TimeoutError,
  WrongTypeError,
} from '../../../src/index.ts';
import { reply, ScriptedServer, type TestServer } from '../../../src/testkit/index.ts';
import { atRest, failure, sleep, until } from './support.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started));

const text = (url: string, options: object = {}): ConnectionPool<never, true> =>
  ConnectionPool.fromUrl(url, { decodeResponses: true, ...options }) as unknown as ConnectionPool<
    never,
    true
  >;

test('a transaction answers with one reply for each command, and its commands are contiguous', async () => {
  await using pool = text(server.url, { maxConnections: 1 });
  await pool.execute('SET', 'n', 0);
  const rounds = Array.from({ length: 500 }, async () => {
    void pool.execute('INCR', 'other');
    const [before, after] = await pool.transaction([
      { command: 'INCR', args: ['n'] },
      { command: 'INCR', args: ['n'] },
    ]);
    void pool.execute('INCR', 'n');
    return [before, after];
  });
  for (const [before, after] of await Promise.all(rounds)) assert.equal(Number(after), Number(before) + 1);
  assert.equal(pool.statistics.activeConnections, 1);
  assert.deepEqual(await pool.transaction([]), []);
  await atRest(pool as never);
});

test('option throwErrors: an error of a command rejects instead of standing in its place', async () => {
  await using pool = text(server.url);
  await pool.execute('SET', 'text', 'a');
  const commands = [
    { command: 'SET', args: ['t:a', 1] },
    { command: 'LPUSH', args: ['text', 'x'] },
    { command: 'GET', args: ['t:a'] },
  ];
  const [set, error, get] = await pool.transaction(commands);
  assert.equal(set, 'OK');
  assert.ok(error instanceof WrongTypeError && error.command === 'LPUSH', String(error));
  assert.equal(get, '1');
  const thrown = await failure(pool.transaction(commands, { throwErrors: true }));
  assert.ok(thrown instanceof WrongTypeError && thrown.command === 'LPUSH');
});

test('ExecAbortError names the refused command, and shows none of its arguments', async () => {
  await using pool = text(server.url);
  const error = await failure(
    pool.transaction([
      { command: 'SET', args: ['t:b', 'secret'] },
      { command: 'HSET', args: ['secret'] },
      { command: 'GET', args: ['t:b'] },
    ]),
  );
  assert.ok(error instanceof ExecAbortError, String(error));
  assert.equal(error.command, 'HSET');
  assert.equal(error.code, 'EXECABORT');
  assert.match(error.message, /HSET, command 2 of 3, was refused/);
  assert.ok(error.cause instanceof RedisError && !error.message.includes('secret'));
  assert.equal(error.endpoint, `127.0.0.1:${server.port}`);
  assert.equal(await pool.execute('GET', 't:b'), null);
  await atRest(pool as never);
});

test('commands that change the connection, and invalid input, are refused before anything is sent', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({ location: scripted.location });
  for (const command of ['WATCH', 'MULTI', 'EXEC', 'SELECT', 'SUBSCRIBE', 'CLIENT REPLY'])
    assert.ok((await failure(pool.transaction([{ command, args: ['1'] }]))) instanceof TypeError, command);
  const bad: [unknown, object][] = [
    ['GET', {}],
    [[{ command: 'GET', args: [null] }], {}],
    [[{ command: 'GET', args: ['a'], extra: 1 }], {}],
    [[{ command: 'GET', args: ['a'] }], { throwErrors: 1 }],
    [[{ command: 'GET', args: ['a'] }], { retries: 1 }],
  ];
  for (const [commands, options] of bad)
    assert.ok((await failure(pool.transaction(commands as never, options))) instanceof TypeError);
  assert.deepEqual(
    scripted.commands.map(({ name }) => name).filter((name) => !/HELLO|CLIENT/.test(name)),
    [],
  );
});

test('each command of a transaction may set how its reply is decoded', async () => {
  await using pool = text(server.url);
  const replies = await pool.transaction([
    { command: 'SET', args: ['t:c', 'é'] },
    { command: 'GET', args: ['t:c'], decode: false },
    { command: 'GET', args: ['t:c'], encoding: 'latin1' },
    { command: 'GET', args: ['t:c'] },
  ]);
  assert.deepEqual(replies, ['OK', Buffer.from('é'), 'Ã©', 'é']);
});

test('a reply with invalid text is the error of its command, whatever the others ask for', async () => {
  await using pool = text(server.url);
  const broken = Buffer.from([0x61, 0xff]);
  await pool.execute('DEL', 't:hash');
  await pool.execute('HSET', 't:hash', 'good', 'a', 'bad', broken);
  const commands = [
    { command: 'HGETALL', args: ['t:hash'] },
    { command: 'HGET', args: ['t:hash', 'bad'], decode: false },
    { command: 'HGETALL', args: ['t:hash'], encoding: 'latin1' },
    { command: 'HGET', args: ['t:hash', 'good'] },
  ] as const;
  const [error, bytes, latin1, good]: unknown[] = await pool.transaction(commands);
  assert.ok(error instanceof DecodingError && error.command === 'HGETALL', String(error));
  assert.equal(error.endpoint, `127.0.0.1:${server.port}`);
  assert.ok(error.reply instanceof ReplyMap);
  assert.deepEqual(error.reply.get('bad'), broken);
  assert.deepEqual([bytes, good], [broken, 'a']);
  assert.ok(latin1 instanceof ReplyMap);
  assert.deepEqual([latin1.get('bad'), latin1.get(Buffer.from('good'))], ['a\xff', 'a']);
  assert.ok((await failure(pool.transaction(commands, { throwErrors: true }))) instanceof DecodingError);
});

test('large arguments and replies go through a transaction', async () => {
  await using pool = text(server.url);
  const large = Buffer.alloc(300_000, 'x');
  const replies = await pool.transaction([
    { command: 'SET', args: ['t:large', large] },
    { command: 'GET', args: ['t:large'] },
    { command: 'STRLEN', args: ['t:large'] },
  ]);
  assert.deepEqual(replies, ['OK', large.toString(), 300_000]);
});

test('an aborted transaction is not sent when unwritten; once written, its place stays taken', async () => {
  await using pool = text(server.url, { maxConnections: 1 });
  await pool.execute('DEL', 't:d');
  const controller = new AbortController();
  const unsent = pool.transaction([{ command: 'INCR', args: ['t:d'] }], { signal: controller.signal });
  controller.abort(new Error('enough'));
  assert.equal((await failure(unsent)).message, 'enough');
  assert.equal(await pool.execute('GET', 't:d'), null);

  server.pause();
  const late = pool.transaction(
    [
      { command: 'INCR', args: ['t:d'] },
      { command: 'INCR', args: ['t:d'] },
    ],
    { timeout: 100 },
  );
  const others = Array.from({ length: 5 }, (_, index) => pool.execute('ECHO', `e${index}`));
  const error = await failure(late);
  assert.ok(error instanceof TimeoutError && error.maybeExecuted, String(error));
  server.resume();
  assert.deepEqual(await Promise.all(others), ['e0', 'e1', 'e2', 'e3', 'e4']);
  assert.equal(await pool.execute('GET', 't:d'), '2');
});

test('a transaction on a lost connection may have been executed, and is not repeated', async () => {
  await using scripted = await ScriptedServer.start({
    MULTI: reply.simple('OK'),
    EXEC: null,
    INCR: reply.simple('QUEUED'),
  });
  await using pool = new ConnectionPool({ location: scripted.location });
  const transaction = pool.transaction([{ command: 'INCR', args: ['n'] }]);
  await scripted.waitForCommand('EXEC');
  for (const connection of scripted.connections) connection.reset();
  const error = await failure(transaction);
  assert.ok(error instanceof ConnectionError && error.maybeExecuted, String(error));
  assert.equal(scripted.commands.filter(({ name }) => name === 'EXEC').length, 1);
});

test('READONLY for a transaction is handled as for a single command', async () => {
  let refusing = true;
  await using scripted = await ScriptedServer.start((command) => {
    switch (command[0]) {
      case 'MULTI':
        return reply.simple('OK');
      case 'SET':
        return refusing
          ? reply.error('READONLY You can not write against a read only replica.')
          : reply.simple('QUEUED');
      case 'EXEC': {
        if (!refusing) return reply.array(reply.simple('OK'));
        refusing = false;
        return reply.error('EXECABORT Transaction discarded because of previous errors.');
      }
      default:
        return undefined;
    }
  });
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  assert.deepEqual(await pool.transaction([{ command: 'SET', args: ['a', 'b'] }]), ['OK']);
  assert.equal(scripted.connections.length, 2);
});

test('an EXECABORT that gives its reason has the reason as its cause', async () => {
  await using scripted = await ScriptedServer.start({
    MULTI: reply.simple('OK'),
    SET: reply.simple('QUEUED'),
    EXEC: reply.error(
      'EXECABORT Transaction discarded because of: READONLY You can not write against a read only replica.',
    ),
  });
  await using pool = new ConnectionPool({ location: scripted.location });
  const error = await failure(pool.transaction([{ command: 'SET', args: ['a', 'b'] }]));
  assert.ok(error instanceof ExecAbortError && error.cause instanceof ReadOnlyError, String(error));
});

test('a refused MULTI differs from a transaction that did nothing', async () => {
  await using scripted = await ScriptedServer.start({
    MULTI: reply.error('NOPERM no permission for MULTI'),
    SET: reply.simple('OK'),
    EXEC: reply.error('ERR EXEC without MULTI'),
  });
  await using pool = new ConnectionPool({ location: scripted.location });
  const error = await failure(pool.transaction([{ command: 'SET', args: ['a', 'b'] }]));
  assert.ok(error instanceof RedisError && !(error instanceof ExecAbortError), String(error));
  assert.match(error.message, /MULTI was refused, so that the other commands ran one by one/);
});

test('a transaction on a pool with noreply resolves to nulls', async () => {
  await using pool = text(server.url, { noreply: true });
  assert.deepEqual(
    await pool.transaction([
      { command: 'SET', args: ['t:e', 1] },
      { command: 'GET', args: ['t:e'] },
    ]),
    [null, null],
  );
  await until(async () => (await server.command('GET', 't:e')) === '1');
});

test('a transaction invalidates the cached keys it writes', async () => {
  await using pool = text(server.url, { cache: new LRUCache() });
  await pool.execute('SET', 't:f', 'old');
  assert.equal(await pool.execute('GET', 't:f'), 'old');
  await pool.transaction([{ command: 'SET', args: ['t:f', 'new'] }]);
  assert.equal(await pool.execute('GET', 't:f'), 'new');
});

test('transactions under kills run at most once each, and whole', async () => {
  await using pool = text(server.url);
  await pool.execute('DEL', 't:g', 't:h');
  let acknowledged = 0;
  let unknown = 0;
  const rounds = Array.from({ length: 20 }, async (_, round) => {
    await sleep(round * 5);
    const calls = Array.from({ length: 20 }, async () => {
      try {
        await pool.transaction(
          [
            { command: 'INCR', args: ['t:g'] },
            { command: 'INCR', args: ['t:h'] },
          ],
          { timeout: 5_000 },
        );
        acknowledged++;
      } catch (error) {
        assert.ok(error instanceof ConnectionError && error.maybeExecuted, String(error));
        unknown++;
      }
    });
    if (round % 3 === 0) await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await Promise.all(calls);
  });
  await Promise.all(rounds);
  const [g, h] = (await pool.execute('MGET', 't:g', 't:h')) as string[];
  assert.equal(g, h);
  assert.ok(
    Number(g) >= acknowledged && Number(g) <= acknowledged + unknown,
    `${acknowledged} ≤ ${g} ≤ +${unknown}`,
  );
  await atRest(pool as never);
});

test('a transaction loads its script first on a connection that has not seen it', async () => {
  await using pool = text(server.url, { maxConnections: 1 });
  const script = defineScript({ lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])", keys: 1 });
  await server.command('SCRIPT', 'FLUSH');
  await pool.execute('DEL', 't:i');
  const run = (): Promise<unknown[]> =>
    pool.transaction([script.command(['t:i'], [5]), { command: 'GET', args: ['t:i'] }]);
  assert.deepEqual(await run(), [5, '5']);
  assert.deepEqual(await run(), [10, '10']);
  // A script that the server forgot is loaded again over a new connection.
  await server.command('SCRIPT', 'FLUSH');
  pool.disconnect();
  assert.deepEqual(await run(), [15, '15']);
});
