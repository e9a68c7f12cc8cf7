// Writes of a lease are own writes of the pool: they invalidate without waiting for the server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BaseConnection, type CacheTracking, ConnectionPool, LRUCache } from '../../../src/index.ts';
import { coreOf } from '../../../src/connection/base-connection.ts';
import type { CoreObserver } from '../../../src/connection/core-observer.ts';
import type { Entry } from '../../../src/connection/requests/entry.ts';
import { reply, type TestServer } from '../../../src/testkit/index.ts';
import { answerLater, failure, until } from '../pool/support.ts';
import { cachedPool, countingServer, SpiedCache } from './support.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started));

type Write = (connection: BaseConnection, value: string) => unknown;
const SCRIPT = "return redis.call('set', KEYS[1], ARGV[1])";
/** Each writes `value` to `k`, and has settled when it resolves. */
const SETS: Record<string, Write> = {
  createRequest: (lease, value) => lease.createRequest('SET', ['k', value]),
  'a key of bytes': (lease, value) => lease.createRequest('SET', [Buffer.from('k'), value]),
  'a command of two words': (lease, value) => lease.createRequest('SET k', [value]),
  execute: (lease, value) => lease.execute('SET', 'k', value),
  createRequestBatch: (lease, value) =>
    lease.createRequestBatch([
      { command: 'PING' },
      { command: 'MSET', args: ['other', value, 'k', value] },
      { command: 'PING' },
    ]),
  sendCommand: async (lease, value) => {
    lease.sendCommand('SET', ['k', value]);
    await lease.createRequest('PING');
  },
  'EVAL with declared keys': (lease, value) => lease.createRequest('EVAL', [SCRIPT, 1, 'k', value]),
  'MULTI and EXEC': async (lease, value) => {
    await lease.createRequest('MULTI');
    await lease.createRequest('SET', ['k', value]);
    await lease.createRequest('EXEC');
  },
  'MULTI and EXEC in a batch': (lease, value) =>
    lease.createRequestBatch([
      { command: 'MULTI' },
      { command: 'SET', args: ['k', value] },
      { command: 'EXEC' },
    ]),
};
/** Each leaves no `k`. */
const REMOVALS: Record<string, Write> = {
  FLUSHALL: (lease) => lease.createRequest('FLUSHALL'),
  'FLUSHDB in a transaction': (lease) =>
    lease.createRequestBatch([{ command: 'MULTI' }, { command: 'FLUSHDB' }, { command: 'EXEC' }]),
  SWAPDB: (lease) => lease.createRequest('SWAPDB', [0, 1]),
  'a move to another key': (lease) => lease.createRequest('RENAME', ['k', 'other']),
};

const MODES: [string, CacheTracking][] = [
  ['default', {}],
  ['optin', { mode: 'optin' }],
  ['redirect', { redirect: true }],
  ['bcast', { mode: 'bcast' }],
];
for (const [name, cacheTracking] of MODES) {
  test(`tracking ${name}: the next read of the pool sees the writes of a lease`, async () => {
    const cache = new LRUCache();
    await using pool = cachedPool(server, { cache, cacheTracking });
    await server.command('FLUSHALL');
    const held = async (value: string): Promise<void> => {
      await pool.execute('SET', 'k', value);
      const { hits } = cache.stats;
      await until(async () => (await pool.execute('GET', 'k')) === value && cache.stats.hits > hits, 'a hit');
    };
    using lease = await pool.acquire();
    const { connection } = lease;
    for (const [way, write] of Object.entries({ ...SETS, ...REMOVALS })) {
      for (let round = 0; round < 10; round++) {
        await held(`old ${round}`);
        await write(connection, `new ${round}`);
        assert.equal(await pool.execute('GET', 'k'), way in SETS ? `new ${round}` : null, way);
        if (way === 'SWAPDB') await server.command('FLUSHALL');
      }
    }
  });
}

test('writes of a lease invalidate when queued and when settled; those of a transaction with its EXEC', async () => {
  await using scripted = await countingServer({
    EXEC: () => reply.array(reply.ok),
    SADD: () => reply.error('ERR no'),
  });
  const cache = new SpiedCache();
  await using pool = cachedPool(scripted, { cache });
  using lease = await pool.acquire();
  const { connection } = lease;
  const dropped = (): string => cache.dropped.splice(0).join(' ');
  const write = connection.createRequest('SET', ['k', 'x']);
  assert.equal(dropped(), 'k');
  await write;
  assert.equal(dropped(), 'k');
  await failure(connection.createRequest('SADD', ['refused', 'x']));
  assert.equal(dropped(), 'refused refused');
  const controller = new AbortController();
  const given = connection.createRequest('SET', ['given up', 'x'], { signal: controller.signal });
  controller.abort();
  await failure(given);
  assert.equal(dropped(), 'given up given up');

  await connection.createRequest('MULTI');
  await connection.createRequest('SET', ['a', 'x']);
  await connection.createRequest('SET', ['b', 'x']);
  dropped();
  const exec = connection.createRequest('EXEC');
  assert.equal(dropped(), 'a b');
  await exec;
  assert.equal(dropped(), 'a b');
  await connection.createRequestBatch([
    { command: 'MULTI' },
    { command: 'SET', args: ['c', 'x'] },
    { command: 'DISCARD' },
    { command: 'MULTI' },
    { command: 'SET', args: ['d', 'x'] },
  ]);
  dropped();
  await connection.createRequest('EXEC');
  assert.equal(dropped(), 'd d', 'what was discarded is not done by the next EXEC');
  await connection.createRequest('GET', ['k']);
  assert.equal(dropped(), '', 'reads drop nothing');
  await connection.createRequest('SET', ['n', 'x'], { noreply: true });
  assert.equal(dropped(), 'n n');
});

test('a read in flight while a lease writes its key is not kept', async () => {
  const { answer, release } = answerLater(reply.bulk('old'));
  await using scripted = await countingServer({ GET: answer });
  const cache = new SpiedCache();
  await using pool = cachedPool(scripted, { cache });
  using lease = await pool.acquire();
  const read = pool.execute('GET', 'k');
  await scripted.waitForCommand('GET');
  await lease.connection.createRequest('SET', ['k', 'new']);
  release();
  assert.equal(await read, 'old');
  assert.deepEqual(cache.puts, []);
});

/** The entries of later requests on a connection, as the pool's cache leaves them. */
function watched(connection: BaseConnection): Entry[] {
  const owner = coreOf(connection).observer as CoreObserver;
  const told = owner.requested.bind(owner);
  const entries: Entry[] = [];
  owner.requested = (entry, args) => {
    told(entry, args);
    entries.push(entry);
  };
  return entries;
}

test('a pool without a cache follows no request of a lease', async () => {
  await using pool = new ConnectionPool({ location: server.location });
  using lease = await pool.acquire();
  const entries = watched(lease.connection);
  await lease.connection.createRequest('SET', ['k', 'x']);
  assert.deepEqual(
    entries.map(({ followed }) => followed),
    [false],
  );
});

test('a pool with a cache follows only the writes of a lease', async () => {
  await using pool = new ConnectionPool({ location: server.location, cache: new LRUCache() });
  using lease = await pool.acquire();
  const { connection } = lease;
  const entries = watched(connection);
  const requests = [connection.createRequest('GET', ['k']), connection.createRequest('SET', ['k', 'x'])];
  assert.deepEqual(
    entries.map(({ followed }) => followed),
    [false, true],
  );
  await Promise.all(requests);
});
