import { RawClient } from './raw.mjs';
import { startServer } from './server.mjs';

const SLOTS = 16_384;

/** Starts `count` servers in cluster mode that share the slots, on `core`; null: on any core. */
export async function spawnShards(count, core = 1) {
  const shards = [];
  while (shards.length < count) shards.push(await startServer(undefined, ['--cluster-enabled', 'yes'], core));
  const [first] = shards;
  for (const [index, shard] of shards.entries()) {
    const [from, to] = [index, index + 1].map((place) => Math.floor((place * SLOTS) / count));
    await shard.admin.command('CLUSTER', 'ADDSLOTSRANGE', from, to - 1);
    if (shard !== first) await shard.admin.command('CLUSTER', 'MEET', first.host, first.port);
  }
  for (const { host, port } of shards) await settled(host, port, count);
  return shards;
}

async function settled(host, port, count) {
  const client = await RawClient.open(host, port);
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const info = String(await client.command('CLUSTER', 'INFO'));
    if (info.includes('cluster_state:ok') && info.includes(`cluster_size:${count}`)) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  client.close();
}

/** Starts a server in cluster mode that owns every slot. */
export async function spawnCluster() {
  const [server] = await spawnShards(1);
  return server;
}
