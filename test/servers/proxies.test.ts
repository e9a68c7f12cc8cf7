import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  type BaseConnection,
  ConnectionError,
  ConnectionPool,
  type ConnectionPoolOptions,
  FailoverPool,
} from '../../src/index.ts';
import { startServer, testCertificates } from '../../src/testkit/index.ts';
import { eventually, sleep } from '../integration/cluster/support.ts';

const PACKAGES = { nutcracker: 'nutcracker', haproxy: 'haproxy', stunnel4: 'stunnel4' } as const;

/** The program, installed where it is missing. */
function program(name: keyof typeof PACKAGES): string {
  const find = (): string =>
    execFileSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/usr/bin command -v ${name} || true`], {
      encoding: 'utf8',
    }).trim();
  if (find() === '') execFileSync('apt-get', ['install', '-y', '--no-install-recommends', PACKAGES[name]]);
  return find();
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Proxy extends AsyncDisposable {
  readonly port: number;
  readonly child: ChildProcess;
}

/** A proxy that listens at a port of its own, with its configuration in a folder of its own. */
async function start(
  name: keyof typeof PACKAGES,
  config: (port: number, folder: string) => string,
  args: (file: string) => readonly string[],
): Promise<Proxy> {
  const folder = mkdtempSync(join(tmpdir(), 'respool-proxy-'));
  const port = await freePort();
  const file = join(folder, 'proxy.conf');
  writeFileSync(file, config(port, folder));
  const child = spawn(program(name), [...args(file)], { cwd: folder, stdio: 'ignore' });
  await eventually(
    `${name} listens`,
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => resolve(true) as void);
        socket.on('connect', () => socket.destroy());
        socket.on('error', () => resolve(false));
      }),
  );
  return {
    port,
    child,
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const poolAt = (
  port: number,
  options: Partial<ConnectionPoolOptions> = {},
): ConnectionPool<BaseConnection, true> =>
  new ConnectionPool({ host: '127.0.0.1', port, decodeResponses: true, ...options }) as never;

describe('real proxies between a pool and its server', () => {
  const twemproxy =
    (server: number) =>
    (port: number): string =>
      `main:\n  listen: 127.0.0.1:${port}\n  redis: true\n  servers:\n   - 127.0.0.1:${server}:1\n`;

  it('twemproxy works with protocol 2; without it the error names the option', async () => {
    await using server = await startServer();
    const stats = await freePort();
    await using proxy = await start('nutcracker', twemproxy(server.location.port), (file) => [
      '-c',
      file,
      '-s',
      String(stats),
    ]);
    await using auto = poolAt(proxy.port);
    await assert.rejects(auto.execute('PING'), (error) => {
      assert.ok(error instanceof ConnectionError);
      assert.match(error.message, /HELLO was not answered.*protocol: 2/);
      return true;
    });
    await using pool = poolAt(proxy.port, { protocol: 2 });
    const calls = Array.from({ length: 500 }, (_, n) => pool.execute('SET', `key:${n}`, n));
    assert.deepEqual(new Set(await Promise.all(calls)), new Set(['OK']));
    assert.deepEqual(await pool.execute('MGET', 'key:1', 'key:499', 'none'), ['1', '499', null]);
    await pool.execute('HSET', 'hash', 'field', 'value');
    assert.deepEqual(await pool.execute('HGETALL', 'hash'), ['field', 'value']);
  });

  it('haproxy in TCP mode carries RESP3, blocking commands and subscriptions, and replaces the server behind it', async () => {
    await using one = await startServer();
    await using two = await startServer();
    const config = (port: number): string =>
      `global\n  maxconn 200\ndefaults\n  mode tcp\n  timeout connect 1s\n  timeout client 60s\n  timeout server 60s\n` +
      `listen redis\n  bind 127.0.0.1:${port}\n  option redispatch\n  retries 2\n` +
      `  server one 127.0.0.1:${one.location.port} check inter 100 fall 1 rise 1 on-marked-down shutdown-sessions\n` +
      `  server two 127.0.0.1:${two.location.port} check inter 100 fall 1 rise 1 backup\n`;
    await using proxy = await start('haproxy', config, (file) => ['-db', '-f', file]);
    await using pool = poolAt(proxy.port, { acquireTimeout: 5_000 });
    assert.equal(await pool.execute('SET', 'where', 'one'), 'OK');
    assert.equal(await one.command('GET', 'where').then(String), 'one');
    const popped = pool.execute('BLPOP', 'queue', 10);
    await sleep(50);
    await pool.execute('RPUSH', 'queue', 'element');
    assert.deepEqual(await popped, ['queue', 'element']);
    await pool.executePubsub('SUBSCRIBE', 'news');
    const channel = pool.pubsubChannels.get('news');
    await pool.execute('PUBLISH', 'news', 'text');
    assert.equal(String(await channel?.get()), 'text');
    await one.kill();
    await eventually('the other server answers', async () => {
      const answer = await pool.executeRequest('SET', ['where', 'two'], { timeout: 5_000 }).catch(() => null);
      return answer === 'OK' && String(await two.command('GET', 'where')) === 'two';
    });
    await eventually(
      'the subscription is there',
      async () => Number(await two.command('PUBLISH', 'news', 'again')) > 0,
    );
    assert.equal(String(await channel?.get()), 'again');
  });

  it('stunnel ends TLS in front of the server, and is verified by name', async () => {
    await using server = await startServer();
    const certificates = testCertificates();
    const { cert, key } = certificates.server;
    const config = (port: number, folder: string): string => {
      writeFileSync(join(folder, 'both.pem'), `${key}\n${cert}`, { mode: 0o600 });
      return (
        `foreground = yes\npid =\ncert = ${join(folder, 'both.pem')}\n` +
        `[redis]\naccept = 127.0.0.1:${port}\nconnect = 127.0.0.1:${server.location.port}\n`
      );
    };
    await using proxy = await start('stunnel4', config, (file) => [file]);
    await using pool = poolAt(proxy.port, { sslContext: { ca: certificates.authority.certificate.cert } });
    assert.equal(await pool.execute('SET', 'key', 'x'.repeat(300_000)), 'OK');
    assert.equal(String(await pool.execute('GET', 'key')).length, 300_000);
    await using plain = poolAt(proxy.port, { connectTimeout: 1_000 });
    await assert.rejects(plain.execute('PING'), ConnectionError);
    await using unknown = poolAt(proxy.port, { sslContext: {} });
    await assert.rejects(unknown.execute('PING'), ConnectionError);
  });

  it('two proxies serve as two endpoints: one that dies is left', async () => {
    await using server = await startServer();
    const configOf = twemproxy(server.location.port);
    const stats = [await freePort(), await freePort()];
    const near = await start('nutcracker', configOf, (file) => ['-c', file, '-s', String(stats[0])]);
    await using far = await start('nutcracker', configOf, (file) => ['-c', file, '-s', String(stats[1])]);
    await using pool = new FailoverPool({
      pools: [near, far].map(({ port }) => poolAt(port, { protocol: 2 })),
      checkInterval: 100,
      failureThreshold: 2,
    });
    assert.equal(await pool.execute('SET', 'key', 'near'), 'OK');
    await near[Symbol.asyncDispose]();
    assert.equal(await pool.execute('GET', 'key'), 'near');
    assert.equal(pool.activePool, pool.pools[1]);
  });
});
