import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { ConnectionPool } from '../../../src/index.ts';
import { reply, ScriptedServer, startCluster, startServer } from '../../../src/testkit/index.ts';
import { runCli } from '../../support/cli.ts';

interface Report {
  readonly ok: boolean;
  readonly findings: readonly { readonly level: string; readonly says: string; readonly advice?: string }[];
}

async function doctor(args: readonly string[], env: Record<string, string> = {}): Promise<Report> {
  const { code, stdout, stderr } = await runCli(['doctor', '--json', '--timeout', '2000', ...args], { env });
  assert.equal(stderr, '');
  const report = JSON.parse(stdout) as Report;
  assert.equal(code, report.ok ? 0 : 1);
  return report;
}

async function finds(
  pattern: RegExp,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const { ok, findings } = await doctor(args, env);
  const wrong = findings.filter(({ level }) => level === 'wrong');
  assert.equal(ok, false);
  assert.match(wrong.map(({ says }) => says).join('\n'), pattern);
  for (const { advice } of wrong) assert.ok((advice ?? '').length > 0);
}

describe('respool doctor', () => {
  it('doctor finds nothing wrong with a healthy server, over TLS too', async () => {
    await using plain = await startServer();
    assert.equal((await doctor(['--url', plain.url])).ok, true);
    await using secure = await startServer({ tls: true });
    const url = `rediss://127.0.0.1:${secure.port}`;
    const { ok, findings } = await doctor(['--url', url, '--tls-ca', secure.tls?.paths.ca ?? '']);
    assert.equal(ok, true, JSON.stringify(findings));
  });

  it('doctor names a wrong and a missing password', async () => {
    await using server = await startServer({ requirepass: 'right' });
    const env = { REDIS_URL: `redis://127.0.0.1:${server.port}` };
    await finds(/refuses this user name and password/, [], { ...env, REDISCLI_AUTH: 'wrong' });
    await finds(/wants a password/, [], env);
  });

  it('doctor names a certificate of an unknown authority, an expired one and one for another name', async () => {
    await using server = await startServer({ tls: true });
    const url = `rediss://127.0.0.1:${server.port}`;
    await finds(/not signed by a trusted authority/, ['--url', url]);
    for (const [certificate, pattern] of [
      ['expired', /has expired/],
      ['wrong-host', /another host name/],
    ] as const) {
      await using other = await startServer({ tls: { certificate } });
      const where = `rediss://127.0.0.1:${other.port}`;
      await finds(pattern, ['--url', where, '--tls-ca', other.tls?.paths.ca ?? '']);
    }
  });

  it('doctor names a server without TLS behind a TLS URL', async () => {
    await using server = await startServer();
    await finds(/does not speak TLS/, ['--url', `rediss://127.0.0.1:${server.port}`]);
  });

  it('doctor names a closed port and an unknown host name', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    listener.close();
    await once(listener, 'close');
    await finds(/refuses connections/, ['--url', `redis://127.0.0.1:${port}`]);
    await finds(/cannot be resolved/, ['--url', 'redis://nowhere.invalid']);
  });

  it('doctor names a server that accepts and does not answer', async () => {
    const listener = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    try {
      await finds(/accepts the connection and does not answer/, ['--url', `redis://127.0.0.1:${port}`]);
    } finally {
      listener.close();
    }
  });

  it('doctor names commands that the ACL refuses', async () => {
    await using server = await startServer({ users: { app: 'on >secret ~* &* +@all -client' } });
    const url = `redis://app:secret@127.0.0.1:${server.port}`;
    await finds(/may not run CLIENT ID/, [], { REDIS_URL: url });
  });

  it('doctor names unreachable addresses that a cluster announces', async () => {
    await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 0 });
    assert.equal((await doctor(['--cluster', '--url', cluster.url])).ok, true);
    const away = createServer().listen(0, '127.0.0.1');
    await once(away, 'listening');
    const { port } = away.address() as AddressInfo;
    away.close();
    await using scripted = await ScriptedServer.start();
    scripted.script({ CLUSTER: shards(scripted.port, port) });
    await finds(new RegExp(`cannot be reached from here: 127.0.0.1:${port}`), [
      '--cluster',
      '--url',
      scripted.url,
    ]);
  });

  it('doctor says that a server speaks RESP2 only', async () => {
    await using server = await ScriptedServer.start({ HELLO: reply.error("ERR unknown command 'HELLO'") });
    const { findings } = await doctor(['--url', server.url]);
    assert.match(findings.map(({ says }) => says).join('\n'), /RESP2 only/);
  });

  it('doctor names a server that has reached maxclients', async () => {
    await using server = await startServer({ args: ['--maxclients', '1'] });
    await using pool = ConnectionPool.fromUrl(server.url);
    await pool.open();
    await finds(/maxclients/, ['--url', server.url]);
  });

  it('doctor names an HTTP server', async () => {
    const http = createHttpServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    try {
      await finds(/does not speak the Redis protocol/, ['--url', `redis://127.0.0.1:${port}`]);
    } finally {
      http.close();
    }
  });
});

/** An answer to `CLUSTER SHARDS` with one node here and one elsewhere. */
function shards(here: number, away: number): string {
  const shard = (first: number, last: number, id: string, port: number): string => {
    const node = reply.map(
      [reply.bulk('id'), reply.bulk(id.repeat(40))],
      [reply.bulk('port'), reply.integer(port)],
      [reply.bulk('ip'), reply.bulk('127.0.0.1')],
      [reply.bulk('endpoint'), reply.bulk('127.0.0.1')],
      [reply.bulk('role'), reply.bulk('master')],
      [reply.bulk('replication-offset'), reply.integer(0)],
      [reply.bulk('health'), reply.bulk('online')],
    );
    return reply.map(
      [reply.bulk('slots'), reply.array(reply.integer(first), reply.integer(last))],
      [reply.bulk('nodes'), reply.array(node)],
    );
  };
  return reply.array(shard(0, 8_191, 'a', here), shard(8_192, 16_383, 'b', away));
}
