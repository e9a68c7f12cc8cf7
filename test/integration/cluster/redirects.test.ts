// Scripted nodes give the rare answers of a cluster.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { ClusterConnectionPool, ConnectionError, RedisClusterError, RedisError } from '../../../src/index.ts';
import { reply, type ScriptedServer } from '../../../src/testkit/index.ts';
import { keySlot } from '../../../src/commands/key-slot.ts';
import {
  closeAll,
  evenly,
  keyWhere,
  layoutQuestions,
  scriptedCluster,
  sleep,
  startNodesOf,
} from './support.ts';

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
