import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import {
  ConnectionError,
  ConnectionPool,
  defineScript,
  LRUCache,
  NoScriptError,
  ResponseError,
} from '../../../src/index.ts';
import { ScriptedServer, type TestServer } from '../../../src/testkit/index.ts';
import { failure } from './support.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started));

const counted = async (command: string): Promise<number> => {
  const stats = String(await server.command('INFO', 'commandstats'));
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
};

test('a script is sent by its SHA, and once by its text where the server does not have it', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  const script = defineScript<number>({ lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])", keys: 1 });
  const before = await counted('eval');
  await pool.execute('DEL', 's:a');
  for (let round = 1; round <= 3; round++) assert.equal(await pool.run(script, ['s:a'], [2]), round * 2);
  assert.equal((await counted('eval')) - before, 1);
  await server.command('SCRIPT', 'FLUSH');
  const all = await Promise.all(Array.from({ length: 50 }, () => pool.run(script, ['s:a'], [2])));
  assert.deepEqual(
    all.toSorted((a, b) => a - b),
    Array.from({ length: 50 }, (_, index) => 8 + index * 2),
  );
});

test('a script with large arguments is repeated by its text with the same arguments', async () => {
  await using pool = ConnectionPool.fromUrl(server.url);
  await server.command('SCRIPT', 'FLUSH');
  const script = defineScript({ lua: "return {ARGV[1], #ARGV[2], 'é'}", keys: null });
  const large = Buffer.alloc(100_000, 7);
  assert.deepEqual(await pool.run(script, [], ['ü', large]), [Buffer.from('ü'), 100_000, Buffer.from('é')]);
  await server.command('SCRIPT', 'FLUSH');
  assert.deepEqual(await pool.run(script, [], [large, 'b']), [large, 1, Buffer.from('é')]);
});

test('a script runs alike with a cache, with traced calls and with options', async () => {
  const script = defineScript<string>({ lua: "redis.call('SET', KEYS[1], ARGV[1]) return ARGV[1]", keys: 1 });
  await using cached = ConnectionPool.fromUrl(server.url, { decodeResponses: true, cache: new LRUCache() });
  await cached.execute('SET', 's:cached', 'old');
  assert.equal(await cached.execute('GET', 's:cached'), 'old');
  assert.equal(await cached.run(script, ['s:cached'], ['new']), 'new');
  assert.equal(await cached.execute('GET', 's:cached'), 'new');
  await using traced = ConnectionPool.fromUrl(server.url, { decodeResponses: true, traceCalls: true });
  assert.equal(await traced.run(script, ['s:cached'], ['x']), 'x');
  await using plain = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  assert.deepEqual(await plain.run(script, ['s:cached'], ['y'], { decode: false }), Buffer.from('y'));
  const request = plain.run(script, ['s:cached'], ['z']);
  assert.equal(await request, 'z');
  assert.equal(request.maybeExecuted, true);
  await plain.close();
  const late = plain.run(script, ['s:cached'], ['z']);
  assert.equal((await failure(late)).name, 'PoolClosedError');
  assert.equal(late.maybeExecuted, false);
});

test('a script without a known number of keys takes any number', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  const script = defineScript<number[]>({ lua: 'return {#KEYS, #ARGV}', readOnly: true });
  for (const count of [0, 1, 2, 63, 64, 200]) {
    const keys = Array.from({ length: count }, (_, index) => `s:${index}`);
    assert.deepEqual(await pool.run(script, keys, ['a']), [count, 1]);
    assert.deepEqual(await pool.run(script, keys), [count, 0]);
  }
});

test('a read-only script is sent by EVALSHA_RO', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  const script = defineScript({ lua: "return redis.call('GET', KEYS[1])", keys: 1, readOnly: true });
  await pool.execute('SET', 's:b', 'x');
  const before = [await counted('evalsha_ro'), await counted('eval_ro')];
  assert.equal(await pool.run(script, ['s:b']), 'x');
  assert.equal(await pool.run(script, ['s:b']), 'x');
  assert.deepEqual([await counted('evalsha_ro'), await counted('eval_ro')], [before[0]! + 2, before[1]! + 1]);
  const writes = defineScript({ lua: "return redis.call('SET', KEYS[1], 1)", keys: 1, readOnly: true });
  assert.ok((await failure(pool.run(writes, ['s:b']))) instanceof ResponseError);
});

test('scripts in a batch fall back to their text, each in its place', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  await server.command('SCRIPT', 'FLUSH');
  const script = defineScript({ lua: "return redis.call('INCR', KEYS[1])", keys: 1 });
  await pool.execute('DEL', 's:c');
  const batch = [script.command(['s:c']), { command: 'ECHO', args: ['x'] }, script.command(['s:c'])];
  assert.deepEqual(await pool.executeBatch(batch), [1, 'x', 2]);
  assert.deepEqual(await pool.with({ timeout: 5_000 }).executeBatch(batch), [3, 'x', 4]);
  await server.command('SCRIPT', 'FLUSH');
  assert.deepEqual(await pool.with({ decode: false }).executeBatch(batch), [5, Buffer.from('x'), 6]);
});

test('a NOSCRIPT that a script answers itself is not taken for the server’s', async () => {
  await using pool = ConnectionPool.fromUrl(server.url);
  const script = defineScript({
    lua: "redis.call('INCR', 's:d') return redis.error_reply('NOSCRIPT of mine')",
  });
  await pool.execute('DEL', 's:d');
  assert.ok((await failure(pool.run(script, []))) instanceof NoScriptError);
  assert.ok((await failure(pool.run(script, []))) instanceof NoScriptError);
  assert.deepEqual(await pool.execute('GET', 's:d'), Buffer.from('2'));
});

test('a script that was written and lost is repeated only when it is idempotent', async () => {
  await using scripted = await ScriptedServer.start({ EVALSHA: null });
  await using pool = new ConnectionPool({ location: scripted.location });
  const script = defineScript({ lua: 'return 1' });
  const sent = (): number => scripted.commands.filter(({ name }) => name === 'EVALSHA').length;
  const request = pool.run(script, []);
  await scripted.waitForCommand('EVALSHA');
  for (const connection of scripted.connections) connection.reset();
  const error = await failure(request);
  assert.ok(error instanceof ConnectionError && error.maybeExecuted && request.maybeExecuted);
  assert.equal(sent(), 1);
});

test('option lua, option keys and option readOnly are checked, and the number of keys with each call', async () => {
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({ location: scripted.location });
  const script = defineScript({ lua: 'return 1', keys: 2 });
  assert.ok((await failure(pool.run(script, ['a']))) instanceof TypeError);
  assert.ok((await failure(pool.run({} as never, ['a']))) instanceof TypeError);
  assert.throws(() => script.command('ab' as never), TypeError);
  for (const options of [
    {},
    { lua: '' },
    { lua: 'x', keys: -1 },
    { lua: 'x', readOnly: 1 },
    { lua: 'x', sha: '' },
  ])
    assert.throws(() => defineScript(options as never), TypeError);
  assert.ok(!inspect(JSON.stringify(script)).includes('return 1'));
});

test('a transaction and a watch load a script again that the server has lost', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  const script = defineScript<number>({ lua: 'return 7', keys: 0 });
  const commands = [script.command([]), { command: 'PING' }];
  const calls = [
    () => pool.transaction(commands),
    async () => (await pool.watch(['s:w'], () => commands)) ?? [],
  ];
  for (const call of calls) {
    assert.deepEqual(await call(), [7, 'PONG']);
    await server.command('SCRIPT', 'FLUSH');
    const [missing, pong] = await call();
    assert.ok(missing instanceof NoScriptError);
    assert.equal(pong, 'PONG', 'the other commands have run');
    assert.deepEqual(await call(), [7, 'PONG']);
  }
});
