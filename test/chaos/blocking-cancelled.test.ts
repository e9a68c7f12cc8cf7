// Blocking calls that are cancelled at every moment: what was pushed was popped or is left.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool, RedisError } from '../../src/index.ts';
import { startServer } from '../../src/testkit/index.ts';
import { randomOf } from '../support/random.ts';
import { sleep } from './support/load.ts';

const seed = Number(process.env['RESPOOL_SEED'] ?? 20_261_130);
const SECONDS = 5;

test(`cancelled blocking calls lose no element in ${SECONDS} s (seed ${seed})`, async () => {
  const random = randomOf(seed);
  await using server = await startServer();
  await using pool = new ConnectionPool({
    location: server.location,
    decodeResponses: true,
    maxConnections: 16,
  });
  const end = performance.now() + SECONDS * 1000;
  const popped: string[] = [];
  let pushed = 0;
  let cancelled = 0;
  const pop = async (): Promise<void> => {
    while (performance.now() < end) {
      const limits =
        random() < 0.5 ? { timeout: 1 + random() * 8 } : { signal: abortAfter(random() * 8, random) };
      try {
        const reply = await pool.executeRequest('BLPOP', ['queue', random() < 0.5 ? 0 : 1], limits);
        if (Array.isArray(reply)) popped.push(String(reply[1]));
      } catch (error) {
        cancelled++;
        assert.ok(error instanceof RedisError || (error as Error).message === 'enough', String(error));
      }
    }
  };
  const push = async (): Promise<void> => {
    for (; performance.now() < end; await sleep(random() * 6))
      await pool.execute('RPUSH', 'queue', `${pushed++}`);
  };
  await Promise.all([...Array.from({ length: 12 }, pop), push(), push()]);
  const left = (await pool.execute('LRANGE', 'queue', 0, -1)) as string[];
  assert.equal(new Set([...popped, ...left]).size, pushed, 'an element is lost');
  assert.equal(popped.length + left.length, pushed, 'an element came twice');
  assert.ok(popped.length > 100 && cancelled > 100, `${popped.length} popped, ${cancelled} cancelled`);
});

function abortAfter(ms: number, random: () => number): AbortSignal {
  const controller = new AbortController();
  if (random() < 0.1) controller.abort(new Error('enough'));
  else setTimeout(() => controller.abort(new Error('enough')), ms);
  return controller.signal;
}
