// Shows whether one client thread or three shards are the bottleneck, from the CPU per operation, because few machines
// have enough cores to see it directly. If an operation costs the client c and its shard s, one thread can do 1/c
// operations per second, and three shards can do 3/s.
import { spawnShards } from './cluster.mjs';
import { cpuOf } from './server.mjs';

const { ClusterConnectionPool } = await import(process.env.RESPOOL_DIST ?? '../dist/index.js');

export async function measureShards({ quick }) {
  if (process.platform !== 'linux') return { rows: [] };
  const shards = await spawnShards(3);
  const [{ host, port }] = shards;
  const pool = new ClusterConnectionPool({ startupNodes: [{ host, port }], decodeResponses: true });
  const keys = Array.from({ length: 5000 }, (_, index) => `key:${index}`);
  await Promise.all(keys.map((key) => pool.execute('SET', key, 'abcdefghijklmnop')));
  const rows = [];
  for (const width of [64, 1000, 5000]) {
    const round = async (ms) => {
      const started = performance.now();
      let operations = 0;
      while (performance.now() - started < ms) {
        const all = new Array(width);
        for (let index = 0; index < width; index += 1) all[index] = pool.execute('GET', keys[index]);
        await Promise.all(all);
        operations += width;
      }
      return operations;
    };
    await round(quick ? 300 : 1500);
    const servers = shards.reduce((sum, { pid }) => sum + cpuOf(pid), 0);
    const before = process.cpuUsage();
    const operations = await round(quick ? 1000 : 5000);
    const { user, system } = process.cpuUsage(before);
    const client = (user + system) / operations;
    const server = (shards.reduce((sum, { pid }) => sum + cpuOf(pid), 0) - servers) / operations;
    rows.push({ width, client, server, thread: 1e6 / client, shards: 3e6 / server });
  }
  await pool.close();
  for (const shard of shards) shard.stop();
  return { rows };
}
