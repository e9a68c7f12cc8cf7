// BullMQ over respool/ioredis and over ioredis: jobs per second and CPU per job: node bench/bullmq.mjs [jobs]. Each run
// has a process and a server of its own; the packages come from test/consumers.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const CONCURRENCY = 50;
const ROUNDS = 3;
const consumers = createRequire(new URL('../test/consumers/package.json', import.meta.url));
const CLIENTS = { 'respool/ioredis': '../dist/ioredis/index.js', ioredis: null };

/** Adds the jobs, then processes them; only the processing is measured. */
async function measure(name, jobs) {
  const { startServer } = await import('../dist/testkit/index.js');
  const path = CLIENTS[name];
  const Redis = path === null ? consumers('ioredis') : createRequire(import.meta.url)(path);
  const { Queue, Worker } = consumers('bullmq');
  const server = await startServer();
  const connection = () =>
    new Redis({ host: '127.0.0.1', port: server.location.port, maxRetriesPerRequest: null });
  const queue = new Queue('work', { connection: connection() });
  for (let from = 0; from < jobs; from += 1_000) {
    await queue.addBulk(Array.from({ length: 1_000 }, (_, n) => ({ name: 'job', data: { n: from + n } })));
  }
  const seen = new Uint8Array(jobs);
  const cpu = process.cpuUsage();
  const since = performance.now();
  let left = jobs;
  const { promise, resolve } = withResolvers();
  const worker = new Worker('work', async ({ data }) => void seen[data.n]++, {
    connection: connection(),
    concurrency: CONCURRENCY,
    removeOnComplete: { count: 0 },
  });
  worker.on('completed', () => {
    if (--left === 0) resolve();
  });
  await promise;
  const time = performance.now() - since;
  const { user, system } = process.cpuUsage(cpu);
  process.send({
    rate: jobs / (time / 1_000),
    cpu: (user + system) / jobs,
    once: seen.every((count) => count === 1),
  });
  await worker.close();
  await queue.close();
  await server.stop();
  process.exit(0);
}

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

const [jobs = '20000', only] = process.argv.slice(2);
if (only !== undefined) await measure(only, Number(jobs));
else {
  const figures = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of Object.keys(CLIENTS)) {
      const child = fork(fileURLToPath(import.meta.url), [jobs, name]);
      const [one] = await once(child, 'message');
      await once(child, 'exit');
      if (!one.once) throw new Error(`${name}: a job ran more than once, or not at all`);
      figures[name] = [...(figures[name] ?? []), one];
    }
  }
  for (const [name, runs] of Object.entries(figures)) {
    const middle = (field) => runs.map((run) => run[field]).sort((a, b) => a - b)[ROUNDS >> 1];
    console.log(
      `${name.padEnd(16)} ${middle('rate').toFixed(0)} jobs/s, ${middle('cpu').toFixed(0)} µs of CPU a job`,
    );
  }
}
