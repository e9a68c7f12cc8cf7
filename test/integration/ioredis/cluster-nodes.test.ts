import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it } from 'node:test';
import { Cluster, type Redis } from '../../../src/ioredis/index.ts';
import { reply, ScriptedServer, type ScriptedTable, startCluster } from '../../../src/testkit/index.ts';
import type { Methods } from '../../support/ioredis-clients.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];

/** A cluster of one node, which answers GET. */
function oneNode(port: () => number, get: () => string): ScriptedTable {
  const slots = (): string => {
    const node = reply.array(reply.bulk('127.0.0.1'), reply.integer(port()));
    return reply.array(reply.array(reply.integer(0), reply.integer(16_383), node));
  };
  return { 'CLUSTER SLOTS': slots, 'CLUSTER INFO': () => reply.bulk('cluster_state:ok'), GET: get };
}

it('start nodes may have passwords of their own, besides the common one', async () => {
  await using servers = await startCluster({ primaries: 2, replicasPerPrimary: 0 });
  const [first, second] = servers.nodes as [(typeof servers.nodes)[0], (typeof servers.nodes)[0]];
  await first.command('CONFIG', 'SET', 'requirepass', 'its own');
  await second.command('CONFIG', 'SET', 'requirepass', 'of all');
  const { host, port } = first.location;
  const cluster = new Cluster([{ host, port, password: 'its own' }], {
    redisOptions: { password: 'of all' },
  }) as Cluster & Methods;
  for (const key of KEYS) assert.equal(await cluster.set!(key, key), 'OK');
  for (const redis of cluster.nodes() as (Redis & Methods)[]) assert.equal(await redis.ping!(), 'PONG');
  assert.equal(cluster.nodes().length, 2);
  cluster.disconnect();
});

it('a node without connections leaves the nodes with an event, and comes back when it is reached', async () => {
  await using servers = await startCluster({ primaries: 2, replicasPerPrimary: 0 });
  const [first, second] = servers.nodes as [(typeof servers.nodes)[0], (typeof servers.nodes)[0]];
  const start = [{ host: first.location.host, port: first.location.port }];
  const cluster = new Cluster(start) as Cluster & Methods;
  for (const key of KEYS) await cluster.set!(key, key);
  const gone = once(cluster, '-node');
  await second.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  const [redis] = (await gone) as [Redis];
  assert.equal(redis.options.port, second.location.port);
  assert.deepEqual(
    cluster.nodes().map(({ options }) => options.port),
    [first.location.port],
  );
  const back = once(cluster, '+node');
  for (const key of KEYS) await cluster.set!(key, key);
  assert.equal(((await back)[0] as Redis).options.port, second.location.port);
  assert.equal(cluster.nodes().length, 2);
  cluster.disconnect();
});

it('with clusterNodeRetryStrategy a lost node is dialled again without a command', async () => {
  const connections: number[] = [];
  await using server = await ScriptedServer.start(
    oneNode(
      () => server.port,
      () => reply.null,
    ),
    { onConnection: ({ id }) => connections.push(id) },
  );
  const cluster = new Cluster([{ port: server.port }], { clusterNodeRetryStrategy: () => 1 }) as Cluster &
    Methods;
  await cluster.get!('a');
  const made = connections.length;
  const removed: unknown[] = [];
  cluster.on('-node', (redis) => removed.push(redis));
  const used = server.commands.find(({ name }) => name === 'GET')!.connection;
  used.destroy();
  await server.waitFor(() => connections.length > made);
  assert.deepEqual(removed, []);
  cluster.disconnect();
});

it('the retryDelay options set how long a refused command waits, and maxRedirections how often it is sent', async () => {
  let refusals = 0;
  const refuse = (): string => {
    refusals++;
    return reply.error('TRYAGAIN Multiple keys request during rehashing of slot');
  };
  await using server = await ScriptedServer.start(oneNode(() => server.port, refuse));
  const refusedWith = async (options: object): Promise<number> => {
    refusals = 0;
    const cluster = new Cluster([{ port: server.port }], options) as Cluster & Methods;
    await assert.rejects(cluster.get!('a'), { message: /TRYAGAIN/ });
    cluster.disconnect();
    return refusals;
  };
  assert.equal(await refusedWith({ retryDelayOnTryAgain: 1, maxRedirections: 4 }), 5);
  assert.equal(await refusedWith({ retryDelayOnTryAgain: 0 }), 1);
});
