import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { ClusterConnection } from '../../../src/connection/cluster-connection.ts';
import { SentinelManagedConnection } from '../../../src/connection/sentinel-managed-connection.ts';
import { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import {
  AuthenticationFailureError,
  ConnectionError,
  InvalidResponse,
  ProtocolError,
  ResponseError,
  StalePrimaryError,
  TimeoutError,
  UnknownCommandError,
} from '../../../src/errors/errors.ts';
import { reply, type ScriptedConnection } from '../../../src/testkit/index.ts';
import { TCPLocation } from '../../../src/transport/location.ts';
import { eventually, failure, pair, scripted, take, wait } from './support.ts';

const lines = (server: { commands: readonly { args: readonly string[] }[] }): string[] =>
  server.commands.map(({ args }) => args.join(' '));

describe('the order of the handshake', () => {
  test('HELLO goes alone, the rest goes in one write, callbacks run in order, and REPLY OFF comes last', async () => {
    const server = await scripted({ 'CLIENT REPLY': null });
    const connection = new TCPConnection(server.location, {
      username: 'u',
      password: 'p',
      db: 3,
      clientName: 'me',
      noevict: true,
      notouch: true,
      noreply: true,
    });
    const order: string[] = [];
    connection.registerConnectCallback(async (given) => {
      assert.equal(given, connection);
      assert.equal(connection.usable, false);
      assert.equal(connection.transportHealthy, true);
      order.push(`first ${String(await given.execute('PING', '1'))}`);
    });
    connection.registerConnectCallback(() => {
      order.push('second');
    });
    await connection.run();
    assert.deepEqual(order, ['first 1', 'second']);
    await server.waitForCommand('CLIENT REPLY');
    const [hello, ...later] = lines(server);
    assert.equal(hello, 'HELLO 3 AUTH u p');
    assert.equal(later[0], 'CLIENT SETINFO LIB-NAME respool');
    assert.match(later[1] as string, /^CLIENT SETINFO LIB-VER \d/);
    assert.deepEqual(later.slice(2), [
      'SELECT 3',
      'CLIENT SETNAME me',
      'CLIENT NO-EVICT ON',
      'CLIENT NO-TOUCH ON',
      'PING 1',
      'CLIENT REPLY OFF',
    ]);
    const chunks = server.commands.map(({ chunk }) => chunk);
    assert.notEqual(chunks[0], chunks[1], 'HELLO is alone in its write');
    assert.equal(new Set(chunks.slice(1, 7)).size, 1, 'one write for what follows');
    assert.equal(connection.usable, true);
  });

  test('a handshake without options only names the library', async () => {
    const { server } = await pair();
    assert.equal(lines(server)[0], 'HELLO 3');
    assert.deepEqual(
      lines(server)
        .slice(1)
        .map((line) => line.split(' ')[1]),
      ['SETINFO', 'SETINFO'],
    );
  });

  test('the connection shows the facts that the server told in HELLO', async () => {
    const { connection } = await pair({}, { clientName: 'me' }, { version: '7.2.9' });
    assert.equal(connection.clientId, 1);
    assert.equal(connection.serverVersion, '7.2.9');
    assert.equal(connection.clientName, 'me');
    assert.equal(connection.trackingClientId, null);
  });

  test('a refused CLIENT SETINFO does no harm, whatever the error', async () => {
    for (const text of [
      'ERR unknown subcommand',
      'NOPERM User x has no permissions',
      'ERR anything',
      'LOADING Redis is loading the dataset in memory',
      'NOPROTO unsupported protocol version',
      'ERR max number of clients reached',
    ]) {
      const { connection } = await pair({ 'CLIENT SETINFO': reply.error(text) });
      assert.equal(connection.usable, true);
      assert.equal(connection.reusable, true);
    }
  });

  test('a connection lost at CLIENT SETINFO does not count as a refusal', async () => {
    const server = await scripted({
      'CLIENT SETINFO': (_command, connection) => {
        connection.reset();
        return null;
      },
    });
    await failure(new TCPConnection(server.location).run(), ConnectionError);
  });

  test('an unanswered CLIENT SETINFO never leads to a usable connection', async () => {
    const server = await scripted({ 'CLIENT SETINFO': null });
    const connection = new TCPConnection(server.location, { streamTimeout: 50 });
    const error = await failure(connection.run(), ConnectionError);
    assert.ok(error.cause instanceof TimeoutError);
    assert.equal(error.cause.phase, 'connect');
    assert.equal(connection.usable, false);
  });

  test('a refused SELECT, SETNAME, NO-EVICT or NO-TOUCH keeps its class', async () => {
    for (const [name, options] of [
      ['SELECT', { db: 99 }],
      ['CLIENT SETNAME', { clientName: 'me' }],
      ['CLIENT NO-EVICT', { noevict: true }],
      ['CLIENT NO-TOUCH', { notouch: true }],
    ] as const) {
      const server = await scripted({ [name]: reply.error('ERR not here') });
      const error = await failure(new TCPConnection(server.location, options).run(), ResponseError);
      assert.equal(error.message, 'ERR not here');
      assert.equal(error.command, name);
    }
  });

  test('a reply other than OK ends the handshake', async () => {
    const server = await scripted({ SELECT: reply.integer(1) });
    const error = await failure(new TCPConnection(server.location, { db: 1 }).run(), ConnectionError);
    assert.match(error.message, /SELECT/);
  });
});

describe('special connections', () => {
  test('option readFromReplicas: READONLY is sent before the connection is usable', async () => {
    const server = await scripted();
    const reading = new ClusterConnection(server.location, { readFromReplicas: true });
    await reading.run();
    assert.equal(server.commands.at(-1)?.name, 'READONLY');
    assert.equal(reading.reusable, true);
    const plain = new ClusterConnection(server.location);
    await plain.run();
    assert.notEqual(server.commands.at(-1)?.name, 'READONLY');
    server.script({ READONLY: reply.error('ERR no cluster') });
    await failure(new ClusterConnection(server.location, { readFromReplicas: true }).run(), ResponseError);
    await reading.close();
    await plain.close();
  });

  test('READONLY and ROLE also work on a connection without replies', async () => {
    const server = await scripted({ 'CLIENT REPLY': null });
    const cluster = new ClusterConnection(server.location, { readFromReplicas: true, noreply: true });
    await cluster.run();
    const managed = new SentinelManagedConnection(server.location, 'mymaster', true, { noreply: true });
    await managed.run();
    assert.equal(cluster.usable && managed.usable, true);
    await cluster.close();
    await managed.close();
  });

  test('a managed connection verifies its role, for primaries and for replicas', async () => {
    const primary = await scripted();
    const replica = await scripted({}, { role: 'slave' });
    for (const [server, isPrimary] of [
      [primary, true],
      [replica, false],
    ] as const) {
      const good = new SentinelManagedConnection(server.location, 'mymaster', isPrimary);
      await good.run();
      await good.close();
      const bad = new SentinelManagedConnection(server.location, 'mymaster', !isPrimary);
      const error = await failure(bad.run(), StalePrimaryError);
      assert.match(error.message, /mymaster/);
      assert.ok(error.message.includes(server.location.toString()));
      assert.equal(bad.usable, false);
    }
  });

  test('the text of a connection names its class, place and database', () => {
    const location = new TCPLocation('127.0.0.1', 7000);
    assert.equal(
      String(new TCPConnection(location, { db: 2 })),
      'TCPConnection<host=127.0.0.1,port=7000,db=2>',
    );
    assert.equal(String(new ClusterConnection(location)), 'ClusterConnection<host=127.0.0.1,port=7000,db=0>');
    const managed = new SentinelManagedConnection(location, 'mymaster', true);
    assert.equal(
      String(managed),
      'SentinelManagedConnection<service=mymaster,host=127.0.0.1,port=7000,db=0>',
    );
  });
});

describe('callbacks', () => {
  test('every method works inside a connect callback', async () => {
    const server = await scripted({
      SUBSCRIBE: (command) =>
        reply.push(reply.bulk('subscribe'), reply.bulk(command[1] as string), reply.integer(1)),
      UNSUBSCRIBE: (command) =>
        reply.push(reply.bulk('unsubscribe'), reply.bulk(command[1] as string), reply.integer(0)),
    });
    const connection = new TCPConnection(server.location, { decodeResponses: true });
    let reached = 0;
    connection.registerConnectCallback(async (given) => {
      assert.equal(await given.createRequest('PING'), 'PONG');
      assert.deepEqual(
        await given.createRequestBatch([{ command: 'PING' }, { command: 'ECHO', args: ['x'] }]),
        ['PONG', 'x'],
      );
      given.sendCommand('SUBSCRIBE', ['news']);
      given.sendCommand('UNSUBSCRIBE', ['news']);
      assert.equal((await take(given.pushMessages, 2)).length, 2);
      given.sendCommand('ECHO', ['y']);
      assert.deepEqual(await take(given.streamedMessages, 1), ['y']);
      assert.equal(await given.updateTrackingClient(false), true);
      reached++;
    });
    await connection.run();
    assert.equal(reached, 1);
    assert.equal(connection.reusable, true);
    await connection.close();
  });

  for (const [how, end] of [
    ['invalidate', (given: TCPConnection) => given.invalidate('cb')],
    ['the server', (_given: TCPConnection, peer: ScriptedConnection) => peer.reset()],
  ] as const) {
    test(`a request throws in a connect callback once ${how} has ended the connection`, async () => {
      const server = await scripted();
      const connection = new TCPConnection(server.location);
      let checked = false;
      connection.registerConnectCallback(async (given) => {
        end(given, server.connections[0] as ScriptedConnection);
        await eventually(() => given.closed, 'the end');
        for (const ask of [
          () => given.createRequest('PING'),
          () => given.createRequestBatch([{ command: 'PING' }]),
          () => given.sendCommand('PING'),
          () => given.pushMessages,
          () => given.streamedMessages,
        ]) {
          assert.throws(ask, ConnectionError);
        }
        await assert.rejects(given.updateTrackingClient(true), ConnectionError);
        checked = true;
      });
      await failure(connection.run(), ConnectionError);
      await eventually(() => checked, 'the callback');
    });
  }

  test('a connect callback that throws ends the connection: server errors stay as they are, others are the cause', async () => {
    const own = new Error('mine');
    const server = await scripted();
    const one = new TCPConnection(server.location);
    one.registerConnectCallback(() => {
      throw own;
    });
    const error = await failure(one.run(), ConnectionError);
    assert.equal(error.cause, own);
    assert.equal(one.usable, false);
    assert.equal(one.transportHealthy, false);
    await one.waitClosed();
    const two = new TCPConnection(server.location);
    two.registerConnectCallback(async (given) => {
      await given.execute('NOSUCH');
    });
    await failure(two.run(), UnknownCommandError);
  });

  test('a connect callback that waits for ever ends with the loss of the connection', async () => {
    const server = await scripted();
    const connection = new TCPConnection(server.location, { connectTimeout: null });
    connection.registerConnectCallback(() => {
      server.connections[0]?.reset();
      return new Promise<void>(() => {});
    });
    await failure(connection.run(), ConnectionError);
  });

  test('state that connect callbacks changed counts as clean', async () => {
    const server = await scripted();
    const connection = new TCPConnection(server.location);
    connection.registerConnectCallback(async (given) => {
      await given.execute('SELECT', 5);
      await given.execute('AUTH', 'someone', 'else');
    });
    await connection.run();
    assert.equal(connection.db, 5);
    assert.equal(connection.reusable, true);
    await connection.execute('SELECT', 0);
    assert.equal(connection.reusable, false);
    await connection.execute('SELECT', 5);
    assert.equal(connection.reusable, true);
    await connection.execute('AUTH', 'another');
    assert.equal(connection.reusable, false);
    await connection.close();
  });

  test('a connect callback registered after the dial never runs', async () => {
    const { connection } = await pair();
    connection.registerConnectCallback(() => assert.fail('it ran'));
    await connection.execute('PING');
    assert.throws(() => connection.registerConnectCallback(1 as never), TypeError);
  });
});

describe('refusals of the handshake', () => {
  test('wrong credentials are not tried in another way', async () => {
    const server = await scripted({ HELLO: reply.error('WRONGPASS invalid username-password pair') });
    const connection = new TCPConnection(server.location, { password: 'wrong' });
    const error = await failure(connection.run(), AuthenticationFailureError);
    assert.equal(error.code, 'WRONGPASS');
    await wait(20);
    assert.equal(server.commands.length, 1);
    assert.equal(server.connections.length, 1);
  });

  test('a full server that greets before openTransport has given the socket closes the connection for good', async () => {
    class Slow extends TCPConnection {
      protected override async openTransport(signal: AbortSignal): Promise<Duplex> {
        const transport = await super.openTransport(signal);
        await wait(30);
        return transport;
      }
    }
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('-ERR max number of clients reached\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      for (let dial = 0; dial < 5; dial++) {
        const connection = new Slow(new TCPLocation('127.0.0.1', port), { connectTimeout: 2_000 });
        const error = await failure(connection.run(), ConnectionError);
        assert.match(error.message, /max number of clients reached/);
        assert.deepEqual(
          [connection.closed, connection.usable, connection.transportHealthy],
          [true, false, false],
        );
        assert.throws(() => connection.createRequest('PING'), ConnectionError);
        await connection.waitClosed({ timeout: 2_000 });
      }
    } finally {
      server.close();
    }
  });

  test('a full server that refuses before it is asked fails the dial', async () => {
    const greeter = createServer((socket) => {
      socket.end('-ERR max number of clients reached\r\n');
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => greeter.listen(0, '127.0.0.1', resolve));
    const { port } = greeter.address() as AddressInfo;
    try {
      for (let round = 0; round < 20; round++) {
        const connection = new TCPConnection(new TCPLocation('127.0.0.1', port));
        const error = await failure(connection.run(), ConnectionError);
        assert.match(error.message, /max number of clients|reset|EPIPE/);
      }
    } finally {
      greeter.close();
    }
  });

  for (const [what, bytes] of [
    ['a web server', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['a TLS alert', '\x15\x03\x01\x00\x02\x02\x46'],
    ['an SSH banner', 'SSH-2.0-OpenSSH_9.2p1\r\n'],
    ['noise', '\x00\x01\x02\x03garbage'],
  ] as const) {
    test(`${what} in place of a server is an InvalidResponse with a hint`, async () => {
      const server = await scripted({ HELLO: bytes });
      const error = await failure(new TCPConnection(server.location).run(), InvalidResponse);
      assert.ok(error instanceof ProtocolError && error instanceof ConnectionError);
      assert.match(error.message, /Unknown RESP data type|is it a Redis or Valkey server/);
      assert.equal(error.endpoint, server.location.toString());
    });
  }

  test('a HELLO answer that is no RESP3 greeting ends the dial', async () => {
    for (const answer of [reply.array(), reply.map([reply.bulk('proto'), reply.integer(4)])]) {
      const server = await scripted({ HELLO: answer });
      await failure(new TCPConnection(server.location).run(), ConnectionError);
    }
  });

  test('a refused port is a ConnectionError with the system error as its cause', async () => {
    const server = await scripted();
    await server.stopListening();
    const connection = new TCPConnection(server.location);
    const error = await failure(connection.run(), ConnectionError);
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    assert.ok(error.message.includes(server.location.toString()));
    assert.equal(connection.closed, true);
    assert.throws(
      () => connection.createRequest('PING'),
      (thrown) => {
        return thrown instanceof ConnectionError && thrown.cause === error;
      },
    );
  });
});
