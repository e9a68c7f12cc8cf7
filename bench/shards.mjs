// One client thread and three shards: who is the limit? From the CPU that each needs for an operation, so that it can
// be told where there are not enough cores to see it: an operation costs the client c and its shard s, so that one
// thread can do 1/c of them in a second and three shards 3/s.
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
