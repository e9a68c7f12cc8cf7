import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AbstractCredentialProvider, ConnectionPool, type Credentials } from '../../../src/index.ts';
import { reply, ScriptedServer, startServer } from '../../../src/testkit/index.ts';
import { atRest, failure, sleep, until } from './support.ts';

class Rotating extends AbstractCredentialProvider {
  asked = 0;
  listeners = new Set<() => void>();
  password: string;
  constructor(password: string) {
    super();
    this.password = password;
  }
  async getCredentials(): Promise<Credentials> {
    this.asked++;
    await sleep(1);
    return { username: 'app', password: this.password };
  }
  override onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  change(password: string): void {
    this.password = password;
    for (const listener of this.listeners) listener();
  }
}

test('option credentialProvider: passwords that change under load fail no command', async () => {
  await using server = await startServer({ users: { app: 'on >p0 ~* &* +@all' } });
  const provider = new Rotating('p0');
  await using pool = new ConnectionPool({
    location: server.location,
    credentialProvider: provider,
    decodeResponses: true,
    maxConnections: 8,
  });
  let running = true;
  const lanes = Array.from({ length: 8 }, async (_, lane) => {
    for (let index = 0; running; index++) {
      const token = `${lane}:${index}`;
      assert.equal(await pool.execute('ECHO', token), token);
      if (index % 50 === 0) {
        await using lease = await pool.acquire();
        assert.equal(await lease.connection.createRequest('ECHO', [token]), token);
      }
    }
  });
  for (let round = 1; round <= 30; round++) {
    await server.command('ACL', 'SETUSER', 'app', `>p${round}`, ...(round > 1 ? [`<p${round - 2}`] : []));
    provider.change(`p${round}`);
    await sleep(15);
  }
  running = false;
  await Promise.all(lanes);
  await atRest(pool);
  assert.equal(await pool.execute('ACL', 'WHOAMI'), 'app');
  await pool.close();
  assert.equal(provider.listeners.size, 0);
});

test('a hundred rotations over one connection shift none of its replies', async () => {
  await using server = await startServer({ users: { app: 'on >p0 ~* &* +@all' } });
  const provider = new Rotating('p0');
  await using pool = new ConnectionPool({
    location: server.location,
    credentialProvider: provider,
    decodeResponses: true,
    maxConnections: 1,
  });
  const id = await pool.execute('CLIENT', 'ID');
  let running = true;
  let count = 0;
  const load = (async () => {
    while (running) {
      const tokens = Array.from({ length: 20 }, () => String(count++));
      assert.deepEqual(await Promise.all(tokens.map((token) => pool.execute('ECHO', token))), tokens);
    }
  })();
  for (let round = 1; round <= 100; round++) {
    await server.command('ACL', 'SETUSER', 'app', `>p${round}`);
    provider.change(`p${round}`);
    await sleep(round % 3);
  }
  running = false;
  await load;
  assert.equal(await pool.execute('CLIENT', 'ID'), id, 'the connection was kept');
  assert.ok(provider.asked > 50);
});

test('AUTH goes out on a drained connection and alone in its write', async () => {
  let answer = (): void => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await using scripted = await ScriptedServer.start({
    GET: async () => {
      await held;
      return reply.bulk('x');
    },
  });
  const provider = new Rotating('p0');
  await using pool = new ConnectionPool({
    location: scripted.location,
    credentialProvider: provider,
    maxConnections: 2,
  });
  await pool.open();
  const slow = pool.execute('GET', 'k');
  await scripted.waitForCommand('GET');
  provider.change('p1');
  await Promise.all(Array.from({ length: 5 }, () => pool.execute('ECHO', 'x')));
  answer();
  await slow;
  const auth = await scripted.waitForCommand('AUTH');
  assert.deepEqual(auth.args, ['AUTH', 'app', 'p1']);
  const { commands, batches } = auth.connection;
  assert.ok(batches.some((batch) => batch.length === 1 && batch[0] === 'AUTH'));
  assert.equal(commands.at(-1)?.name, 'AUTH', 'it was drained first');
  const [, second] = scripted.connections;
  assert.deepEqual(second?.commands[0]?.args.slice(0, 5), ['HELLO', '3', 'AUTH', 'app', 'p1']);
  await atRest(pool);
});

test('the holder of a lease may go on while its connection is authenticated again', async () => {
  await using scripted = await ScriptedServer.start();
  const provider = new Rotating('p0');
  await using pool = new ConnectionPool({
    location: scripted.location,
    credentialProvider: provider,
    decodeResponses: true,
  });
  const lease = await pool.acquire();
  provider.change('p1');
  for (let round = 0; round < 50; round++) {
    const tokens = [`a${round}`, `b${round}`];
    const replies = tokens.map((token) => lease.connection.createRequest('ECHO', [token]));
    assert.deepEqual(await Promise.all(replies), tokens);
    if (round % 10 === 5) await sleep(3);
  }
  lease.release();
  const auth = await scripted.waitForCommand('AUTH');
  // Later requests of the holder may arrive in the same packet; none was pending before.
  assert.ok(auth.connection.batches.every((batch) => batch.indexOf('AUTH') <= 0));
  assert.equal(auth.connection.open, true);
});

test('a connection that does not drain within connectTimeout is retired, and so is one with a refused AUTH', async () => {
  await using server = await startServer({ users: { app: 'on >p0 ~* &* +@all' } });
  const provider = new Rotating('p0');
  await using pool = new ConnectionPool({
    location: server.location,
    credentialProvider: provider,
    decodeResponses: true,
    connectTimeout: 800,
    maxConnections: 4,
  });
  const pop = pool.execute('BLPOP', 'queue', 0);
  await until(() => pool.statistics.inUseConnections === 1);
  const shared = await pool.execute('CLIENT', 'ID');
  await server.command('ACL', 'SETUSER', 'app', '>p1');
  provider.change('p1');
  await sleep(1_000);
  assert.equal(await pool.execute('CLIENT', 'ID'), shared);
  await pool.execute('LPUSH', 'queue', 'x');
  assert.deepEqual(await pop, ['queue', 'x']);
  await until(() => pool.statistics.activeConnections === 1, 'the retired connection to go');

  provider.change('wrong');
  const error = await failure(
    (async () => {
      for (;;) await pool.execute('PING');
    })(),
  );
  assert.equal(error.name, 'AuthenticationFailureError');
  provider.change('p1');
  assert.equal(await pool.execute('PING'), 'PONG');
});

test('a provider that fails or hangs rejects the dial', async () => {
  await using server = await startServer();
  class Failing extends AbstractCredentialProvider {
    getCredentials(): Promise<Credentials> {
      return Promise.reject(new Error('vault is closed'));
    }
  }
  class Hanging extends AbstractCredentialProvider {
    getCredentials(): Promise<Credentials> {
      return new Promise(() => {});
    }
  }
  await using failing = new ConnectionPool({ location: server.location, credentialProvider: new Failing() });
  const error = await failure(failing.execute('PING'));
  assert.equal(error.name, 'ConnectionError');
  assert.match(String((error.cause as Error).message), /vault/);
  await using hanging = new ConnectionPool({
    location: server.location,
    credentialProvider: new Hanging(),
    connectTimeout: 60,
  });
  assert.match((await failure(hanging.execute('PING'))).message, /60 ms/);
  await atRest(hanging);
});

test('onChange must return a function, and a function that throws does not hold up close()', async () => {
  await using server = await startServer();
  class Careless extends AbstractCredentialProvider {
    readonly stop: () => void;
    constructor(stop: () => void) {
      super();
      this.stop = stop;
    }
    async getCredentials(): Promise<Credentials> {
      return { username: 'default', password: '' };
    }
    override onChange(): () => void {
      return this.stop;
    }
  }
  const { location } = server;
  for (const stop of [undefined, null, 5])
    assert.throws(
      () => new ConnectionPool({ location, credentialProvider: new Careless(stop as never) }),
      TypeError,
    );
  const provider = new Careless(() => {
    throw new Error('no end');
  });
  const pool = new ConnectionPool({ location, credentialProvider: provider });
  assert.equal(String(await pool.execute('PING')), 'PONG');
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  await pool.close();
  assert.equal(pool.closed, true);
  assert.match((await warned).message, /onChange/);
  assert.equal(pool.statistics.activeConnections, 0);
});
