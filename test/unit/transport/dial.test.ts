import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { getEventListeners, once } from 'node:events';
import * as net from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { slabReading } from '../../../src/transport/socket.ts';
import { dialTcp } from '../../../src/transport/tcp.ts';
import type { Lookup } from '../../../src/transport/tcp.ts';
import { dialUnix } from '../../../src/transport/unix.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serve(host = '127.0.0.1', port = 0, talk?: (socket: net.Socket) => void): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    (talk ?? ((peer) => peer.pipe(peer)))(socket);
  });
  server.listen(port, host);
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as net.AddressInfo).port;
}

/** Port of a server that is gone. */
async function deadPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function answering(...addresses: string[]): Lookup {
  const all: LookupAddress[] = addresses.map((address) => ({ address, family: net.isIP(address) }));
  return (_host, _options, callback) => setImmediate(callback, null, all);
}

const forever = (): AbortSignal => new AbortController().signal;
function keep<S extends net.Socket>(socket: S): S {
  closers.push(() => socket.destroy());
  return socket;
}

describe('dialTcp', () => {
  it('dialTcp connects, and early bytes are kept', async () => {
    const port = await serve('127.0.0.1', 0, (socket) => socket.write('early'));
    const socket = keep(await dialTcp('127.0.0.1', port, { signal: forever() }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    assert.equal(String(chunk), 'early');
  });

  it('dialTcp fails with the low-level code', async () => {
    const port = await deadPort();
    await assert.rejects(dialTcp('127.0.0.1', port, { signal: forever() }), { code: 'ECONNREFUSED' });
  });

  it('dialTcp fails with the code of the lookup', async () => {
    const lookup: Lookup = (_host, _options, callback) => {
      callback(Object.assign(new Error('getaddrinfo ENOTFOUND nowhere'), { code: 'ENOTFOUND' }), []);
    };
    await assert.rejects(dialTcp('nowhere', 1, { signal: forever() }, lookup), { code: 'ENOTFOUND' });
    await assert.rejects(dialTcp('nowhere', 1, { signal: forever() }, answering()), { code: 'ENOTFOUND' });
  });

  it('dialTcp looks the name up at every dial', async () => {
    const port = await serve();
    const asked: string[] = [];
    const lookup: Lookup = (host, options, callback) => {
      asked.push(host);
      answering('127.0.0.1')(host, options, callback);
    };
    keep(await dialTcp('name', port, { signal: forever() }, lookup));
    keep(await dialTcp('name', port, { signal: forever() }, lookup));
    assert.deepEqual(asked, ['name', 'name']);
  });

  it('dialTcp goes on to the next address when one refuses', async () => {
    const port = await serve('127.0.0.1');
    const socket = keep(
      await dialTcp('name', port, { signal: forever() }, answering('127.0.0.2', '::1', '127.0.0.1')),
    );
    assert.equal(socket.remoteAddress, '127.0.0.1');
  });

  it('dialTcp reports what every address said', async () => {
    const port = await deadPort();
    const dial = dialTcp('name', port, { signal: forever() }, answering('127.0.0.1', '127.0.0.2'));
    await assert.rejects(dial, (error: AggregateError & { code: string }) => {
      assert.equal(error.code, 'ECONNREFUSED');
      assert.equal(error.errors.length, 2);
      assert.match(error.message, /127\.0\.0\.1.*127\.0\.0\.2/);
      return true;
    });
  });

  it('dialTcp rejects with the reason when aborted before or during the lookup', async () => {
    const reason = new Error('stop');
    await assert.rejects(
      dialTcp('127.0.0.1', 1, { signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
    const stop = new AbortController();
    const dial = dialTcp('name', 1, { signal: stop.signal }, () => {});
    setImmediate(() => stop.abort(reason));
    await assert.rejects(dial, (error) => error === reason);
    assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
  });

  it('dialTcp leaves no listener behind on a signal or a socket', async () => {
    const port = await serve();
    const signal = forever();
    const sockets: net.Socket[] = [];
    for (let dial = 0; dial < 50; dial++) sockets.push(keep(await dialTcp('127.0.0.1', port, { signal })));
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    for (const event of ['connect', 'close', 'timeout'])
      assert.equal(sockets[0]?.listenerCount(event), 0, event);
    // One listener stays, so that a late error does not end the process.
    assert.equal(sockets[0]?.listenerCount('error'), 1);
  });

  it('dialTcp survives an error without a listener', async () => {
    const port = await serve('127.0.0.1', 0, (socket) => {
      socket.once('data', () => socket.resetAndDestroy());
    });
    const socket = keep(await dialTcp('127.0.0.1', port, { signal: forever() }));
    socket.on('data', () => {});
    socket.write('go');
    if (!socket.closed) await new Promise((resolve) => socket.on('close', resolve));
    assert.ok(socket.destroyed);
  });
});

describe('reading by slab', () => {
  it('the reader gets every byte, also early ones', async () => {
    const port = await serve('127.0.0.1', 0, (socket) => {
      socket.write('early ');
      socket.pipe(socket);
    });
    let text = '';
    let done: () => void = () => {};
    const all = new Promise<void>((resolve) => (done = resolve));
    const reader = (slab: Buffer, bytes: number): void => {
      text += slab.toString('latin1', 0, bytes);
      if (text.endsWith('.')) done();
    };
    const socket = keep(
      await dialTcp('127.0.0.1', port, { signal: forever(), reader: { received: reader } }),
    );
    if (!slabReading) socket.on('data', (chunk: Buffer) => reader(chunk, chunk.length));
    socket.write('late.');
    await all;
    assert.equal(text, 'early late.');
  });

  it('all sockets of the thread share one slab', async () => {
    if (!slabReading) return;
    const port = await serve();
    const slabs = new Set<Buffer>();
    for (let dial = 0; dial < 3; dial++) {
      let heard: () => void = () => {};
      const reply = new Promise<void>((resolve) => (heard = resolve));
      const reader = (slab: Buffer): void => {
        slabs.add(slab);
        heard();
      };
      keep(await dialTcp('127.0.0.1', port, { signal: forever(), reader: { received: reader } })).write('x');
      await reply;
    }
    assert.equal(slabs.size, 1);
    assert.equal([...slabs][0]?.length, 256 * 1024);
  });

  it('a large answer arrives whole and in order', async () => {
    const size = 3_000_000;
    const body = Buffer.alloc(size, 'abcdefghijk');
    const port = await serve('127.0.0.1', 0, (socket) => socket.end(body));
    const parts: Buffer[] = [];
    const reader = (slab: Buffer, bytes: number): void =>
      void parts.push(Buffer.from(slab.subarray(0, bytes)));
    const socket = keep(
      await dialTcp('127.0.0.1', port, { signal: forever(), reader: { received: reader } }),
    );
    if (!slabReading) socket.on('data', (chunk: Buffer) => reader(chunk, chunk.length));
    await once(socket, 'close');
    assert.ok(Buffer.concat(parts).equals(body));
  });

  it('reads go into lent memory, and back to the slab afterwards', async () => {
    if (!slabReading) return;
    const size = 2_000_000;
    const body = Buffer.alloc(size, 'abcdefghijk');
    const port = await serve('127.0.0.1', 0, (socket) => socket.end(body));
    const lent = Buffer.alloc(1_000_000);
    const parts: Buffer[] = [];
    let begun = 0;
    let filled = 0;
    const reader = (memory: Buffer, bytes: number): void => {
      if (memory.buffer === lent.buffer) filled += bytes;
      else parts.push(Buffer.from(memory.subarray(0, bytes)));
      if (filled === 0) begun = parts.reduce((sum, part) => sum + part.length, 0);
    };
    const target = (): Buffer | null => (filled < lent.length ? lent.subarray(filled) : null);
    const socket = keep(
      await dialTcp('127.0.0.1', port, { signal: forever(), reader: { received: reader, lend: target } }),
    );
    await once(socket, 'close');
    assert.equal(filled, lent.length);
    const slabbed = Buffer.concat(parts);
    const all = Buffer.concat([slabbed.subarray(0, begun), lent, slabbed.subarray(begun)]);
    assert.ok(all.equals(body));
  });

  it('reading by slab can be paused and resumed', async () => {
    if (!slabReading) return;
    let peer: net.Socket | undefined;
    const port = await serve('127.0.0.1', 0, (socket) => (peer = socket));
    let text = '';
    const reader = (slab: Buffer, bytes: number): void => void (text += slab.toString('latin1', 0, bytes));
    const socket = keep(
      await dialTcp('127.0.0.1', port, { signal: forever(), reader: { received: reader } }),
    );
    while (peer === undefined) await new Promise(setImmediate);
    socket.pause();
    peer.write('held');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(text, '');
    socket.resume();
    while (text === '') await new Promise(setImmediate);
    assert.equal(text, 'held');
  });
});

describe('dialUnix', () => {
  it('dialUnix fails with the low-level code', async () => {
    await assert.rejects(dialUnix('/no/such/socket', { signal: forever() }), { code: 'ENOENT' });
  });

  it('dialUnix refuses a path that the system would cut short', async () => {
    await assert.rejects(dialUnix(`/tmp/${'x'.repeat(300)}`, { signal: forever() }), {
      code: 'ENAMETOOLONG',
    });
  });

  it('dialUnix rejects with the reason of its signal', async () => {
    const reason = new Error('stop');
    const signal = AbortSignal.abort(reason);
    await assert.rejects(dialUnix('/no/such/socket', { signal }), (error) => error === reason);
  });
});
