// A smoke of programs for ioredis; `npm run test:consumers` runs the others.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import { Redis } from '../../../src/ioredis/index.ts';
import { startServer } from '../../../src/testkit/index.ts';

interface Limiter {
  consume(key: string): Promise<{ remainingPoints: number }>;
}
interface Lock {
  unlock(): Promise<void>;
  extend(time: number): Promise<Lock>;
}
interface Locks {
  lock(resource: string, time: number): Promise<Lock>;
}

const require = createRequire(import.meta.url);
const server = await startServer();
const clients: Redis[] = [];
after(async () => {
  for (const client of clients) client.disconnect();
  await server.stop();
});

function connect(): Redis {
  const redis = new Redis(server.url);
  clients.push(redis);
  return redis;
}

test('rate-limiter-flexible counts points over respool/ioredis', async () => {
  const { RateLimiterRedis } = require('rate-limiter-flexible') as {
    RateLimiterRedis: new (options: object) => Limiter;
  };
  const limiter = new RateLimiterRedis({ storeClient: connect(), points: 2, duration: 10 });
  assert.equal((await limiter.consume('user')).remainingPoints, 1);
  assert.equal((await limiter.consume('user')).remainingPoints, 0);
  await assert.rejects(
    limiter.consume('user'),
    ({ msBeforeNext }: { msBeforeNext: number }) => msBeforeNext > 0,
  );
});

test('redlock locks, extends and unlocks over respool/ioredis', async () => {
  const Redlock = require('redlock') as new (clients: Redis[], options: object) => Locks;
  const locks = new Redlock([connect()], { retryCount: 1, retryDelay: 1 });
  const lock = await locks.lock('resource', 5_000);
  await assert.rejects(locks.lock('resource', 5_000), /Exceeded/);
  await (await lock.extend(5_000)).unlock();
  await (await locks.lock('resource', 5_000)).unlock();
});
