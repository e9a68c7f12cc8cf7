import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { ConnectionPool } from '../../../src/index.ts';
import { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import { ConnectionError, OverloadedError, ResponseError } from '../../../src/errors/errors.ts';
import { LRUCache } from '../../../src/cache/lru-cache.ts';
import { reply } from '../../../src/testkit/index.ts';
import { failure, open, outcome, pair, realServer, scripted, wait } from './support.ts';

const text = { decodeResponses: true } as const;

describe('executeBatch of a connection', () => {
  test('executeBatch gives one entry per command on a usable connection', async () => {
    const connection = await open(await realServer(), text);
    const [set, error, get] = await connection.executeBatch([
      { command: 'SET', args: ['k', 'v'] },
      { command: 'INCR', args: ['k'] },
      { command: 'GET', args: ['k'] },
    ]);
    assert.deepEqual([set, get], ['OK', 'v']);
    assert.ok(error instanceof ResponseError);
    assert.deepEqual(await connection.executeBatch([]), []);
  });

  test('executeBatch never rejects for the state of the connection: each entry holds the error', async () => {
    const server = await scripted({ GET: null });
    const fresh = new TCPConnection(server.location, text);
    const commands = [
      { command: 'GET', args: ['a'] },
      { command: 'GET', args: ['b'] },
    ];
    for (const entry of await fresh.executeBatch(commands)) assert.ok(entry instanceof ConnectionError);
    await fresh.run();
    assert.ok(!server.commands.some(({ name }) => name === 'GET'));
    const pending = fresh.executeBatch(commands);
    await wait(5);
    fresh.invalidate('the reason');
    for (const entry of await pending) {
      assert.ok(entry instanceof ConnectionError);
      assert.match(entry.message, /the reason/);
    }
    for (const entry of await fresh.executeBatch(commands)) assert.ok(entry instanceof ConnectionError);
    assert.equal(fresh.statistics.requestsPending, 0);
  });

  test('executeBatch without room puts the OverloadedError into each entry; bad input rejects', async () => {
    const { connection } = await pair({ SET: null }, { ...text, maxBufferedBytes: 1_000_000 });
    const batch = [{ command: 'SET', args: ['k', 'x'.repeat(900_000)] }];
    const first = connection.executeBatch(batch);
    const [entry] = await connection.executeBatch(batch);
    assert.ok(entry instanceof OverloadedError);
    await assert.rejects(connection.executeBatch([{ command: 'SET', args: [null as never] }]), TypeError);
    await assert.rejects(connection.executeBatch('PING' as never), TypeError);
    connection.invalidate('end');
    await first;
  });
});

describe('quit', () => {
  test('quit lets pending replies arrive, takes no new requests, and resolves when the socket is closed', async () => {
    const server = await realServer();
    const connection = await open(server, text);
    const replies = Array.from({ length: 200 }, (_, n) => connection.execute('ECHO', String(n)));
    const gone = connection.quit();
    assert.equal(connection.usable, false);
    assert.throws(() => connection.createRequest('PING'), /quit\(\) was called/);
    assert.deepEqual(
      await Promise.all(replies),
      Array.from({ length: 200 }, (_, n) => String(n)),
    );
    await gone;
    assert.equal(connection.closed, true);
    await connection.quit();
  });

  test('quit closes a connection without replies after its time, or with its signal', async () => {
    const slow = await pair({ GET: null, QUIT: null }, text);
    const request = slow.connection.createRequest('GET', ['k']);
    await slow.connection.quit({ timeout: 50 });
    assert.equal(slow.connection.closed, true);
    await failure(request, ConnectionError);
    const other = await pair({ GET: null, QUIT: null }, text);
    const controller = new AbortController();
    const quitting = other.connection.quit({ signal: controller.signal });
    controller.abort('enough');
    assert.deepEqual(await outcome(quitting), { error: 'enough' });
    assert.equal(other.connection.closed, true);
    const never = new TCPConnection(slow.server.location);
    await never.quit();
    await assert.rejects(never.quit({ tiemout: 1 } as never), TypeError);
  });
});

describe('user code that throws', () => {
  test('a transport whose destroy throws causes a warning, and the connection ends', async () => {
    class Stubborn extends TCPConnection {
      protected override async openTransport(signal: AbortSignal): Promise<Duplex> {
        const transport = await super.openTransport(signal);
        const destroy = transport.destroy.bind(transport);
        transport.destroy = (error?: Error) => {
          destroy(error);
          throw new Error('stubborn');
        };
        return transport;
      }
    }
    const server = await scripted({ GET: null });
    const connection = new Stubborn(server.location);
    await connection.run();
    const request = connection.createRequest('GET', ['k']);
    const warned = once(process, 'warning');
    connection.invalidate('the reason');
    assert.match((await failure(request, ConnectionError)).message, /the reason/);
    await connection.waitClosed({ timeout: 2_000 });
    const [warning] = (await warned) as [Error & { code: string }];
    assert.equal(warning.code, 'RESPOOL_CALLBACK');
  });

  test('a cache whose healthy throws causes a warning, and the pool works without it', async () => {
    class Sick extends LRUCache {
      override get healthy(): boolean {
        throw new Error('sick');
      }
    }
    const server = await scripted({ GET: reply.bulk('v') });
    const warned = once(process, 'warning');
    const pool = new ConnectionPool({ location: server.location, ...text, cache: new Sick() });
    try {
      for (let round = 0; round < 3; round++) assert.equal(await pool.execute('GET', 'k'), 'v');
      const [warning] = (await warned) as [Error & { code: string }];
      assert.equal(warning.code, 'RESPOOL_CACHE');
    } finally {
      await pool.close();
    }
  });
});
