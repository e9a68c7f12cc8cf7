import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CapacityLimiter,
  type CommandRequest,
  ConnectionError,
  ConnectionPool,
  TCPConnection,
  TCPLocation,
} from '../../../src/index.ts';
import { reply } from '../../../src/testkit/index.ts';
import { pair, realServer, scripted, wait } from '../connection/support.ts';

const bogus = { bogus: 1 } as never;
const names = (error: unknown): boolean => error instanceof TypeError && /bogus/.test(error.message);

describe('unknown names are refused', () => {
  test('waits refuse unknown options', async () => {
    const server = await realServer();
    await using pool = new ConnectionPool({ location: server.location });
    await assert.rejects(server.location.check(bogus), names);
    await assert.rejects(pool.open(bogus), names);
    await assert.rejects(pool.acquire(bogus), names);
    await assert.rejects(pool.getConnection(bogus), names);
    await assert.rejects(
      pool.use(() => 1, bogus),
      names,
    );
    await assert.rejects(pool.waitClosed(bogus), names);
    await assert.rejects(new CapacityLimiter(1).acquire(bogus), names);
    await assert.rejects(pool.open({ timeout: 0 }), /timeout/);
    assert.equal(await server.location.check({ bogus: undefined } as never), true);
    assert.equal(pool.statistics.activeConnections, 0);
  });

  test('a batch refuses unknown members of a command before anything is queued', async () => {
    const { connection, peer } = await pair();
    await using pool = new ConnectionPool({ location: new TCPLocation('127.0.0.1', 1) });
    const bad = [{ bogus: 1 }, { noreply: true }, { decode: 'yes' }, { encoding: 'utf16le' }, { args: 'a' }];
    for (const member of bad) {
      const commands = [{ command: 'PING' }, { command: 'GET', args: ['k'], ...member } as CommandRequest];
      assert.throws(() => connection.createRequestBatch(commands), TypeError);
      await assert.rejects(pool.executeBatch(commands), TypeError);
    }
    await assert.rejects(pool.executeRequest('GET', 'k' as never), TypeError);
    for (const commands of [undefined, null, 'PING', { length: 0 }, new Set()] as never[])
      assert.throws(() => connection.createRequestBatch(commands), {
        name: 'TypeError',
        message: 'the commands of a batch must be an array',
      });
    await connection.execute('ECHO', 'x');
    assert.deepEqual(
      peer.commands.filter(({ name }) => name === 'PING' || name === 'GET'),
      [],
    );
  });
});

describe('undefined counts as absent', () => {
  test('a view of a pool takes undefined in commands and options as absent', async () => {
    const server = await scripted({ GET: () => wait(30).then(() => reply.text('v')) });
    await using pool = new ConnectionPool({ location: server.location });
    const view = pool.with({ decode: true, timeout: 5_000, raiseExceptions: false });
    const command = { command: 'GET', args: ['k'], decode: undefined, encoding: undefined };
    assert.deepEqual(await view.executeBatch([command], { timeout: undefined, signal: undefined }), ['v']);
    const brief = pool.with({ timeout: 5 });
    const [late] = await brief.executeBatch([command], { timeout: undefined });
    assert.equal((late as Error).name, 'TimeoutError');
  });

  test('close() takes an undefined option as absent', async () => {
    const server = await realServer();
    const pool = new ConnectionPool({ location: server.location });
    await pool.execute('PING');
    await pool.close({ timeout: undefined });
    assert.equal(pool.closed, true);
  });
});

describe('contract of a lease', () => {
  test('streamTimeout is lengthened by the time that a blocking command waits at the server', async () => {
    const server = await scripted({
      BLPOP: () => wait(120).then(() => reply.nullArray),
      XREAD: () => wait(120).then(() => reply.null),
    });
    await using pool = new ConnectionPool({ location: server.location, streamTimeout: 50 });
    const answers = await pool.use(async (connection) => [
      await connection.execute('BLPOP', 'k', 5),
      await connection.execute('BLPOP', 'k', 0),
      await connection.execute('XREAD', 'BLOCK', 5_000, 'STREAMS', 's', '$'),
    ]);
    assert.deepEqual(answers, [null, null, null]);
  });

  test('use() resolves with what its function returns, also when that is a request', async () => {
    const server = await realServer();
    await using pool = ConnectionPool.fromUrl(server.url);
    const count: number = await pool.use((connection) => connection.createRequest<number>('INCR', ['n']));
    assert.equal(count, 1);
  });
});

describe('a failed dial', () => {
  test('the error of a failed dial has a cause, whatever went wrong', async () => {
    for (const hello of [reply.array(), null]) {
      const server = await scripted({ HELLO: hello });
      const connection = new TCPConnection(server.location, { connectTimeout: 80 });
      await assert.rejects(connection.run(), (error: Error) => {
        assert.ok(error instanceof ConnectionError);
        return error.cause instanceof Error;
      });
    }
    const server = await scripted({ HELLO: (_, peer) => void peer.destroy() });
    await assert.rejects(
      new TCPConnection(server.location).run(),
      (error: Error) => error.cause instanceof Error,
    );
  });

  test('updateTrackingClient refuses bad arguments before anything is sent', async () => {
    const { connection } = await pair();
    const before = connection.statistics.bytesWritten;
    for (const id of ['7', -1, 1.5, 0, Number.NaN])
      await assert.rejects(connection.updateTrackingClient(true, id as never), TypeError);
    await assert.rejects(connection.updateTrackingClient('on' as never), TypeError);
    assert.equal(connection.statistics.bytesWritten, before);
  });
});
