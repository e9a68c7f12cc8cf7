import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ClusterConnectionPool, type ReadFrom } from '../../../src/index.ts';
import {
  reply,
  ScriptedServer,
  serverBinaries,
  startCluster,
  type TestCluster,
} from '../../../src/testkit/index.ts';
import { closeAll, poolOf, slotsReply } from './support.ts';

/** One shard: a primary and two replicas, each in a zone that it tells in the way of its kind. */
async function zonedShard(
  zones: readonly string[],
  told: 'layout' | 'info' | 'nobody',
): Promise<ScriptedServer[]> {
  const nodes = await Promise.all(zones.map(() => ScriptedServer.start({}, { mode: 'cluster' })));
  for (const [index, node] of nodes.entries()) {
    node.script((args) => {
      const words = args.slice(0, 2).join(' ').toUpperCase();
      if (words === 'CLUSTER SLOTS') {
        const rows = nodes.map(({ host, port }, at) => {
          const zone = [reply.bulk('availability-zone'), reply.bulk(zones[at] as string)];
          return reply.array(
            reply.bulk(host),
            reply.integer(port),
            reply.bulk(`id-${at}`),
            reply.array(...(told === 'layout' ? zone : [])),
          );
        });
        return reply.array(reply.array(reply.integer(0), reply.integer(16_383), ...rows));
      }
      if (words === 'INFO SERVER')
        return reply.bulk(`# Server\r\navailability_zone:${told === 'info' ? zones[index] : ''}\r\n`);
      return args[0] === 'GET' ? reply.bulk(String(node.port)) : undefined;
    });
  }
  return nodes;
}

/** The ports that answered so many reads. */
async function portsOf(
  pool: ClusterConnectionPool<true>,
  readFrom?: ReadFrom,
  reads = 40,
): Promise<Set<number>> {
  const answers = await Promise.all(
    Array.from({ length: reads }, () => pool.executeRequest('GET', ['k'], { readFrom })),
  );
  return new Set(answers.map(Number));
}

describe('nodes that serve reads', () => {
  for (const told of ['layout', 'info', 'nobody'] as const) {
    it(`option readFrom 'nearest-zone', option clientZone and option zoneOf: zones come from ${told}`, async () => {
      const nodes = await zonedShard(['a', 'b', 'c'], told);
      const [primary, near, far] = nodes.map(({ port }) => port) as [number, number, number];
      const zones = new Map([primary, near, far].map((port, at) => [port, 'abc'[at]]));
      const of = (clientZone: string): ClusterConnectionPool<true> =>
        new ClusterConnectionPool({
          startupNodes: nodes.slice(0, 1).map(({ host, port }) => ({ host, port })),
          decodeResponses: true,
          readFrom: 'nearest-zone',
          clientZone,
          ...(told === 'nobody' ? { zoneOf: ({ port }) => zones.get(port) } : {}),
        });
      const settled = async (clientZone: string, wanted: readonly number[]): Promise<void> => {
        const pool = await of(clientZone).open();
        // The answers to INFO come a moment after the layout.
        for (let left = 100; left > 0; left--) {
          const ports = await portsOf(pool);
          if ([...ports].every((port) => wanted.includes(port))) break;
          assert.ok(left > 1, `${clientZone}: ${[...ports].join()}`);
        }
        await pool.close();
      };
      await settled('b', [near]);
      await settled('a', [primary]);
      await settled('elsewhere', [near, far]);
      await closeAll(nodes);
    });
  }

  it("'nearest-zone' needs a clientZone, and readFrom takes only names of the list", async () => {
    const startupNodes = [{ host: '127.0.0.1', port: 1 }];
    assert.throws(() => new ClusterConnectionPool({ startupNodes, readFrom: 'nearest-zone' }), /clientZone/);
    assert.throws(() => new ClusterConnectionPool({ startupNodes, readFrom: 'near' as never }), /readFrom/);
    const pool = new ClusterConnectionPool({ startupNodes });
    await assert.rejects(pool.executeRequest('GET', ['k'], { readFrom: 'x' as never }), /readFrom/);
    await pool.close();
  });

  it("'any' asks all nodes, 'lowest-latency' one of the quickest, and a call may choose its own", async () => {
    const nodes = await zonedShard(['a', 'b', 'c'], 'nobody');
    const [primary, ...replicas] = nodes.map(({ port }) => port) as [number, number, number];
    const pool = new ClusterConnectionPool({
      startupNodes: nodes.map(({ host, port }) => ({ host, port })),
      decodeResponses: true,
      readFrom: 'any',
    });
    assert.equal((await portsOf(pool, undefined, 200)).size, 3);
    assert.deepEqual([...(await portsOf(pool, 'primary'))], [primary]);
    assert.ok(![...(await portsOf(pool, 'replica'))].includes(primary));
    for (const port of await portsOf(pool, 'lowest-latency'))
      assert.ok([primary, ...replicas].includes(port));
    const view = pool.with({ readFrom: 'primary' });
    assert.deepEqual(await view.executeBatch([{ command: 'GET', args: ['k'] }]), [String(primary)]);
    await pool.close();
    await closeAll(nodes);
  });

  it('loading replicas rest, and the primary answers where no replica is fit', async () => {
    const nodes = await zonedShard(['a', 'b', 'c'], 'nobody');
    const [primary, one, two] = nodes as [ScriptedServer, ScriptedServer, ScriptedServer];
    const layout = slotsReply([
      {
        from: 0,
        to: 16_383,
        nodes: nodes.map(({ host, port }, at) => [host, port, `id-${at}`] as const),
      },
    ]);
    for (const node of [one, two])
      node.script((args) => {
        if (args[0] === 'GET') return reply.error('LOADING Redis is loading the dataset in memory');
        return args.slice(0, 2).join(' ').toUpperCase() === 'CLUSTER SLOTS' ? layout : undefined;
      });
    for (const readFrom of ['replica', 'nearest-zone', 'lowest-latency', 'any'] as const) {
      const pool = new ClusterConnectionPool({
        startupNodes: nodes.map(({ host, port }) => ({ host, port })),
        decodeResponses: true,
        clientZone: 'b',
        readFrom,
      });
      assert.deepEqual([...(await portsOf(pool))], [primary.port], readFrom);
      await pool.close();
    }
    await closeAll(nodes);
  });
});

for (const { path, kind, version } of await serverBinaries()) {
  describe(`nodes that serve reads, ${kind} ${version}`, () => {
    let cluster: TestCluster;
    before(async () => {
      cluster = await startCluster({ binary: path });
    });
    after(() => cluster.stop());

    it('every readFrom reads what was written', async () => {
      const pool = poolOf(cluster, { clientZone: 'here' });
      await pool.execute('SET', 'k', 'v');
      await (await cluster.nodeForSlot(await cluster.keySlot('k'))).command('WAIT', 1, 1_000);
      for (const readFrom of ['primary', 'replica', 'any', 'nearest-zone', 'lowest-latency'] as const)
        assert.deepEqual(
          [
            ...new Set(
              await Promise.all(
                Array.from({ length: 20 }, () => pool.executeRequest('GET', ['k'], { readFrom })),
              ),
            ),
          ],
          ['v'],
        );
      await pool.close();
    });
  });
}
