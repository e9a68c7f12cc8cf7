import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { duplexPair } from './duplex-pair.ts';
import { BaseConnection } from '../../../src/connection/base-connection.ts';
import type { Request } from '../../../src/connection/requests/request.ts';
import { ConnectionPool, LRUCache } from '../../../src/index.ts';
import { ConnectionError, InvalidResponse } from '../../../src/errors/errors.ts';
import type { ScriptedConnection } from '../../../src/testkit/index.ts';
import { type Location, TCPLocation } from '../../../src/transport/location.ts';
import { pair, realServer, scripted } from '../../conformance/connection/support.ts';

const COUNT = 64;
const SILENT = { ECHO: () => null };
const text = { decodeResponses: true } as const;

/** Long enough that half of them are worth a slice. */
const answer = (index: number): string => `${'.'.repeat(16)}${index}`;
const answers = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `+${answer(from + index)}\r\n`).join('');

function echoes(connection: BaseConnection, count = COUNT): Request<unknown>[] {
  return Array.from({ length: count }, (_, index) => connection.createRequest('ECHO', [index]));
}

async function asked(peer: ScriptedConnection, count: number): Promise<void> {
  while (peer.commands.filter(({ name }) => name === 'ECHO').length < count) {
    await new Promise(setImmediate);
  }
}

/** A promise that takes some more turns of the microtasks than the one it waits for. */
async function layered<T>(promise: PromiseLike<T>, layers: number): Promise<T> {
  return layers === 0 ? await promise : await layered(promise, layers - 1);
}

describe('replies that arrive together', () => {
  for (const layers of [0, 2]) {
    test(`requests of the first half of the callers are written before the other half goes on (${layers} layers)`, async () => {
      const { connection, peer } = await pair(SILENT, text);
      const first = echoes(connection);
      await asked(peer, COUNT);
      const next: Request<unknown>[] = [];
      const written: boolean[][] = [];
      const callers = first.map(async (request, index) => {
        assert.equal(await layered(request, layers), answer(index));
        next[index] = connection.createRequest('ECHO', [index]);
        written[index] = next.map((one) => one.maybeExecuted);
      });
      peer.send(answers(0, COUNT));
      await Promise.all(callers);
      const half = Array.from({ length: COUNT / 2 }, () => true);
      assert.deepEqual(written.at(-1), [...half, ...half.map(() => false)]);
      assert.deepEqual(
        written[COUNT / 2 - 1],
        half.map(() => false),
      );
      await asked(peer, COUNT * 2);
      peer.send(answers(0, COUNT));
      assert.deepEqual(
        await Promise.all(next),
        Array.from(half.concat(half), (_, index) => answer(index)),
      );
      assert.deepEqual([connection.statistics.requestsPending], [0]);
    });
  }

  test('all of the replies count when the first caller ends the connection', async () => {
    const { connection, peer } = await pair(SILENT, text);
    const requests = echoes(connection, COUNT + 1);
    await asked(peer, COUNT + 1);
    void requests[0]?.then(() => connection.invalidate('enough'));
    const settled = Promise.allSettled(requests);
    peer.send(answers(0, COUNT));
    const outcome = await settled;
    for (const [index, one] of outcome.slice(0, COUNT).entries()) {
      assert.deepEqual(one, { status: 'fulfilled', value: answer(index) });
    }
    assert.ok((outcome.at(-1) as PromiseRejectedResult).reason instanceof ConnectionError);
  });

  test('malformed bytes behind the first half end the connection, and fail no caller before them', async () => {
    for (const goOn of [true, false]) {
      const { connection, peer } = await pair(SILENT, text);
      const requests = echoes(connection);
      await asked(peer, COUNT);
      const later: PromiseLike<unknown>[] = [];
      const callers = requests.map(async (request) => {
        const value = await request;
        if (goOn && connection.usable) {
          later.push(connection.createRequest('ECHO', ['more']).then(null, (error: unknown) => error));
        }
        return value;
      });
      peer.send(`${answers(0, 40)}garbage\r\n`);
      const outcome = await Promise.allSettled(callers);
      for (const [index, one] of outcome.entries()) {
        if (index < 40) assert.deepEqual(one, { status: 'fulfilled', value: answer(index) });
        else assert.ok((one as PromiseRejectedResult).reason instanceof ConnectionError);
      }
      assert.ok(((outcome[50] as PromiseRejectedResult).reason as Error).cause instanceof InvalidResponse);
      assert.equal(later.length, goOn ? COUNT / 2 : 0);
      for (const error of await Promise.all(later)) assert.ok(error instanceof ConnectionError);
      assert.equal(connection.usable, false);
    }
  });

  test('an unexpected reply does not answer a later request', async () => {
    for (const cut of [null, 8]) {
      const { connection, peer } = await pair(SILENT, text);
      const count = cut === null ? 20 : 1;
      const requests = echoes(connection, count);
      await asked(peer, count);
      const asking = requests.map(async (request) => {
        await request;
        return connection.createRequest('ECHO', ['later']);
      });
      const outcomes = Promise.allSettled(asking);
      // All of it fits into one read.
      const size = cut === null ? 200 : 4000;
      const extra = '$5\r\nEXTRA\r\n';
      peer.send(`$${size}\r\n${'x'.repeat(size)}\r\n`.repeat(count) + extra.slice(0, cut ?? extra.length));
      if (cut !== null) {
        await turn();
        peer.send(extra.slice(cut));
      }
      for (const outcome of await outcomes) {
        assert.ok((outcome as PromiseRejectedResult).reason instanceof ConnectionError);
      }
      assert.equal(connection.usable, false);
    }
  });

  test('a push behind the last reply is there when the last caller goes on', async () => {
    const { connection, peer } = await pair(SILENT, text);
    const request = connection.createRequest('ECHO', ['x']);
    await asked(peer, 1);
    peer.send(`$4000\r\n${'x'.repeat(4000)}\r\n>2\r\n$5\r\nhello\r\n$5\r\nthere\r\n`);
    await request;
    assert.equal(connection.reusable, false);
  });

  test('a waiting lease gets no connection that one of the callers is about to end', async () => {
    const server = await scripted({
      GET: () => new Promise((resolve) => setTimeout(resolve, 20, `$4000\r\n${'x'.repeat(4000)}\r\n`)),
    });
    await using pool = new ConnectionPool({ location: server.location, maxConnections: 1, timeout: 5000 });
    await pool.open();
    const controller = new AbortController();
    const options = { signal: controller.signal, disconnectOnCancellation: true };
    const first = pool
      .executeRequest('GET', ['a'])
      .then(() => queueMicrotask(() => controller.abort(new Error('enough'))));
    const second = pool.executeRequest('GET', ['b'], options).catch((error: unknown) => error);
    const lease = await pool.acquire();
    await Promise.all([first, second]);
    assert.equal(lease.connection.usable, true);
    assert.equal(String(await lease.connection.createRequest('PING')), 'PONG');
    lease.release();
  });

  test('a transport that delivers twice in a tick keeps the order', async () => {
    class Piped extends BaseConnection {
      readonly transport: Duplex;
      constructor(location: Location, transport: Duplex) {
        super(location, text);
        this.transport = transport;
      }
      protected override openTransport(): Promise<Duplex> {
        return Promise.resolve(this.transport);
      }
    }
    const server = await scripted(SILENT);
    const [near, far] = duplexPair();
    const upstream = connect(server.port, '127.0.0.1');
    far.pipe(upstream).pipe(far);
    const connection = new Piped(new TCPLocation('127.0.0.1', server.port), near);
    await connection.run();
    const requests = echoes(connection);
    await asked(server.connections[0] as ScriptedConnection, COUNT);
    const order: unknown[] = [];
    const callers = requests.map(async (request) => {
      order.push(await request);
    });
    const bytes = Buffer.from(answers(0, COUNT));
    const cut = bytes.indexOf('60') + 1;
    near.push(bytes.subarray(0, cut));
    near.push(bytes.subarray(cut));
    await Promise.all(callers);
    assert.deepEqual(
      order,
      requests.map((_, index) => answer(index)),
    );
    await connection.close();
    upstream.destroy();
  });
});

describe('a long queue', () => {
  test('a full buffer never separates CLIENT CACHING from its command', async () => {
    for (let before = 248; before < 258; before++) {
      const server = await scripted({ SET: '+OK\r\n', GET: '$1\r\nv\r\n', CLIENT: '+OK\r\n' });
      const pool = new ConnectionPool({
        location: server.location,
        maxConnections: 1,
        maxBufferedBytes: 30_000,
        decodeResponses: true,
        cache: new LRUCache(),
        cacheTracking: { mode: 'optin' },
      });
      await pool.open();
      const calls: Promise<unknown>[] = [];
      for (let index = 0; index < 5; index++) calls.push(pool.execute('SET', 'fill', 'z'.repeat(5990)));
      for (let index = 0; index < before; index++) calls.push(pool.execute('SET', 'small', '1'));
      calls.push(pool.execute('GET', 'cached'));
      for (let index = 0; index < 3; index++) calls.push(pool.execute('SET', 'later', '1'));
      await Promise.all(calls);
      const sent = server.commands.filter(
        ({ name }) => name === 'SET' || name === 'GET' || name === 'CLIENT',
      );
      const opening = sent.findIndex(({ args }) => args[1] === 'CACHING');
      assert.ok(opening > 0);
      assert.deepEqual(
        sent.slice(opening, opening + 5).map(({ args }) => args[1]),
        ['CACHING', 'cached', 'later', 'later', 'later'],
      );
      await pool.close();
    }
  });

  test('a queue of requests without replies stays on its connection, in order', async () => {
    const server = await scripted({ SET: null });
    await using pool = new ConnectionPool({ location: server.location, maxConnections: 2, noreply: true });
    await pool.open();
    const commands = Array.from({ length: 600 }, (_, index) => ({
      command: 'SET',
      args: [String(index), '1'],
    }));
    const first = pool.execute('SET', 'first', '1');
    const acquiring = pool.acquire();
    const batch = pool.executeBatch(commands);
    const lease = await acquiring;
    await Promise.all([first, batch]);
    await server.waitForCommand('SET', 601);
    const sets = server.commands.filter(({ name }) => name === 'SET');
    assert.equal(new Set(sets.map(({ connection }) => connection)).size, 1);
    assert.deepEqual(
      sets.map(({ args }) => args[1]),
      ['first', ...commands.map(({ args }) => args[0])],
    );
    lease.release();
  });

  test('a long queue is written while it grows', async () => {
    const { connection } = await pair({}, text);
    const requests = echoes(connection, 600);
    assert.equal(requests[0]?.maybeExecuted, true);
    assert.equal(requests.at(-1)?.maybeExecuted, false);
    const last = requests.findLastIndex((request) => request.maybeExecuted);
    assert.ok(requests.every((request, index) => request.maybeExecuted === index <= last));
    assert.deepEqual(
      await Promise.all(requests),
      requests.map((_, index) => String(index)),
    );
  });
});

describe('replies that real servers send together', () => {
  /** Runs COUNT callers at once; each sends its next request after its reply. Lengths differ, so that reads cut anywhere. */
  async function lanes(pool: ConnectionPool<BaseConnection, true>, longest: number): Promise<void> {
    const lane = async (index: number): Promise<void> => {
      for (let round = 0; round < 60; round++) {
        const token = `${index}:${round}:`.padEnd(24 + ((index * 131 + round * 977) % longest), '.');
        assert.equal(await pool.execute('ECHO', token), token);
      }
    };
    await Promise.all(Array.from({ length: COUNT }, (_, index) => lane(index)));
    assert.equal(pool.statistics.inUseConnections, 0);
  }

  test('each caller gets its own reply over TLS', async () => {
    const server = await realServer({ tls: true });
    const sslContext = { ca: server.tls?.ca as string };
    const { location } = server;
    await using pool = new ConnectionPool({ location, sslContext, maxConnections: 1, ...text } as const);
    // Many in one read, and many reads for one of them.
    await lanes(pool, 100);
    await lanes(pool, 20_000);
  });

  test('each caller gets its own reply over a Unix socket', async () => {
    const server = await realServer({ unixSocket: true });
    const location = server.unixLocation as Location;
    await using pool = new ConnectionPool({ location, maxConnections: 1, decodeResponses: true });
    // Many in one read, and many reads for one of them.
    await lanes(pool, 100);
    await lanes(pool, 20_000);
  });
});
