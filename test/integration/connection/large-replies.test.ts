import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import type { BaseConnection } from '../../../src/connection/base-connection.ts';
import type { Request } from '../../../src/connection/requests/request.ts';
import { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import { UnixDomainSocketConnection } from '../../../src/connection/unix-domain-socket-connection.ts';
import type { UnixDomainSocketLocation } from '../../../src/transport/location.ts';
import { createSocket } from '../../../src/transport/socket.ts';
import { realServer } from '../../conformance/connection/support.ts';

const MIB = 1 << 20;
/** The bytes of a large reply that are read at once, plus other bytes of the same turn of the loop. */
const PORTION = MIB / 2;
const SLAB = MIB / 4;

/** Bytes of the connection that came in each turn of the loop until `request` was answered. */
async function turns(connection: BaseConnection, request: Request<unknown>): Promise<number[]> {
  let over = false;
  void request.then(() => {
    over = true;
  });
  const sizes: number[] = [];
  for (let last = connection.statistics.bytesRead; !over; ) {
    await new Promise(setImmediate);
    const { bytesRead } = connection.statistics;
    sizes.push(bytesRead - last);
    last = bytesRead;
  }
  return sizes;
}

for (const kind of ['TCP', 'Unix']) {
  test(`a large reply is read in portions, so that other sockets get their turn between them (${kind})`, async () => {
    const server = await realServer({ unixSocket: true });
    const connection =
      kind === 'TCP'
        ? new TCPConnection(server.location)
        : new UnixDomainSocketConnection(server.unixLocation as UnixDomainSocketLocation);
    await connection.run();
    const payload = Buffer.alloc(48 * MIB, 'a reply that is read in portions; ');
    await connection.execute('SET', 'large', payload);
    for (const decode of [false, true]) {
      const request = connection.createRequest('GET', ['large'], { decode });
      const sizes = await turns(connection, request);
      const most = Math.max(...sizes);
      assert.ok(most <= PORTION + SLAB, `${most} bytes came in one turn`);
      const reply = (await request) as string | Buffer;
      assert.ok(payload.equals(Buffer.from(reply as string)), 'the reply is what was stored');
    }
    // The paused reading goes on.
    assert.equal(String(await connection.execute('PING')), 'PONG');
    await connection.close();
  });
}

test('a pause that is requested between two portions holds', async () => {
  const total = 8 * MIB;
  const portion = Buffer.alloc(64 * 1024);
  let count = 0;
  let filled = 0;
  const ends: Socket[] = [];
  const server = createServer((end) => {
    ends.push(end);
    end.write(Buffer.alloc(total));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = createSocket({
    reader: {
      received: (memory, bytes) => {
        count += bytes;
        if (memory === portion && bytes === portion.length && ++filled === 3) socket.pause();
      },
      lend: () => portion,
    },
  });
  try {
    socket.connect((server.address() as AddressInfo).port, '127.0.0.1');
    while (filled < 3) await new Promise(setImmediate);
    const before = count;
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    assert.equal(count, before);
    assert.ok(count < total);
    socket.resume();
    while (count < total) await new Promise(setImmediate);
    assert.equal(count, total);
  } finally {
    socket.destroy();
    for (const end of ends) end.destroy();
    server.close();
  }
});
