import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import {
  AuthenticationFailureError,
  ProtocolError,
  RedisError,
  ResponseError,
  UnknownCommandError,
} from '../../../src/errors/errors.ts';
import { reply } from '../../../src/testkit/index.ts';
import { failure, open, pair, realServer, scripted } from './support.ts';

const lines = (server: { commands: readonly { args: readonly string[] }[] }): string[] =>
  server.commands.map(({ args }) => args.join(' '));

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
