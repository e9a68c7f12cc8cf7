// A CommonJS program. Compiled by scripts/check-consumers.mjs in every mode of resolution, and run.
import Redis, { Cluster, type RedisOptions } from 'respool/ioredis';
import { type BytesPool, ConnectionPool, type RedisValue, type Reply, type TextPool } from 'respool';
import { instrument } from 'respool/otel';
import { startServer } from 'respool/testkit';
import respool = require('respool');

declare module 'respool' {
  interface Commands<Text> {
    'COMMONJS.COMMAND': { args: [key: RedisValue]; reply: Text | null };
  }
}

export async function typed(pool: TextPool, redis: Redis): Promise<Reply> {
  const value: string | null = await pool.execute('GET', 'k');
  const own: string | null = await pool.execute('COMMONJS.COMMAND', 'k');
  // @ts-expect-error: an argument too many
  await pool.execute('COMMONJS.COMMAND', 'k', 'l');
  // @ts-expect-error: not a RedisValue
  await pool.execute('SET', 'k', {});
  const options: RedisOptions = { lazyConnect: true };
  return [value, own, await new Redis(options).get('k'), await redis.get('k')].join();
}

async function main(): Promise<void> {
  const text: TextPool = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0', { decodeResponses: true });
  const bytes: BytesPool = respool.ConnectionPool.fromUrl('redis://127.0.0.1:6379/0');
  const redis = new Redis({ lazyConnect: true });
  const sameClass = text instanceof respool.ConnectionPool && redis instanceof Redis;
  if (!sameClass || typeof Cluster !== 'function') throw new Error('the classes are not there');
  if (typeof instrument !== 'function' || typeof startServer !== 'function') throw new Error('entries lack');
  redis.disconnect();
  await Promise.all([text.close(), bytes.close()]);
  console.log('hello from CommonJS');
}

void main();
