import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import {
  ConnectionError,
  ConnectionPool,
  ExecAbortError,
  ResponseError,
  TimeoutError,
} from '../../../src/index.ts';
import { reply, ScriptedServer, startServer } from '../../../src/testkit/index.ts';
import { atRest, failure, gauges, sleep, until } from '../../conformance/pool/support.ts';

test('a server killed and restarted under load answers again, and no reply is wrong', async () => {
  await using server = await startServer();
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true, maxConnections: 4 });
  let running = true;
  let wrong = 0;
  let lastFailure = 0;
  let right = 0;
  const lanes = Array.from({ length: 16 }, async (_, lane) => {
    for (let index = 0; running; index++) {
      const token = `${lane}.${index}`;
      try {
        if ((await pool.executeRequest('ECHO', [token], { timeout: 3_000 })) !== token) wrong++;
        right++;
      } catch (error) {
        assert.ok(error instanceof ConnectionError || error instanceof TimeoutError, String(error));
        lastFailure = performance.now();
        await sleep(1);
      }
    }
  });
  try {
    for (let round = 0; round < 3; round++) {
      await sleep(100);
      await server.kill();
      await sleep(150);
      await server.restart();
      const before = right;
      await until(() => right > before + 50, 'answers again');
      const failedLast = lastFailure;
      await sleep(100);
      assert.equal(lastFailure, failedLast, 'no failure once it answers');
    }
  } finally {
    running = false;
  }
  await Promise.all(lanes);
  assert.equal(wrong, 0);
  await atRest(pool);
});

test('connections killed again and again under load cross no reply and hang no call', async () => {
  await using server = await startServer();
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true, maxConnections: 4 });
  let running = true;
  let lost = 0;
  const lanes = Array.from({ length: 16 }, async (_, lane) => {
    for (let index = 0; running; index++) {
      const token = `${lane}.${index}`;
      const call = pool.executeRequest('ECHO', [token], { timeout: 5_000 });
      try {
        assert.equal(await call, token);
      } catch (error) {
        assert.ok(error instanceof ConnectionError && error.maybeExecuted, String(error));
        lost++;
      }
    }
  });
  let killed = 0;
  for (const end = performance.now() + 2_500; performance.now() < end || killed <= 20; await sleep(20)) {
    killed += Number(await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
  }
  running = false;
  await Promise.all(lanes);
  assert.ok(killed > 20, `${killed} killed`);
  assert.ok(lost > 0);
  await atRest(pool);
});

test('a process that was stopped while the server dropped its connections goes on', async () => {
  await using server = await startServer({ args: ['--timeout', '1'] });
  const entry = new URL('../../../src/index.js', import.meta.url).href;
  const source = `
    import { ConnectionPool } from ${JSON.stringify(entry)};
    const pool = ConnectionPool.fromUrl(${JSON.stringify(server.url)}, { decodeResponses: true });
    await Promise.all([pool.execute('PING'), pool.use((connection) => connection.createRequest('PING'))]);
    console.log('ready');
    process.stdin.once('data', async () => {
      console.log(await pool.execute('ECHO', 'thawed').catch((error) => error.message));
      await pool.close();
      process.stdin.destroy();
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  const ended = new Promise((resolve) => child.on('close', resolve));
  await until(() => output.includes('ready'));
  child.kill('SIGSTOP');
  await until(
    async () => !/lib-name=respool|flags=N .*cmd=ping/.test(String(await server.command('CLIENT', 'LIST'))),
    'the server to drop them',
  );
  // Its first command is written before it has read that its connections are gone.
  child.stdin.write('go\n');
  await sleep(50);
  child.kill('SIGCONT');
  await ended;
  assert.match(output, /thawed/, output);
});

test('idle connections that the server closes after its own timeout fail no command', async () => {
  await using server = await startServer({ args: ['--timeout', '1', '--hz', '50'] });
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  await pool.execute('PING');
  await until(() => gauges(pool)[0] === 0);
  assert.equal(await pool.execute('ECHO', 'x'), 'x');
});

test('a server paused for writes answers reads on another connection', async () => {
  await using server = await startServer();
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
  await server.command('CLIENT', 'PAUSE', '400', 'WRITE');
  await using lease = await pool.acquire();
  const write = lease.connection.createRequest('SET', ['k', 'v']);
  assert.equal(await pool.execute('GET', 'missing'), null);
  assert.equal(await write, 'OK');
});

test('late replies of a server that sleeps longer than the limit are swallowed', async () => {
  await using server = await startServer();
  await using pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true, maxConnections: 1 });
  await pool.execute('PING');
  for (let round = 0; round < 5; round++) {
    const sleeping = server.command('DEBUG', 'SLEEP', '0.15');
    await sleep(10);
    const calls = Array.from({ length: 20 }, (_, index) =>
      failure(pool.executeRequest('ECHO', [`late ${index}`], { timeout: 50 })),
    );
    for (const error of await Promise.all(calls))
      assert.ok(error instanceof TimeoutError && error.maybeExecuted, String(error));
    assert.equal(await pool.execute('ECHO', `mine ${round}`), `mine ${round}`);
    await sleeping;
  }
  await atRest(pool);
});

test('a server out of memory refuses writes and answers reads', async () => {
  await using server = await startServer({ args: ['--maxmemory', '100kb'] });
  await using pool = ConnectionPool.fromUrl(server.url);
  const error = await failure(pool.execute('SET', 'k', 'v'));
  assert.ok(error instanceof ResponseError && error.code === 'OOM');
  assert.equal(await pool.execute('GET', 'k'), null);
  const aborted = await failure(pool.transaction([{ command: 'SET', args: ['k', 'v'] }]));
  assert.ok(aborted instanceof ExecAbortError, String(aborted));
  assert.equal(await pool.execute('GET', 'k'), null);
  assert.equal(gauges(pool)[0], 1);
});

test('a server restarted with a password gives authentication errors without a loop, and the pool lives on', async () => {
  await using server = await startServer();
  await using pool = ConnectionPool.fromUrl(server.url);
  await pool.execute('PING');
  await server.configSet('requirepass', 'secret');
  pool.disconnect();
  for (let round = 0; round < 3; round++) {
    const error = await failure(pool.execute('PING'));
    assert.match(error.name, /^Authentication/, String(error));
  }
  await atRest(pool);
});

test('RST in the middle of a reply keeps settled values, and the other calls learn their fate', async () => {
  await using scripted = await ScriptedServer.start({
    GET: (command, connection) => {
      const index = Number(command[1]);
      if (index < 32) return reply.bulk(String(index));
      if (index === 32) {
        connection.send('$100\r\nhalf of it');
        setTimeout(() => connection.reset(), 5);
      }
      return null;
    },
  });
  await using pool = new ConnectionPool({ location: scripted.location, decodeResponses: true });
  for (let round = 0; round < 20; round++) {
    const requests = Array.from({ length: 64 }, (_, index) => pool.executeRequest('GET', [String(index)]));
    const results = await Promise.allSettled(requests);
    for (const [index, result] of results.entries()) {
      if (index < 32) assert.deepEqual(result, { status: 'fulfilled', value: String(index) });
      else assert.ok(result.status === 'rejected' && (result.reason as ConnectionError).maybeExecuted);
    }
  }
  await atRest(pool);
});

test('a stopped server with a long queue makes writes stop at the bound and go on afterwards', async () => {
  await using server = await startServer();
  await using pool = ConnectionPool.fromUrl(server.url, {
    maxBufferedBytes: 1024 * 1024,
    maxWaiting: 100,
    maxConnections: 1,
  });
  await pool.execute('PING');
  server.pause();
  const payload = Buffer.alloc(256 * 1024, 'x');
  const results: Promise<string>[] = [];
  for (let index = 0; index < 400; index++) {
    results.push(
      pool.execute('ECHO', payload).then(
        () => 'done',
        (error: Error) => error.name,
      ),
    );
    if (index % 20 === 0) await sleep(1);
  }
  assert.ok((gauges(pool)[4] as number) <= 100);
  server.resume();
  const outcome = await Promise.all(results);
  assert.deepEqual(new Set(outcome), new Set(['done', 'OverloadedError']));
  await atRest(pool);
});

test('a process that runs out of file descriptors recovers when some are free again', async () => {
  await using server = await startServer();
  const entry = new URL('../../../src/index.js', import.meta.url).href;
  const source = `
    import { openSync, closeSync } from 'node:fs';
    import { ConnectionPool } from ${JSON.stringify(entry)};
    const pool = ConnectionPool.fromUrl(${JSON.stringify(server.url)}, { decodeResponses: true });
    const open = [];
    try { for (;;) open.push(openSync('/dev/null')); } catch {}
    const error = await pool.execute('PING').catch((one) => one);
    console.log(error.name, error.cause?.code);
    for (const fd of open) closeSync(fd);
    console.log(await pool.executeRequest('PING', [], { timeout: 5000 }));
    await pool.close();`;
  const child = spawn(
    '/bin/sh',
    ['-c', 'ulimit -n 256; exec "$0" --input-type=module -e "$1"', process.execPath, source],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0);
  assert.match(output, /ConnectionError EMFILE\nPONG/);
});
