import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { after, before, describe, it } from 'node:test';
import {
  type BatchTrace,
  ClusterConnectionPool,
  type CommandTrace,
  ConnectionPool,
  type RedisValue,
  type SubscribeTrace,
  TCPConnection,
  TCPLocation,
} from '../../../src/index.ts';
import { startCluster, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { Recorder } from '../../support/tracing.ts';

/** Shows the first argument. */
function firstOnly(_command: string, args: readonly RedisValue[]): string[] {
  return args.map((arg, index) => (index === 0 ? String(arg) : '?'));
}

/** Each trace that began has ended, after the message that its call was made. */
function assertEnded<T extends object>(recorder: Recorder<T>): void {
  for (const trace of recorder.started) {
    const phases = recorder.phases(trace).filter((phase) => phase !== 'error');
    assert.deepEqual(phases, ['start', 'end', 'asyncStart', 'asyncEnd'], JSON.stringify(trace));
  }
}

describe('traces of every call', () => {
  let server: TestServer;
  let pool: ConnectionPool;
  before(async () => {
    server = await startServer();
    pool = ConnectionPool.fromUrl(server.url, { decodeResponses: false, sanitizeArguments: firstOnly });
    await pool.execute('SET', 'text', 'x');
  });
  after(async () => {
    await pool.close();
    await server.stop();
  });

  it('traces name the client id of the connection that answered', async () => {
    using commands = new Recorder<CommandTrace>('command');
    using batches = new Recorder<BatchTrace>('batch');
    using transactions = new Recorder<BatchTrace>('transaction');
    const id = await pool.execute('CLIENT', 'ID');
    await pool.executeBatch([{ command: 'GET', args: ['a'] }, { command: 'PING' }]);
    await pool.transaction([{ command: 'INCR', args: ['t'] }]);
    await assert.rejects(pool.execute('INCR', 'text'));
    assert.deepEqual(
      [...commands.started, ...batches.started, ...transactions.started].map(({ clientId }) => clientId),
      Array.from({ length: 6 }, () => id),
    );
    assert.deepEqual(
      [...batches.started, ...transactions.started].map(({ peerPort }) => peerPort),
      [server.port, server.port],
    );
    // The client id is known only at the end.
    assert.equal(commands.seen.find(({ phase }) => phase === 'start')?.fields.clientId, undefined);
    for (const recorder of [batches, transactions]) assertEnded(recorder);
    assertEnded(commands);
  });

  it('traces of streams last to the end of the reply, also those that fail or are left', async () => {
    using commands = new Recorder<CommandTrace>('command');
    await pool.execute('RPUSH', 'items', 'a', 'b', 'c');
    await pool.execute('SETRANGE', 'long', 8_000_000, 'x');
    const lease = await pool.acquire();
    const { connection } = lease;
    const items: unknown[] = [];
    for await (const item of connection.streamItems('LRANGE', ['items', 0, -1])) items.push(String(item));
    assert.deepEqual(items, ['a', 'b', 'c']);
    await assert.rejects(connection.stream('GET', ['items'])[Symbol.asyncIterator]().next(), /WRONGTYPE/);
    for await (const chunk of connection.stream('GET', ['long'])) {
      assert.ok(chunk.length < 8_000_000);
      break;
    }
    await connection.waitClosed();
    lease.release();
    const [, , list, refused, left] = commands.started;
    assert.deepEqual([list?.command, list?.args, list?.error], ['LRANGE', ['items', '?', '?'], undefined]);
    assert.deepEqual([list?.clientId, list?.peerPort, list?.attempts], [connection.clientId, server.port, 1]);
    assert.ok(list?.queueTime !== null);
    assert.match(String(refused?.error), /WRONGTYPE/);
    assert.match(String(left?.error), /left before its end/);
    assert.equal(left?.maybeExecuted, true);
    assertEnded(commands);
  });

  it('traces give the client id and the queue time of a blocking command', async () => {
    using commands = new Recorder<CommandTrace>('command');
    const other = await pool.acquire();
    await pool.execute('BLPOP', 'nothing', 0.01);
    const blocking = commands.started.find(({ command }) => command === 'BLPOP');
    assert.ok(typeof blocking?.clientId === 'number');
    assert.notEqual(blocking.clientId, other.connection.clientId);
    assert.ok(blocking.queueTime !== null && blocking.queueTime >= 0);
    assert.deepEqual([blocking.peerPort, blocking.maybeExecuted], [server.port, true]);
    other.release();
    assertEnded(commands);
  });

  it('traces leave the client id undefined where HELLO gives none', async () => {
    await using old = ConnectionPool.fromUrl(server.url, { protocol: 2 });
    using commands = new Recorder<CommandTrace>('command');
    await old.execute('PING');
    assert.deepEqual(
      [commands.started[0]?.clientId, commands.started[0]?.peerPort],
      [undefined, server.port],
    );
  });

  it('option sanitizeArguments reaches requests and batches of leases', async () => {
    using commands = new Recorder<CommandTrace>('command');
    using batches = new Recorder<BatchTrace>('batch');
    const id = await pool.use(async (connection) => {
      await connection.execute('SET', 'leased', 'canary-value');
      await connection.createRequestBatch([
        { command: 'SET', args: ['batched', 'canary-value'] },
        { command: 'INCR', args: ['text'] },
      ]);
      return connection.clientId;
    });
    assert.deepEqual(
      commands.started.map(({ command, args, batchMode, batchSize, clientId, error }) => [
        [command, ...args],
        batchMode,
        batchSize,
        clientId,
        error instanceof Error,
      ]),
      [
        [['SET', 'leased', '?'], undefined, undefined, id, false],
        [['SET', 'batched', '?'], 'PIPELINE', 2, id, false],
        [['INCR', 'text'], 'PIPELINE', 2, id, true],
      ],
    );
    assert.deepEqual(
      batches.started.map(({ clientId, poolName }) => [clientId, poolName]),
      [[id, `127.0.0.1:${server.port}`]],
    );
    assertEnded(commands);
    assertEnded(batches);
    assert.doesNotMatch(JSON.stringify([...commands.seen, ...batches.seen]), /canary/);
  });

  it('traces cover a connection outside a pool, and hide its arguments', async () => {
    using commands = new Recorder<CommandTrace>('command');
    const connection = new TCPConnection(new TCPLocation('127.0.0.1', server.port));
    await connection.run();
    await connection.execute('SET', 'own', 'canary-value');
    const [results] = await Promise.all([
      connection.executeBatch([
        { command: 'GET', args: ['text'] },
        { command: 'INCR', args: ['text'] },
      ]),
      connection.createRequest('PING'),
    ]);
    assert.deepEqual(results[0], Buffer.from('x'));
    assert.match(String(results[1]), /not an integer/);
    assert.deepEqual(
      commands.started.map(({ command, args, poolName, clientId }) => [
        command,
        args.join(' '),
        poolName,
        clientId,
      ]),
      [
        ['SET', '? ?'],
        ['GET', '?'],
        ['INCR', '?'],
        ['PING', ''],
      ].map((shown) => [...shown, null, connection.clientId]),
    );
    await connection.close();
    assertEnded(commands);
  });

  it('traces cover subscriptions of connections and of leases', async () => {
    using subscriptions = new Recorder<SubscribeTrace>('subscribe');
    const connection = new TCPConnection(new TCPLocation('127.0.0.1', server.port));
    await connection.run();
    await connection.executePubsub('SUBSCRIBE', 'one', 'two');
    await assert.rejects(connection.executePubsub('SUBSCRIPE', 'one'), TypeError);
    const id = await pool.use(async (leased) => {
      await leased.executePubsub('psubscribe', 'news.*');
      await leased.executePubsub('PUNSUBSCRIBE');
      return leased.clientId;
    });
    assert.deepEqual(
      subscriptions.started.map(({ command, channels, poolName, clientId }) => [
        command,
        channels,
        poolName,
        clientId,
      ]),
      [
        ['SUBSCRIBE', 2, null, connection.clientId],
        ['SUBSCRIPE', 1, null, connection.clientId],
        ['PSUBSCRIBE', 1, `127.0.0.1:${server.port}`, id],
        ['PUNSUBSCRIBE', 0, `127.0.0.1:${server.port}`, id],
      ],
    );
    assert.ok(subscriptions.started[1]?.error instanceof TypeError);
    await connection.close();
    assertEnded(subscriptions);
  });

  it('traces cover scans and the transactions of watch', async () => {
    using commands = new Recorder<CommandTrace>('command');
    using transactions = new Recorder<BatchTrace>('transaction');
    for await (const key of pool.scan({ match: 'te*' })) assert.equal(String(key), 'text');
    await pool.watch(['text'], () => [{ command: 'SET', args: ['text', 'y'] }]);
    const names = commands.started.map(({ command }) => command);
    assert.deepEqual([names[0], names.at(-1)], ['SCAN', 'WATCH']);
    assert.deepEqual(
      transactions.started.map(({ commands: inside, peerPort }) => [inside, peerPort]),
      [[['SET'], server.port]],
    );
    assertEnded(commands);
    assertEnded(transactions);
  });

  it('traces cover the questions of executeOn to each node of a cluster', async () => {
    await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 0 });
    await using nodes = ClusterConnectionPool.fromUrl(cluster.url);
    await nodes.open();
    using commands = new Recorder<CommandTrace>('command');
    const sizes = await nodes.executeOn('primaries', 'DBSIZE');
    const traced = commands.started.filter(({ command }) => command === 'DBSIZE');
    assert.deepEqual(
      new Set(traced.map(({ peerPort }) => peerPort)),
      new Set([...sizes.keys()].map(({ port }) => port)),
    );
    assert.equal(traced.length, 3);
    assert.ok(traced.every(({ clientId }) => typeof clientId === 'number'));
    assertEnded(commands);
  });

  it('traces end when a call is refused before anything is sent', async () => {
    using commands = new Recorder<CommandTrace>('command');
    using batches = new Recorder<BatchTrace>('batch');
    const gone = AbortSignal.abort(new Error('gone'));
    await assert.rejects(pool.executeRequest('GET', ['a'], { signal: gone }), /gone/);
    await assert.rejects(pool.execute('SUBSCRIBE', 'a'), TypeError);
    const refused = [
      { command: 'GET', args: ['a'] },
      { command: 'GET', args: [{}] },
    ] as never;
    await assert.rejects(pool.executeBatch(refused), TypeError);
    await pool.executeBatch([{ command: 'GET', args: ['a'] }], { signal: gone });
    await pool.use(async (connection) => {
      assert.throws(() => void connection.createRequestBatch(refused), TypeError);
    });
    assert.deepEqual(
      commands.started.map(({ command, error }) => [command, error instanceof Error]),
      [
        ['GET', true],
        ['SUBSCRIBE', true],
        ['GET', true],
      ],
    );
    assert.deepEqual(
      batches.started.map(({ error }) => error instanceof TypeError),
      [true, false, true],
    );
    assertEnded(commands);
    assertEnded(batches);
  });

  it('a store bound to the start of a trace is there at its end', async () => {
    const storage = new AsyncLocalStorage<string>();
    const { start, asyncEnd } = tracingChannel<unknown, CommandTrace>('respool:command');
    const seen: unknown[] = [];
    const ended = (): void => void seen.push(storage.getStore());
    start.bindStore(storage, (trace) => trace.command);
    asyncEnd.subscribe(ended);
    try {
      await pool.execute('GET', 'text');
      await pool.use((connection) => connection.execute('PING'));
      assert.equal(storage.getStore(), undefined);
    } finally {
      start.unbindStore(storage);
      asyncEnd.unsubscribe(ended);
    }
    assert.deepEqual(seen, ['GET', 'PING']);
  });
});
