// A client with several threads, each with a pool of its own; the main thread starts them and gives them work.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { costOf, obey } from './obey.mjs';

const BURST = 100;
const KEYS = Array.from({ length: 1000 }, (_, index) => `key:${index}`);

async function connect({ id, host, port, cluster }) {
  if (id === 'respool') {
    const { ClusterConnectionPool, ConnectionPool } = await import(
      process.env.RESPOOL_DIST ?? '../dist/index.js'
    );
    const pool = cluster
      ? new ClusterConnectionPool({ startupNodes: [{ host, port }], decodeResponses: true })
      : ConnectionPool.fromUrl(`redis://${host}:${port}`, { decodeResponses: true });
    return (key) => pool.execute('GET', key);
  }
  const { Cluster, Redis } = await import(id);
  const client = cluster ? new Cluster([{ host, port }]) : new Redis(port, host);
  return (key) => client.get(key);
}

/** Makes bursts of calls over all keys for `ms` milliseconds. */
async function work(get, ms) {
  const until = performance.now() + ms;
  let operations = 0;
  while (performance.now() < until) {
    const all = new Array(BURST);
    for (let index = 0; index < BURST; index += 1) all[index] = get(KEYS[(operations + index) % KEYS.length]);
    await Promise.all(all);
    operations += BURST;
  }
  return operations;
}

async function runThread() {
  const get = await connect(workerData);
  await get(KEYS[0]);
  parentPort.on('message', async (ms) => parentPort.postMessage(await work(get, ms)));
  parentPort.postMessage('ready');
}

const answer = (thread) => new Promise((resolve) => thread.once('message', resolve));

async function runMain() {
  const [id, place] = process.argv.slice(2);
  const { threads, ...address } = JSON.parse(place);
  const all = [];
  for (let index = 0; index < threads; index += 1) {
    const thread = new Worker(new URL(import.meta.url), { workerData: { id, ...address } });
    await answer(thread);
    all.push(thread);
  }
  await obey(async ({ ms }) => {
    let operations = 0;
    const cost = await costOf(async () => {
      const counts = await Promise.all(
        all.map((thread) => {
          const counted = answer(thread);
          thread.postMessage(ms);
          return counted;
        }),
      );
      operations = counts.reduce((sum, count) => sum + count, 0);
    }, 0);
    return { ...cost, operations };
  });
  process.exit(0);
}

await (isMainThread ? runMain() : runThread());
