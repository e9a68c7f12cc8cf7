// No read is older than a second after its write, whatever happens to the guards of the cache.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BaseConnection, type CacheTracking, ConnectionPool } from '../../../src/index.ts';
import type { TestServer } from '../../../src/testkit/index.ts';
import { eventually } from '../cluster/support.ts';
import { keysNamed, Monitor } from './monitor.ts';
import { WireProxy } from './proxy.ts';
import { useServer } from '../../support/servers.ts';
import { cachedPool } from '../../conformance/cache/support.ts';

const FULL = process.env['RESPOOL_CACHE_FULL'] === '1';
const READS = FULL ? 1_000_000 : 150_000;
const KILLS = FULL ? 1_000 : 100;
const KEYS = keysNamed('key:', 100);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const WAYS: [string, CacheTracking][] = [
  ['by the connections themselves', {}],
  ['by opt-in', { mode: 'optin' }],
  ['redirected to a listener', { redirect: true }],
  ['broadcast to a listener', { mode: 'bcast', prefixes: ['key:'] }],
];

let server: TestServer;
useServer((started) => (server = started));

interface Run {
  readonly monitor: Monitor;
  readonly pool: ConnectionPool<BaseConnection, true>;
  readonly writer: ConnectionPool;
}

/** Readers and writers at work while `faults` happens. */
async function run(
  pool: ConnectionPool<BaseConnection, true>,
  monitor: Monitor,
  writers: number,
  faults: (run: Run) => Promise<void>,
): Promise<void> {
  await using writer = new ConnectionPool({ location: server.location, deadPeerTimeout: 1_000 });
  await writer.execute('FLUSHALL');
  const writing = Array.from({ length: writers }, () => monitor.write(writer, 20));
  const reading = monitor.readOn(pool, 20, 2);
  try {
    // A violation ends the run.
    await Promise.race([faults({ monitor, pool, writer }), reading]);
  } finally {
    monitor.stop();
    await pool.close({ timeout: 100 });
    await Promise.all(writing);
  }
  await reading;
}

for (const [name, cacheTracking] of WAYS) {
  test(`${READS} reads against 20 writers are never stale: ${name}`, async () => {
    const monitor = new Monitor(KEYS);
    await using writer = new ConnectionPool({ location: server.location });
    await using pool = cachedPool(server, { cache: monitor.cache, cacheTracking });
    await writer.execute('FLUSHALL');
    const writing = Array.from({ length: 20 }, () => monitor.write(writer, 40));
    const share = name === 'by the connections themselves' ? READS : READS / 5;
    try {
      await monitor.read(pool, share, 100);
    } finally {
      monitor.stop();
      await Promise.all(writing);
    }
    assert.equal(monitor.failed, 0);
    assert.ok(monitor.reads >= share);
    assert.ok(monitor.cache.stats.hits > share / 3, `${monitor.cache.stats.hits} hits`);
    assert.ok(monitor.writes > 100);
  });

  test(`a guard behind a black hole serves nothing stale: ${name}`, async () => {
    await using proxy = await WireProxy.start(server.location);
    const monitor = new Monitor(KEYS);
    const pool = cachedPool(proxy, {
      cache: monitor.cache,
      cacheTracking,
      // Only the cache itself is to notice.
      deadPeerTimeout: null,
    });
    await run(pool, monitor, 5, async () => {
      await sleep(300);
      proxy.blackHole();
      await sleep(2_500);
      proxy.kill();
      await eventually('reads go on', () => monitor.reads > 50 && monitor.cache.stats.hits > 100);
    });
  });

  test(`invalidations delayed on the way make no stale read: ${name}`, async () => {
    await using proxy = await WireProxy.start(server.location);
    const monitor = new Monitor(KEYS);
    const pool = cachedPool(proxy, { cache: monitor.cache, cacheTracking });
    await run(pool, monitor, 5, async () => {
      for (const stall of [500, 1_500]) {
        await sleep(300);
        proxy.stall(stall);
        await sleep(stall);
      }
      await sleep(300);
    });
    assert.ok(monitor.cache.stats.hits > 100);
  });

  test(`randomly killed connections make no stale read: ${name}`, async () => {
    const monitor = new Monitor(KEYS);
    const pool = cachedPool(server, { cache: monitor.cache, cacheTracking });
    const kills =
      cacheTracking.mode === undefined && cacheTracking.redirect === undefined ? KILLS : KILLS / 5;
    let killed = 0;
    const hits = (more: number): Promise<void> => {
      const wanted = monitor.cache.stats.hits + more;
      return eventually(`${more} hits`, () => monitor.cache.stats.hits >= wanted);
    };
    await run(pool, monitor, 5, async ({ writer }) => {
      await hits(100);
      const own = String(await server.command('CLIENT', 'ID'));
      await writer.use(async (connection) => {
        const spared = new Set([own, String(connection.clientId)]);
        for (let round = 0; killed < kills && round < kills * 10; round++) {
          await sleep(10);
          const lines = String(await server.command('CLIENT', 'LIST', 'TYPE', 'normal')).split('\n');
          // With one of each kind, listeners are among them.
          const tracked = lines.filter((line) => /flags=[^ ]*[tB]/.test(line) || line.includes('cmd=get'));
          const ids = (tracked.length > 0 ? tracked : lines).map((line) => /id=(\d+)/.exec(line)?.[1] ?? '');
          const candidates = ids.filter((id) => id !== '' && !spared.has(id));
          const victim = candidates[Math.floor(Math.random() * candidates.length)];
          if (victim !== undefined) killed += Number(await server.command('CLIENT', 'KILL', 'ID', victim));
        }
      });
      await hits(100);
    });
    assert.ok(killed >= kills, `${killed} were killed`);
  });
}

test('a paused server, and one that is restarted, make no stale read', async () => {
  const monitor = new Monitor(KEYS);
  const pool = cachedPool(server, { cache: monitor.cache });
  await run(pool, monitor, 5, async () => {
    await sleep(300);
    server.pause();
    await sleep(1_500);
    server.resume();
    const { hits } = monitor.cache.stats;
    await eventually('hits after the pause', () => monitor.cache.stats.hits > hits + 100);
  });
  const again = new Monitor(keysNamed('again:', 100));
  const second = cachedPool(server, { cache: again.cache });
  await run(second, again, 0, async () => {
    await sleep(100);
    await server.kill();
    await server.restart();
    await sleep(500);
    assert.equal(await second.execute('SET', 'again:1', 1), 'OK');
    const { hits } = again.cache.stats;
    await eventually('hits after the restart', () => again.cache.stats.hits > hits + 100);
  });
});

test('a flood of flushes leaves no stale entry', async () => {
  await using writer = new ConnectionPool({ location: server.location });
  const monitor = new Monitor(KEYS);
  await using pool = cachedPool(server, { cache: monitor.cache });
  for (let round = 0; round < 200; round++) {
    await writer.execute('SET', 'key:1', round + 1);
    await pool.execute('GET', 'key:1');
    await pool.execute('GET', 'key:1');
    await writer.execute('FLUSHALL');
    await pool.execute('PING');
    assert.equal(await pool.execute('GET', 'key:1'), null);
  }
  assert.ok(monitor.cache.stats.hits >= 100, `${monitor.cache.stats.hits} hits`);
});
