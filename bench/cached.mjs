// A client with or without a client-side cache, in a process of its own.
import { costOf, obey } from './obey.mjs';

const [name, place] = process.argv.slice(2);
const { host, port, hot, cold, held, value } = JSON.parse(place);
const url = `redis://${host}:${port}`;

async function respool(cached) {
  const { ConnectionPool, LRUCache } = await import(process.env.RESPOOL_DIST ?? '../dist/index.js');
  const cache = cached ? new LRUCache({ maxKeys: held }) : null;
  const pool = ConnectionPool.fromUrl(url, { decodeResponses: true, cache });
  return (key) => pool.execute('GET', key);
}

async function nodeRedis(cached) {
  const { createClient } = await import('redis');
  const clientSideCache = { ttl: 0, maxEntries: held, evictPolicy: 'LRU' };
  const client = await createClient({ url, RESP: 3, ...(cached ? { clientSideCache } : {}) }).connect();
  return (key) => client.get(key);
}

const CLIENTS = {
  respool: () => respool(false),
  'respool-cache': () => respool(true),
  'node-redis': () => nodeRedis(false),
  'node-redis-cache': () => nodeRedis(true),
};

const get = await CLIENTS[name]();
for (let key = 0; key < hot; key += 1) await get(`hot:${key}`);
let missed = 0;
let turn = 0;

/** The next key: `share` of the keys are in the cache. */
function next(share) {
  turn += 1;
  if (share === 1 || turn % Math.round(1 / (1 - share)) !== 0) return `hot:${(turn * 7) % hot}`;
  missed = (missed + 1) % cold;
  return `cold:${missed}`;
}

await obey(({ share, inFlight, operations }) => {
  let left = operations;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      if ((await get(next(share))) !== value) throw new Error(`${name}: a wrong answer`);
      // Lets the event loop turn so that invalidations arrive: cached reads alone would never do so.
      if (left % 10_000 === 0) await new Promise(setImmediate);
    }
  };
  return costOf(() => Promise.all(Array.from({ length: inFlight }, worker)), operations);
});
process.exit(0);
