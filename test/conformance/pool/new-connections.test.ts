import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  AuthenticationFailureError,
  type BaseConnection,
  ConnectionError,
  ConnectionPool,
  type ExpiringCredentials,
  TCPConnection,
} from '../../../src/index.ts';
import { ScriptedServer, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { atRest, failure, until } from './support.ts';

let server: TestServer;
let secured: TestServer;
before(async () => {
  [server, secured] = await Promise.all([startServer(), startServer({ requirepass: 'p@s/s:w%+' })]);
});
after(() => Promise.all([server.stop(), secured.stop()]));

const names = async (of: TestServer): Promise<string[]> =>
  [...String(await of.command('CLIENT', 'LIST')).matchAll(/ name=(\S*) .*?lib-name=respool/g)].map(
    ([, name]) => name as string,
  );

test('the URL of a server with special characters in its password is understood as it is', async () => {
  assert.match(secured.url, /decodeComponents=true/);
  await using pool = ConnectionPool.fromUrl(secured.url, { decodeResponses: true });
  assert.equal(await pool.execute('PING'), 'PONG');
  await using valkey = ConnectionPool.fromUrl(secured.url.replace('redis://', 'valkey://'));
  await valkey.execute('PING');
});

test('option onConnect runs on each new connection before it is used; a callback that fails fails the dial', async () => {
  const met: number[] = [];
  await using pool = new ConnectionPool({
    location: server.location,
    decodeResponses: true,
    onConnect: [
      async (connection) => {
        met.push(connection.clientId as number);
      },
      async (connection) => {
        await connection.execute('CLIENT', 'SETNAME', 'from-callback');
      },
    ],
  });
  assert.equal(await pool.execute('CLIENT', 'GETNAME'), 'from-callback');
  await pool.use(async (connection) => {
    assert.equal(await connection.execute('CLIENT', 'GETNAME'), 'from-callback');
  });
  assert.equal(met.length, pool.statistics.activeConnections);
  const own = new Error('not today');
  await using refusing = new ConnectionPool({
    location: server.location,
    onConnect: () => Promise.reject(own),
  });
  const error = await failure(refusing.execute('PING'));
  assert.ok(error instanceof ConnectionError, String(error));
  for (const onConnect of [1, [1], {}])
    assert.throws(() => new ConnectionPool({ location: server.location, onConnect } as never), TypeError);
});

test('setClientName names the present and the future connections', async () => {
  await using pool = new ConnectionPool({
    location: server.location,
    clientName: 'first',
    decodeResponses: true,
  });
  const leased = await pool.acquire();
  await pool.execute('PING');
  const { clientId } = leased.connection;
  await pool.setClientName('second');
  assert.equal(await pool.execute('CLIENT', 'GETNAME'), 'second');
  assert.equal(await leased.connection.execute('CLIENT', 'GETNAME'), 'first');
  leased.release();
  await until(async () => (await names(server)).every((name) => name === 'second'), 'the old name is gone');
  await pool.use(async (connection) => {
    assert.notEqual(connection.clientId, clientId);
    assert.equal(await connection.execute('CLIENT', 'GETNAME'), 'second');
    assert.equal(connection.clientName, 'second');
  });
  // A renamed connection is still as its pool wants it.
  const id = await pool.execute('CLIENT', 'ID');
  await pool.setClientName(null);
  assert.equal(await pool.execute('CLIENT', 'ID'), id);
  assert.ok((await failure(pool.setClientName('a b'))) instanceof TypeError);
  await atRest(pool as never);
});

test('option credentials is asked at each dial, and by one caller for all', async () => {
  let asked = 0;
  await using pool = new ConnectionPool({
    location: secured.location,
    decodeResponses: true,
    credentials: async () => {
      asked++;
      return { password: 'p@s/s:w%+' };
    },
  });
  await Promise.all(Array.from({ length: 5 }, () => pool.use((connection) => connection.execute('PING'))));
  const before = asked;
  assert.ok(before >= 1 && before <= 5, String(before));
  pool.disconnect();
  await pool.execute('PING');
  assert.ok(asked > before);
  await using wrong = new ConnectionPool({
    location: secured.location,
    credentials: () => ({ password: 'no' }),
  });
  assert.ok((await failure(wrong.execute('PING'))) instanceof AuthenticationFailureError);
  await using bad = new ConnectionPool({ location: secured.location, credentials: () => ({}) as never });
  const error = await failure(bad.execute('PING'));
  assert.ok(error instanceof ConnectionError && error.cause instanceof TypeError, String(error));
  for (const options of [{ credentials: 1 }, { credentials: () => ({}), password: 'x' }])
    assert.throws(() => new ConnectionPool({ location: secured.location, ...options } as never), TypeError);
});

test('credentials that expire are renewed early, and live connections authenticate again', async () => {
  await using scripted = await ScriptedServer.start();
  let round = 0;
  const credentials = (): ExpiringCredentials => ({
    username: 'u',
    password: `secret-${++round}`,
    expiresAt: new Date(Date.now() + 400),
  });
  await using pool = new ConnectionPool({ location: scripted.location, credentials });
  await pool.execute('PING');
  const auths = (): string[] =>
    scripted.commands.filter(({ name }) => name === 'AUTH').map(({ args }) => String(args.at(-1)));
  await until(() => auths().length >= 2, 'two renewals');
  assert.deepEqual(auths().slice(0, 2), ['secret-2', 'secret-3']);
  await pool.execute('PING');
  const own = scripted.connections[0]?.commands.filter(({ name }) => name === 'AUTH') ?? [];
  assert.ok(own.length >= 2, 'the live connection itself is authenticated again');
  assert.ok(!JSON.stringify(pool).includes('secret'));
});

test('a connect callback that leaves a state behind fails the dial, and is not dialled again at once', async () => {
  const received = async (): Promise<number> =>
    Number(/total_connections_received:(\d+)/.exec(String(await server.command('INFO', 'stats')))?.[1]);
  const leave: Record<string, (connection: BaseConnection) => unknown> = {
    subscription: (connection) => connection.executePubsub('SUBSCRIBE', 'x'),
    MULTI: (connection) => connection.execute('MULTI'),
    WATCH: (connection) => connection.execute('WATCH', 'x'),
    MONITOR: (connection) => connection.sendCommand('MONITOR'),
    'unread message': (connection) => {
      connection.sendCommand('ECHO', ['x']);
      return connection.execute('PING');
    },
    'unanswered command': (connection) => void connection.createRequest('SELECT', [3]),
  };
  for (const [what, callback] of Object.entries(leave)) {
    for (const protocol of [2, 3] as const) {
      let runs = 0;
      await using pool = new ConnectionPool({
        location: server.location,
        protocol,
        acquireTimeout: null,
        onConnect: async (connection) => {
          runs++;
          await callback(connection);
        },
      });
      const before = await received();
      const error = await failure(pool.execute('PING'));
      assert.ok(error instanceof ConnectionError && error.code === 'RESPOOL_CALLBACK', String(error));
      assert.match(error.message, new RegExp(`a connect callback has left .*${what}`));
      assert.equal(runs, 1, what);
      // One of the pool, one of each question about it.
      assert.ok((await received()) - before <= 3, what);
      await until(() => pool.statistics.activeConnections === 0);
    }
  }
});

test('a single connection keeps what its connect callback subscribed, but is not reusable', async () => {
  for (const leave of ['MULTI', 'WATCH x']) {
    const connection = new TCPConnection(server.location, { decodeResponses: true });
    connection.registerConnectCallback(async (fresh) => void (await fresh.execute<string>(leave)));
    await connection.run();
    assert.deepEqual([connection.usable, connection.reusable], [true, false], leave);
    await connection.execute(leave === 'MULTI' ? 'DISCARD' : 'UNWATCH');
    assert.equal(connection.reusable, true);
    await connection.close();
  }
});

test('a connection class that fails in its own run() leaves no socket open', async () => {
  class Choosy extends TCPConnection {
    override async run(options?: { signal?: AbortSignal }): Promise<void> {
      await super.run(options);
      throw new Error('not this server');
    }
  }
  const made: TCPConnection[] = [];
  class Listed extends Choosy {
    constructor(...args: ConstructorParameters<typeof TCPConnection>) {
      super(...args);
      made.push(this);
    }
  }
  const pool = new ConnectionPool({
    location: server.location,
    acquireTimeout: null,
    connectionClass: Listed,
  });
  assert.match(String(await failure(pool.execute('PING'))), /not this server/);
  assert.match(String(await failure(pool.executePubsub('SUBSCRIBE', 'x'))), /not this server/);
  assert.equal(made.length >= 2, true);
  assert.deepEqual(
    made.filter((connection) => !connection.closed),
    [],
  );
  await pool.close();
});
