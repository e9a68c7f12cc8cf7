import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  ClusterConnectionPool,
  ConnectionError,
  ConnectionPool,
  ProtocolError,
  type RedisValue,
} from '../../../src/index.ts';
import {
  reply,
  ScriptedServer,
  type ScriptedTable,
  startServer,
  type TestServer,
} from '../../../src/testkit/index.ts';
import { atMost } from '../../support/pace.ts';
import { atRest, blockedClients, failure, until } from './support.ts';

const LIMIT = 400;

describe('option deadPeerTimeout: a blocking command on a stopped server', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
    await server.command('XADD', 'stream', '*', 'f', 'v');
  });
  after(() => server.stop());

  const finite: [string, ...RedisValue[]][] = [
    ['BLPOP', 'q', 0.3],
    ['BZPOPMIN', 'z', 0.3],
    ['XREAD', 'BLOCK', 300, 'STREAMS', 'stream', '$'],
  ];
  const cases: { name: string; command: [string, ...RedisValue[]]; lease: boolean }[] = [
    ...finite.map((command) => ({ name: `${command[0]} with a time`, command, lease: false })),
    ...finite.map((command) => ({ name: `${command[0]} with a time, on a lease`, command, lease: true })),
    { name: 'WAIT with a time, on a lease', command: ['WAIT', 5, 300], lease: true },
    { name: 'BLPOP for ever', command: ['BLPOP', 'q', 0], lease: false },
    { name: 'BLPOP for ever, on a lease', command: ['BLPOP', 'q', 0], lease: true },
  ];
  for (const { name, command, lease } of cases) {
    test(`${name} ends when the server falls silent`, async () => {
      await using pool = new ConnectionPool({ location: server.location, deadPeerTimeout: LIMIT });
      await pool.open();
      const [first, ...args] = command;
      const call = lease
        ? pool.use((connection) => connection.execute(first, ...args))
        : pool.execute(first, ...args);
      const failed = failure(call);
      await until(async () => (await blockedClients(server)) === 1, 'a blocked client');
      const begin = performance.now();
      await server.pause();
      try {
        const error = (await failed) as ConnectionError;
        assert.ok(error instanceof ConnectionError, String(error));
        assert.equal(error.maybeExecuted, true);
        assert.match(error.message, /deadPeerTimeout/);
        // The time of the command, the limit, and a tenth of the limit between two checks.
        const took = performance.now() - begin;
        assert.ok(took < atMost(300 + LIMIT * 1.5), `${took} ms`);
      } finally {
        await server.resume();
      }
      await until(async () => (await blockedClients(server)) === 0, 'nobody to be blocked');
      await atRest(pool);
    });
  }

  test('a live server keeps a command that blocks for ever, and an element is delivered', async () => {
    await using pool = new ConnectionPool({
      location: server.location,
      deadPeerTimeout: 600,
      decodeResponses: true,
    });
    const call = pool.execute('BLPOP', 'late', 0);
    await until(async () => (await blockedClients(server)) === 1, 'a blocked client');
    const pings = async (): Promise<number> =>
      Number(/cmdstat_ping:calls=(\d+)/.exec(String(await server.command('INFO', 'commandstats')))?.[1] ?? 0);
    const before = await pings();
    await until(async () => (await pings()) > before + 1, 'questions over another connection');
    await pool.execute('RPUSH', 'late', 'x');
    assert.deepEqual(await call, ['late', 'x']);
  });
});

describe('PING with a nonce', () => {
  /** Drops the reply to one GET: every later reply is that of the command before. */
  function dropping(): { script: ScriptedTable; drop(): void } {
    let drops = false;
    return {
      drop: () => {
        drops = true;
      },
      script: {
        GET: ([, key]) => {
          if (!drops) return reply.bulk(key ?? '');
          drops = false;
          return null;
        },
      },
    };
  }

  const underTraffic = async (option: { fence: number } | { deadPeerTimeout: number }): Promise<void> => {
    const { script, drop } = dropping();
    await using scripted = await ScriptedServer.start(script);
    await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true, ...option });
    await pool.open();
    let shifted = 0;
    let ended: Error | null = null;
    drop();
    const lane = async (lane: number): Promise<void> => {
      for (let n = 0; ended === null && n < 100_000; n++) {
        try {
          const key = `${lane}:${n}`;
          if ((await pool.execute('GET', key)) !== key) shifted++;
        } catch (error) {
          ended = error as Error;
        }
      }
    };
    await Promise.all([1, 2, 3, 4].map(lane));
    assert.ok(shifted > 0, 'it cannot be seen before the fence');
    assert.ok(ended !== null);
    const { cause } = ended as Error;
    assert.ok((ended as Error) instanceof ProtocolError || cause instanceof ProtocolError, String(ended));
    assert.equal(await pool.execute('GET', 'after'), 'after');
    await atRest(pool);
  };
  test('option fence: a dropped reply ends the connection within the interval, under traffic', () =>
    underTraffic({ fence: 20 }));
  test('option deadPeerTimeout: a dropped reply ends the connection within the limit, also under traffic', () =>
    underTraffic({ deadPeerTimeout: 200 }));

  test('option deadPeerTimeout: a connection on which a reply was dropped ends within the limit', async () => {
    const { script, drop } = dropping();
    await using scripted = await ScriptedServer.start(script);
    await using pool = new ConnectionPool({
      location: scripted.location,
      decodeResponses: true,
      deadPeerTimeout: 200,
    });
    await pool.open();
    drop();
    // The second answer settles the first call: a client cannot see that. The third call waits for nothing.
    await Promise.allSettled(['a', 'b', 'c'].map((key) => pool.execute('GET', key)));
    await scripted.waitFor(() => scripted.connections[0]?.open === false, 'the end of the connection');
    assert.equal(await pool.execute('GET', 'after'), 'after');
  });

  test('a connection to a replica that dropped a reply ends when the replica is measured', async () => {
    await using primary = await ScriptedServer.start();
    await using replica = await ScriptedServer.start();
    const members = [primary, replica].map(({ host, port }) =>
      reply.array(reply.bulk(host), reply.integer(port), reply.bulk(`id${port}`)),
    );
    const layout = reply.array(reply.array(reply.integer(0), reply.integer(16_383), ...members));
    const { script, drop } = dropping();
    primary.script({ 'CLUSTER SLOTS': layout, ...dropping().script });
    replica.script({ 'CLUSTER SLOTS': layout, ...script });
    await using pool = new ClusterConnectionPool({
      ...{ startupNodes: [primary.location], readFrom: 'replica', decodeResponses: true },
      // PINGs of the connection would come after the end of this test.
      deadPeerTimeout: 60_000,
    });
    assert.equal(await pool.execute('GET', 'before'), 'before');
    const [first] = replica.connections;
    assert.ok(first !== undefined, 'the read went to the replica');
    let shifted = 0;
    const lane = async (lane: number): Promise<void> => {
      for (let n = 0; first.open && n < 100_000; n++) {
        const key = `${lane}:${n}`;
        const answer: unknown = await pool.execute('GET', key).catch((error: unknown) => error);
        if (typeof answer === 'string' && answer !== key) shifted++;
      }
    };
    drop();
    await Promise.all([1, 2, 3, 4].map(lane));
    assert.equal(first.open, false, 'it goes on');
    assert.ok(shifted > 0, 'it cannot be seen before the measurement');
    assert.ok(first.commands.some(({ name, args }) => name === 'PING' && args.length === 2));
    assert.equal(await pool.execute('GET', 'after'), 'after');
  });

  test('a proxy that drops the argument of PING does not count as a shifted connection', async () => {
    await using scripted = await ScriptedServer.start({ PING: reply.simple('PONG') });
    await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true, fence: 5 });
    const fences = (): number =>
      scripted.connections.flatMap(({ commands }) => commands.filter(({ name }) => name === 'PING')).length;
    while (fences() < 3) assert.equal(await pool.execute('ECHO', 'x'), 'x');
    assert.equal(scripted.connections.length, 1);
  });
});
