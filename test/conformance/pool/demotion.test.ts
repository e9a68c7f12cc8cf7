import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  AuthenticationRequiredError,
  type BaseConnection,
  ConnectionPool,
  ReadOnlyError,
} from '../../../src/index.ts';
import { reply, ScriptedServer, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { ServiceAddress } from '../../support/service-address.ts';
import { atRest, failure } from './support.ts';

describe('a demoted primary behind a service address', () => {
  let old: TestServer;
  let next: TestServer;
  before(async () => {
    [old, next] = await Promise.all([startServer(), startServer()]);
  });
  after(() => Promise.all([old.stop(), next.stop()]));

  /** A pool with open connections to a server that is a replica by now; the address leads to the new primary. */
  async function demoted(work: (pool: ConnectionPool<BaseConnection, true>) => Promise<void>): Promise<void> {
    await old.command('REPLICAOF', 'NO', 'ONE');
    await using address = await ServiceAddress.start(old.location);
    await using pool = new ConnectionPool({ location: address.location, decodeResponses: true });
    // Two connections: one that is leased, one that is shared.
    await pool.use(async (connection) => {
      await connection.execute('SET', 'k', 1);
      await pool.execute('SET', 'k', 1);
    });
    address.target = next.location;
    await old.command('REPLICAOF', next.location.host, String(next.location.port));
    await work(pool);
    await atRest(pool);
  }

  test('a lease that gets READONLY sends the next lease and the next call to the new primary', async () => {
    await demoted(async (pool) => {
      const error = await failure(pool.use((connection) => connection.execute('SET', 'k', 2)));
      assert.ok(error instanceof ReadOnlyError);
      assert.equal(await pool.use((connection) => connection.execute('SET', 'k', 2)), 'OK');
      assert.equal(await next.command('GET', 'k'), '2');
      assert.equal(await pool.execute('SET', 'k', 3), 'OK');
    });
  });

  test('READONLY in a batch of a getConnection() connection retires it and leaves new connections alone', async () => {
    await demoted(async (pool) => {
      const connection = await pool.getConnection();
      const [entry] = await connection.createRequestBatch([{ command: 'SET', args: ['k', 2] }]);
      assert.ok(entry instanceof ReadOnlyError);
      // Further refusals on the old connection do not end the new ones.
      assert.equal(await pool.execute('SET', 'k', 3), 'OK');
      const fresh = await pool.getConnection();
      assert.ok((await failure(connection.execute('SET', 'k', 4))) instanceof ReadOnlyError);
      assert.ok((await failure(connection.execute('SET', 'k', 4))) instanceof ReadOnlyError);
      pool.release(connection);
      pool.release(fresh);
      assert.equal(connection.usable, false);
      assert.equal(fresh.usable, true);
      assert.equal(await next.command('GET', 'k'), '3');
    });
  });

  test('a transaction on a lease refused by READONLY, at its first command or by EXEC, retires the connection', async () => {
    await demoted(async (pool) => {
      await failure(
        pool.use(async (connection) => {
          await connection.execute('MULTI');
          await connection.execute('SET', 'k', 5);
        }),
      );
      assert.equal(await pool.use((connection) => connection.execute('SET', 'k', 5)), 'OK');
    });
    await old.command('REPLICAOF', 'NO', 'ONE');
    await using address = await ServiceAddress.start(old.location);
    await using pool = new ConnectionPool({ location: address.location, decodeResponses: true });
    const error = await failure(
      pool.use(async (connection) => {
        await connection.execute('MULTI');
        await connection.execute('SET', 'k', 6);
        address.target = next.location;
        await old.command('REPLICAOF', next.location.host, String(next.location.port));
        return connection.execute('EXEC');
      }),
    );
    assert.match(error.message, /READONLY|read only/);
    assert.equal(await pool.use((connection) => connection.execute('SET', 'k', 6)), 'OK');
    assert.equal(await next.command('GET', 'k'), '6');
  });

  test('READONLY for an aborted call retires its connection', async () => {
    await demoted(async (pool) => {
      const abort = new AbortController();
      const call = pool.executeRequest('SET', ['k', 1], { signal: abort.signal });
      while (!call.maybeExecuted) await new Promise((resolve) => process.nextTick(resolve));
      abort.abort(new Error('no more'));
      assert.equal((await failure(call)).message, 'no more');
      // Its refusal arrives before the answer to this.
      await pool.execute('GET', 'k');
      assert.equal(await pool.use((connection) => connection.execute('SET', 'k', 7)), 'OK');
    });
  });
});

test('a lease that lost its login (NOAUTH) is not handed out again', async () => {
  await using server = await startServer({ requirepass: 'sesame' });
  await using pool = new ConnectionPool({
    location: server.location,
    password: 'sesame',
    decodeResponses: true,
  });
  await pool.use(async (connection) => {
    connection.sendCommand('RESET');
    const error = await failure(connection.execute('GET', 'k'));
    assert.ok(error instanceof AuthenticationRequiredError);
  });
  assert.equal(await pool.use((connection) => connection.execute('SET', 'k', 1)), 'OK');
  await atRest(pool);
});

test('NOAUTH on a live connection sends the call once to a fresh connection', async () => {
  const noauth = reply.error('NOAUTH Authentication required.');
  let answers = [noauth, reply.bulk('v')];
  await using scripted = await ScriptedServer.start({ GET: () => answers.shift() ?? noauth });
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  await pool.open();
  assert.equal(await pool.execute('GET', 'k'), 'v');
  assert.equal(scripted.connections.length, 2);
  answers = [];
  assert.ok((await failure(pool.execute('GET', 'k'))) instanceof AuthenticationRequiredError);
  answers = [noauth];
  await failure(pool.use((connection) => connection.execute('GET', 'k')));
  answers = [reply.bulk('w')];
  assert.equal(await pool.use((connection) => connection.execute('GET', 'k')), 'w');
});
