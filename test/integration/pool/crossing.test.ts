import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { ConnectionPool, TimeoutError } from '../../../src/index.ts';
import type { TestServer } from '../../../src/testkit/index.ts';
import { atRest, failure, gauges, sleep, turn, until } from '../../conformance/pool/support.ts';
import { useServer } from '../../support/servers.ts';

/** A million takes about a minute: set RESPOOL_FULL=1. */
const FULL = process.env['RESPOOL_FULL'] === '1';

let server: TestServer;
useServer((started) => (server = started));

/** The same numbers in every run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test('ECHOes over 4 connections never cross, though some abort and some time out near the round trip', async () => {
  const total = FULL ? 1_000_000 : 100_000;
  const random = randomOf(20_261_122);
  const pools = Array.from({ length: 4 }, () =>
    ConnectionPool.fromUrl(server.url, { decodeResponses: true, maxConnections: 1 }),
  );
  await Promise.all(pools.map((pool) => pool.open()));
  const shared = new AbortController();
  const counts = { right: 0, aborted: 0, timedOut: 0, settled: 0 };
  const reason = new Error('aborted');
  let next = 0;

  async function one(pool: ConnectionPool<never, true>, index: number): Promise<void> {
    const token = `token-${index}`;
    const dice = random();
    let settled = 0;
    try {
      let value: unknown;
      if (dice < 0.1) {
        const own = new AbortController();
        const call = pool.executeRequest('ECHO', [token], { signal: own.signal });
        if (dice < 0.03) process.nextTick(() => own.abort(reason));
        else if (dice < 0.06) setImmediate(() => own.abort(reason));
        else setTimeout(() => own.abort(reason), random() * 4);
        value = await call;
      } else if (dice < 0.15) {
        value = await pool.executeRequest('ECHO', [token], { timeout: 0.2 + random() * 6 });
      } else {
        value = await pool.executeRequest('ECHO', [token], { signal: shared.signal });
      }
      settled++;
      assert.equal(value, token);
      counts.right++;
    } catch (error) {
      settled++;
      if (error === reason) counts.aborted++;
      else if (error instanceof TimeoutError) counts.timedOut++;
      else throw error;
    }
    assert.equal(settled, 1);
    counts.settled++;
  }
  const lanes = pools.flatMap((pool) =>
    Array.from({ length: 64 }, async () => {
      while (next < total) await one(pool as unknown as ConnectionPool<never, true>, next++);
    }),
  );
  await Promise.all(lanes);
  assert.equal(counts.settled, total);
  assert.equal(counts.right + counts.aborted + counts.timedOut, total);
  assert.ok(counts.aborted > total / 1_000, `${counts.aborted} aborted`);
  assert.ok(counts.timedOut > 0, `${counts.timedOut} timed out`);
  assert.equal(EventEmitter.getEventListeners?.(shared.signal, 'abort').length, 0);
  for (const pool of pools) {
    await atRest(pool);
    assert.ok((gauges(pool)[0] as number) <= 1);
  }
  await Promise.all(pools.map((pool) => pool.close()));
});

test('one signal for 100,000 calls keeps no listener and causes no warning', async () => {
  await using pool = ConnectionPool.fromUrl(server.url);
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  const controller = new AbortController();
  const { signal } = controller;
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 10_000 }, () => pool.executeRequest('PING', [], { signal })));
  }
  assert.equal(EventEmitter.getEventListeners(signal, 'abort').length, 0);
  const last = Array.from({ length: 1_000 }, () => failure(pool.executeRequest('PING', [], { signal })));
  assert.ok(EventEmitter.getEventListeners(signal, 'abort').length <= 1);
  controller.abort(new Error('over'));
  for (const error of await Promise.all(last)) assert.equal(error.message, 'over');
  assert.equal(EventEmitter.getEventListeners(signal, 'abort').length, 0);
  await turn();
  process.off('warning', onWarning);
  assert.deepEqual(warnings, []);
});

test('BLPOPs aborted at random moments lose no element: pushed = popped + left', async () => {
  const total = FULL ? 10_000 : 3_000;
  const random = randomOf(7);
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true, maxConnections: 16 });
  await using producer = ConnectionPool.fromUrl(server.url);
  await server.command('DEL', 'list');
  const popped = new Set<string>();
  let pushed = 0;
  let aborted = 0;
  let running = true;
  const pushing = (async () => {
    while (running) {
      for (let burst = Math.floor(random() * 5); burst >= 0; burst--)
        await producer.execute('RPUSH', 'list', `e${pushed++}`);
      await sleep(random() * 3);
    }
  })();
  let next = 0;
  const consumers = Array.from({ length: 24 }, async () => {
    while (next++ < total) {
      const controller = new AbortController();
      const when = random();
      const reason = new Error('aborted');
      const call = pool.executeRequest<string[]>('BLPOP', ['list', 0], { signal: controller.signal });
      if (when < 0.2) process.nextTick(() => controller.abort(reason));
      else if (when < 0.4) setImmediate(() => controller.abort(reason));
      else setTimeout(() => controller.abort(reason), random() * 6);
      try {
        const [, element] = (await call) as string[];
        assert.ok(!popped.has(element as string), 'popped twice');
        popped.add(element as string);
      } catch (error) {
        assert.equal(error, reason, String(error));
        aborted++;
      }
    }
  });
  await Promise.all(consumers);
  running = false;
  await pushing;
  const left = Number(await server.command('LLEN', 'list'));
  assert.equal(pushed, popped.size + left);
  assert.ok(aborted > 100 && popped.size > 100, `${aborted} aborted, ${popped.size} popped`);
  await atRest(pool);
});

test('leases, calls and blocking calls given up at random leave every gauge at rest', async () => {
  const random = randomOf(99);
  await using pool = ConnectionPool.fromUrl(server.url, {
    decodeResponses: true,
    maxConnections: 6,
    maxWaiting: 40,
    timeout: 500,
  });
  const signs: number[] = [];
  const watch = setInterval(() => {
    const [active, inUse, idle, connecting] = gauges(pool) as [number, number, number, number];
    if (active !== inUse + idle || active + connecting > 6 || inUse < 0)
      signs.push(active, inUse, idle, connecting);
  }, 1);
  const lanes = Array.from({ length: 40 }, async (_, lane) => {
    for (let step = 0; step < 60; step++) {
      const token = `${lane}.${step}`;
      const controller = new AbortController();
      const dice = random();
      if (random() < 0.4) setTimeout(() => controller.abort(new Error('enough')), random() * 8);
      const { signal } = controller;
      try {
        if (dice < 0.4) assert.equal(await pool.executeRequest('ECHO', [token], { signal }), token);
        else if (dice < 0.5) await pool.executeRequest('BLPOP', [`none.${lane}`, 0.01], { signal });
        else if (dice < 0.6) pool.disconnect();
        else {
          const lease = await pool.acquire({ signal, timeout: random() < 0.2 ? 0 : 200 });
          const { connection } = lease;
          try {
            if (dice < 0.65) connection.invalidate('test');
            else if (dice < 0.7) connection.createRequest('SELECT', [1]);
            else if (dice < 0.75) connection.createRequest('MULTI');
            else if (dice < 0.95)
              assert.equal(await connection.createRequest('ECHO', [token], { signal }), token);
            if (random() < 0.2) await turn();
          } finally {
            if (random() < 0.5) lease.release();
            else pool.release(connection);
          }
        }
      } catch (error) {
        assert.ok(
          error instanceof Error && error.name !== 'AssertionError' && error.name !== 'TypeError',
          String((error as Error).stack),
        );
      }
    }
  });
  await Promise.all(lanes);
  clearInterval(watch);
  assert.deepEqual(signs, []);
  await atRest(pool);
  assert.equal(await pool.execute('ECHO', 'well'), 'well');
  await until(() => (gauges(pool)[0] as number) <= 6);
});
