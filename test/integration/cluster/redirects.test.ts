// Scripted nodes give the rare answers of a cluster.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import {
  ClusterConnectionPool,
  ConnectionError,
  PoolClosedError,
  RedisClusterError,
  RedisError,
  type TCPLocation,
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

/** The long form has 10,000 answers. */
const BURST = process.env['RESPOOL_FULL'] === '1' ? 10_000 : 2_000;

const LOW = keyWhere((slot) => slot < 8_192);

describe('redirects', () => {
  const open: { close(): Promise<void> }[] = [];
  after(() => closeAll(open));
  const keep = (...made: { close(): Promise<void> }[]): void => void open.unshift(...made);

  it(`${BURST} MOVED answers in a burst cause one refresh`, async () => {
    const nodes = await scriptedCluster(
      2,
      (index, all) => (args) => {
        if (args[0] !== 'GET') return undefined;
        if (index === 1) return reply.bulk('value');
        return reply.error(`MOVED ${keySlot(args[1] as string)} ${all[1]?.host}:${all[1]?.port}`);
      },
      (all) => {
        const [, second] = all as [ScriptedServer, ScriptedServer];
        // The first layout is the old one; later ones have the change.
        return layoutQuestions(all) <= 1
          ? evenly(all)
          : [{ from: 0, to: 16_383, nodes: [[second.host, second.port, 'node-1']] }];
      },
    );
    const pool = new ClusterConnectionPool({ ...startNodesOf(nodes), decodeResponses: true });
    keep(pool, ...nodes);
    await pool.open();
    const keys = Array.from({ length: BURST }, (_, index) => keyWhere((slot) => slot < 8_192, `k${index}`));
    const values = await Promise.all(keys.map((key) => pool.execute('GET', key)));
    assert.ok(values.every((value) => value === 'value'));
    await sleep(1_000);
    assert.deepEqual(pool.layoutRefreshes, { succeeded: 2, failed: 0 }, 'one to open, one for the burst');
    // A node that answers slowly during the burst is joined by the other one.
    assert.ok(layoutQuestions(nodes) <= 4, `${layoutQuestions(nodes)} questions`);
  });

  it(`${BURST} MOVED answers about one slot cause one refresh as well`, async () => {
    const nodes = await scriptedCluster(2, (index, all) => (args) => {
      if (args[0] !== 'GET') return undefined;
      return index === 1
        ? reply.bulk('value')
        : reply.error(`MOVED ${keySlot(LOW)} ${all[1]?.host}:${all[1]?.port}`);
    });
    const pool = new ClusterConnectionPool(startNodesOf(nodes));
    keep(pool, ...nodes);
    await pool.open();
    await Promise.all(Array.from({ length: BURST }, () => pool.execute('GET', LOW)));
    await sleep(500);
    assert.deepEqual(pool.layoutRefreshes, { succeeded: 2, failed: 0 });
    assert.ok(layoutQuestions(nodes) <= 4, `${layoutQuestions(nodes)} questions`);
  });

  it('MOVED back and forth ends in a typed error after five redirects', async () => {
    const nodes = await scriptedCluster(2, (index, all) => (args) => {
      const other = all[1 - index] as ScriptedServer;
      return args[0] === 'GET' ? reply.error(`MOVED ${keySlot(LOW)} ${other.host}:${other.port}`) : undefined;
    });
    const pool = new ClusterConnectionPool(startNodesOf(nodes));
    keep(pool, ...nodes);
    await assert.rejects(pool.execute('GET', LOW), (error: unknown) => {
      assert.ok(error instanceof RedisClusterError);
      assert.equal(error.code, 'RESPOOL_TOO_MANY_REDIRECTS');
      assert.ok(error.cause instanceof RedisError);
      return true;
    });
    const asked = nodes.flatMap(({ commands }) => commands).filter(({ name }) => name === 'GET').length;
    assert.equal(asked, 6);
  });

  it('MOVED to the node that sent it replaces its connections, once', async () => {
    let refusals = 0;
    const nodes = await scriptedCluster(1, (_, all) => (args, connection) => {
      if (args[0] !== 'GET') return undefined;
      // The connection that is there leads to the wrong place; a new one does not.
      if (connection.id > 2) return reply.bulk('value');
      refusals++;
      return reply.error(`MOVED ${keySlot(LOW)} ${all[0]?.host}:${all[0]?.port}`);
    });
    const pool = new ClusterConnectionPool({ ...startNodesOf(nodes), decodeResponses: true });
    keep(pool, ...nodes);
    await pool.open();
    assert.equal(await pool.executeRequest('GET', [LOW], { timeout: 2_000 }), 'value');
    assert.equal(refusals, 1);
    assert.equal(pool.statistics.activeConnections, 1);
  });

  it('ASKING and its command are neighbours on the wire after an ASK, and the slot stays', async () => {
    const nodes = await scriptedCluster(2, (index, all) => (args) => {
      if (args[0] !== 'INCR') return undefined;
      return index === 1
        ? reply.integer(1)
        : reply.error(`ASK ${keySlot(LOW)} ${all[1]?.host}:${all[1]?.port}`);
    });
    const pool = new ClusterConnectionPool(startNodesOf(nodes));
    keep(pool, ...nodes);
    await pool.open();
    const other = keyWhere((slot) => slot >= 8_192);
    const calls = Array.from({ length: BURST }, (_, index) =>
      pool.execute('INCR', index % 2 === 0 ? LOW : other),
    );
    await Promise.all(calls);
    for (const connection of nodes[1]?.connections ?? []) {
      const names = connection.commands.map(({ args }) => `${args[0]} ${args[1] ?? ''}`);
      for (const [at, name] of names.entries()) {
        if (name === `INCR ${LOW}`) assert.equal(names[at - 1], 'ASKING ');
        if (name === 'ASKING ') assert.equal(names[at + 1], `INCR ${LOW}`);
      }
    }
    assert.equal(nodes[1]?.commands.filter(({ name }) => name === 'ASKING').length, BURST / 2);
    assert.equal(pool.clusterLayout.nodeForKey(LOW).port, nodes[0]?.port);
    assert.equal(layoutQuestions(nodes), 1);
  });

  it('hosts that are null, empty or a question mark mean the node that was asked, also in redirects', async () => {
    const nodes = await scriptedCluster(
      2,
      (index, all) => (args) => {
        if (args[0] !== 'GET') return undefined;
        return index === 1
          ? reply.bulk('value')
          : reply.error(`MOVED ${keySlot(args[1] as string)} :${all[1]?.port}`);
      },
      ([one, two]) => [
        {
          from: 0,
          to: 9_000,
          nodes: [
            [null, one?.port ?? 0, 'a'],
            ['', two?.port ?? 0, 'b'],
          ],
        },
        { from: 9_001, to: 16_383, nodes: [['?', two?.port ?? 0, 'c']] },
      ],
    );
    const pool = new ClusterConnectionPool({ ...startNodesOf(nodes), decodeResponses: true });
    keep(pool, ...nodes);
    assert.equal(await pool.execute('GET', LOW), 'value');
    assert.ok(pool.clusterLayout.nodes.every(({ host }) => host === '127.0.0.1'));
  });

  it('redirects to an invalid address are errors of that call, and nothing is dialled', async () => {
    const lines = [
      'MOVED 1 127.0.0.1:0',
      'MOVED 1 127.0.0.1:65536',
      'MOVED -1 h:1',
      'MOVED 16384 h:1',
      'MOVED __proto__ h:1',
      'ASK 1 user:pw@h:1',
      'MOVED 1 a/b:1',
      'MOVED 1',
      'MOVED',
    ];
    const nodes = await scriptedCluster(
      1,
      () => (args) => (args[0] === 'GET' ? reply.error(lines[Number(args[1])] as string) : undefined),
    );
    const pool = new ClusterConnectionPool(startNodesOf(nodes));
    keep(pool, ...nodes);
    await pool.open();
    for (const index of lines.keys())
      await assert.rejects(pool.execute('GET', index), RedisError, lines[index]);
    assert.equal([...pool.nodeStatistics].length, 1);
    assert.equal(Object.hasOwn(Object.prototype, 'host'), false);
  });

  it('CLUSTERDOWN is waited out inside the deadline with few attempts; without one the retry policy decides', async () => {
    let down = true;
    const nodes = await scriptedCluster(1, () => (args) => {
      if (args[0] !== 'GET') return undefined;
      return down ? reply.error('CLUSTERDOWN The cluster is down') : reply.bulk('value');
    });
    const pool = new ClusterConnectionPool({ ...startNodesOf(nodes), decodeResponses: true });
    keep(pool, ...nodes);
    await assert.rejects(pool.execute('GET', LOW), { code: 'CLUSTERDOWN' });
    const early = nodes[0]?.commands.filter(({ name }) => name === 'GET').length ?? 0;
    const call = pool.executeRequest('GET', [LOW], { timeout: 10_000 });
    await sleep(1_000);
    const attempts = (nodes[0]?.commands.filter(({ name }) => name === 'GET').length ?? 0) - early;
    down = false;
    assert.equal(await call, 'value');
    assert.ok(attempts <= 20, `${attempts} attempts in a second`);
  });

  it('READONLY of a demoted primary refreshes the layout, and the command follows', async () => {
    let demoted = false;
    const nodes = await scriptedCluster(
      2,
      (index) => (args) => {
        if (args[0] !== 'SET') return undefined;
        return index === 0 ? reply.error("READONLY You can't write against a read only replica.") : reply.ok;
      },
      (all) => {
        const [one, two] = all as [ScriptedServer, ScriptedServer];
        const [first, second] = demoted ? [two, one] : [one, two];
        demoted = true;
        return [
          {
            from: 0,
            to: 16_383,
            nodes: [
              [first.host, first.port, 'a'],
              [second.host, second.port, 'b'],
            ],
          },
        ];
      },
    );
    const pool = new ClusterConnectionPool({ ...startNodesOf(nodes), decodeResponses: true });
    keep(pool, ...nodes);
    await pool.open();
    assert.equal(await pool.executeRequest('SET', [LOW, 1], { timeout: 3_000 }), 'OK');
    assert.equal(pool.clusterLayout.nodeForKey(LOW).port, nodes[1]?.port);
  });

  it('a killed connection sends unwritten commands elsewhere; written ones are not repeated', async () => {
    let drop = true;
    const nodes = await scriptedCluster(1, () => (args, connection) => {
      if (args[0] !== 'INCR') return undefined;
      if (!drop) return reply.integer(1);
      drop = false;
      connection.destroy();
      return null;
    });
    const pool = new ClusterConnectionPool(startNodesOf(nodes));
    keep(pool, ...nodes);
    await assert.rejects(
      pool.execute('INCR', LOW),
      (error: unknown) => error instanceof ConnectionError && error.maybeExecuted,
    );
    assert.equal(await pool.execute('INCR', LOW), 1);
  });
});

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
