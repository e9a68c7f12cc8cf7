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
  RedisError,
  ResponseError,
  StalePrimaryError,
  TimeoutError,
  UnknownCommandError,
} from '../../../src/errors/errors.ts';
import { CapacityLimiter } from '../../../src/pooling/capacity-limiter.ts';
import { reply, type ScriptedConnection } from '../../../src/testkit/index.ts';
import { TCPLocation } from '../../../src/transport/location.ts';
import { eventually, failure, open, outcome, pair, realServer, scripted, take, wait } from './support.ts';

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

describe('RESP2', () => {
  for (const answer of [
    "ERR unknown command 'HELLO'",
    'ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `u`, `p`, ',
    'NOPROTO unsupported protocol version',
    "ERR unsupported command 'HELLO'",
    "unsupported command 'HELLO'",
    'ERR unknown or unsupported command',
    'unknown or unsupported command',
    "ERR handle request, command 'HELLO' is not allowed",
    "NOPERM User u has no permissions to run the 'hello' command",
  ]) {
    test(`a connection speaks RESP2 when HELLO answers ${answer}, and AUTH is then alone in its write`, async () => {
      const { connection, server } = await pair(
        { HELLO: reply.error(answer) },
        { password: 'p', username: 'u', db: 1, decodeResponses: true },
      );
      assert.deepEqual(
        server.commands.slice(0, 2).map(({ args }) => args.join(' ')),
        ['HELLO 3 AUTH u p', 'AUTH u p'],
      );
      assert.notEqual(server.commands[1]?.chunk, server.commands[2]?.chunk);
      assert.equal(connection.usable, true);
      assert.equal(connection.clientId, null);
      assert.equal(await connection.execute('PING'), 'PONG');
      assert.equal(connection.reusable, true);
    });
  }

  test('a HELLO answer with proto 2 has authenticated, and the connection speaks RESP2', async () => {
    const flat = ['server', 'kvrocks', 'version', '2.9.0', 'proto', 2, 'id', 7, 'mode', 'standalone'];
    const fields = flat.map((item) => (typeof item === 'number' ? reply.integer(item) : reply.bulk(item)));
    const { connection, server } = await pair({ HELLO: reply.array(...fields) }, { password: 'p', db: 1 });
    assert.deepEqual([connection.protocol, connection.clientId, connection.serverVersion], [2, 7, '2.9.0']);
    assert.ok(!server.commands.some(({ name }) => name === 'AUTH'));
    assert.equal(connection.reusable, true);
  });

  for (const answer of [
    'WRONGPASS invalid username-password pair or user is disabled.',
    'ERR invalid password',
    'ERR Client sent AUTH, but no password is set',
    'LOADING Redis is loading the dataset in memory',
    'BUSY Redis is busy running a script.',
  ]) {
    test(`a connection does not fall back to RESP2 when HELLO answers ${answer}, and sends nothing more`, async () => {
      const server = await scripted({ HELLO: reply.error(answer) });
      await failure(new TCPConnection(server.location, { password: 'p' }).run(), RedisError);
      assert.equal(server.commands.length, 1);
    });
  }

  test('option protocol: 2 sends no HELLO, and CLIENT commands only when asked for', async () => {
    const bare = await pair({}, { protocol: 2 });
    assert.equal(bare.connection.protocol, 2);
    assert.equal(await bare.connection.execute('ECHO', 'x').then(String), 'x');
    assert.deepEqual(lines(bare.server), ['ECHO x']);
    const full = await pair({}, { protocol: 2, password: 'p', db: 3, clientName: 'me', clientInfo: 'tag' });
    assert.deepEqual(
      lines(full.server).map((line) => line.replace(/LIB-VER .*/, 'LIB-VER')),
      [
        'AUTH p',
        'CLIENT SETINFO LIB-NAME respool(tag)',
        'CLIENT SETINFO LIB-VER',
        'SELECT 3',
        'CLIENT SETNAME me',
      ],
    );
  });

  test('option protocol: 3 rejects where the server speaks RESP2 only', async () => {
    const server = await scripted({ HELLO: reply.error("ERR unknown command 'HELLO'") });
    await failure(new TCPConnection(server.location, { protocol: 3 }).run(), UnknownCommandError);
    assert.equal((await pair({}, { protocol: 3 })).connection.protocol, 3);
    for (const protocol of [1, 4, '3', null]) {
      assert.throws(() => new TCPConnection(server.location, { protocol } as never), /protocol must be/);
    }
  });

  test('option protocol: 2 gives RESP2 shapes on real servers', async () => {
    const server = await realServer();
    const two = await open(server, { protocol: 2, decodeResponses: true });
    const three = await open(server, { decodeResponses: true });
    await three.execute('ZADD', 'z', 1.5, 'm');
    assert.equal(await two.execute('ZSCORE', 'z', 'm'), '1.5');
    assert.equal(await three.execute('ZSCORE', 'z', 'm'), 1.5);
    assert.deepEqual([two.protocol, three.protocol], [2, 3]);
    const info = String(await three.execute('CLIENT', 'LIST'));
    assert.equal([...info.matchAll(/lib-name=respool/g)].length, info.includes('lib-name') ? 1 : 0);
  });

  test('option clientInfo: a tag goes into CLIENT SETINFO, and false sends none', async () => {
    const { server } = await pair({}, { clientInfo: 'bullmq_v6.7' });
    assert.equal(lines(server)[1], 'CLIENT SETINFO LIB-NAME respool(bullmq_v6.7)');
    assert.deepEqual(lines((await pair({}, { clientInfo: false })).server), ['HELLO 3']);
    for (const clientInfo of ['', 'a b', 'a(b)', 'a\n', 'é', true, 7, 'x'.repeat(129)]) {
      assert.throws(() => new TCPConnection(server.location, { clientInfo } as never), /clientInfo must be/);
    }
  });

  test('a refused login points at %xx in the credentials, and never shows them', async () => {
    const server = await scripted({ HELLO: reply.error('WRONGPASS invalid username-password pair') });
    const login = (password: string): Promise<AuthenticationFailureError> =>
      failure(new TCPConnection(server.location, { password }).run(), AuthenticationFailureError);
    const escaped = await login('p%40ss');
    assert.match(escaped.message, /^WRONGPASS .*%xx.*decodeComponents/);
    assert.doesNotMatch(escaped.message, /p%40ss/);
    assert.doesNotMatch((await login('plain')).message, /decodeComponents/);
  });

  test('a password without a user is sent as servers before 6 expect it', async () => {
    const { server } = await pair({ HELLO: reply.error("ERR unknown command 'HELLO'") }, { password: 'p' });
    assert.deepEqual(server.commands[1]?.args, ['AUTH', 'p']);
  });

  test('no other error leads to RESP2, and no command runs twice', async () => {
    const server = await scripted({
      HELLO: reply.error('NOAUTH HELLO must be called with the client authenticated'),
    });
    await failure(new TCPConnection(server.location).run(), ResponseError);
    assert.equal(server.commands.length, 1);
    const { connection, server: other } = await pair({ EVAL: reply.error('NOPROTO from a script') });
    await failure(connection.createRequest('EVAL', ['x', 0]), ProtocolError);
    assert.equal(other.commands.filter(({ name }) => name === 'EVAL').length, 1);
    assert.equal(connection.usable, true);
  });

  test('RESP2 pub/sub arrays go to pushMessages, and other commands throw while subscribed', async () => {
    const ack = (kind: string, name: string, count: number): string =>
      reply.array(reply.bulk(kind), reply.bulk(name), reply.integer(count));
    const { connection, peer } = await pair(
      {
        HELLO: reply.error("ERR unknown command 'HELLO'"),
        SUBSCRIBE: (command) => ack('subscribe', command[1] as string, 1),
        UNSUBSCRIBE: (command) => ack('unsubscribe', command[1] as string, 0),
        PING: (command) => (command.length > 1 ? undefined : reply.array(reply.bulk('pong'), reply.bulk(''))),
      },
      { decodeResponses: true },
    );
    connection.sendCommand('SUBSCRIBE', ['a']);
    assert.throws(() => connection.createRequest('GET', ['k']), TypeError);
    const messages = connection.pushMessages;
    assert.deepEqual((await messages.next()).value, ['subscribe', 'a', 1]);
    assert.throws(() => connection.createRequest('GET', ['k']), /RESP2/);
    assert.throws(() => connection.createRequestBatch([{ command: 'GET', args: ['k'] }]), TypeError);
    assert.equal(connection.reusable, false);
    peer.send(reply.array(reply.bulk('message'), reply.bulk('a'), reply.bulk('hello')));
    assert.deepEqual((await messages.next()).value, ['message', 'a', 'hello']);
    assert.deepEqual(await connection.execute('PING'), ['pong', '']);
    connection.sendCommand('UNSUBSCRIBE', ['a']);
    assert.deepEqual((await messages.next()).value, ['unsubscribe', 'a', 0]);
    assert.equal(await connection.execute('ECHO', 'x'), 'x');
    assert.equal(connection.reusable, true);
  });
});

describe('time limits and aborts of the dial', () => {
  const phases = {
    HELLO: { script: { HELLO: null } },
    'the later steps': { script: { SELECT: null } },
  } as const;
  for (const [phase, { script }] of Object.entries(phases)) {
    test(`option connectTimeout: covers ${phase}`, async () => {
      const server = await scripted(script);
      const connection = new TCPConnection(server.location, { connectTimeout: 60, db: 1 });
      const error = await failure(connection.run(), ConnectionError);
      assert.ok(error.cause instanceof TimeoutError);
      assert.equal(error.cause.phase, 'connect');
      assert.equal(connection.closed, true);
      await connection.waitClosed();
      await eventually(() => server.openConnections.length === 0, 'the socket is gone');
    });
  }

  test('option connectTimeout: covers the credential provider, the callbacks and the TLS function', async () => {
    const server = await scripted();
    const never = new Promise<never>(() => {});
    const withProvider = new TCPConnection(server.location, {
      connectTimeout: 40,
      credentialProvider: { getCredentials: () => never } as never,
    });
    const withCallback = new TCPConnection(server.location, { connectTimeout: 40 });
    withCallback.registerConnectCallback(() => never);
    const withTls = new TCPConnection(server.location, { connectTimeout: 40, sslContext: () => never });
    for (const connection of [withProvider, withCallback, withTls]) {
      const error = await failure(connection.run(), ConnectionError);
      assert.equal((error.cause as TimeoutError).phase, 'connect');
    }
  });

  test('option connectTimeout: covers a TLS peer that never answers', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const options = { connectTimeout: 60, sslContext: {} };
    const connection = new TCPConnection(new TCPLocation('127.0.0.1', port), options);
    const error = await failure(connection.run(), ConnectionError);
    silent.close();
    assert.equal((error.cause as TimeoutError).phase, 'connect');
  });

  test('a signal ends the dial with its reason in every phase', async () => {
    const server = await scripted({ HELLO: null });
    for (const delay of [null, 0, 30]) {
      const reason = new Error(`reason ${delay}`);
      const controller = new AbortController();
      const connection = new TCPConnection(server.location);
      if (delay === null) controller.abort(reason);
      else setTimeout(() => controller.abort(reason), delay);
      const result = await outcome(connection.run({ signal: controller.signal }));
      assert.equal((result as { error: unknown }).error, reason);
      assert.equal(connection.closed, true);
      await connection.waitClosed();
    }
    await eventually(() => server.openConnections.length === 0, 'no socket is left');
  });

  test('run refuses an unknown option, and undefined counts as absent', async () => {
    const server = await scripted();
    const connection = new TCPConnection(server.location);
    const error = await failure(connection.run({ timeout: 5 } as object), TypeError);
    assert.match(error.message, /"timeout"/);
    await connection.run({ timeout: undefined, signal: undefined } as object);
    assert.equal(connection.usable, true);
    await connection.close();
  });

  test('a reason that is no Error arrives as it is', async () => {
    const server = await scripted({ HELLO: null });
    const controller = new AbortController();
    const running = new TCPConnection(server.location).run({ signal: controller.signal });
    controller.abort('enough');
    assert.deepEqual(await outcome(running), { error: 'enough' });
  });

  test('invalidate ends the dial in every phase', async () => {
    const server = await scripted({ HELLO: null });
    for (const delay of [null, 0, 30]) {
      const connection = new TCPConnection(server.location);
      if (delay === null) connection.invalidate('not wanted');
      const running = connection.run();
      if (delay !== null) setTimeout(() => connection.invalidate('not wanted'), delay);
      const error = await failure(running, ConnectionError);
      assert.match(error.message, /not wanted/);
      await connection.waitClosed();
    }
    await eventually(() => server.openConnections.length === 0, 'no socket is left');
  });

  test('run works only once: during the dial, while usable, after a failure and after the end', async () => {
    const server = await scripted();
    const connection = new TCPConnection(server.location);
    const running = connection.run();
    await assert.rejects(connection.run(), /cannot be reused/);
    await running;
    await assert.rejects(connection.run(), /cannot be reused/);
    assert.equal(connection.usable, true);
    await connection.close();
    await assert.rejects(connection.run(), /cannot be reused/);
    const refused = await scripted();
    await refused.stopListening();
    const failed = new TCPConnection(refused.location);
    await assert.rejects(failed.run());
    await refused.listen();
    await assert.rejects(failed.run(), /cannot be reused/);
  });

  test('run refuses a signal that is none, and an option of another call', async () => {
    const server = await scripted();
    await assert.rejects(new TCPConnection(server.location).run({ timeout: 5 } as never), TypeError);
    await assert.rejects(new TCPConnection(server.location).run({ signal: {} } as never), TypeError);
  });

  test('a peer that closes during the handshake is a ConnectionError', async () => {
    const server = await scripted({
      HELLO: (_command, peer) => {
        peer.end();
        return null;
      },
    });
    await failure(new TCPConnection(server.location).run(), ConnectionError);
  });
});

describe('construction', () => {
  test('the constructor checks its options and does nothing else', async () => {
    const connection = new TCPConnection(new TCPLocation('127.0.0.1', 1));
    assert.deepEqual(
      [connection.usable, connection.reusable, connection.transportHealthy, connection.closed],
      [false, false, false, false],
    );
    assert.deepEqual([connection.clientId, connection.serverVersion, connection.address], [null, null, null]);
    for (const use of [
      () => connection.createRequest('PING'),
      () => connection.createRequestBatch([]),
      () => connection.sendCommand('PING'),
      () => connection.pushMessages,
      () => connection.streamedMessages,
    ]) {
      assert.throws(use, ConnectionError);
    }
    await assert.rejects(connection.execute('PING'), ConnectionError);
    await assert.rejects(connection.updateTrackingClient(true), ConnectionError);
  });

  test('an unknown option is a TypeError, also for the special classes', () => {
    const location = new TCPLocation('127.0.0.1', 1);
    for (const make of [
      () => new TCPConnection(location, { nonsense: 1 } as never),
      () => new TCPConnection(location, { readFromReplicas: true } as never),
      () => new ClusterConnection(location, { nonsense: 1 } as never),
      () => new SentinelManagedConnection(location, 'm', true, { nonsense: 1 } as never),
    ]) {
      assert.throws(make, TypeError);
    }
    new TCPConnection(location, { nonsense: undefined, processingBudget: new CapacityLimiter(1) } as never);
  });

  test('a pool of the dialled address reaches the same server', async () => {
    const { connection, server } = await pair();
    assert.equal(connection.address, `127.0.0.1:${server.port}`);
    assert.equal((await open(server)).clientId, 2);
  });
});
