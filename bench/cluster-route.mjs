// The cost of routing: client CPU of one `execute` on a cluster minus that on a single server, in one run of
// alternating rounds. node bench/cluster-route.mjs [rounds [burst]]; RESPOOL_DIST names another build than ../dist/.
import { cpus } from 'node:os';
const dist = new URL(process.env.RESPOOL_DIST ?? '../dist/index.js', import.meta.url);
const { ClusterConnectionPool, ConnectionPool } = await import(dist);
const { startCluster, startServer } = await import(new URL('testkit/index.js', dist));

const ROUNDS = Number(process.argv[2] ?? 40);
const OPERATIONS = 20_000;
const BURST = Number(process.argv[3] ?? 100);
const KEYS = 1_000;

/** Microseconds of this process's CPU for one call, measured with bursts of a hundred GETs. */
async function round(pool, keys) {
  const start = process.cpuUsage();
  for (let done = 0; done < OPERATIONS; done += BURST) {
    const calls = new Array(BURST);
    for (let index = 0; index < BURST; index += 1)
      calls[index] = pool.execute('GET', keys[(done + index) % keys.length]);
    await Promise.all(calls);
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / OPERATIONS;
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const format = (value) => value.toFixed(3).padStart(8);

const cluster = await startCluster({ replicasPerPrimary: 0 });
const server = await startServer();
const single = new ConnectionPool({ location: server.location });
const many = new ClusterConnectionPool({ startupNodes: cluster.startupNodes });
try {
  await many.open();
  const all = Array.from({ length: KEYS * 10 }, (_, index) => `key:${index}:${'x'.repeat(index % 12)}`);
  const owner = many.clusterLayout.nodeForSlot(0);
  const here = all.filter((key) => many.clusterLayout.nodeForKey(key) === owner).slice(0, KEYS);
  const spread = all.slice(0, KEYS);
  for (const key of new Set([...here, ...spread])) {
    await Promise.all([single.execute('SET', key, 'value'), many.execute('SET', key, 'value')]);
  }
  const rows = {
    'single server': [single, here],
    'cluster, keys of one node': [many, here],
    'cluster, keys of three nodes': [many, spread],
  };
  const costs = Object.fromEntries(Object.keys(rows).map((name) => [name, []]));
  for (let turn = -5; turn < ROUNDS; turn += 1) {
    // The first rounds are warm-up; every round starts with a different row.
    const order = Object.entries(rows);
    for (let index = 0; index < order.length; index += 1) {
      const [name, [pool, keys]] = order[(index + turn + 5) % order.length];
      const cost = await round(pool, keys);
      if (turn >= 0) costs[name].push(cost);
    }
  }
  const base = median([...costs['single server']]);
  console.log(
    `GET, bursts of ${BURST}, ${ROUNDS} rounds of ${OPERATIONS}; Node ${process.version}, ${cpus().length} cores`,
  );
  for (const [name, values] of Object.entries(costs)) {
    const cost = median([...values]);
    const differences = values.map((value, index) => value - costs['single server'][index]);
    const more =
      name === 'single server'
        ? ''
        : `   more: ${format(median(differences))} µs (of medians ${format(cost - base)})`;
    console.log(`${name.padEnd(30)}${format(cost)} µs${more}`);
  }
} finally {
  await Promise.all([single.close(), many.close()]);
  await Promise.all([cluster.stop(), server.stop()]);
}
