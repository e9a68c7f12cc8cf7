// Consumers of ioredis, unmodified, over respool/ioredis: npm run test:consumers [-- part of a name …]. With --theirs
// they run over ioredis itself, to compare.
import { Redis as Theirs } from 'ioredis';
import { Redis as Ours } from '../../dist/ioredis/index.js';
import { startServer } from '../../dist/testkit/index.js';
import { bullmq, bullmqFeatures, bullmqRestart } from './bullmq.mjs';
import * as stores from './node-redis.mjs';
import * as others from './others.mjs';
import { types } from './types.mjs';

const LIMIT = 120_000;
const consumers = {
  bullmq: (connect) => bullmq(connect, { jobs: Number(process.env.JOBS ?? 20_000), kills: 30 }),
  bullmqFeatures,
  bullmqRestart,
  ...others,
  ...stores,
  types,
};
const words = process.argv.slice(2);
const Redis = words.includes('--theirs') ? Theirs : Ours;
const filters = words.filter((word) => word !== '--theirs');
const server = await startServer();
let failed = 0;
for (const [name, run] of Object.entries(consumers)) {
  if (filters.length > 0 && !filters.some((filter) => name.includes(filter))) continue;
  const clients = [];
  const connect = (options = {}) => {
    const redis = new Redis({ host: '127.0.0.1', port: server.location.port, ...options });
    redis.on('error', () => {});
    clients.push(redis);
    return redis;
  };
  const since = performance.now();
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`not done within ${LIMIT} ms`)), LIMIT).unref();
  });
  try {
    const what = await Promise.race([run(connect, server.url), late]);
    console.log(`ok      ${name}: ${what} (${Math.round(performance.now() - since)} ms)`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}: ${error.stack}`);
  }
  for (const client of clients) client.disconnect();
}
await server.stop();
process.exit(failed === 0 ? 0 : 1);
