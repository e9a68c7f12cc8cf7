import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { test } from 'node:test';
import { reply, ScriptedServer } from '../../../src/testkit/index.ts';
import { poll } from '../../../src/testkit/servers/polling.ts';

async function dial(server: ScriptedServer): Promise<Socket> {
  const socket =
    server.socketPath === null
      ? connect({ host: server.host, port: server.port })
      : connect({ path: server.socketPath });
  await once(socket, 'connect');
  return socket;
}

/** Reads until the text has so many bytes. */
async function read(socket: Socket, length: number): Promise<string> {
  let text = '';
  for await (const [chunk] of onData(socket)) {
    text += (chunk as Buffer).toString('latin1');
    if (text.length >= length) break;
  }
  return text;
}

async function* onData(socket: Socket): AsyncGenerator<[Buffer]> {
  while (true) yield (await once(socket, 'data')) as [Buffer];
}

test('the server answers from a table, in order, with defaults for the rest', async () => {
  await using server = await ScriptedServer.start({
    GET: reply.bulk('x'),
    'CLIENT SETINFO': reply.error('ERR no'),
    INCR: async (command) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return reply.integer(command[1]?.length ?? 0);
    },
  });
  const socket = await dial(server);
  socket.write(
    '*2\r\n$4\r\nINCR\r\n$3\r\nabc\r\n*2\r\n$3\r\nget\r\n$1\r\nk\r\nPING\r\nCLIENT SETINFO a b\r\nCLIENT ID\r\nNOPE\r\n',
  );
  const expected =
    ":3\r\n$1\r\nx\r\n+PONG\r\n-ERR no\r\n:1\r\n-ERR unknown command 'NOPE', with args beginning with: \r\n";
  assert.equal(await read(socket, expected.length), expected);
  socket.destroy();
});

test('CLIENT REPLY silences answers as on a real server', async () => {
  await using server = await ScriptedServer.start({ GET: async () => reply.bulk('x') });
  const socket = await dial(server);
  const said = async (...lines: string[]): Promise<string> => {
    socket.write(`${lines.join('\r\n')}\r\nECHO end\r\n`);
    let text = '';
    while (!text.endsWith('$3\r\nend\r\n')) text += await read(socket, 1);
    return text.slice(0, -'$3\r\nend\r\n'.length);
  };
  assert.equal(await said('CLIENT REPLY SKIP', 'PING', 'PING'), '+PONG\r\n');
  assert.equal(await said('client reply skip', 'CLIENT REPLY SKIP', 'GET k', 'GET k'), '$1\r\nx\r\n');
  assert.equal(
    await said('CLIENT REPLY OFF', 'PING', 'CLIENT REPLY SKIP', 'GET k', 'CLIENT REPLY ON'),
    '+OK\r\n',
  );
  assert.equal(await said('CLIENT REPLY SKIP', 'CLIENT REPLY ON', 'PING'), '+OK\r\n+PONG\r\n');
  assert.equal(await said('CLIENT REPLY OFF', 'RESET', 'PING'), '+RESET\r\n+PONG\r\n');
  socket.destroy();
});

test('HELLO is answered in both protocols with the version asked for', async () => {
  await using server = await ScriptedServer.start({}, { version: '6.2.1', role: 'replica' });
  const socket = await dial(server);
  socket.write('HELLO 3\r\n');
  const text = await read(socket, 20);
  assert.match(
    text,
    /^%7\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n\$7\r\nversion\r\n\$5\r\n6\.2\.1\r\n\$5\r\nproto\r\n:3\r\n/,
  );
  assert.match(text, /replica/);
  socket.write('HELLO 2\r\n');
  assert.match(await read(socket, 20), /^\*14\r\n/);
  socket.destroy();
});

test('a null handler never answers, and later commands still get their replies', async () => {
  await using server = await ScriptedServer.start({ BLPOP: null });
  const socket = await dial(server);
  socket.write('BLPOP q 0\r\nPING\r\n');
  assert.equal(await read(socket, 7), '+PONG\r\n');
  socket.destroy();
});

test('commands are parsed when split at every byte, with bytes of any value', async () => {
  await using server = await ScriptedServer.start();
  const payload = Buffer.from([0, 13, 10, 255, 36, 42]);
  const bytes = Buffer.concat([Buffer.from('*2\r\n$4\r\nECHO\r\n$6\r\n'), payload, Buffer.from('\r\n')]);
  const socket = await dial(server);
  socket.setNoDelay(true);
  for (const byte of bytes) {
    socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await read(socket, 12), `$6\r\n${payload.toString('latin1')}\r\n`);
  assert.deepEqual(server.commands[0]?.raw[1], payload);
  assert.equal(server.commands[0]?.name, 'ECHO');
  socket.destroy();
});

test('the record shows which commands came in one write', async () => {
  await using server = await ScriptedServer.start();
  const socket = await dial(server);
  socket.write('PING\r\nPING\r\nECHO a\r\n');
  await server.waitForCommand('echo');
  socket.write('SELECT 1\r\n');
  await server.waitForCommand('SELECT');
  assert.deepEqual(server.connections[0]?.batches, [['PING', 'PING', 'ECHO'], ['SELECT']]);
  assert.equal((await server.waitForCommand('ping', 2)).connection, server.connections[0]);
  await assert.rejects(server.waitForCommand('GET', 1, 30), /waited 30 ms for GET.*SELECT 1/);
  socket.destroy();
});

test('a connection can push, end, reset and swallow bytes', async () => {
  await using server = await ScriptedServer.start();
  const socket = await dial(server);
  const [first] = await server.waitForConnections(1);
  first?.push('invalidate', 'ké', 1, null);
  const push = '>4\r\n$10\r\ninvalidate\r\n$3\r\nkÃ©\r\n:1\r\n_\r\n';
  assert.equal(await read(socket, push.length), push);
  first?.blackHole();
  socket.write('PING\r\n');
  await poll('six bytes', 5_000, () => (first?.bytesRead === 6 ? true : null));
  assert.equal(server.commands.length, 0);
  first?.blackHole(false);
  socket.write('PING\r\n');
  assert.equal(await read(socket, 7), '+PONG\r\n');
  first?.end();
  socket.resume();
  await once(socket, 'end');

  const other = await dial(server);
  const [, second] = await server.waitForConnections(2);
  second?.reset();
  const [error] = (await once(other, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');
  await second?.closed;
  assert.deepEqual(server.openConnections, []);
});

test('a connection stops and resumes reading', async () => {
  await using server = await ScriptedServer.start();
  const socket = await dial(server);
  const [connection] = await server.waitForConnections(1);
  connection?.pauseReading();
  socket.write('PING\r\n');
  const marker = await dial(server);
  marker.write('ECHO later\r\n');
  await server.waitForCommand('ECHO');
  assert.deepEqual(
    server.commands.map(({ name }) => name),
    ['ECHO'],
  );
  marker.destroy();
  connection?.resumeReading();
  assert.equal(await read(socket, 7), '+PONG\r\n');
  socket.destroy();
});

test('bytes that are no command get a protocol error, and the server hangs up', async () => {
  await using server = await ScriptedServer.start();
  const socket = await dial(server);
  socket.write('*1\r\n:5\r\n');
  assert.match(await read(socket, 10), /^-ERR Protocol error/);
  assert.match(server.connections[0]?.protocolError?.message ?? '', /expected \$/);
  await server.waitFor(() => server.openConnections.length === 0, 'the end', 5_000);
});

test('the server refuses connections for a while, then listens on the same port', async () => {
  await using server = await ScriptedServer.start();
  const { port } = server;
  await server.stopListening();
  await assert.rejects(dial(server), { code: 'ECONNREFUSED' });
  await server.listen();
  assert.equal(server.port, port);
  const socket = await dial(server);
  socket.destroy();
});

test('the server listens on a Unix socket', async () => {
  await using server = await ScriptedServer.start({ GET: '+yes\r\n' }, { path: true });
  assert.match(server.url, /^unix:\/\/\//);
  const socket = await dial(server);
  socket.write('GET a\r\n');
  assert.equal(await read(socket, 6), '+yes\r\n');
  server.connections[0]?.reset();
  socket.on('error', () => {});
  await once(socket, 'close');
});

test('the server speaks TLS, asks for a client certificate when told, and resets below TLS', async () => {
  await using server = await ScriptedServer.start({}, { tls: { mutual: true } });
  const { ca, clientCert, clientKey } = server.tls ?? assert.fail('no TLS');
  const socket = connectTls({ host: '127.0.0.1', port: server.port, ca, cert: clientCert, key: clientKey });
  await once(socket, 'secureConnect');
  assert.equal(socket.authorized, true);
  socket.write('PING\r\n');
  assert.equal(await read(socket, 7), '+PONG\r\n');
  server.connections[0]?.reset();
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');

  const stranger = connectTls({ host: '127.0.0.1', port: server.port, ca });
  const [refusal] = (await once(stranger, 'error')) as [NodeJS.ErrnoException];
  assert.equal(refusal.code, 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
  assert.equal(server.connections.length, 1);
});

test('waitFor() looks again after a handler of the script has run', async () => {
  let asked = 0;
  await using server = await ScriptedServer.start({
    GET: () => {
      asked++;
      return reply.null;
    },
  });
  const socket = await dial(server);
  const waiting = server.waitFor(() => asked === 1, 'the handler', 1_000);
  socket.write('GET a\r\n');
  await waiting;
  socket.destroy();
});

test('a handler that throws answers with an error, as one that rejects does', async () => {
  await using server = await ScriptedServer.start({
    GET: () => {
      throw new Error('no such thing');
    },
    SET: () => Promise.reject(new Error('no such thing')),
  });
  const socket = await dial(server);
  socket.write('GET a\r\nSET a b\r\n');
  const expected = '-ERR scripted server: Error: no such thing\r\n'.repeat(2);
  assert.equal(await read(socket, expected.length), expected);
  socket.destroy();
});
