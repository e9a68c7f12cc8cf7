import { after } from 'node:test';
import { Cluster, Redis } from '../../src/ioredis/index.ts';
import { startCluster, startServer } from '../../src/testkit/index.ts';

/** The methods that are made from the table of commands, and those of scripts. */
export type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>;

/** A server and a maker of its clients; both end with the tests of the file. */
export async function startWithClients() {
  const server = await startServer();
  const keep = endAfter(() => server.stop());
  const client = (options: object = {}): Redis & Methods => {
    const redis = keep(new Redis({ host: '127.0.0.1', port: server.location.port, ...options }));
    redis.on('error', () => {});
    return redis as Redis & Methods;
  };
  return { server, client, keep };
}

/** A cluster of three primaries, each with a replica, and a maker of its clients. */
export async function startClusterWithClients() {
  const servers = await startCluster({ primaries: 3, replicasPerPrimary: 1 });
  const keep = endAfter(() => servers.stop());
  const nodes = servers.startupNodes.map(({ host, port }) => ({ host, port }));
  const open = (options: object = {}, startNodes: object[] = nodes): Cluster & Methods => {
    const cluster = keep(new Cluster(startNodes, options));
    cluster.on('error', () => {});
    return cluster as Cluster & Methods;
  };
  return { servers, open, keep };
}

/** Notes clients that are closed behind the tests, before `stop` runs. */
function endAfter(stop: () => Promise<unknown>): <T extends { disconnect(): void }>(client: T) => T {
  const clients: { disconnect(): void }[] = [];
  after(async () => {
    for (const client of clients) client.disconnect();
    await stop();
  });
  return (client) => {
    clients.push(client);
    return client;
  };
}
