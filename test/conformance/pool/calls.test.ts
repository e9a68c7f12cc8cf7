import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
  Channel,
  ConnectionError,
  ConnectionPool,
  InvalidResponse,
  LRUCache,
  PatternChannel,
  PoolClosedError,
  type ResponseError,
  unwrap,
  WrongTypeError,
} from '../../../src/index.ts';
import { reply, ScriptedServer, type TestServer } from '../../../src/testkit/index.ts';
import { answerLater, atRest, failure, gauges, sleep, until } from './support.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started));

test('a pool from a URL answers as the README says', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  await pool.execute('SET', 'k', 'v');
  const value: string = await pool.execute<string>('GET', 'k');
  assert.equal(value, 'v');
  assert.equal(await pool.execute('GET', 'missing'), null);
  assert.equal(pool.address, `127.0.0.1:${server.port}`);
  assert.equal(pool.db, 0);
  assert.equal(pool.encoding, 'utf-8');
});

test('construction does no I/O and open() connects once for concurrent callers', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({ location: scripted.location });
  await sleep(20);
  assert.equal(scripted.connections.length, 0);
  assert.deepEqual(gauges(pool), [0, 0, 0, 0, 0]);
  const opened = await Promise.all([pool.open(), pool.open(), pool.open()]);
  assert.ok(opened.every((one) => one === pool));
  assert.equal(scripted.connections.length, 1);
  assert.deepEqual(gauges(pool), [1, 0, 1, 0, 0]);
});

test('a caller that aborts open() leaves the opening to the others', async () => {
  await using scripted = await ScriptedServer.start({
    HELLO: async () => {
      await sleep(50);
      return undefined;
    },
  });
  await using pool = new ConnectionPool({ location: scripted.location });
  const abort = new AbortController();
  const first = failure(pool.open({ signal: abort.signal }));
  const second = pool.open();
  abort.abort(new Error('enough'));
  assert.equal((await first).message, 'enough');
  assert.equal(await second, pool);
  assert.equal(scripted.connections.length, 1);
});

test('commands of one turn go out in one write over one connection, in call order', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({ location: scripted.location });
  await pool.open();
  const sent = Array.from({ length: 100 }, (_, index) => String(index));
  const replies = await Promise.all(sent.map((text) => pool.execute('ECHO', text)));
  assert.deepEqual(replies.map(String), sent);
  const echoes = scripted.commands.filter(({ name }) => name === 'ECHO');
  assert.deepEqual(
    echoes.map(({ args }) => args[1]),
    sent,
  );
  assert.equal(new Set(echoes.map(({ chunk }) => chunk)).size, 1);
  assert.equal(scripted.connections.length, 1);
});

test('options and lists of the wrong type are TypeErrors that name them', async () => {
  await using pool = ConnectionPool.fromUrl(server.url);
  const none = null as never;
  const closed = new Channel('a');
  closed.close();
  const bad: [() => unknown, RegExp][] = [
    [() => new ConnectionPool(none), /options of a pool must be an object/],
    [() => new LRUCache(none), /options of LRUCache must be an object/],
    [() => new Channel('a', none), /options of a channel must be an object/],
    [() => pool.with(none), /options must be an object/],
    [() => pool.executeRequest('PING', [], none), /options must be an object/],
    [() => pool.executeBatch(none), /commands of a batch must be an array/],
    [() => pool.executeBatch([], none), /options must be an object/],
    [() => pool.executeBatch([none]), /each command must be an object/],
    [() => pool.transaction([none]), /each command must be an object/],
    [() => pool.use(none), /use\(\) needs a function/],
    [() => pool.use((connection) => connection.createRequest('PING', [], none)), /options must be an object/],
    [() => unwrap(none), /unwrap\(\) takes the entries of a batch/],
    [() => unwrap(pool.executeBatch([]) as never), /await the batch first/],
    [() => pool.executePubsub('PSUBSCRIBE', new Channel('a')), /make it with new PatternChannel\(name\)/],
    [() => pool.executePubsub('SUBSCRIBE', new PatternChannel('a')), /PSUBSCRIBE and PUNSUBSCRIBE take it/],
    [() => pool.executePubsub('SUBSCRIBE', closed), /is closed, and does not open again/],
    [() => pool.executePubsub('SUBSCRIBE', { name: 'a' } as never), /a class that extends AbstractChannel/],
    [() => new Channel('a').putNowait('text' as never), /takes bytes/],
    [() => new Channel('a').putNowait(none), /takes bytes/],
    [
      () => new Channel('a*', { isPattern: true }).putNowait(['a', 'b'] as never),
      /takes \[channel, message\]/,
    ],
  ];
  for (const [call, message] of bad) {
    await assert.rejects(async () => await call(), { name: 'TypeError', message });
  }
});

test('a SUBSCRIBE on an unref’d pool keeps the process until the acknowledgement', async () => {
  const entry = new URL('../../../src/index.js', import.meta.url).href;
  for (const before of ['', "await pool.execute('PING');"]) {
    const source = `
      import { ConnectionPool } from ${JSON.stringify(entry)};
      const pool = ConnectionPool.fromUrl(${JSON.stringify(server.url)});
      ${before}
      pool.unref();
      await pool.executePubsub('SUBSCRIBE', 'news');
      console.log('acknowledged');`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source]);
    assert.equal(stdout, 'acknowledged\n');
  }
});

test('a command whose reply was malformed counts as maybe executed, and is sent once', async () => {
  for (const broken of ['@bad\r\n', '$-5\r\n', ':abc\r\n', '*1\r\n'.repeat(2_000)]) {
    await using scripted = await ScriptedServer.start({ INCR: broken, BLPOP: broken });
    const location = scripted.location;
    await using pool = new ConnectionPool({ location, maxConnections: 2 });
    const sent = (name: string): number => scripted.commands.filter((one) => one.name === name).length;
    const request = pool.executeRequest('INCR', ['x']);
    const error = (await failure(request)) as InvalidResponse;
    assert.ok(error instanceof InvalidResponse);
    assert.deepEqual(
      [error.maybeExecuted, request.maybeExecuted, error.command, error.endpoint],
      [true, true, 'INCR', location.toString()],
    );
    assert.equal(sent('INCR'), 1);
    const timely = pool.with({ timeout: 300 });
    assert.ok((await failure(timely.execute('INCR', 'x'))) instanceof InvalidResponse);
    assert.equal(sent('INCR'), 2);
    const both = [
      { command: 'INCR', args: ['x'] },
      { command: 'INCR', args: ['y'] },
    ];
    for (const one of (await pool
      .executeBatch(both, { timeout: 2000 })
      .catch((all: unknown) => [all])) as Error[]) {
      assert.equal((one as InvalidResponse).maybeExecuted, true);
    }
    assert.equal(sent('INCR'), 4);
    const blocked = (await failure(pool.execute('BLPOP', 'q', 0))) as InvalidResponse;
    assert.deepEqual([blocked.maybeExecuted, sent('BLPOP')], [true, 1]);
  }
});

test('a server error rejects the call, or is its value with option raiseExceptions false', async () => {
  await using pool = ConnectionPool.fromUrl(server.url);
  await pool.execute('SET', 'text', 'x');
  assert.ok((await failure(pool.execute('LPUSH', 'text', 'y'))) instanceof WrongTypeError);
  const value = await pool.executeRequest('LPUSH', ['text', 'y'], { raiseExceptions: false });
  assert.ok(value instanceof WrongTypeError);
});

test('option decode and option encoding of a call overrule those of the pool', async () => {
  await using pool = ConnectionPool.fromUrl(server.url);
  assert.ok(Buffer.isBuffer(await pool.execute('ECHO', 'ä')));
  assert.equal(await pool.executeRequest('ECHO', ['ä'], { decode: true }), 'ä');
  const bytes = Buffer.from([0xe4]);
  assert.equal(await pool.executeRequest('ECHO', [bytes], { decode: true, encoding: 'latin1' }), 'ä');
});

test('option noreply of a call resolves to null and the server does not answer', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1 });
  const results = await Promise.all([
    pool.executeRequest('SET', ['quiet', '1'], { noreply: true }),
    pool.execute('GET', 'quiet'),
    pool.with({ noreply: true }).executeBatch([{ command: 'INCR', args: ['quiet'] }]),
    pool.execute('GET', 'quiet'),
  ]);
  assert.deepEqual(
    results.map((one) => (Buffer.isBuffer(one) ? String(one) : one)),
    [null, '1', [null], '2'],
  );
});

test('option noreply of a pool resolves everything to null and the commands arrive', async () => {
  await server.command('DEL', 'silent');
  await using pool = ConnectionPool.fromUrl(server.url, { noreply: true });
  assert.equal(await pool.execute('INCR', 'silent'), null);
  assert.deepEqual(await pool.executeBatch([{ command: 'INCR', args: ['silent'] }, { command: 'NOPE' }]), [
    null,
    null,
  ]);
  assert.equal(await pool.executeRequest('INCR', ['silent']), null);
  await until(async () => (await server.command('GET', 'silent')) === '3', 'all three to arrive');
});

test('option cache: false and option splitMultiKey of a call are accepted and change nothing on a plain pool', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  await pool.execute('MSET', 'a', '1', 'b', '2');
  assert.equal(await pool.executeRequest('GET', ['a'], { cache: false }), '1');
  assert.deepEqual(await pool.executeRequest('MGET', ['a', 'b'], { splitMultiKey: true }), ['1', '2']);
  for (const name of [
    'cache',
    'splitMultiKey',
    'noreply',
    'decode',
    'raiseExceptions',
    'disconnectOnCancellation',
  ]) {
    const error = await failure(pool.executeRequest('GET', ['a'], { [name]: 'yes' }));
    assert.ok(error instanceof TypeError && error.message.includes(name), name);
  }
  const unknown = await failure(pool.executeRequest('GET', ['a'], { timeOut: 5 } as object));
  assert.ok(unknown instanceof TypeError && unknown.message.includes('timeOut'));
});

test('with() is a view of the pool with options of its own', async () => {
  await using pool = ConnectionPool.fromUrl(server.url);
  const view = pool.with({ decode: true, timeout: 1_000 });
  assert.equal(await view.execute('ECHO', 'x'), 'x');
  assert.deepEqual(await view.executeBatch([{ command: 'ECHO', args: ['y'] }]), ['y']);
  assert.ok(Buffer.isBuffer(await pool.execute('ECHO', 'x')));
  const abort = new AbortController();
  abort.abort(new Error('over'));
  assert.equal((await failure(pool.with({ signal: abort.signal }).execute('PING'))).message, 'over');
  assert.throws(() => pool.with({ unknown: 1 } as object), /unknown/);
});

test('commands that change their connection are refused however they are spelled', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({ location: scripted.location });
  await pool.open();
  const before = scripted.commands.length;
  const names = [
    'MULTI',
    'EXEC',
    'DISCARD',
    'WATCH',
    'UNWATCH',
    'SELECT',
    'AUTH',
    'HELLO',
    'RESET',
    'QUIT',
    'MONITOR',
    'ASKING',
    'READONLY',
    'READWRITE',
    'SYNC',
    'PSYNC',
    'REPLCONF',
    'WAIT',
    'WAITAOF',
    'SUBSCRIBE',
    'UNSUBSCRIBE',
    'PSUBSCRIBE',
    'PUNSUBSCRIBE',
    'SSUBSCRIBE',
    'SUNSUBSCRIBE',
  ];
  const two = ['REPLY', 'TRACKING', 'CACHING', 'SETNAME', 'SETINFO', 'NO-EVICT', 'NO-TOUCH', 'CAPA'];
  const spelled: [string | Uint8Array, string[]][] = [];
  for (const name of names) {
    const mixed = name.slice(0, 1) + name.slice(1).toLowerCase();
    for (const text of [name, name.toLowerCase(), mixed])
      spelled.push([text, ['a']], [Buffer.from(text), ['a']]);
  }
  for (const sub of [...two.map((word) => `CLIENT ${word}`), 'SCRIPT DEBUG']) {
    const [first, second] = sub.split(' ') as [string, string];
    spelled.push(
      [sub, ['ON']],
      [sub.toLowerCase(), ['ON']],
      [Buffer.from(sub), ['ON']],
      [first, [second, 'ON']],
    );
    spelled.push([first.toLowerCase(), [second.toLowerCase(), 'ON']], [Buffer.from(first), [second, 'ON']]);
  }
  for (const [command, args] of spelled) {
    const what = `${String(command)} ${args.join(' ')}`;
    for (const promise of [
      pool.execute(command, ...args),
      pool.executeRequest(command, args),
      pool.executeBatch([{ command, args }]),
    ]) {
      const error = await failure(promise);
      assert.ok(error instanceof TypeError, `${what}: ${error}`);
      assert.match(error.message, /pool|option|executePubsub|acquire|use\(\)|execute/i, what);
    }
  }
  const bytes = await failure(pool.executeRequest('CLIENT', [Buffer.from('reply'), 'OFF']));
  assert.ok(bytes instanceof TypeError && /noreply/.test(bytes.message));
  assert.match((await failure(pool.execute('SUBSCRIBE', 'c'))).message, /executePubsub/);
  assert.match((await failure(pool.execute('MULTI'))).message, /acquire/);
  assert.equal(scripted.commands.length, before);
});

test('a bad argument is a TypeError and nothing is sent', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({ location: scripted.location });
  await pool.open();
  const before = scripted.commands.length;
  for (const bad of [undefined, null, true, {}, [], Number.NaN, Symbol('s')]) {
    assert.ok((await failure(pool.execute('SET', 'k', bad as never))) instanceof TypeError);
  }
  for (const timeout of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5' as never]) {
    const error = await failure(pool.executeRequest('PING', [], { timeout }));
    assert.ok(error instanceof TypeError && error.message.includes('timeout'));
  }
  assert.ok((await failure(pool.executeRequest('PING', [], { signal: {} as never }))) instanceof TypeError);
  assert.ok((await failure(pool.execute(5 as never))) instanceof TypeError);
  assert.equal(scripted.commands.length, before);
});

test('option signal: an aborted call rejects with the reason itself and knows whether it may have been executed', async () => {
  await using scripted = await ScriptedServer.start({ GET: null });
  await using pool = new ConnectionPool({ location: scripted.location, maxConnections: 1 });
  await pool.open();
  const reason = { not: 'an error' };
  const aborted = pool.executeRequest('GET', ['k'], { signal: AbortSignal.abort(reason) });
  assert.equal(await failure(aborted), reason);
  assert.equal(aborted.maybeExecuted, false);

  const unsent = new AbortController();
  const queued = pool.executeRequest('GET', ['k'], { signal: unsent.signal });
  unsent.abort(reason);
  assert.equal(await failure(queued), reason);
  assert.equal(queued.maybeExecuted, false);
  await pool.execute('PING');
  assert.ok(!scripted.commands.some(({ name }) => name === 'GET'));

  const sent = new AbortController();
  const written = pool.executeRequest('GET', ['k'], { signal: sent.signal });
  await scripted.waitForCommand('GET');
  sent.abort(reason);
  assert.equal(await failure(written), reason);
  assert.equal(written.maybeExecuted, true);
});

test('the late reply of an aborted call reaches no other call', async () => {
  const { answer, release } = answerLater(reply.bulk('late'));
  await using scripted = await ScriptedServer.start({ GET: answer });
  await using pool = new ConnectionPool({
    location: scripted.location,
    decodeResponses: true,
    maxConnections: 1,
  });
  const abort = new AbortController();
  const slow = failure(pool.executeRequest('GET', ['k'], { signal: abort.signal }));
  const echo = pool.execute('ECHO', 'mine');
  await scripted.waitForCommand('ECHO');
  abort.abort();
  await slow;
  release();
  assert.equal(await echo, 'mine');
  assert.equal(scripted.connections.length, 1);
});

test('option disconnectOnCancellation ends the connection, and fails no request of another caller', async () => {
  const { answer, release } = answerLater(reply.bulk('x'));
  await using scripted = await ScriptedServer.start({ GET: answer });
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  const abort = new AbortController();
  const options = { signal: abort.signal, disconnectOnCancellation: true };
  const mine = failure(pool.executeRequest('GET', ['k'], options));
  const other = pool.execute('ECHO', 'other');
  await scripted.waitForCommand('ECHO');
  abort.abort(new Error('enough'));
  assert.equal((await mine).message, 'enough');
  release();
  assert.equal(await other, 'other');
  await scripted.waitFor(() => scripted.openConnections.length === 0, 'the connection to be closed');

  const alone = new AbortController();
  scripted.script({ GET: null });
  const single = failure(
    pool.executeRequest('GET', ['k'], { signal: alone.signal, disconnectOnCancellation: true }),
  );
  await scripted.waitForCommand('GET', 2);
  alone.abort();
  await single;
  await scripted.waitFor(() => scripted.openConnections.length === 0, 'the connection to be closed');
});

test('disconnect() drops every connection and the pool stays usable', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  const lease = await pool.acquire();
  await pool.execute('PING');
  const slow = pool.use((connection) => connection.createRequest('BLPOP', ['nothing', 0]));
  await until(async () => /blocked_clients:1/.test(String(await server.command('INFO', 'clients'))));
  assert.equal(pool.statistics.activeConnections, 2);
  pool.disconnect();
  assert.equal(pool.statistics.activeConnections, 0);
  const error = await failure(slow);
  assert.ok(error instanceof ConnectionError && error.maybeExecuted);
  assert.equal(lease.connection.usable, false);
  assert.equal(await pool.execute('ECHO', 'again'), 'again');
  lease.release();
  await atRest(pool);
});

test('a pool speaks RESP2 to a server that knows nothing else', async () => {
  await using scripted = await ScriptedServer.start({
    HELLO: reply.error("ERR unknown command 'HELLO'"),
    HGETALL: reply.array(reply.bulk('f'), reply.bulk('v')),
  });
  await using pool = new ConnectionPool({
    location: scripted.location,
    decodeResponses: true,
    password: 'secret',
  });
  assert.deepEqual(await pool.execute('HGETALL', 'h'), ['f', 'v']);
  assert.deepEqual((await scripted.waitForCommand('AUTH')).args, ['AUTH', 'secret']);
});

test('EVAL that answers NOPROTO is executed once', async () => {
  await server.command('DEL', 'once');
  await using pool = ConnectionPool.fromUrl(server.url);
  const script = "redis.call('INCR', 'once') return redis.error_reply('NOPROTO sorry')";
  const error = await failure(pool.execute('EVAL', script, 0));
  assert.equal((error as ResponseError).code, 'NOPROTO');
  assert.equal(await server.command('GET', 'once'), '1');
});

test('calls on a closed pool reject with PoolClosedError and nothing throws', async () => {
  const pool = ConnectionPool.fromUrl(server.url);
  await pool.close();
  for (const call of [
    () => pool.execute('PING'),
    () => pool.execute('BLPOP', 'k', 1),
    () => pool.executeRequest('PING'),
    () => pool.executeBatch([{ command: 'PING' }]),
    () => pool.getConnection(),
    () => pool.acquire(),
    () => pool.use(() => 1),
    () => pool.open(),
    () => pool.with({}).execute('PING'),
  ]) {
    const error = await failure(call());
    assert.ok(error instanceof PoolClosedError && error.code === 'RESPOOL_POOL_CLOSED');
  }
  assert.equal(pool.tryGetConnection(), null);
  assert.equal(pool.closed, true);
});
