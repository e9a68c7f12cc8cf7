import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import {
  ClusterConnectionPool,
  PoolClosedError,
  RedisClusterError,
  TCPLocation,
  TimeoutError,
} from '../../../src/index.ts';
import { reply, ScriptedServer } from '../../../src/testkit/index.ts';
import { keySlot } from '../../../src/commands/key-slot.ts';
import {
  closeAll,
  eventually,
  evenly,
  keyWhere,
  layoutQuestions,
  scriptedCluster,
  sleep,
  slotsReply,
  startNodesOf,
} from './support.ts';
import { atMost } from '../../support/pace.ts';

const LOW = keyWhere((slot) => slot < 8_192);

describe('discovery', () => {
  const open: { close(): Promise<void> }[] = [];
  after(() => closeAll(open));
  const keep = (...made: { close(): Promise<void> }[]): void => void open.unshift(...made);
  const dead = async (): Promise<TCPLocation> => {
    const server = await ScriptedServer.start();
    await server.close();
    return server.location;
  };

  it('a failed open() reports the failure of each node; the pool can be opened later', async () => {
    const server = await ScriptedServer.start({
      CLUSTER: reply.error('ERR This instance has cluster support disabled'),
    });
    const none = await dead();
    const pool = new ClusterConnectionPool({ startupNodes: [none, server.location] });
    keep(pool, server);
    await assert.rejects(pool.open(), (error: unknown) => {
      assert.ok(error instanceof RedisClusterError);
      assert.match(error.message, /at least one reachable node/);
      const { errors } = error.cause as AggregateError;
      assert.equal(errors.length, 2);
      assert.match(String(errors), new RegExp(`${none.port}.*ECONNREFUSED.*cluster support disabled`));
      return true;
    });
    await assert.rejects(pool.execute('GET', 'a'), RedisClusterError);
    server.script({ 'CLUSTER SLOTS': slotsReply(evenly([server])), GET: reply.bulk('now') });
    assert.equal(String(await pool.execute('GET', 'a')), 'now');
  });

  it('the first use opens the pool, once for all callers; with a limit it waits for the cluster', async () => {
    const server = await ScriptedServer.start({
      CLUSTER: reply.error('LOADING Redis is loading the dataset in memory'),
    });
    const pool = new ClusterConnectionPool({ startupNodes: [server.location], decodeResponses: true });
    keep(pool, server);
    const calls = Array.from({ length: 100 }, (_, index) =>
      pool.executeRequest('GET', [`k${index}`], { timeout: 5_000 }),
    );
    await sleep(100);
    server.script({ 'CLUSTER SLOTS': slotsReply(evenly([server])), GET: reply.bulk('value') });
    const before = server.commands.filter(({ name }) => name === 'CLUSTER').length;
    assert.ok((await Promise.all(calls)).every((value) => value === 'value'));
    assert.equal(server.commands.filter(({ name }) => name === 'CLUSTER').length, before + 1);
  });

  it('a limit ends the wait with TimeoutError and the last failure as its cause; a signal with its reason', async () => {
    const pool = new ClusterConnectionPool({ startupNodes: [await dead()] });
    keep(pool);
    await assert.rejects(pool.executeRequest('GET', ['a'], { timeout: 150 }), (error: unknown) => {
      assert.ok(error instanceof TimeoutError);
      assert.equal(error.phase, 'acquire');
      assert.ok(error.cause instanceof RedisClusterError);
      return true;
    });
    const reason = new Error('enough');
    const controller = new AbortController();
    const call = pool.executeRequest('GET', ['a'], { timeout: 5_000, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await assert.rejects(call, reason);
    await assert.rejects(pool.getConnection({ timeout: 100 }), TimeoutError);
  });

  it('close() during discovery rejects every caller with PoolClosedError at once', async () => {
    const hanging = await ScriptedServer.start({ HELLO: null });
    const pool = new ClusterConnectionPool({ startupNodes: [hanging.location] });
    keep(pool, hanging);
    const waiting = [
      pool.open(),
      pool.execute('GET', 'a'),
      pool.executeRequest('GET', ['a'], { timeout: 5_000 }),
      pool.getConnection(),
      pool.executeOn('all', 'PING'),
    ];
    const outcome = Promise.allSettled(waiting);
    await hanging.waitForConnections(1);
    const started = performance.now();
    await pool.close();
    for (const one of await outcome) {
      assert.ok(
        one.status === 'rejected' && one.reason instanceof PoolClosedError,
        String((one as { reason?: unknown }).reason),
      );
    }
    assert.ok(performance.now() - started < atMost(1_000));
    await eventually('no connection is left', () => hanging.openConnections.length === 0);
  });

  it('a lease of any node does not wait for a primary that is gone', async () => {
    const nodes = await scriptedCluster(2);
    const pool = new ClusterConnectionPool(startNodesOf(nodes));
    keep(pool, ...nodes);
    await pool.open();
    await nodes[0]?.close();
    for (let count = 0; count < 20; count++) {
      const connection = await pool.getConnection({ timeout: 4_000 });
      assert.equal((connection.location as TCPLocation).port, nodes[1]?.port);
      pool.release(connection);
    }
  });

  it('a start node that hangs delays no caller', async () => {
    const hanging = await ScriptedServer.start({ HELLO: null });
    const nodes = await scriptedCluster(1);
    const pool = new ClusterConnectionPool({
      startupNodes: [hanging.location, (nodes[0] as ScriptedServer).location],
    });
    keep(pool, hanging, ...nodes);
    const started = performance.now();
    await pool.open();
    assert.ok(performance.now() - started < atMost(2_500));
    await eventually('the hanging dial is given up', () => hanging.openConnections.length === 0);
  });

  it('option startupNodes: locations and plain objects are taken, bad ones are skipped, none is forgotten', async () => {
    const nodes = await scriptedCluster(
      2,
      () => (args) => (args[0] === 'GET' ? reply.bulk('value') : undefined),
    );
    const [first, second] = nodes as [ScriptedServer, ScriptedServer];
    const pool = new ClusterConnectionPool({
      startupNodes: new Set([await dead(), { host: second.host, port: second.port }]),
    });
    keep(pool, ...nodes);
    await pool.open();
    assert.deepEqual(
      pool.clusterLayout.nodes.map(({ port }) => port).sort(),
      [first.port, second.port].sort(),
    );
    assert.throws(() => new ClusterConnectionPool({ startupNodes: [] }), TypeError);
    assert.throws(() => new ClusterConnectionPool({ startupNodes: [{ host: '', port: 1 }] }), TypeError);
    // Every node but the start node moves; the start node gives the new addresses.
    const moved = await ScriptedServer.start({ GET: reply.bulk('moved') });
    keep(moved);
    second.script({ 'CLUSTER SLOTS': slotsReply(evenly([moved])) });
    await first.close();
    await pool.refreshLayout();
    assert.equal(String(await pool.executeRequest('GET', ['a'], { timeout: 2_000 })), 'moved');
  });

  it('option nodemanagerFollowCluster: false asks the start nodes only', async () => {
    for (const follow of [true, false]) {
      const nodes = await scriptedCluster(4);
      const [first, ...others] = nodes as [ScriptedServer, ...ScriptedServer[]];
      const pool = new ClusterConnectionPool({ ...startNodesOf([first]), nodemanagerFollowCluster: follow });
      keep(pool, ...nodes);
      await pool.open();
      if (follow) {
        // Without its start node the pool uses the nodes that it has learned.
        await first.close();
        await pool.refreshLayout();
        assert.ok(layoutQuestions(others) > 0);
      } else {
        for (let count = 0; count < 5; count++) await pool.refreshLayout();
        assert.equal(layoutQuestions(others), 0);
        assert.equal(layoutQuestions([first]), 6);
      }
    }
  });

  it('option skipFullCoverageCheck: unserved slots are accepted', async () => {
    const nodes = await scriptedCluster(
      1,
      () => (args) => {
        if (args[0] === 'GET') return reply.bulk('value');
        return args[0] === 'CONFIG'
          ? reply.map([reply.bulk('cluster-require-full-coverage'), reply.bulk('yes')])
          : undefined;
      },
      ([node]) => [{ from: 0, to: 8_191, nodes: [[node?.host ?? '', node?.port ?? 0, 'a']] }],
    );
    const strict = new ClusterConnectionPool(startNodesOf(nodes));
    const loose = new ClusterConnectionPool({
      ...startNodesOf(nodes),
      skipFullCoverageCheck: true,
      decodeResponses: true,
    });
    keep(strict, loose, ...nodes);
    await assert.rejects(strict.open(), /Not all slots are covered: 8192/);
    assert.equal(await loose.execute('GET', LOW), 'value');
    const high = keyWhere((slot) => slot >= 8_192);
    await assert.rejects(
      loose.execute('GET', high),
      (error: unknown) => error instanceof RedisClusterError && /Unable to map slot/.test(error.message),
    );
  });

  it('option reinitializeSteps: the layout is read again after so many relevant errors', async () => {
    for (const steps of [1, 5]) {
      const nodes = await scriptedCluster(
        1,
        () => (args) => (args[0] === 'GET' ? reply.error('CLUSTERDOWN down') : undefined),
      );
      const pool = new ClusterConnectionPool({
        ...startNodesOf(nodes),
        reinitializeSteps: steps,
        retryPolicy: { next: () => null },
      });
      keep(pool, ...nodes);
      await pool.open();
      await sleep(150);
      for (let count = 1; count < steps; count++) await assert.rejects(pool.execute('GET', 'a'));
      await sleep(50);
      assert.equal(layoutQuestions(nodes), 1);
      await assert.rejects(pool.execute('GET', 'a'));
      await eventually('a refresh', () => layoutQuestions(nodes) >= 2);
    }
  });

  it('option addressMap: applies to the layout, MOVED and ASK alike', async () => {
    for (const kind of ['record', 'function']) {
      const nodes = await scriptedCluster(
        3,
        (index) => (args) => {
          if (args[0] === 'ASKING') return reply.ok;
          if (args[0] === 'GET') {
            if (index === 0) return reply.error(`MOVED ${keySlot(args[1] as string)} 10.9.9.9:7001`);
            return index === 1
              ? reply.error(`ASK ${keySlot(args[1] as string)} 10.9.9.9:7002`)
              : reply.bulk('through the wall');
          }
          return undefined;
        },
        () => [
          { from: 0, to: 8_191, nodes: [['10.9.9.9', 7000, 'a']] },
          { from: 8_192, to: 16_383, nodes: [['10.9.9.9', 7001, 'b']] },
        ],
      );
      const places = nodes.map(({ location }) => location);
      const record = Object.fromEntries(places.map((place, index) => [`10.9.9.9:${7000 + index}`, place]));
      const asked: string[] = [];
      const pool = new ClusterConnectionPool({
        ...startNodesOf(nodes.slice(0, 1)),
        decodeResponses: true,
        addressMap:
          kind === 'record'
            ? record
            : (host, port) => {
                asked.push(host);
                return places[port - 7000] as TCPLocation;
              },
      });
      keep(pool, ...nodes);
      assert.equal(await pool.execute('GET', LOW), 'through the wall');
      assert.ok(asked.every((host) => host === '10.9.9.9'));
      assert.deepEqual(
        pool.clusterLayout.nodes.map(({ host }) => host),
        ['127.0.0.1', '127.0.0.1'],
      );
    }
  });

  it('a hostile answer is refused, and the known layout stays', async () => {
    let hostile = false;
    const nodes = await scriptedCluster(1, () => (args) => {
      if (args[0] === 'GET') return reply.bulk('value');
      if (!hostile || args[1]?.toUpperCase() !== 'SLOTS') return undefined;
      return slotsReply(
        Array.from({ length: 2_000 }, (_, index) => ({
          from: index,
          to: index,
          nodes: [[`10.0.${index >> 8}.${index & 255}`, 6379, `${index}`]] as const,
        })),
      );
    });
    const pool = new ClusterConnectionPool({ ...startNodesOf(nodes), decodeResponses: true });
    keep(pool, ...nodes);
    await pool.open();
    hostile = true;
    await assert.rejects(pool.refreshLayout(), /more than 1000 nodes/);
    assert.equal(pool.clusterLayout.nodes.length, 1);
    assert.equal(await pool.execute('GET', 'a'), 'value');
  });
});

describe('construction', () => {
  const startupNodes = [{ host: '127.0.0.1', port: 7000 }];
  it('the constructor refuses options that a cluster cannot have', () => {
    assert.throws(() => new ClusterConnectionPool({} as never), /startupNodes/);
    assert.throws(
      () => new ClusterConnectionPool({ startupNodes, addressMap: { nonsense: new TCPLocation('a', 1) } }),
      /addressMap/,
    );
    assert.throws(() => new ClusterConnectionPool({ startupNodes, unknown: 1 } as never), /unknown/);
    assert.throws(() => ClusterConnectionPool.fromUrl('unix:///tmp/x.sock'), TypeError);
    assert.throws(() => ClusterConnectionPool.fromUrl('redis://:7000'), TypeError);
  });

  it('a URL names the start node unless startupNodes are given; its query sets options', async () => {
    const pool = ClusterConnectionPool.fromUrl(
      'redis://127.0.0.1:1/0?max_connections=7&maxConnectionsPerNode=no&decodeResponses=yes',
    );
    assert.match(String(pool), /<127.0.0.1:1>/);
    assert.equal(pool.statistics.maxConnections, 7);
    assert.equal(pool.encoding, 'utf-8');
    const other = ClusterConnectionPool.fromUrl('redis://127.0.0.1:1', { startupNodes });
    assert.match(String(other), /<127.0.0.1:7000>/);
    class Own extends ClusterConnectionPool {}
    assert.ok(Own.fromUrl('redis://127.0.0.1') instanceof Own);
    assert.match(String(Own.fromUrl('redis://127.0.0.1')), /6379/);
    await Promise.all([pool, other].map((one) => one.close()));
  });
});
