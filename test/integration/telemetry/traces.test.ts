import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import {
  type AcquireTrace,
  type BatchTrace,
  type CommandTrace,
  type ConnectAttemptEvent,
  type ConnectionClosedEvent,
  type ConnectionReadyEvent,
  type ConnectTrace,
  ConnectionPool,
  type LeaseReleasedEvent,
  type PoolCreatedEvent,
  type PoolWaitEvent,
  type RedisValue,
  type RetryEvent,
  type SubscribeTrace,
  TimeoutError,
} from '../../../src/index.ts';
import { reply, ScriptedServer, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { Events, Recorder } from '../../support/tracing.ts';

describe('tracing channels', () => {
  let server: TestServer;
  let pool: ConnectionPool;
  before(async () => {
    server = await startServer();
    pool = ConnectionPool.fromUrl(server.url, { decodeResponses: false });
  });
  after(async () => {
    await pool.close();
    await server.stop();
  });

  it('a trace covers a command from the call to its reply', async () => {
    using recorder = new Recorder<CommandTrace>('command');
    await pool.execute('SET', 'traced', 'canary-value');
    const [trace] = recorder.started;
    assert.ok(trace !== undefined);
    assert.deepEqual(recorder.phases(trace), ['start', 'end', 'asyncStart', 'asyncEnd']);
    assert.equal(trace.command, 'SET');
    assert.deepEqual(trace.args, ['?', '?']);
    assert.equal(trace.database, 0);
    assert.equal(trace.serverAddress, '127.0.0.1');
    assert.equal(trace.serverPort, server.port);
    assert.equal(trace.peerPort, server.port);
    assert.equal(trace.poolName, `127.0.0.1:${server.port}`);
    assert.equal(trace.attempts, 1);
    assert.ok(trace.queueTime !== null && trace.queueTime >= 0);
    assert.doesNotMatch(JSON.stringify(recorder.seen), /canary/);
  });

  it('a trace carries the error of a command', async () => {
    using recorder = new Recorder<CommandTrace>('command');
    await pool.execute('SET', 'text', 'x');
    await assert.rejects(pool.execute('INCR', 'text'), /not an integer/);
    const trace = recorder.started.at(-1);
    assert.ok(trace !== undefined);
    assert.deepEqual(recorder.phases(trace), ['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    assert.match(String(trace.error), /not an integer/);
  });

  it('a trace leaves an unhandled rejection unhandled', async () => {
    const entry = new URL('../../../src/index.js', import.meta.url).href;
    const program = `
      import { tracingChannel } from 'node:diagnostics_channel';
      import { ConnectionPool } from ${JSON.stringify(entry)};
      tracingChannel('respool:command').subscribe({ start() {} });
      void ConnectionPool.fromUrl(${JSON.stringify(server.url)}).execute('INCR', 'text');`;
    const { NODE_OPTIONS: _without, ...env } = process.env;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      env,
      encoding: 'utf8',
    });
    assert.equal(child.status, 1);
    assert.match(child.stderr, /not an integer/);
  });

  it('traces cover every form of call', async () => {
    using commands = new Recorder<CommandTrace>('command');
    using batches = new Recorder<BatchTrace>('batch');
    using transactions = new Recorder<BatchTrace>('transaction');
    using leases = new Recorder<AcquireTrace>('acquire');
    using subscriptions = new Recorder<SubscribeTrace>('subscribe');
    await pool.executeRequest('GET', ['a'], { timeout: 5_000 });
    await pool.with({ timeout: 5_000 }).execute('GET', 'b');
    await pool.execute('BLPOP', 'nothing', 0.01);
    await pool.executeBatch([{ command: 'GET', args: ['c'] }, { command: 'PING' }]);
    await pool.transaction([
      { command: 'SET', args: ['t', '1'] },
      { command: 'INCR', args: ['t'] },
    ]);
    await pool.use((connection) => connection.execute('GET', 'd'));
    await pool.executePubsub('SUBSCRIBE', 'news');
    await pool.executePubsub('UNSUBSCRIBE', 'news');
    const names = commands.started.map(({ command, batchMode, batchSize }) => [
      command,
      batchMode,
      batchSize,
    ]);
    assert.deepEqual(names, [
      ['GET', undefined, undefined],
      ['GET', undefined, undefined],
      ['BLPOP', undefined, undefined],
      ['GET', 'PIPELINE', 2],
      ['PING', 'PIPELINE', 2],
      ['GET', undefined, undefined],
    ]);
    assert.deepEqual(
      batches.started.map(({ commands: inside, batchSize }) => [inside, batchSize]),
      [[['GET', 'PING'], 2]],
    );
    assert.deepEqual(
      transactions.started.map(({ batchMode, commands: inside }) => [batchMode, inside]),
      [['MULTI', ['SET', 'INCR']]],
    );
    assert.equal(leases.started.length, 1);
    assert.deepEqual(
      subscriptions.started.map(({ command, channels }) => [command, channels]),
      [
        ['SUBSCRIBE', 1],
        ['UNSUBSCRIBE', 1],
      ],
    );
    for (const recorder of [commands, batches, transactions, leases, subscriptions]) {
      for (const trace of recorder.started)
        assert.equal((recorder.phases as (one: object) => string[])(trace).at(-1), 'asyncEnd');
    }
  });

  it('option sanitizeArguments chooses the shown arguments, and never fails a call', async () => {
    using recorder = new Recorder<CommandTrace>('command');
    await using shown = ConnectionPool.fromUrl(server.url, {
      sanitizeArguments(command: string, args: readonly RedisValue[]) {
        if (command === 'PING') throw new Error('no');
        return args.map((arg, index) => (index === 0 ? String(arg) : '?'));
      },
    });
    await shown.execute('SET', 'visible', 'canary-value');
    await shown.execute('PING', 'canary-value');
    assert.deepEqual(
      recorder.started.map(({ args }) => args),
      [['visible', '?'], ['?']],
    );
  });

  it('traces run in the asynchronous context of their caller: none of 100,000 concurrent calls is crossed', async () => {
    const storage = new AsyncLocalStorage<number>();
    let crossed = 0;
    let ended = 0;
    const owners = new WeakMap<object, number | undefined>();
    using _recorder = new LightRecorder((phase, trace) => {
      if (phase === 'start') owners.set(trace, storage.getStore());
      else if (owners.get(trace) !== storage.getStore()) crossed++;
      if (phase === 'asyncEnd') ended++;
    });
    const calls = Array.from({ length: 100_000 }, (_, index) =>
      storage.run(index, async () => {
        if (index % 7 === 0) await pool.executeRequest('GET', ['x'], { timeout: 60_000 });
        else await pool.execute('ECHO', index);
        if (storage.getStore() !== index) crossed++;
      }),
    );
    await Promise.all(calls);
    assert.equal(ended, 100_000);
    assert.equal(crossed, 0);
  });

  it('traces cost nothing while nobody listens: none is built', async () => {
    let built = 0;
    await using counted = ConnectionPool.fromUrl(server.url, {
      sanitizeArguments(_command: string, args: readonly RedisValue[]) {
        built++;
        return args.map(String);
      },
    });
    const recorder = new Recorder<CommandTrace>('command');
    await counted.execute('GET', 'seen');
    assert.equal(built, 1);
    recorder[Symbol.dispose]();
    await counted.execute('GET', 'unseen');
    await counted.executeBatch([{ command: 'GET', args: ['unseen'] }]);
    assert.equal(built, 1, 'no trace was built');
    assert.equal(recorder.started.length, 1);
  });
});

describe('point channels', () => {
  it('channels report pools, waits and leases', async () => {
    await using server = await startServer();
    using created = new Events<PoolCreatedEvent>('pool:created');
    using waits = new Events<PoolWaitEvent>('pool:wait');
    using released = new Events<LeaseReleasedEvent>('lease:released');
    await using pool = ConnectionPool.fromUrl(server.url, { maxConnections: 1 });
    assert.deepEqual(
      created.all.map(({ pool: one }) => one),
      [pool],
    );
    const first = await pool.acquire();
    const second = pool.acquire();
    await assert.rejects(async () => void (await pool.acquire({ timeout: 5 })), TimeoutError);
    first.release();
    (await second).release();
    assert.equal(waits.all.length, 2);
    assert.ok((waits.all[1]?.waitTime ?? 0) >= 4);
    assert.equal(released.all.length, 2);
    assert.equal(released.all[0]?.poolName, `127.0.0.1:${server.port}`);
  });

  it('channels report connections from the attempt to the end', async () => {
    await using server = await startServer();
    using connects = new Recorder<ConnectTrace>('connect');
    using attempts = new Events<ConnectAttemptEvent>('connect:attempt');
    using ready = new Events<ConnectionReadyEvent>('connection:ready');
    using closed = new Events<ConnectionClosedEvent>('connection:closed');
    await using pool = ConnectionPool.fromUrl(server.url);
    const id = Number(await pool.execute('CLIENT', 'ID'));
    await server.kill();
    await assert.rejects(pool.executeRequest('PING', [], { timeout: 200 }));
    assert.deepEqual(
      connects.started.slice(0, 1).map(({ serverPort, clientId, error }) => [serverPort, clientId, error]),
      [[server.port, id, undefined]],
    );
    assert.ok(connects.started.slice(1).some(({ error }) => error instanceof Error));
    assert.equal(attempts.all[0]?.outcome, 'connected');
    assert.deepEqual([attempts.all[0]?.address, attempts.all[0]?.family], ['127.0.0.1', 4]);
    assert.ok(attempts.all.some(({ outcome }) => outcome === 'failed'));
    assert.deepEqual(
      ready.all.map(({ clientId, protocol }) => [clientId, protocol]),
      [[id, 3]],
    );
    assert.equal(closed.all.length, 1);
    assert.equal(closed.all[0]?.clientId, id);
    assert.ok(closed.all[0]?.reason instanceof Error);
  });

  it('channels report retries', async () => {
    let asked = 0;
    await using server = await ScriptedServer.start({
      GET: () => (asked++ === 0 ? reply.error('LOADING soon') : reply.ok),
    });
    using retries = new Events<RetryEvent>('retry');
    await using pool = ConnectionPool.fromUrl(server.url);
    await pool.executeRequest('GET', ['k'], { timeout: 10_000 });
    assert.deepEqual(
      retries.all.map(({ command, attempt }) => [command, attempt]),
      [['GET', 1]],
    );
    assert.match(String(retries.all[0]?.error), /LOADING|soon/);
  });
});

/** Listens without keeping anything. */
class LightRecorder implements Disposable {
  readonly #recorder: Recorder<CommandTrace>;

  constructor(listener: (phase: string, trace: CommandTrace) => void) {
    this.#recorder = new Recorder<CommandTrace>('command', (phase, trace) => {
      listener(phase, trace);
      this.#recorder.seen.length = 0;
    });
  }
  [Symbol.dispose](): void {
    this.#recorder[Symbol.dispose]();
  }
}

describe('NODE_DEBUG=respool', () => {
  it('NODE_DEBUG=respool writes a readable line for each event, and never an argument', async () => {
    await using server = await startServer();
    const entry = new URL('../../../src/index.js', import.meta.url).href;
    const program = `
      import { ConnectionPool } from ${JSON.stringify(entry)};
      const pool = ConnectionPool.fromUrl(${JSON.stringify(server.url)});
      await pool.execute('SET', 'canary-key', 'canary-value');
      await pool.execute('INCR', 'canary-key').catch(() => {});
      await pool.close();`;
    const { NODE_OPTIONS: _without, ...inherited } = process.env;
    const env = { ...inherited, NODE_DEBUG: 'respool' };
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      env,
      encoding: 'utf8',
    });
    for (const pattern of [
      /RESPOOL \d+: connect:attempt address=127\.0\.0\.1 .*outcome=connected/,
      /connection:ready .*serverVersion=/,
      /command took=[\d.]+ .*command=SET/,
      /command took=.*command=INCR.*error=".*not an integer/,
      /connection:closed .*reason=/,
    ])
      assert.match(stderr, pattern);
    assert.doesNotMatch(stderr, /canary/);
  });
});
