import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import {
  AuthenticationError,
  AuthenticationFailureError,
  AuthorizationError,
  ConnectionError,
  ResponseError,
  TimeoutError,
} from '../../../src/errors/errors.ts';
import { serverBinaries } from '../../../src/testkit/index.ts';
import {
  eventually,
  failure,
  open,
  outcome,
  realServer,
  scripted,
  wait,
} from '../../conformance/connection/support.ts';

const text = { decodeResponses: true };

for (const { kind, version, path } of await serverBinaries()) {
  describe(`${kind} ${version}`, () => {
    test('wrong credentials never lead to a usable connection, and never hang', async () => {
      const server = await realServer({
        binary: path,
        users: { alice: 'on >secret ~* &* +@all' },
        requirepass: 'root',
      });
      const wrong = [
        { password: 'wrong' },
        { username: 'alice', password: 'wrong' },
        { username: 'nobody', password: 'secret' },
        { username: 'alice' },
      ];
      for (let round = 0; round < 40; round++) {
        const options = { ...wrong[round % wrong.length], clientName: 'me', db: 1, connectTimeout: 3000 };
        const connection = new TCPConnection(server.location, options);
        await failure(connection.run(), AuthenticationFailureError);
        assert.equal(connection.usable, false);
      }
      await failure(new TCPConnection(server.location).run(), AuthenticationError);
      const right = await open(server, { ...text, username: 'alice', password: 'secret' });
      assert.equal(await right.execute('ACL WHOAMI'), 'alice');
      assert.equal(right.serverVersion, version);
    });

    test('a user who may not set the library still connects, and one who may not set the name is refused', async () => {
      const server = await realServer({
        binary: path,
        users: { few: 'on >secret ~* &* +@all -client|setinfo -client|setname', few7: 'off' },
      }).catch(() => realServer({ binary: path, users: { few: 'on >secret ~* &* +@all -client|setname' } }));
      const connection = await open(server, { ...text, username: 'few', password: 'secret' });
      assert.equal(await connection.execute('PING'), 'PONG');
      const named = new TCPConnection(server.location, {
        username: 'few',
        password: 'secret',
        clientName: 'x',
      });
      await failure(named.run(), AuthorizationError);
      await failure(connection.createRequest('CLIENT SETNAME', ['x']), AuthorizationError);
      assert.equal(connection.reusable, true);
    });

    test('a server that sleeps longer than the limit causes time-outs; late replies are discarded, the connection stays', async () => {
      const server = await realServer({ binary: path });
      const connection = await open(server, text);
      for (let round = 0; round < 5; round++) {
        const sleep = connection.createRequest('DEBUG', ['SLEEP', 0.05]);
        const late = connection.createRequest('ECHO', ['late'], { timeout: 10 });
        const error = await failure(late, TimeoutError);
        assert.equal(error.maybeExecuted, true);
        assert.equal(await connection.execute('ECHO', `own ${round}`), `own ${round}`);
        assert.equal(await sleep, 'OK');
      }
      assert.equal(connection.statistics.requestsPending, 0);
    });

    test('a busy server answers BUSY, and the connection is kept', async () => {
      const server = await realServer({ binary: path, args: ['--busy-reply-threshold', '20'] });
      const [one, two] = [await open(server, text), await open(server, text)];
      const script = one.createRequest('EVAL', ['while true do end', 0]);
      let busy: unknown = null;
      await eventually(() => {
        void two.createRequest('GET', ['k'], { raiseExceptions: false, timeout: 2000 }).then(
          (value) => {
            busy ??= value;
          },
          () => {},
        );
        return busy instanceof ResponseError;
      }, 'it is busy');
      assert.equal((busy as ResponseError).code, 'BUSY');
      await two.execute('SCRIPT KILL');
      await failure(script, ResponseError);
      assert.equal(await one.execute('PING'), 'PONG');
      await wait(5);
      assert.deepEqual([one.reusable, two.reusable], [true, true]);
    });

    test('a connection killed by the server loses its requests in flight; an idle one just ends', async () => {
      const server = await realServer({ binary: path });
      for (let round = 0; round < 20; round++) {
        const connection = await open(server, text);
        const blocked = round % 2 === 0 ? connection.createRequest('BLPOP', ['nothing', 0]) : null;
        await wait(2);
        await server.command('CLIENT', 'KILL', 'ID', connection.clientId as number);
        await connection.waitClosed({ timeout: 2000 });
        assert.equal(connection.usable, false);
        if (blocked !== null) assert.equal((await failure(blocked, ConnectionError)).maybeExecuted, true);
      }
      const last = await open(server, text);
      const request = last.createRequest('BLPOP', ['nothing', 0]);
      await wait(2);
      await server.kill();
      await failure(request, ConnectionError);
    });

    test('a server with no room for another client refuses the dial with its reason', async () => {
      const server = await realServer({ binary: path });
      await server.command('PING');
      await server.configSet('maxclients', 1);
      for (let round = 0; round < 20; round++) {
        const connection = new TCPConnection(server.location, { connectTimeout: 2000 });
        const error = await failure(connection.run(), ConnectionError);
        assert.match(
          `${error.message} ${String(error.cause)}`,
          /max number of clients|ECONNRESET|EPIPE|closed/,
        );
      }
    });
  });
}

test('a dial to a stopped server (SIGSTOP) ends after its time limit', async () => {
  const server = await realServer();
  server.pause();
  try {
    const connection = new TCPConnection(server.location, { connectTimeout: 60 });
    const error = await failure(connection.run(), ConnectionError);
    assert.equal((error.cause as TimeoutError).phase, 'connect');
    await connection.waitClosed({ timeout: 1000 });
  } finally {
    server.resume();
  }
});

test('connections closed at any moment of their dial leave no socket, on either side', async () => {
  const server = await scripted({ HELLO: () => wait(3).then(() => undefined) });
  const sockets = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap' || name === 'TCPWRAP').length;
  const before = sockets();
  for (let round = 0; round < 10; round++) {
    const dials = Array.from({ length: 30 }, (_, index) => {
      const connection = new TCPConnection(server.location);
      const running = outcome(connection.run());
      setTimeout(() => connection.invalidate('not wanted'), index / 3);
      return Promise.all([running, connection.waitClosed()]);
    });
    await Promise.all(dials);
  }
  await eventually(() => server.openConnections.length === 0, 'the server has none');
  await eventually(() => sockets() <= before, `as many sockets as before (${before})`);
});

test('a flood of unknown pushes is read through without blocking the loop for ever', async () => {
  const server = await scripted({}, { record: false });
  const connection = await open(server, { ...text, maxBufferedBytes: 1_000_000 });
  const peer = server.connections[0];
  const kinds = ['constructor', '__proto__', 'then', 'toString', 'message', 'subscribe', 'sunsubscribe', ''];
  const flood = Array.from({ length: 20_000 }, (_, index) => {
    const kind = kinds[index % kinds.length] as string;
    return `>3\r\n$${kind.length}\r\n${kind}\r\n$1\r\nx\r\n:1\r\n`;
  }).join('');
  for (let round = 0; round < 5; round++) {
    peer?.send(flood);
    assert.equal(await connection.execute('PING'), 'PONG');
  }
  assert.ok(connection.statistics.messagesDropped > 0);
  assert.deepEqual(Object.keys(Object.prototype), []);
});
