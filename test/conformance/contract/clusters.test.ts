import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import {
  AuthenticationFailureError,
  ClusterConnectionPool,
  ClusterDownError,
  ClusterNodeLocation,
  ConnectionError,
  ReadOnlyError,
  RedisClusterError,
  SplitCommandError,
  TCPLocation,
  WrongTypeError,
} from '../../../src/index.ts';
import { reply, ScriptedServer, type ScriptedTable } from '../../../src/testkit/index.ts';

type Host = string | null;
const ends: (() => Promise<void>)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

const node = (port: number, host: Host = '127.0.0.1'): string =>
  reply.array(host === null ? reply.null : reply.bulk(host), reply.integer(port), reply.bulk(`id${port}`));
const slots = (...rows: [number, number, string][]): string =>
  reply.array(
    ...rows.map(([first, last, one]) => reply.array(reply.integer(first), reply.integer(last), one)),
  );

/** `a` is at the second one (slot 15495), `b` at the first (3300). */
async function twoNodes(
  table: (index: number, servers: ScriptedServer[]) => ScriptedTable,
): Promise<ScriptedServer[]> {
  const servers = [await ScriptedServer.start(), await ScriptedServer.start()];
  const [first, second] = servers as [ScriptedServer, ScriptedServer];
  const layout = slots([0, 8191, node(first.port)], [8192, 16_383, node(second.port)]);
  for (const [index, server] of servers.entries()) {
    server.script({ 'CLUSTER SLOTS': layout, ...table(index, servers) });
    ends.push(() => server.close());
  }
  return servers;
}

function poolOf(servers: readonly ScriptedServer[], options: object = {}): ClusterConnectionPool<true> {
  const startupNodes = servers.slice(0, 1).map(({ location }) => location);
  const pool = new ClusterConnectionPool({ startupNodes, decodeResponses: true, ...options });
  ends.push(() => pool.close({ timeout: 100 }));
  return pool;
}

describe('split commands', () => {
  const sets = (servers: readonly ScriptedServer[]): number =>
    servers.flatMap(({ commands }) => commands).filter(({ name }) => name === 'MSET').length;

  test('a split command with one invalid value sends nothing', async () => {
    const servers = await twoNodes(() => ({ MSET: reply.ok }));
    const pool = poolOf(servers);
    const args = ['b', '1', 'a', undefined as unknown as string];
    await assert.rejects(pool.executeRequest('MSET', args, { splitMultiKey: true }), TypeError);
    assert.equal(await pool.executeRequest('MSET', ['b', 1, 'a', 2], { splitMultiKey: true }), 'OK');
    assert.equal(sets(servers), 2);
  });

  test('a failed part is reported by the positions of its keys; as a value where errors are values', async () => {
    const servers = await twoNodes((index) => ({
      MSET: index === 0 ? reply.ok : reply.error('WRONGTYPE no'),
    }));
    const pool = poolOf(servers);
    const call = (raiseExceptions: boolean): Promise<unknown> =>
      pool.executeRequest('MSET', ['b', 1, 'a', 2], { splitMultiKey: true, raiseExceptions });
    const isPartial = (error: unknown): boolean => {
      assert.ok(error instanceof SplitCommandError && error instanceof RedisClusterError);
      assert.deepEqual([error.done, error.failed], [[0], [1]]);
      assert.ok((error.cause as AggregateError).errors[0] instanceof WrongTypeError);
      return true;
    };
    await assert.rejects(call(true), isPartial);
    assert.ok(isPartial(await call(false)));
  });

  test('a lost part rejects also where errors are values', async () => {
    const servers = await twoNodes((index) => ({
      MSET: (_, connection) => {
        if (index === 0) return reply.ok;
        connection.destroy();
        return null;
      },
    }));
    const options = { splitMultiKey: true, raiseExceptions: false };
    await assert.rejects(
      poolOf(servers).executeRequest('MSET', ['b', 1, 'a', 2], options),
      SplitCommandError,
    );
  });
});

test("an error that is waited out until the deadline ends with the server's own message", async () => {
  const pool = poolOf(await twoNodes(() => ({ GET: reply.error('CLUSTERDOWN Hash slot not served') })));
  await pool.open();
  const calls = Array.from({ length: 20 }, (_, index) =>
    pool.executeRequest('GET', ['a'], { timeout: 200 + 5 * index }),
  );
  const said = (await Promise.allSettled(calls)).filter(
    (call) => call.status === 'rejected' && call.reason instanceof ClusterDownError,
  );
  // A busy machine may cut some off.
  assert.ok(said.length > 10, `${said.length} of 20`);
});

test('a script refused with READONLY is not repeated, and its slots are looked up again', async () => {
  let moved = false;
  const servers = await twoNodes((index, [first, second]) => ({
    'CLUSTER SLOTS': () =>
      moved
        ? slots([0, 16_383, node(first!.port)])
        : slots([0, 8191, node(first!.port)], [8192, 16_383, node(second!.port)]),
    EVAL: () => {
      moved = true;
      return index === 1 ? reply.error("READONLY You can't write against a read only replica.") : reply.ok;
    },
  }));
  const pool = poolOf(servers);
  await assert.rejects(pool.execute('EVAL', 'script', 1, 'a'), ReadOnlyError);
  assert.equal(servers[0]!.commands.filter(({ name }) => name === 'EVAL').length, 0);
  while (pool.clusterLayout.nodeForKey('a').port !== servers[0]!.port)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(await pool.execute('EVAL', 'script', 1, 'a'), 'OK');
});

test('behind a translation of ports, nodes without a host use the mapping of the asked node', async () => {
  const servers = await twoNodes((index) => ({
    'CLUSTER SLOTS': slots([0, 8191, node(7001, null)], [8192, 16_383, node(7002, null)]),
    GET: ([, key = '']) => (index === 1 ? reply.error('MOVED 15495 :7001') : reply.bulk(key)),
  }));
  const addressMap = { '10.0.0.5:7001': servers[0]!.location, '10.0.0.5:7002': servers[1]!.location };
  const pool = poolOf(servers, { addressMap });
  assert.equal(await pool.execute('GET', 'b'), 'b');
  assert.equal(await pool.execute('GET', 'a'), 'a');
  assert.deepEqual(
    pool.clusterLayout.nodes.map(({ port }) => port).sort(),
    servers.map(({ port }) => port).sort(),
  );
});

describe('an unreachable node', () => {
  /** A port without a server. */
  const nobody = async (): Promise<number> => {
    const server = await ScriptedServer.start();
    await server.close();
    return server.port;
  };
  const layouts = {
    primary: (up: number, down: number) => slots([0, 8191, node(up)], [8192, 16_383, node(down)]),
    replica: (up: number, down: number) =>
      reply.array(reply.array(reply.integer(0), reply.integer(16_383), node(up), node(down))),
  };
  /** Each round is a new pool: whether the dead one comes first is a matter of chance. */
  async function rounds(
    layout: (up: number, down: number) => string,
    use: (pool: ClusterConnectionPool<true>, up: number) => Promise<void>,
  ): Promise<void> {
    for (let round = 0; round < 6; round++) {
      const down = await nobody();
      await using server: ScriptedServer = await ScriptedServer.start({
        'CLUSTER SLOTS': () => layout(server.port, down),
      });
      await using pool = new ClusterConnectionPool({
        startupNodes: [server.location],
        decodeResponses: true,
      });
      await use(pool, server.port);
    }
  }

  test('a call avoids an unreachable node when another one serves, with and without a limit', async () => {
    await rounds(layouts.primary, async (pool) => {
      for (const timeout of [null, 1_000]) {
        (await pool.acquire({ timeout })).release();
        assert.equal(await pool.executeRequest('PING', [], { timeout }), 'PONG');
      }
      assert.equal(await pool.execute('PING'), 'PONG');
    });
  });

  test('a call without a key does not wait for an unreachable node', async () => {
    await rounds(layouts.primary, async (pool) => {
      assert.equal(await pool.executeRequest('PING', [], { timeout: 1_000 }), 'PONG');
    });
    await rounds(layouts.primary, async (pool) => assert.equal(await pool.execute('PING'), 'PONG'));
  });

  test('the primary serves reads when its only replica is unreachable', async () => {
    await rounds(layouts.replica, async (pool, up) => {
      for (const timeout of [null, 1_000]) {
        const lease = await pool.acquire({ primary: false, timeout });
        assert.equal(String(lease.connection.location), `127.0.0.1:${up}`);
        lease.release();
      }
    });
  });
});

test('a node that only an ASK names takes its share of the bound from the others', async () => {
  const stranger = await ScriptedServer.start({ GET: reply.bulk('asked') });
  ends.push(() => stranger.close());
  const servers = await twoNodes(() => ({ GET: reply.error(`ASK 15495 127.0.0.1:${stranger.port}`) }));
  const pool = poolOf(servers, { maxConnections: 4 });
  await pool.open();
  const { primaries } = pool.clusterLayout;
  const leases = [...primaries, ...primaries].map((one) => pool.acquire({ node: one }));
  for (const lease of await Promise.all(leases)) lease.release();
  assert.equal(pool.statistics.activeConnections, 4);
  assert.equal(await pool.execute('GET', 'a'), 'asked');
  assert.ok(pool.statistics.activeConnections <= 4);
});

test('executeOn keys its answer by the very node it was given', async () => {
  const pool = poolOf(await twoNodes(() => ({})));
  await pool.open();
  const { host, port, nodeId } = pool.clusterLayout.nodes[0]!;
  const own = new ClusterNodeLocation(host, port, { nodeId, serverType: 'replica' });
  assert.equal((await pool.executeOn(own, 'PING')).get(own), 'PONG');
});

test('the failure of a single start node is the cause', async () => {
  const refusing = await ScriptedServer.start({ HELLO: reply.error('WRONGPASS no') });
  ends.push(() => refusing.close());
  const nobody = new ClusterConnectionPool({ startupNodes: [new TCPLocation('127.0.0.1', 1)] });
  ends.push(() => nobody.close());
  const cause = (kind: typeof ConnectionError | typeof AuthenticationFailureError) => (error: unknown) =>
    error instanceof RedisClusterError && error.cause instanceof kind;
  await assert.rejects(poolOf([refusing]).open(), cause(AuthenticationFailureError));
  await assert.rejects(nobody.open(), cause(ConnectionError));
});
