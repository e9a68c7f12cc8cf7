// Nodes behind names, certificates and address translation.
import assert from 'node:assert/strict';
import { createServer, connect, type Server } from 'node:net';
import { describe, it } from 'node:test';
import { type ClusterConnectionPool, RedisClusterError, TCPLocation } from '../../../src/index.ts';
import { serverBinaries, startCluster, type TestCluster } from '../../../src/testkit/index.ts';
import { poolOf } from './support.ts';

const keys = Array.from({ length: 20 }, (_, index) => `place:${index}`);
async function works(pool: ClusterConnectionPool<true>): Promise<void> {
  assert.deepEqual(
    await Promise.all(keys.map((key) => pool.execute('SET', key, key))),
    keys.map(() => 'OK'),
  );
  assert.deepEqual(await Promise.all(keys.map((key) => pool.execute('GET', key))), keys);
}
const small = { primaries: 3, replicasPerPrimary: 0 } as const;

for (const { path, kind, version } of await serverBinaries()) {
  describe(`places of nodes, ${kind} ${version}`, () => {
    it('announced host names are dialled and shown', async () => {
      await using cluster = await startCluster({
        ...small,
        binary: path,
        announceHostname: () => 'localhost',
        preferredEndpoint: 'hostname',
      });
      await using pool = poolOf(cluster);
      await works(pool);
      assert.ok(
        pool.clusterLayout.nodes.every(
          ({ host, hostname }) => host === 'localhost' && hostname === 'localhost',
        ),
      );
    });

    it('unknown endpoints mean the host that was asked', async () => {
      await using cluster = await startCluster({
        ...small,
        binary: path,
        preferredEndpoint: 'unknown-endpoint',
      });
      await using pool = poolOf(cluster);
      await works(pool);
      const [slot, target] = [0, (await cluster.primaries())[1]];
      await cluster.migrateSlot(slot, target as never);
      await works(pool);
      assert.ok(pool.clusterLayout.nodes.every(({ host }) => host === '127.0.0.1'));
    });

    it('each node is verified by the name it announces and its own certificate', async () => {
      await using cluster = await startCluster({
        ...small,
        binary: path,
        announceHostname: (index) => `node-${index}.cluster.test`,
        tls: (index) => ({ names: [`node-${index}.cluster.test`, 'localhost'] }),
      });
      const ca = cluster.tls?.ca;
      assert.ok(ca !== undefined);
      const startupNodes = [new TCPLocation('localhost', (cluster.nodes[0] as { port: number }).port)];
      await using pool = poolOf(cluster, { startupNodes, sslContext: () => ({ ca }) });
      await works(pool);
      assert.deepEqual(
        pool.clusterLayout.nodes.map(({ hostname }) => hostname).sort(),
        [0, 1, 2].map((index) => `node-${index}.cluster.test`),
      );
      await assert.rejects(poolOf(cluster, { startupNodes, sslContext: {} }).open(), RedisClusterError);
    });

    it('without an announced name the start node decides which name to verify; a wrong certificate is refused', async () => {
      await using cluster = await startCluster({
        ...small,
        binary: path,
        tls: (index) => ({ names: index === 2 ? ['elsewhere.test'] : ['localhost'] }),
      });
      const startupNodes = [new TCPLocation('localhost', (cluster.nodes[0] as { port: number }).port)];
      const sslContext = { ca: cluster.tls?.ca };
      await using pool = poolOf(cluster, { startupNodes, sslContext });
      await pool.open();
      const bad = (cluster.nodes[2] as { port: number }).port;
      for (const node of pool.clusterLayout.nodes) {
        const answer = [...(await pool.executeOn(node, 'PING', [], { timeout: 1_000 })).values()][0];
        if (node.port === bad) assert.match(String(answer), /certificate|altnames|timed out|TimeoutError/i);
        else assert.equal(answer, 'PONG');
      }
    });

    it('the addressMap is used for layout and redirects behind address translation', async () => {
      await using cluster = await startCluster({ ...small, binary: path });
      await using gate = await translate(cluster);
      await using pool = poolOf(
        { startupNodes: [gate.places[0] as TCPLocation] },
        { addressMap: gate.record },
      );
      await works(pool);
      const ports = gate.places.map(({ port }) => port).sort();
      assert.deepEqual(pool.clusterLayout.nodes.map(({ port }) => port).sort(), ports);
      const target = (await cluster.primaries())[2];
      const migration = await cluster.migrateSlot(0, target as never, { halfway: true });
      await works(pool);
      await migration.finish();
      await works(pool);
      assert.deepEqual([...pool.nodeStatistics.keys()].map(({ port }) => port).sort(), ports);
    });

    it('a password is sent to every node', async () => {
      await using cluster = await startCluster({ ...small, binary: path, requirepass: 'let me in' });
      await using pool = poolOf(cluster, { password: 'let me in' });
      await works(pool);
      await using stranger = poolOf(cluster);
      await assert.rejects(
        stranger.open(),
        (error: unknown) => error instanceof RedisClusterError && !/let me in/.test(String(error)),
      );
      // No time limit makes a node accept the password or the database later.
      for (const wrong of [{ password: 'let me out' }, { password: 'let me in', db: 99 }]) {
        await using refused = poolOf(cluster, { ...wrong, acquireTimeout: 600_000 });
        await assert.rejects(refused.execute('GET', 'a'), RedisClusterError);
        await assert.rejects(refused.executeRequest('GET', ['a'], { timeout: 600_000 }), RedisClusterError);
      }
    });
  });
}

/** A forwarding port in front of each node, as containers have. */
async function translate(
  cluster: TestCluster,
): Promise<{ places: TCPLocation[]; record: Record<string, TCPLocation> } & AsyncDisposable> {
  const servers: Server[] = [];
  const sockets = new Set<{ destroy(): void }>();
  const places: TCPLocation[] = [];
  const record: Record<string, TCPLocation> = {};
  for (const node of cluster.nodes) {
    const server = createServer((outside) => {
      const inside = connect(node.port, node.host);
      for (const socket of [outside, inside]) {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          outside.destroy();
          inside.destroy();
        });
      }
      outside.pipe(inside).pipe(outside);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const place = new TCPLocation('127.0.0.1', (server.address() as { port: number }).port);
    servers.push(server);
    places.push(place);
    record[node.location.toString()] = place;
  }
  const dispose = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  };
  return { places, record, [Symbol.asyncDispose]: dispose };
}
