import { RawClient } from './raw.mjs';
import { startServer } from './server.mjs';

/** A server in cluster mode that owns every slot. */
export async function spawnCluster() {
  const server = await startServer(undefined, ['--cluster-enabled', 'yes']);
  const client = await RawClient.open(server.host, server.port);
  await client.command('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (String(await client.command('CLUSTER', 'INFO')).includes('cluster_state:ok')) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  client.close();
  return server;
}
