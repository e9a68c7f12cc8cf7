import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  addressKey,
  ClusterNodeLocation,
  keyOf,
  Location,
  TCPLocation,
  UnixDomainSocketLocation,
} from '../../../src/transport/location.ts';
import type { CheckOptions } from '../../../src/transport/location.ts';

async function listening(
  server: net.Server,
  where: string | { port: number; host: string },
): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(where as never, () => resolve());
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A location that never answers: its dial ends only by the signal. */
class SilentLocation extends TCPLocation {
  constructor() {
    super('192.0.2.1', 9);
  }
}

const node = { nodeId: 'a1', serverType: 'primary' } as const;

describe('Location', () => {
  it('Location is abstract at run time', () => {
    const Direct = Location as unknown as new () => Location;
    assert.throws(() => new Direct(), TypeError);
  });

  it('users can extend Location', async () => {
    class Custom extends Location {
      check(_options?: CheckOptions): Promise<boolean> {
        return Promise.resolve(true);
      }
      toString(): string {
        return 'memory';
      }
    }
    const custom = new Custom();
    assert.equal(await custom.check(), true);
    assert.ok(custom.equals(new Custom()));
  });

  for (const [host, port] of [
    ['', 1],
    [7, 1],
    ['h', 0],
    ['h', 65_536],
    ['h', -1],
    ['h', 1.5],
    ['h', NaN],
    ['h', '1'],
  ]) {
    it(`a location refuses host ${JSON.stringify(host)} with port ${JSON.stringify(port)}`, () => {
      assert.throws(() => new TCPLocation(host as string, port as number), TypeError);
    });
  }

  it('a location refuses an empty path', () => {
    assert.throws(() => new UnixDomainSocketLocation(''), TypeError);
    assert.throws(() => new UnixDomainSocketLocation(undefined as unknown as string), TypeError);
  });

  it('a location prints as host:port or as the path', () => {
    assert.equal(String(new TCPLocation('h', 7)), 'h:7');
    assert.equal(String(new TCPLocation('::1', 7)), '::1:7');
    assert.equal(String(new UnixDomainSocketLocation('/a b')), '/a b');
    assert.equal(String(new ClusterNodeLocation('h', 7, node)), 'h:7');
  });

  it('locations are equal by class and fields', () => {
    const here = new TCPLocation('h', 7);
    assert.ok(here.equals(new TCPLocation('h', 7)));
    assert.ok(!here.equals(new TCPLocation('h', 8)));
    assert.ok(!here.equals(new TCPLocation('i', 7)));
    assert.ok(!here.equals(new UnixDomainSocketLocation('h:7')));
    assert.ok(!new UnixDomainSocketLocation('h:7').equals(here));
    assert.ok(new UnixDomainSocketLocation('/a').equals(new UnixDomainSocketLocation('/a')));
    assert.ok(!here.equals(null as unknown as Location));
  });

  it('a cluster node differs from a plain location', () => {
    const plain = new TCPLocation('h', 7);
    const primary = new ClusterNodeLocation('h', 7, node);
    assert.ok(!plain.equals(primary));
    assert.ok(!primary.equals(plain));
    assert.ok(
      primary.equals(new ClusterNodeLocation('h', 7, { nodeId: 'a1', serverType: 'replica', hostname: 'n' })),
    );
    assert.ok(!primary.equals(new ClusterNodeLocation('h', 7, { ...node, nodeId: 'a2' })));
    assert.equal(primary.hostname, null);
    assert.throws(
      () => new ClusterNodeLocation('h', 7, { nodeId: 'a', serverType: 'master' as 'primary' }),
      TypeError,
    );
  });

  it('an address has one key', () => {
    assert.equal(keyOf(new TCPLocation('Host', 7)), 'host:7');
    assert.equal(keyOf(new ClusterNodeLocation('h', 7, node)), keyOf(new TCPLocation('H', 7)));
    assert.equal(addressKey('[::1]', 7), addressKey('::1', 7));
  });
});

describe('Location.check', () => {
  it('check() is true where something accepts, and sends nothing', async () => {
    let bytes = 0;
    let ended: () => void = () => {};
    const end = new Promise<void>((resolve) => (ended = resolve));
    const server = net.createServer((socket) => {
      socket.on('data', (chunk) => (bytes += chunk.length));
      socket.on('error', () => {});
      socket.on('close', ended);
    });
    const port = await listening(server, { port: 0, host: '127.0.0.1' });
    assert.equal(await new TCPLocation('127.0.0.1', port).check(), true);
    await end;
    assert.equal(bytes, 0);
    server.close();
  });

  it('check() is false where nothing listens', async () => {
    const server = net.createServer();
    const port = await listening(server, { port: 0, host: '127.0.0.1' });
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await new TCPLocation('127.0.0.1', port).check(), false);
    assert.equal(await new TCPLocation('no-such-host.invalid', 1).check(), false);
    assert.equal(await new UnixDomainSocketLocation('/no/such/socket').check(), false);
  });

  it('check() answers for a socket path', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'location-'));
    const path = join(folder, 's');
    const server = net.createServer((socket) => socket.on('error', () => {}));
    await listening(server, path);
    assert.equal(await new UnixDomainSocketLocation(path).check(), true);
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  it('check() gives up after its timeout', async () => {
    assert.equal(await new SilentLocation().check({ timeout: 20 }), false);
  });

  it('check() rejects with the reason of its signal, and leaves no listener behind', async () => {
    const reason = new Error('enough');
    const stop = new AbortController();
    const check = new SilentLocation().check({ signal: stop.signal });
    stop.abort(reason);
    await assert.rejects(check, (error) => error === reason);
    await assert.rejects(new SilentLocation().check({ signal: stop.signal }), (error) => error === reason);
    assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
  });

  it('check() puts one listener on a signal that many calls share', async () => {
    const stop = new AbortController();
    const checks = Array.from({ length: 30 }, () => new SilentLocation().check({ signal: stop.signal }));
    const outcomes = Promise.allSettled(checks);
    assert.equal(getEventListeners(stop.signal, 'abort').length, 1);
    stop.abort(new Error('enough'));
    for (const outcome of await outcomes) assert.equal(outcome.status, 'rejected');
    assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
  });

  it('check() refuses an invalid signal', async () => {
    const location = new TCPLocation('127.0.0.1', 1);
    for (const signal of ['x', {}, 1] as unknown as AbortSignal[]) {
      await assert.rejects(location.check({ signal }), { name: 'TypeError', message: /^signal must be/ });
    }
  });

  for (const timeout of [0, -1, NaN, Infinity, '1']) {
    it(`check() refuses a timeout of ${JSON.stringify(timeout)} ${timeout}`, async () => {
      await assert.rejects(new TCPLocation('127.0.0.1', 1).check({ timeout: timeout as number }), /timeout/);
    });
  }
});
