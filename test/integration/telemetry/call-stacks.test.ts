import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { tracingChannel } from 'node:diagnostics_channel';
import { after, before, describe, it } from 'node:test';
import { inspect, types } from 'node:util';
import {
  type BaseConnection,
  ClusterConnectionPool,
  ConnectionError,
  ConnectionPool,
  LRUCache,
  PoolClosedError,
  RequestAbortedError,
  ResponseError,
  TCPConnection,
  TCPLocation,
  TimeoutError,
} from '../../../src/index.ts';
import { startCluster, startServer, type TestServer } from '../../../src/testkit/index.ts';

async function failureOf(call: PromiseLike<unknown>): Promise<Error> {
  try {
    await call;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

/** The stack begins with the error itself, and goes on with the function that made the call. */
function assertCalledBy(error: Error, caller: string): void {
  const [head, first] = (error.stack ?? '').split('\n');
  assert.equal(head, `${error.name}: ${error.message}`);
  assert.match(first ?? '', new RegExp(`${caller} .*call-stacks\\.test\\.[jt]s`), error.stack);
  assert.ok(types.isNativeError(error));
}

describe('option traceCalls', () => {
  let server: TestServer;
  let pool: ConnectionPool<BaseConnection, boolean>;
  before(async () => {
    server = await startServer();
    pool = ConnectionPool.fromUrl(`${server.url}?traceCalls=true`);
    await pool.execute('SET', 'text', 'x');
  });
  after(async () => {
    await pool.close();
    await server.stop();
  });

  it('option traceCalls puts the caller into errors of execute, executeRequest and with()', async () => {
    const byExecute = (): Promise<unknown> => pool.execute('INCR', 'text');
    const byRequest = (): Promise<unknown> => pool.executeRequest('INCR', ['text']);
    const byView = (): Promise<unknown> => pool.with({ timeout: 5_000 }).execute('INCR', 'text');
    const byValue = (): Promise<unknown> => pool.executeRequest('INCR', ['text'], { raiseExceptions: false });
    assertCalledBy(await failureOf(byExecute()), 'byExecute');
    assertCalledBy(await failureOf(byRequest()), 'byRequest');
    assertCalledBy(await failureOf(byView()), 'byView');
    assertCalledBy((await byValue()) as Error, 'byValue');
  });

  it('option traceCalls keeps class, code and fields of the error', async () => {
    const error = await failureOf(pool.execute('INCR', 'text'));
    assert.ok(error instanceof ResponseError);
    assert.equal(error.code, 'ERR');
    assert.equal(error.command, 'INCR');
    assert.equal(error.endpoint, `127.0.0.1:${server.port}`);
    assert.match(inspect(error), /^ResponseError: ERR value is not an integer/);
    assert.doesNotMatch(String(error.stack), /src\/pool\//);
    const request = pool.executeRequest('INCR', ['text']);
    await failureOf(request);
    assert.equal(request.maybeExecuted, true);
    const refused = pool.executeRequest('SUBSCRIBE', ['text']);
    await failureOf(refused);
    assert.equal(refused.maybeExecuted, false);
  });

  it('option traceCalls puts the caller into entries of batches and transactions', async () => {
    const commands = [
      { command: 'GET', args: ['text'] },
      { command: 'INCR', args: ['text'] },
    ] as const;
    const byBatch = (): Promise<unknown[]> => pool.executeBatch(commands);
    const byTransaction = (): Promise<unknown[]> => pool.transaction(commands);
    const byThrow = (): Promise<unknown> => pool.transaction(commands, { throwErrors: true });
    const [value, error] = await byBatch();
    assert.deepEqual(value, Buffer.from('x'));
    assertCalledBy(error as Error, 'byBatch');
    assertCalledBy((await byTransaction())[1] as Error, 'byTransaction');
    assertCalledBy(await failureOf(byThrow()), 'byThrow');
    const byWatch = (): Promise<unknown[] | null> => pool.watch(['text'], () => commands);
    assertCalledBy((await byWatch())?.[1] as Error, 'byWatch');
    assert.equal(await pool.watch(['text'], () => null), null);
  });

  it('option traceCalls reaches the commands of leases, and the wait for one', async () => {
    await pool.use(async (connection) => {
      const onLease = (): Promise<unknown> => connection.execute('INCR', 'text');
      assertCalledBy(await failureOf(onLease()), 'onLease');
    });
    await using narrow = ConnectionPool.fromUrl(server.url, { traceCalls: true, maxConnections: 1 });
    using _lease = await narrow.acquire();
    const wait = (): Promise<unknown> => narrow.acquire({ timeout: 1 });
    const error = await failureOf(wait());
    assert.ok(error instanceof TimeoutError && error.max === 1);
    assertCalledBy(error, 'wait');
  });

  it('option traceCalls of a connection puts the caller into its requests and batches', async () => {
    const connection = new TCPConnection(new TCPLocation('127.0.0.1', server.port), { traceCalls: true });
    await connection.run();
    const byRequest = (): PromiseLike<unknown> => connection.createRequest('INCR', ['text']);
    const byExecute = (): Promise<unknown> => connection.execute('INCR', 'text');
    const byBatch = (): PromiseLike<unknown[]> =>
      connection.createRequestBatch([{ command: 'INCR', args: ['text'] }]);
    assertCalledBy(await failureOf(byRequest()), 'byRequest');
    assertCalledBy(await failureOf(byExecute()), 'byExecute');
    assertCalledBy((await byBatch())[0] as Error, 'byBatch');
    await connection.close();
  });

  it('option traceCalls gives each of the calls that one loss ends its own stack', async () => {
    const connection = new TCPConnection(new TCPLocation('127.0.0.1', server.port), { traceCalls: true });
    await connection.run();
    const first = (): PromiseLike<unknown> => connection.createRequest('BLPOP', ['nobody', 0]);
    const second = (): PromiseLike<unknown> => connection.createRequest('BLPOP', ['nobody', 0]);
    const failures = Promise.all([failureOf(first()), failureOf(second())]);
    await pool.execute('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const [one, other] = await failures;
    assert.ok(one instanceof ConnectionError && one.maybeExecuted);
    assertCalledBy(one, 'first');
    assertCalledBy(other, 'second');
    await connection.close().catch(() => {});
  });

  it('option traceCalls gives each caller of a closed pool its own stack', async () => {
    const closed = ConnectionPool.fromUrl(server.url, { traceCalls: true });
    await closed.close();
    const first = (): Promise<unknown> => closed.execute('PING');
    const second = (): Promise<unknown> => closed.execute('PING');
    const [one, other] = [await failureOf(first()), await failureOf(second())];
    assert.ok(one instanceof PoolClosedError);
    assertCalledBy(one, 'first');
    assertCalledBy(other, 'second');
  });

  it('option traceCalls gives callers that share the reply of a cache their own stacks', async () => {
    await using cached = ConnectionPool.fromUrl(server.url, { traceCalls: true, cache: new LRUCache() });
    const first = (): Promise<unknown> => cached.execute('HGET', 'text', 'field');
    const second = (): Promise<unknown> => cached.execute('HGET', 'text', 'field');
    const [one, other] = await Promise.all([failureOf(first()), failureOf(second())]);
    assertCalledBy(one, 'first');
    assertCalledBy(other, 'second');
  });

  it('option traceCalls leaves the reason of a signal as it is', async () => {
    for (const reason of [new Error('mine'), new ConnectionError('mine too')]) {
      const control = new AbortController();
      const call = pool.executeRequest('BLPOP', ['nobody', 0], { signal: control.signal });
      control.abort(reason);
      assert.equal(await failureOf(call), reason);
      await pool.use(async (connection) => {
        const own = new AbortController();
        const request = connection.createRequest('BLPOP', ['nobody', 0], { signal: own.signal });
        own.abort(reason);
        assert.equal(await failureOf(request), reason);
      });
    }
    const control = new AbortController();
    const byBatch = (): Promise<unknown[]> =>
      pool.executeBatch([{ command: 'BLPOP', args: ['nobody', 0] }], { signal: control.signal });
    const answers = byBatch();
    control.abort(new Error('mine'));
    const [entry] = await answers;
    assert.ok(entry instanceof RequestAbortedError);
    assertCalledBy(entry, 'byBatch');
  });

  it('option traceCalls works while somebody listens to traces', async () => {
    const listener = { start() {} };
    const channel = tracingChannel('respool:command');
    channel.start.subscribe(listener.start);
    try {
      const call = (): Promise<unknown> => pool.execute('INCR', 'text');
      assertCalledBy(await failureOf(call()), 'call');
    } finally {
      channel.start.unsubscribe(listener.start);
    }
  });

  it('option traceCalls works for clusters', async () => {
    await using cluster = await startCluster();
    const { startupNodes } = cluster;
    await using nodes = new ClusterConnectionPool({ startupNodes, traceCalls: true });
    await nodes.execute('SET', 'text', 'x');
    const call = (): Promise<unknown> => nodes.execute('INCR', 'text');
    assertCalledBy(await failureOf(call()), 'call');
  });

  it('without the option traceCalls the error of a reply has no frames', async () => {
    await using plain = ConnectionPool.fromUrl(server.url);
    const error = await failureOf(plain.execute('INCR', 'text'));
    assert.equal(error.stack, `ResponseError: ${error.message}`);
    const [entry] = await plain.executeBatch([{ command: 'INCR', args: ['text'] }]);
    assert.doesNotMatch(String((entry as Error).stack), /\n/);
    await plain.use(async (connection) => {
      assert.doesNotMatch(String((await failureOf(connection.execute('INCR', 'text'))).stack), /\n/);
    });
  });

  it('NODE_DEBUG=respool-calls turns the option traceCalls on for a whole program', () => {
    const entry = new URL('../../../src/index.js', import.meta.url).href;
    const program = `
      import { ConnectionPool } from ${JSON.stringify(entry)};
      const pool = ConnectionPool.fromUrl(${JSON.stringify(server.url)});
      function hereItIs() { return pool.execute('INCR', 'text'); }
      await hereItIs().catch((error) => console.log(error.stack));
      await pool.close();`;
    const { NODE_OPTIONS: _without, ...inherited } = process.env;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...inherited, NODE_DEBUG: 'respool-calls' },
      encoding: 'utf8',
    });
    assert.match(stdout, /^ResponseError: ERR value is not an integer or out of range\n\s+at hereItIs /);
    assert.equal(stderr, '');
  });
});
