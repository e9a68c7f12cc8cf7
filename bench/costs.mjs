// The cost of a lease, a time limit, a signal, a cluster route and subscribed telemetry, compared with the plain call.
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { spawnCluster } from './cluster.mjs';

const { ConnectionPool, ClusterConnectionPool } = await import(
  process.env.RESPOOL_DIST ?? '../dist/index.js'
);

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

async function round(call, count, width) {
  const before = process.cpuUsage();
  for (let done = 0; done < count; done += width) {
    const all = new Array(width);
    for (let index = 0; index < width; index += 1) all[index] = call(index);
    await Promise.all(all);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

/** Runs rounds of the calls in turn; `more`: the median difference from the first call, taken round by round. */
async function compare(calls, { count, rounds, width = 100 }) {
  const costs = calls.map(() => []);
  for (const { call, before, after } of calls) {
    before?.();
    await round(call, count, width);
    after?.();
  }
  for (let at = 0; at < rounds; at += 1) {
    for (const [index, { call, before, after }] of calls.entries()) {
      before?.();
      costs[index].push(await round(call, count, width));
      after?.();
    }
  }
  return calls.map(({ title }, index) => {
    const difference = median(costs[index].map((cost, at) => cost - costs[0][at]));
    const more = index === 0 ? '–' : `${difference < 0 ? '−' : '+'}${Math.abs(difference).toFixed(2)}`;
    return { title, cpu: median(costs[index]), more };
  });
}

async function single({ host, port }, plan) {
  const pool = ConnectionPool.fromUrl(`redis://${host}:${port}`, { decodeResponses: true });
  await pool.execute('PING');
  const shared = new AbortController().signal;
  const heard = () => {};
  const names = ['respool:pool:state', 'respool:pool:leak'];
  const results = await compare(
    [
      { title: '`execute`, 100 in flight', call: () => pool.execute('GET', 'k16') },
      { title: 'with a time limit', call: () => pool.executeRequest('GET', ['k16'], { timeout: 5000 }) },
      {
        title: 'with one signal for all',
        call: () => pool.executeRequest('GET', ['k16'], { signal: shared }),
      },
      {
        title: 'with an `AbortController` of its own',
        call: () => pool.executeRequest('GET', ['k16'], { signal: new AbortController().signal }),
      },
      {
        title: 'telemetry subscribed',
        before: () => names.forEach((name) => subscribe(name, heard)),
        after: () => names.forEach((name) => unsubscribe(name, heard)),
        call: () => pool.execute('GET', 'k16'),
      },
      {
        title: 'lease, request, release; 100 at once',
        call: async () => {
          const lease = await pool.acquire();
          const request = lease.connection.createRequest('GET', ['k16']);
          lease.release();
          return request;
        },
      },
    ],
    plan,
  );
  results.push(...(await traced(pool, plan)));
  await pool.close();
  return results;
}

/** Compares the plain call without and with a subscriber of all messages of `respool:command`. */
function traced(pool, plan) {
  const channel = tracingChannel('respool:command');
  const heard = () => {};
  const subscriber = { start: heard, end: heard, asyncStart: heard, asyncEnd: heard, error: heard };
  const call = () => pool.execute('GET', 'k16');
  const title = 'GET 16 B, 64 in flight';
  return compare(
    [
      { title, call },
      {
        title: `${title}, one tracing subscriber`,
        before: () => channel.subscribe(subscriber),
        after: () => channel.unsubscribe(subscriber),
        call,
      },
    ],
    { ...plan, width: 64 },
  );
}

/** One node owns all slots, so that routing is the only difference. */
async function cluster(plan) {
  const node = await spawnCluster();
  const { host, port } = node;
  const plain = ConnectionPool.fromUrl(`redis://${host}:${port}`, { decodeResponses: true });
  const routed = new ClusterConnectionPool({ startupNodes: [{ host, port }], decodeResponses: true });
  await plain.execute('SET', 'k16', 'abcdefghijklmnop');
  await routed.execute('GET', 'k16');
  const keys = Array.from({ length: 100 }, (_, index) => `key:${index}`);
  const results = await compare(
    [
      { title: 'one node of a cluster, asked directly', call: (index) => plain.execute('GET', keys[index]) },
      { title: 'routed by the key', call: (index) => routed.execute('GET', keys[index]) },
    ],
    plan,
  );
  await Promise.all([plain.close(), routed.close()]);
  node.stop();
  return results;
}

export async function measureCosts(address, { quick }) {
  const plan = quick ? { count: 5000, rounds: 5 } : { count: 20_000, rounds: 15 };
  return { rows: [...(await single(address, plan)), ...(await cluster(plan))] };
}
