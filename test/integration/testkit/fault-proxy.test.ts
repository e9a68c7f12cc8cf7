import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, describe, test } from 'node:test';
import { ClusterConnectionPool, ConnectionError, ConnectionPool, TimeoutError } from '../../../src/index.ts';
import {
  FaultProxies,
  FaultProxy,
  type ProxyFaultChoice,
  startCluster,
  startServer,
} from '../../../src/testkit/index.ts';

const server = await startServer({ unixSocket: true });
after(() => server.stop());
await server.command('SET', 'k', 'value of k');
await server.command('SET', 'l', 'value of l');

/** A client that shows bytes as they are. */
class Line {
  readonly socket: Socket;
  text = '';
  chunks: string[] = [];
  ended = false;
  error: Error | null = null;
  readonly closed: Promise<unknown>;

  constructor(proxy: FaultProxy) {
    const { socketPath: path } = proxy;
    const to = path === null ? { host: '127.0.0.1', port: proxy.port } : { path };
    this.socket = createConnection({ ...to, allowHalfOpen: true });
    this.socket.on('data', (chunk) => {
      this.text += String(chunk);
      this.chunks.push(String(chunk));
    });
    this.socket.on('end', () => (this.ended = true));
    this.socket.on('error', (error) => (this.error = error));
    this.closed = once(this.socket, 'close').catch(() => {});
  }
  say(...words: string[]): void {
    this.socket.write(
      `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`,
    );
  }
  async until(condition: () => boolean, what: string): Promise<void> {
    for (const end = performance.now() + 5_000; performance.now() < end; await sleep(2))
      if (condition()) return;
    assert.fail(`${what}; ${JSON.stringify(this.text)}`);
  }
  reads(text: string): Promise<void> {
    return this.until(() => this.text === text, `expected ${JSON.stringify(text)}`);
  }
}

const K = '$10\r\nvalue of k\r\n';
const L = '$10\r\nvalue of l\r\n';

/** Both keys are asked for in one write; the first reply meets the fault. */
async function struck(fault: ProxyFaultChoice): Promise<{ line: Line; proxy: FaultProxy }> {
  const proxy = await FaultProxy.start(server, { seed: 1 });
  after(() => proxy.close());
  proxy.on('reply', ({ index, command }) => (index === 0 && command === 'GET' ? fault : undefined));
  const line = new Line(proxy);
  after(() => line.socket.destroy());
  line.say('GET', 'k');
  line.say('GET', 'l');
  return { line, proxy };
}

describe('a fault of one reply', () => {
  const changes: [ProxyFaultChoice, string][] = [
    [{ kind: 'delay', ms: 60 }, K + L],
    ['slice', K + L],
    ['drop', L],
    ['duplicate', K + K + L],
    ['swap', L + K],
    [{ kind: 'inject', bytes: '>1\r\n+x\r\n' }, `${K}>1\r\n+x\r\n${L}`],
    [{ kind: 'inject', bytes: '+x\r\n', before: true }, `+x\r\n${K}${L}`],
    [{ kind: 'replace', bytes: '_\r\n' }, `_\r\n${L}`],
  ];
  for (const [fault, text] of changes) {
    test(`the fault ${JSON.stringify(fault)} changes one reply`, async () => {
      const { line, proxy } = await struck(fault);
      await line.reads(text);
      const kind = typeof fault === 'string' ? fault : fault.kind;
      assert.deepEqual([...proxy.strikes], [[kind, 1]]);
      assert.equal(proxy.connections[0]?.lossy, kind !== 'delay' && kind !== 'slice');
      if (kind === 'slice') assert.ok(line.chunks.length > 3, String(line.chunks.length));
    });
  }

  test('garbage replaces the reply, and the next reply follows', async () => {
    const { line } = await struck({ kind: 'garbage', bytes: 8 });
    await line.until(() => line.text.endsWith(L), 'the next reply follows');
    assert.ok(!line.text.includes(K));
  });
  test('a swap with nothing that follows passes late', async () => {
    await using proxy = await FaultProxy.start(server);
    proxy.on('reply', () => 'swap');
    const line = new Line(proxy);
    line.say('GET', 'k');
    await line.reads(K);
    line.socket.destroy();
  });
  test('a reset sends no byte of the reply', async () => {
    const { line } = await struck('reset');
    await line.closed;
    assert.equal(line.text, '');
    assert.equal((line.error as NodeJS.ErrnoException | null)?.code, 'ECONNRESET');
  });
  for (const afterwards of ['reset', 'end', 'silence'] as const) {
    test(`a truncated reply is followed by ${afterwards}`, async () => {
      const { line } = await struck({ kind: 'truncate', bytes: 6, afterwards });
      await line.reads(K.slice(0, 6));
      if (afterwards === 'reset') await line.closed;
      await sleep(20);
      assert.deepEqual([line.ended, line.error !== null], [afterwards === 'end', afterwards === 'reset']);
      assert.equal(line.text, K.slice(0, 6));
    });
  }
  test('a half-close sends the reply and an end, and leaves the other way open', async () => {
    const { line } = await struck('half-close');
    await line.until(() => line.ended, 'the end');
    assert.equal(line.text, K);
    line.say('SET', 'seen', 'yes');
    const end = performance.now() + 5_000;
    while (String(await server.command('GET', 'seen')) !== 'yes' && performance.now() < end) await sleep(5);
    assert.equal(String(await server.command('GET', 'seen')), 'yes');
  });
  test('a black hole sends nothing more, and no end', async () => {
    const { line } = await struck('black-hole');
    await sleep(60);
    assert.deepEqual([line.text, line.ended, line.error], ['', false, null]);
  });
});

test('commands and pushes get faults too, and a handler can be removed', async () => {
  await using proxy = await FaultProxy.start(server);
  await using pool = ConnectionPool.fromUrl(proxy.url, { decodeResponses: true });
  await pool.execute('SET', 'n', '0');
  const off = proxy.on('command', ({ command }) => (command === 'INCR' ? 'duplicate' : undefined));
  assert.equal(await pool.execute('INCR', 'n'), 1);
  assert.equal(await server.command('GET', 'n'), '2');
  off();
  pool.disconnect();
  assert.equal(await pool.execute('INCR', 'n'), 3);
  proxy.on('push', ({ bytes }) => (bytes.includes('lost') ? 'drop' : undefined));
  const [channel] = (await pool.executePubsub('SUBSCRIBE', 'news')) as unknown[];
  assert.ok(channel !== undefined);
  const received = pool.pubsubChannels.get('news')!;
  await server.command('PUBLISH', 'news', 'lost');
  await server.command('PUBLISH', 'news', 'found');
  assert.equal(String(await received.get()), 'found');
});

test('handlers see the names of commands with two words', async () => {
  await using proxy = await FaultProxy.start(server);
  const seen: string[] = [];
  proxy.on('reply', ({ command }) => void seen.push(command));
  await using pool = ConnectionPool.fromUrl(proxy.url, { clientName: 'me' });
  await pool.execute('PING');
  assert.ok(seen.includes('HELLO') && seen.includes('CLIENT SETNAME') && seen.includes('PING'), seen.join());
});

describe('the whole line', () => {
  test('a line has delay, jitter, bandwidth and slices', async () => {
    await using proxy = await FaultProxy.start(server, { line: { delay: 40, jitter: 20 } });
    await using pool = ConnectionPool.fromUrl(proxy.url);
    await pool.execute('PING');
    const began = performance.now();
    // The delay is of the line, not of each reply.
    await Promise.all(Array.from({ length: 50 }, () => pool.execute('PING')));
    const took = performance.now() - began;
    assert.ok(took >= 79 && took < 2_000, String(took));
    proxy.setLine({ bandwidth: 100_000, slice: 1_000 }, 'to-client');
    const slow = performance.now();
    await pool.execute('ECHO', 'x'.repeat(20_000));
    assert.ok(performance.now() - slow > 150, 'so many bytes take 200 ms');
  });
  test('a frozen line delivers late once it is thawed, and loses nothing', async () => {
    await using proxy = await FaultProxy.start(server);
    await using pool = ConnectionPool.fromUrl(proxy.url, { decodeResponses: true });
    await pool.execute('PING');
    proxy.freeze();
    const call = pool.execute('GET', 'k');
    await assert.rejects(pool.executeRequest('GET', ['k'], { timeout: 50 }), TimeoutError);
    proxy.thaw();
    assert.equal(await call, 'value of k');
  });
  test('a black hole works in either direction', async () => {
    for (const direction of ['to-server', 'to-client', 'both'] as const) {
      await using proxy = await FaultProxy.start(server);
      await using pool = ConnectionPool.fromUrl(proxy.url);
      await pool.execute('SET', 'holes', '0');
      proxy.blackHole(direction);
      await assert.rejects(pool.executeRequest('INCR', ['holes'], { timeout: 50 }), TimeoutError);
      assert.equal(await server.command('GET', 'holes'), direction === 'to-client' ? '1' : '0');
    }
  });
  test('one connection can be reset, half-closed and injected with bytes', async () => {
    await using proxy = await FaultProxy.start(server);
    const lines = [new Line(proxy), new Line(proxy), new Line(proxy)] as const;
    for (const line of lines) line.say('GET', 'k');
    for (const line of lines) await line.reads(K);
    const [first, second, third] = proxy.connections;
    first?.inject('+extra\r\n');
    second?.halfClose('to-client');
    third?.reset();
    await lines[2].closed;
    await lines[0].reads(`${K}+extra\r\n`);
    await lines[1].until(() => lines[1].ended, 'an end');
    assert.equal(proxy.connections.length, 2);
    await proxy.heal();
    await lines[0].closed;
    lines[1].socket.destroy();
  });
});

describe('dials', () => {
  test('dials are refused, reset, never answered, and taken again on the same port', async () => {
    await using proxy = await FaultProxy.start(server);
    await using pool = ConnectionPool.fromUrl(proxy.url, { connectTimeout: 100, maxConnections: 1 });
    await pool.execute('PING');
    const dials = async (): Promise<Error> => {
      pool.disconnect();
      return pool.executeRequest('PING', [], { timeout: 400 }).then(
        () => assert.fail('it was answered'),
        (error: Error) => error,
      );
    };
    await proxy.refuse();
    const failed = [await dials()];
    await proxy.accept();
    proxy.resetDials();
    failed.push(await dials());
    proxy.neverAnswer();
    failed.push(await dials());
    for (const error of failed)
      assert.ok(error instanceof ConnectionError || error instanceof TimeoutError, String(error));
    const { port } = proxy;
    await proxy.accept();
    assert.equal(String(await pool.executeRequest('PING', [], { timeout: 5_000 })), 'PONG');
    assert.equal(proxy.port, port);
  });
  test('a dial that was never answered ends when the client gives it up', async () => {
    await using proxy = await FaultProxy.start(server);
    proxy.neverAnswer();
    const { host, port } = proxy;
    const socket = createConnection({ host, port });
    await once(socket, 'connect');
    socket.resume().end();
    await once(socket, 'close');
  });
});

describe('transports', () => {
  test('the proxy works with Unix sockets on both sides', async () => {
    await using proxy = await FaultProxy.start(server.unixLocation!, { path: true });
    await using pool = ConnectionPool.fromUrl(proxy.url, { decodeResponses: true });
    proxy.on('reply', ({ command }) =>
      command === 'GET' ? { kind: 'replace', bytes: '+other\r\n' } : undefined,
    );
    assert.equal(await pool.execute('GET', 'k'), 'other');
    await proxy.refuse();
    pool.disconnect();
    await assert.rejects(pool.executeRequest('PING', [], { timeout: 100 }));
  });
  test('a proxy that ends TLS sees frames', async () => {
    await using secure = await startServer({ tls: true });
    await using proxy = await FaultProxy.start(secure, { tls: true });
    await using pool = ConnectionPool.fromUrl(proxy.url, { decodeResponses: true });
    proxy.on('reply', ({ command }) =>
      command === 'ECHO' ? { kind: 'replace', bytes: '+other\r\n' } : undefined,
    );
    assert.equal(await pool.execute('ECHO', 'one'), 'other');
  });
  test('a proxy below TLS slices and resets bytes', async () => {
    await using secure = await startServer({ tls: true });
    await using proxy = await FaultProxy.start(secure, { line: { slice: 100 } });
    const url = secure.url.replace(String(secure.port), String(proxy.port));
    await using pool = ConnectionPool.fromUrl(url, { decodeResponses: true });
    assert.equal(await pool.execute('ECHO', 'one'), 'one');
    proxy.setRates({ garbage: 1, drop: 0 });
    await assert.rejects(pool.executeRequest('ECHO', ['two'], { timeout: 2_000 }));
    await proxy.heal();
    assert.equal(await pool.executeRequest('ECHO', ['three'], { timeout: 5_000 }), 'three');
  });
  test('a cluster gets one proxy for each node', async () => {
    await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 0 });
    await using proxies = await FaultProxies.start(cluster.nodes);
    const startupNodes = proxies.locations;
    await using pool = new ClusterConnectionPool({ startupNodes, addressMap: proxies.addressMap });
    for (let key = 0; key < 20; key++) await pool.execute('SET', `k${key}`, key);
    assert.ok(proxies.proxies.every((proxy) => proxy.connections.length > 0));
  });
});

test('the same seed strikes the same frames', async () => {
  const strikes = async (): Promise<string[]> => {
    await using proxy = await FaultProxy.start(server, { seed: 7, rates: { duplicate: 0.2, drop: 0.1 } });
    const line = new Line(proxy);
    const seen: string[] = [];
    proxy.on('fault', ({ kind, direction }) => void (direction === 'to-server' && seen.push(kind)));
    for (let turn = 0; turn < 60; turn++) line.say('PING');
    await sleep(200);
    line.socket.destroy();
    return seen;
  };
  const once = await strikes();
  assert.ok(once.length > 5, String(once.length));
  assert.deepEqual(await strikes(), once);
});

test('a fault without what it needs: a TypeError at the call, or a warning and a reset where a handler gives it', async () => {
  await using proxy = await FaultProxy.start(server);
  const line = new Line(proxy);
  line.say('GET', 'k');
  await line.reads(K);
  const [connection] = proxy.connections;
  assert.throws(() => connection?.inject(undefined as never), TypeError);
  assert.equal(connection?.lossy, false);
  line.socket.destroy();
  assert.throws(() => proxy.setRates({ bogus: 1 } as never), /bogus/);
  for (const choice of ['inject', 'replace', 'delay', 'bogus', null, { kind: 'inject' }, { kind: 'delay' }]) {
    await using scripted = await FaultProxy.start(server);
    scripted.on('reply', () => choice as never);
    const warned = once(process, 'warning');
    const other = new Line(scripted);
    other.say('PING');
    const [warning] = await warned;
    assert.match(String(warning.detail), /^TypeError: /);
    await other.closed;
    assert.equal(other.text, '');
  }
});

test('unknown options and invalid rates are refused', async () => {
  await assert.rejects(FaultProxy.start(server, { speed: 1 } as never), TypeError);
  await assert.rejects(FaultProxy.start(server, { rates: { reset: 2 } }), /rates\.reset/);
});
