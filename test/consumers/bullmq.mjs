// A queue and a worker of BullMQ over respool/ioredis, while the server ends its connections again and again.
import assert from 'node:assert/strict';
import { Queue, QueueEvents, Worker } from 'bullmq';

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
