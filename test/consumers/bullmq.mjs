// A queue and a worker of BullMQ over respool/ioredis, while the server ends its connections again and again.
import assert from 'node:assert/strict';
import { FlowProducer, Queue, QueueEvents, Worker } from 'bullmq';
import { Redis } from '../../dist/ioredis/index.js';
import { startServer } from '../../dist/testkit/index.js';

export async function bullmq(connect, { jobs = 2_000, kills = 5 } = {}) {
  const connection = () => connect({ maxRetriesPerRequest: null, retryStrategy: () => 20 });
  const queue = new Queue('work', { connection: connection() });
  const events = new QueueEvents('work', { connection: connection() });
  const runs = new Map();
  const worker = new Worker(
    'work',
    async (job) => {
      runs.set(job.data.n, (runs.get(job.data.n) ?? 0) + 1);
      if (job.data.n === 7 && job.attemptsMade === 0) throw new Error('once');
      return job.data.n;
    },
    {
      connection: connection(),
      concurrency: 50,
      stalledInterval: 1_000,
      lockDuration: 3_000,
      maxStalledCount: 100,
    },
  );
  for (const one of [queue, events, worker]) one.on('error', () => {});
  // The event of a job is not sent when the answer to its last command was lost: the queue itself is asked.
  const completed = async () => (await queue.getJobCounts('completed')).completed;
  const killer = connect();
  const options = (n) => ({ attempts: 2, delay: n % 100 === 0 ? 50 : 0, priority: n % 10 === 0 ? 1 : 0 });
  for (let from = 0; from < jobs; from += 500) {
    const batch = Array.from({ length: Math.min(500, jobs - from) }, (_, index) => from + index);
    await queue.addBulk(batch.map((n) => ({ name: 'job', data: { n }, opts: options(n) })));
  }
  for (let kill = 0; kill < kills; kill++) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    await killer.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes').catch(() => {});
  }
  while ((await completed()) < jobs) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(runs.size, jobs, 'no job is lost');
  const extra = [...runs].filter(([n, count]) => n !== 7 && count > 1).length;
  await worker.close();
  await events.close();
  await queue.close();
  killer.disconnect();
  return `${jobs} jobs, ${kills} kills, ${extra} run again`;
}

/** Parents wait for their children, a limiter holds jobs back, a failed job is tried again, and events tell of all. */
export async function bullmqFeatures(connect) {
  const connection = () => connect({ maxRetriesPerRequest: null });
  const queue = new Queue('features', { connection: connection() });
  const events = new QueueEvents('features', { connection: connection() });
  const flows = new FlowProducer({ connection: connection() });
  await events.waitUntilReady();
  const order = [];
  const worker = new Worker(
    'features',
    async (job) => {
      if (job.name === 'fails' && job.attemptsMade < 2) throw new Error('not yet');
      order.push(job.name);
      if (job.name === 'parent') return Object.values(await job.getChildrenValues()).length;
      return job.name;
    },
    { connection: connection(), concurrency: 1, limiter: { max: 5, duration: 100 }, autorun: false },
  );
  await queue.add('low', {}, { priority: 10 });
  await queue.add('high', {}, { priority: 1 });
  const late = await queue.add('late', {}, { delay: 50 });
  const fails = await queue.add('fails', {}, { attempts: 3, backoff: 5, priority: 20 });
  const child = (name) => ({ name, queueName: 'features' });
  const { job: parent } = await flows.add({ ...child('parent'), children: [child('one'), child('two')] });
  worker.run().catch(() => {});
  assert.equal(await parent.waitUntilFinished(events, 30_000), 2);
  assert.equal(await late.waitUntilFinished(events, 30_000), 'late');
  assert.equal(await fails.waitUntilFinished(events, 30_000), 'fails');
  assert.ok(order.indexOf('high') < order.indexOf('low'));
  assert.equal((await queue.getJobCounts('completed')).completed, 7);
  for (const one of [worker, events, flows, queue]) await one.close();
  return 'a flow, priorities, a delay, a limiter, three attempts, events';
}

/** The server dies twice while jobs run, and comes back with what it has saved. */
export async function bullmqRestart(_connect, _url, { jobs = 2_000 } = {}) {
  const server = await startServer({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  const clients = [];
  const connection = () => {
    const redis = new Redis({
      host: '127.0.0.1',
      port: server.location.port,
      maxRetriesPerRequest: null,
      retryStrategy: () => 20,
    });
    redis.on('error', () => {});
    clients.push(redis);
    return redis;
  };
  const queue = new Queue('work', { connection: connection() });
  const runs = new Map();
  const worker = new Worker('work', async ({ data }) => void runs.set(data.n, (runs.get(data.n) ?? 0) + 1), {
    connection: connection(),
    concurrency: 50,
    stalledInterval: 500,
    lockDuration: 2_000,
    maxStalledCount: 100,
    autorun: false,
  });
  for (const one of [queue, worker]) one.on('error', () => {});
  await queue.addBulk(Array.from({ length: jobs }, (_, n) => ({ name: 'job', data: { n } })));
  worker.run().catch(() => {});
  for (const share of [0.2, 0.6]) {
    while (runs.size < jobs * share) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.kill();
    await server.restart();
  }
  while ((await queue.getJobCounts('completed')).completed < jobs) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(runs.size, jobs, 'no job is lost');
  const again = [...runs.values()].filter((count) => count > 1).length;
  await worker.close();
  await queue.close();
  for (const client of clients) client.disconnect();
  await server.stop();
  return `${jobs} jobs, the server killed twice, ${again} run again`;
}
