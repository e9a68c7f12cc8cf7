import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { startServer, testCertificates } from '../../src/testkit/index.ts';
import type { TestServer } from '../../src/testkit/index.ts';
import { TCPLocation, UnixDomainSocketLocation } from '../../src/transport/location.ts';
import { dialTcp } from '../../src/transport/tcp.ts';
import { dialTls } from '../../src/transport/tls.ts';
import { dialUnix } from '../../src/transport/unix.ts';
import { useServer } from '../support/servers.ts';

const forever = (): AbortSignal => new AbortController().signal;

async function ping(socket: net.Socket): Promise<string> {
  socket.write('PING\r\n');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return String(chunk);
}

describe('transport to a real server', () => {
  let server: TestServer;
  useServer((started) => (server = started), { unixSocket: true, requirepass: 'none of your business' });

  it('a real server is reached by TCP and by Unix socket', async () => {
    assert.match(await ping(await dialTcp('127.0.0.1', server.port, { signal: forever() })), /NOAUTH/);
    assert.match(await ping(await dialUnix(server.socketPath as string, { signal: forever() })), /NOAUTH/);
  });

  it('a socket with a reader reads by slab', async () => {
    let text = '';
    let heard: () => void = () => {};
    const reply = new Promise<void>((resolve) => (heard = resolve));
    const reader = (slab: Buffer, bytes: number): void => {
      text += slab.toString('latin1', 0, bytes);
      heard();
    };
    const socket = await dialUnix(server.socketPath as string, {
      signal: forever(),
      reader: { received: reader },
    });
    socket.write('PING\r\n');
    await reply;
    assert.match(text, /NOAUTH/);
    socket.destroy();
  });

  it('check() succeeds for a server that wants a password', async () => {
    assert.equal(await new TCPLocation('localhost', server.port).check(), true);
    assert.equal(await new UnixDomainSocketLocation(server.socketPath as string).check(), true);
  });
});

/** A port whose queue of connections is full: every further SYN goes unanswered. */
async function blackHole(): Promise<{ port: number; child: ChildProcess; fillers: net.Socket[] }> {
  const script =
    "const s=require('net').createServer(()=>{});s.listen(0,'127.0.0.1',1,()=>console.log(s.address().port))";
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  child.kill('SIGSTOP');
  const port = Number(line);
  const fillers: net.Socket[] = [];
  for (;;) {
    const filler = net.connect(port, '127.0.0.1');
    filler.on('error', () => {});
    fillers.push(filler);
    const connected = await Promise.race([
      once(filler, 'connect').then(() => true),
      new Promise<boolean>((resolve) => setTimeout(resolve, 150, false)),
    ]);
    if (!connected) return { port, child, fillers };
  }
}

describe('a peer that never answers', () => {
  let hole: Awaited<ReturnType<typeof blackHole>>;
  before(async () => {
    hole = await blackHole();
  });
  after(() => {
    for (const filler of hole.fillers) filler.destroy();
    hole.child.kill('SIGKILL');
  });

  it('check() gives up on a peer that never answers', async () => {
    assert.equal(await new TCPLocation('127.0.0.1', hole.port).check({ timeout: 50 }), false);
  });

  it('check() rejects with the reason of its signal', async () => {
    const reason = new Error('stop');
    const stop = new AbortController();
    const check = new TCPLocation('127.0.0.1', hole.port).check({ signal: stop.signal });
    setTimeout(() => stop.abort(reason), 30);
    await assert.rejects(check, (error) => error === reason);
  });

  it('the socket to a silent peer ends with the aborted dial', async () => {
    const reason = new Error('stop');
    for (let dial = 0; dial < 20; dial++) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(reason), 5);
      await assert.rejects(
        dialTcp('127.0.0.1', hole.port, { signal: stop.signal }),
        (error) => error === reason,
      );
    }
    const handles = process.getActiveResourcesInfo().filter((name) => name === 'TCPConnectWrap');
    assert.ok(handles.length <= 1, handles.join());
  });

  it('a silent address does not keep the next one from being tried', async () => {
    const server = net.createServer((socket) => socket.on('error', () => {})).listen(hole.port, '127.0.0.2');
    await once(server, 'listening');
    const socket = await dialTcp('name', hole.port, { signal: forever() }, (_host, _options, callback) => {
      callback(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '127.0.0.2', family: 4 },
      ]);
    });
    assert.equal(socket.remoteAddress, '127.0.0.2');
    socket.destroy();
    server.close();
  });

  it('a dial over TLS ends although the peer never begins TLS', async () => {
    const deaf = net.createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
    await once(deaf, 'listening');
    const { port } = deaf.address() as net.AddressInfo;
    const reason = new Error('stop');
    const stop = new AbortController();
    setTimeout(() => stop.abort(reason), 50);
    await assert.rejects(
      dialTls('127.0.0.1', port, {}, undefined, { signal: stop.signal }),
      (error) => error === reason,
    );
    // Closes only when the dialled socket is gone too.
    deaf.close();
    await once(deaf, 'close');
  });
});

describe('TLS connections', () => {
  const made = testCertificates();
  const ca = made.authority.certificate.cert;
  const servers: tls.Server[] = [];
  after(() => {
    for (const server of servers) server.close();
  });

  async function serve(
    options: tls.TlsOptions,
  ): Promise<{ port: number; bytes: () => number; names: string[] }> {
    let bytes = 0;
    const names: string[] = [];
    const server = tls.createServer(options, (socket) => {
      names.push(String((socket as { servername?: unknown }).servername));
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        bytes += chunk.length;
        socket.write('+PONG\r\n');
      });
    });
    server.on('tlsClientError', () => {});
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: (server.address() as net.AddressInfo).port, bytes: () => bytes, names };
  }

  const good = { cert: made.server.cert, key: made.server.key };
  const dial = (
    host: string,
    port: number,
    options: tls.ConnectionOptions,
    name?: string,
  ): Promise<tls.TLSSocket> => {
    return dialTls(host, port, options, name, { signal: forever() });
  };

  it('TLS works with a real server', async () => {
    const server = await startServer({ tls: true });
    try {
      const socket = await dial('localhost', server.port, { ca: server.tls?.ca });
      assert.ok(socket.authorized);
      assert.ok(['TLSv1.2', 'TLSv1.3'].includes(String(socket.getProtocol())));
      assert.equal(await ping(socket), '+PONG\r\n');
    } finally {
      await server.stop();
    }
  });

  it('TLS asks for the host when it is a name, and for nothing when it is an address', async () => {
    const { port, names } = await serve(good);
    for (const host of ['localhost', '127.0.0.1'])
      assert.equal(await ping(await dial(host, port, { ca })), '+PONG\r\n');
    assert.deepEqual(names, ['localhost', 'false']);
  });

  it('TLS verifies the given name instead of the host', async () => {
    const { port, names } = await serve({ cert: made.wrongHost.cert, key: made.wrongHost.key });
    await assert.rejects(dial('localhost', port, { ca }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    await assert.rejects(dial('127.0.0.1', port, { ca }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    assert.equal(await ping(await dial('127.0.0.1', port, { ca }, 'elsewhere.example')), '+PONG\r\n');
    assert.equal(
      await ping(await dial('127.0.0.1', port, { ca, servername: 'elsewhere.example' })),
      '+PONG\r\n',
    );
    assert.equal(names.at(-1), 'elsewhere.example');
  });

  const bad = [
    ['an authority nobody knows', made.otherServer, /UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET/],
    ['a certificate that expired', made.expired, /CERT_HAS_EXPIRED/],
    ['a certificate for another host', made.wrongHost, /ALTNAME_INVALID/],
  ] as const;
  for (const [what, { cert, key }, code] of bad) {
    it(`TLS refuses ${what} before a byte is sent`, async () => {
      const { port, bytes } = await serve({ cert, key });
      await assert.rejects(dial('localhost', port, { ca }), (error: NodeJS.ErrnoException) =>
        code.test(String(error.code)),
      );
      assert.equal(bytes(), 0);
    });
  }

  it('TLS 1.1 is refused', async () => {
    const { port } = await serve({
      ...good,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await assert.rejects(dial('localhost', port, { ca }), (error: NodeJS.ErrnoException) =>
      /SSL|TLS|PROTOCOL/.test(String(error.code)),
    );
  });

  it('properties of Object.prototype do not weaken TLS', async () => {
    const { port } = await serve({ cert: made.otherServer.cert, key: made.otherServer.key });
    const polluted: Record<string, unknown> = {
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ca: made.otherAuthority.certificate.cert,
      servername: 'elsewhere.example',
      minVersion: 'TLSv1',
    };
    const prototype = Object.prototype as Record<string, unknown>;
    for (const [name, value] of Object.entries(polluted)) {
      Object.defineProperty(prototype, name, {
        value,
        configurable: true,
        writable: true,
        enumerable: false,
      });
    }
    try {
      await assert.rejects(dial('localhost', port, { ca }));
    } finally {
      for (const name of Object.keys(polluted)) delete prototype[name];
    }
  });

  it('TLS fails where the plain text of another protocol answers', async () => {
    const banner = net
      .createServer((socket) => {
        socket.on('error', () => {});
        socket.end('SSH-2.0-OpenSSH_9.6\r\n');
      })
      .listen(0, '127.0.0.1');
    await once(banner, 'listening');
    await assert.rejects(dial('127.0.0.1', (banner.address() as net.AddressInfo).port, { ca }), {
      name: 'Error',
    });
    banner.close();
  });

  it('invalid TLS options reject the dial, and the socket is closed', async () => {
    const plain = net.createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    await assert.rejects(dial('127.0.0.1', (plain.address() as net.AddressInfo).port, { ca, cert: 'none' }));
    plain.close();
    await once(plain, 'close');
  });
});
