import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { serverBinaries, startServer, type StartServerOptions } from '../../../src/testkit/index.ts';

const binaries = await serverBinaries();

/** A zombie that an idle init never reaps is dead, too. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync('/proc/self/stat') || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let left = 500; !condition(); left--) {
    if (left === 0) assert.fail(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('there is a server binary to test with', () => {
  assert.ok(binaries.length > 0);
  for (const { version } of binaries) assert.match(version, /^\d+\.\d+\.\d+$/);
});

for (const { path, kind, version } of binaries) {
  test(`${kind} ${version}: a server starts, answers, stops and leaves nothing`, async () => {
    const server = await startServer({ binary: path });
    assert.deepEqual([server.kind, server.version, server.binary], [kind, version, path]);
    assert.equal(server.url, `redis://127.0.0.1:${server.port}/0`);
    assert.equal(server.location.toString(), server.locations[0]?.toString());
    assert.equal(await server.command('SET', 'k', 'é'), 'OK');
    assert.equal(await server.command('GET', 'k'), 'é');
    await assert.rejects(server.command('INCR', 'k'), /^Error: ERR value is not an integer/);
    const replies = await server.pipeline([
      ['RPUSH', 'l', 1, 'b'],
      ['NOPE'],
      ['LRANGE', 'l', 0, -1],
      ['GET', 'none'],
    ]);
    assert.equal(replies[0], 2);
    assert.ok(replies[1] instanceof Error);
    assert.deepEqual(replies.slice(2), [['1', 'b'], null]);
    assert.match(server.logTail(), /Ready to accept connections/);
    const { pid, folder } = server;
    await server.stop();
    await server.stop();
    assert.equal(alive(pid), false);
    assert.equal(existsSync(folder), false);
    await assert.rejects(server.restart(), /stopped for good/);
  });

  test(`${kind} ${version}: a server is killed, restarted on the same port, paused and resumed`, async () => {
    await using server = await startServer({ binary: path });
    const { port, pid } = server;
    await server.command('SET', 'k', 'v');
    await server.kill();
    assert.equal(server.running, false);
    await assert.rejects(server.command('PING'), { code: 'ECONNREFUSED' });
    await server.restart();
    assert.equal(server.port, port);
    assert.notEqual(server.pid, pid);
    assert.equal(await server.command('GET', 'k'), null);
    server.pause();
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    socket.destroy();
    await assert.rejects(server.pipeline([['PING']], 100), /no reply to PING/);
    server.resume();
    assert.equal(await server.command('PING'), 'PONG');
    server.pause();
    await server.restart();
    assert.equal(await server.command('PING'), 'PONG');
  });

  test(`${kind} ${version}: data survives a restart when saving was asked for`, async () => {
    await using server = await startServer({
      binary: path,
      args: ['--appendonly', 'yes', '--appendfsync', 'always'],
    });
    await server.command('SET', 'k', 'v');
    await server.kill();
    await server.restart();
    assert.equal(await server.command('GET', 'k'), 'v');
  });

  test(`${kind} ${version}: a server takes a password, users and a Unix socket`, async () => {
    await using server = await startServer({
      binary: path,
      unixSocket: true,
      requirepass: 'a "b"%',
      users: { alice: 'on >secret ~* &* +@all' },
    });
    assert.equal(server.url, `redis://:a%20%22b%22%25@127.0.0.1:${server.port}/0?decodeComponents=true`);
    assert.match(server.unixUrl ?? '', /^unix:\/\/:a%20%22b%22%25@\/.*\.sock\?db=0&decodeComponents=true$/);
    assert.ok(existsSync(server.socketPath ?? ''));
    assert.equal(server.locations.length, 2);
    assert.match((await ask(server.port, 'PING\r\n', 1))[0] ?? '', /^-NOAUTH/);
    // on its own: Valkey 8.0.1 swallows this reply after a NOAUTH in the same write
    assert.match((await ask(server.port, 'AUTH alice nope\r\n', 1))[0] ?? '', /^-WRONGPASS/);
    assert.deepEqual(await ask(server.port, 'AUTH alice secret\r\nPING\r\n', 2), ['+OK', '+PONG']);
    assert.deepEqual(await ask(server.socketPath ?? '', 'AUTH alice secret\r\nPING\r\n', 2), [
      '+OK',
      '+PONG',
    ]);
    assert.equal(await server.command('PING'), 'PONG');
  });
}

test('the test kit has its own way in when the default user is off', async () => {
  await using server = await startServer({
    users: { default: 'off', bob: 'on >pw ~* &* +@all' },
    urlUser: 'bob',
  });
  assert.equal(server.url, `redis://bob:pw@127.0.0.1:${server.port}/0`);
  assert.equal(await server.command('ACL', 'WHOAMI'), 'respool-testkit');
  assert.match((await ask(server.port, 'PING\r\n', 1))[0] ?? '', /^-NOAUTH/);
});

test('a missing binary is one clear error', async () => {
  await assert.rejects(startServer({ binary: 'no-such-server' }), (error: Error) => {
    assert.match(error.message, /found no server binary \(no-such-server\)/);
    assert.match(error.message, /apt-get install redis-server/);
    assert.match(error.message, /brew install/);
    return true;
  });
});

test('an unknown option, or one of another kind, is refused before anything starts', async () => {
  for (const [option, value] of [
    ['foo', 1],
    ['port', 'x'],
    ['port', 0],
    ['args', '--hz'],
    ['users', { alice: 1 }],
    ['unixSocket', 1],
    ['tls', { mutal: true }],
    ['tls', { certificate: 'x' }],
  ] as const) {
    const refused = { name: 'TypeError', message: new RegExp(`\\b${option}\\b`) };
    await assert.rejects(startServer({ [option]: value } as StartServerOptions), refused);
  }
  await using server = await startServer({ foo: undefined, port: undefined } as StartServerOptions);
  assert.equal(server.running, true);
});

test("a wrong flag gives an error with the server's own message", async () => {
  await assert.rejects(
    startServer({ args: ['--no-such-flag', '1'] }),
    /ended while starting[^]*no-such-flag/,
  );
});

test('a fixed port that is taken is an error, and free ports never meet', async () => {
  await using first = await startServer();
  await assert.rejects(startServer({ port: first.port }), /ended while starting/);
  const several = await Promise.all(Array.from({ length: 5 }, () => startServer()));
  assert.equal(new Set(several.map(({ port }) => port)).size, 5);
  await Promise.all(several.map((server) => server.stop()));
});

for (const [how, body] of [
  ['SIGKILL', 'setInterval(() => {}, 1000)'],
  ['its own end', ''],
  ['an uncaught error', 'setTimeout(() => { throw new Error("x") }, 10)'],
  ['process.exit', 'process.exit(0)'],
] as const) {
  test(`servers and folders are removed after the process ended by ${how}`, async () => {
    const module = new URL('../../../src/testkit/index.js', import.meta.url).href;
    const program = `
      const { startServer } = await import(${JSON.stringify(module)})
      const a = await startServer(), b = await startServer()
      b.pause()
      console.log(JSON.stringify({ pids: [a.pid, b.pid], folder: a.folder }))
      ${body}`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const exited = once(child, 'exit');
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const { pids, folder } = JSON.parse(line) as { pids: number[]; folder: string };
    if (how === 'SIGKILL') {
      assert.ok(pids.every(alive));
      child.kill('SIGKILL');
    }
    await exited;
    await until(() => !pids.some(alive), `processes ${pids.join()} are gone`);
    const root = dirname(folder);
    await until(() => !existsSync(root), `${root} is gone`);
  });
}

/** Lines a server says to text written at once. */
async function ask(target: number | string, text: string, lines: number): Promise<string[]> {
  const socket =
    typeof target === 'number' ? connect({ host: '127.0.0.1', port: target }) : connect({ path: target });
  socket.setTimeout(5000, () => socket.destroy(new Error(`no answer to ${text.trim()}`)));
  socket.write(text);
  let said = '';
  for await (const chunk of socket) {
    said += String(chunk);
    if (said.split('\r\n').length > lines) break;
  }
  return said.split('\r\n').slice(0, lines);
}
