import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ConnectionPool, TCPConnection, TCPLocation } from '../../../src/index.ts';
import { startServer, type TestServer } from '../../../src/testkit/index.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const SIZE = 300_000;

/** Whether the answer of `make` is collected although the connection stays idle. */
async function isLetGo(make: () => PromiseLike<unknown>): Promise<boolean> {
  const reply = await (async () => {
    const value = (await make()) as Buffer;
    assert.equal(value.length, SIZE);
    return new WeakRef(value);
  })();
  for (let attempt = 0; attempt < 20; attempt++) {
    await new Promise(setImmediate);
    collect();
    if (reply.deref() === undefined) return true;
  }
  return false;
}

describe('values that a caller has let go of are collected', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
    const pool = ConnectionPool.fromUrl(server.url);
    await pool.execute('SET', 'large', Buffer.alloc(SIZE, 'x'));
    await pool.close();
  });
  after(() => server.stop());

  test('a pool does not keep its last reply', async () => {
    await using pool = ConnectionPool.fromUrl(server.url);
    assert.equal(await isLetGo(() => pool.execute('GET', 'large')), true);
    assert.equal(await isLetGo(() => pool.executeRequest('GET', ['large'], { timeout: 5000 })), true);
    assert.equal(await isLetGo(() => pool.use((lease) => lease.createRequest('GET', ['large']))), true);
  });

  test('a connection does not keep its last reply', async () => {
    const connection = new TCPConnection(new TCPLocation(server.host, server.port));
    await connection.run();
    assert.equal(await isLetGo(() => connection.createRequest('GET', ['large'])), true);
    await connection.close();
  });
});

test('an idle pool with one connection takes less than 25 KiB of the heap', async () => {
  const POOLS = 100;
  await using server = await startServer();
  const open = (): Promise<ConnectionPool> =>
    ConnectionPool.fromUrl(server.url).open() as Promise<ConnectionPool>;
  const used = async (): Promise<number> => {
    for (let turn = 0; turn < 3; turn++) {
      await new Promise(setImmediate);
      collect();
    }
    return process.memoryUsage().heapUsed;
  };
  // Code and data that the first pools load stay.
  const pools = await Promise.all(Array.from({ length: 20 }, open));
  const before = await used();
  while (pools.length < 20 + POOLS) pools.push(...(await Promise.all(Array.from({ length: 10 }, open))));
  const each = ((await used()) - before) / POOLS;
  await Promise.all(pools.map((pool) => pool.close()));
  assert.ok(each < 25 * 1024, `${Math.round(each)} bytes`);
});
