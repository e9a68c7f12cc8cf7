import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ConnectionPool, WrongTypeError } from '../../../src/index.ts';
import { reply, ScriptedServer, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { atRest, failure } from './support.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let server: TestServer;
before(async () => {
  server = await startServer();
  const pool = ConnectionPool.fromUrl(server.url);
  for (let from = 0; from < 2_000; from += 100) {
    const pairs = Array.from({ length: 100 }, (_, index) => [`key:${from + index}`, 'v']).flat();
    await pool.execute('MSET', ...pairs);
  }
  const fields = Array.from({ length: 1_000 }, (_, index) => [`f${index}`, `v${index}`]).flat();
  await pool.execute('HSET', 'hash', ...fields);
  await pool.execute('SADD', 'set', ...Array.from({ length: 1_000 }, (_, index) => `m${index}`));
  const scores = Array.from({ length: 1_000 }, (_, index) => [index / 2, `z${index}`]).flat();
  await pool.execute('ZADD', 'zset', ...scores);
  await pool.execute('ZADD', 'ends', '-inf', 'a', '+inf', 'b', 1.5, 'c');
  await pool.close();
});
after(() => server.stop());

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test('scan yields every key; option match, option count and option type choose', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  assert.equal(new Set(await all(pool.scan())).size, 2_004);
  const keys: string[] = await all(pool.scan({ match: 'key:*', count: 500 }));
  assert.equal(new Set(keys).size, 2_000);
  assert.deepEqual(new Set(await all(pool.scan({ type: 'zset' }))), new Set(['zset', 'ends']));
  assert.deepEqual(await all(pool.scan({ match: Buffer.from('hash') })), ['hash']);
  assert.deepEqual(await all(pool.scan({ match: 'none:*' })), []);
});

test('pages come as the server gives them, and are never empty', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  const pages = await all(pool.scan({ match: 'key:1*', count: 100 }).pages());
  assert.ok(pages.length > 5 && pages.every((page) => page.length > 0));
  assert.equal(new Set(pages.flat()).size, 1_111);
  const scan = pool.scan({ match: 'key:1', count: 1_000 });
  // Each iteration is a scan of its own.
  assert.deepEqual([await all(scan), await all(scan)], [['key:1'], ['key:1']]);
});

test('hscan, sscan and zscan yield pairs, members and scores', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  const fields = new Map(await all(pool.hscan('hash', { count: 100 })));
  assert.deepEqual([fields.size, fields.get('f7')], [1_000, 'v7']);
  assert.equal(new Set(await all(pool.sscan('set'))).size, 1_000);
  const scores = new Map(await all(pool.zscan('zset')));
  assert.deepEqual([scores.size, scores.get('z7')], [1_000, 3.5]);
  assert.deepEqual(
    new Map(await all(pool.zscan('ends'))),
    new Map([
      ['a', -Infinity],
      ['b', Infinity],
      ['c', 1.5],
    ]),
  );
  assert.deepEqual(await all(pool.hscan('missing')), []);
  assert.ok((await failure(all(pool.sscan('hash')))) instanceof WrongTypeError);
  await using bytes = ConnectionPool.fromUrl(server.url);
  const [[field, value] = []] = await all(bytes.hscan('hash', { match: 'f7' }));
  assert.deepEqual([field, value], [Buffer.from('f7'), Buffer.from('v7')]);
});

test('leaving a scan early ends it, and a signal ends it with its reason', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  for await (const key of pool.scan({ count: 10 })) {
    assert.equal(typeof key, 'string');
    break;
  }
  const controller = new AbortController();
  const reason = new Error('enough');
  let count = 0;
  const scanning = (async () => {
    for await (const _ of pool.scan({ count: 10, signal: controller.signal })) {
      if (++count === 25) controller.abort(reason);
    }
  })();
  assert.equal(await failure(scanning), reason);
  assert.ok(count < 60);
  await atRest(pool as never);
});

test('bad options are refused at the call', async () => {
  await using pool = ConnectionPool.fromUrl(server.url);
  for (const options of [
    { match: 1 },
    { count: 0 },
    { count: 1.5 },
    { type: '' },
    { cursor: 5 },
    { signal: 1 },
  ])
    assert.throws(() => pool.scan(options as never), TypeError);
  assert.throws(() => pool.hscan('a', { type: 'hash' } as never), TypeError);
  assert.throws(() => pool.hscan(null as never), TypeError);
  await using silent = ConnectionPool.fromUrl(server.url, { noreply: true });
  assert.throws(() => silent.scan(), /noreply/);
});

test('a scan goes on over a new connection to the same server', async () => {
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  const keys: string[] = [];
  for await (const key of pool.scan({ match: 'key:*', count: 50 })) {
    keys.push(key);
    if (keys.length % 500 === 0) await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  }
  assert.equal(new Set(keys).size, 2_000);
  // The scan did not begin again.
  assert.equal(keys.length, 2_000);
});

test('a scan begins again at another server, because its cursor means nothing there', async () => {
  const cursors: string[] = [];
  let process = 'a';
  await using scripted = await ScriptedServer.start((command) => {
    if (command[0] === 'INFO') return reply.bulk(`# Server\r\nrun_id:${process}\r\n`);
    if (command[0] !== 'SCAN') return undefined;
    cursors.push(`${process}${command[1]}`);
    const next = command[1] === '0' ? '7' : '0';
    return reply.array(reply.bulk(next), reply.array(reply.bulk(`${process}${command[1]}`)));
  });
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  const keys: string[] = [];
  for await (const key of pool.scan()) {
    keys.push(key);
    if (keys.length > 1) continue;
    process = 'b';
    for (const connection of scripted.connections) connection.reset();
  }
  assert.deepEqual(keys, ['a0', 'b0', 'b7']);
  assert.deepEqual(cursors, ['a0', 'b7', 'b0', 'b7']);
});

test('a server restart in the middle of a scan loses no key', async () => {
  await using own = await startServer({ args: ['--save', '3600 1', '--appendonly', 'no'] } as never);
  await using pool = ConnectionPool.fromUrl(own.url, { decodeResponses: true });
  const names = Array.from({ length: 1_000 }, (_, index) => `k${index}`);
  await pool.execute('MSET', ...names.flatMap((name) => [name, 'v']));
  await pool.execute('SAVE');
  const keys = new Set<string>();
  let restarted = false;
  for await (const key of pool.scan({ count: 50 })) {
    keys.add(key);
    if (keys.size < 300 || restarted) continue;
    restarted = true;
    await own.restart();
  }
  assert.ok(restarted);
  assert.equal(keys.size, 1_000);
});

test('a million keys are scanned in the memory of a few pages', async () => {
  await using own = await startServer({ args: ['--enable-debug-command', 'yes'] } as never);
  await using pool = ConnectionPool.fromUrl(own.url, { decodeResponses: true });
  const COUNT = 1_000_000;
  await pool.execute('DEBUG', 'POPULATE', COUNT, 'key', 1);
  const seen = new Uint8Array(COUNT);
  const held: number[] = [];
  let pages = 0;
  for await (const page of pool.scan({ count: 5_000 }).pages()) {
    for (const key of page) seen[Number(key.slice(4))] = 1;
    if (++pages % 50 !== 0) continue;
    collectGarbage();
    held.push(process.memoryUsage().heapUsed);
  }
  assert.equal(
    seen.reduce((sum, one) => sum + one, 0),
    COUNT,
  );
  assert.ok(held.length >= 3, `${held.length} samples`);
  const growth = Math.max(...held) - held[0]!;
  assert.ok(growth < 4 << 20, `the heap grew by ${growth} bytes: ${held.join(', ')}`);
});
