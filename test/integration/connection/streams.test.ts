import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import {
  type BaseConnection,
  ConnectionError,
  ConnectionPool,
  ResponseError,
  TimeoutError,
} from '../../../src/index.ts';
import { ScriptedServer, serverBinaries, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { eventually, sleep } from '../cluster/support.ts';

const MIB = 1024 * 1024;
/** RESPOOL_STREAM_MIB=1024 streams a gibibyte. */
const SIZE = Number(process.env['RESPOOL_STREAM_MIB'] ?? 64) * MIB;

async function read<T>(parts: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const part of parts) all.push(part);
  return all;
}

for (const { path, kind, version } of await serverBinaries()) {
  describe(`replies as streams, ${kind} ${version}`, () => {
    let server: TestServer;
    let pool: ConnectionPool<BaseConnection, true>;

    before(async () => {
      server = await startServer({ binary: path, args: ['--proto-max-bulk-len', '2gb'] });
      pool = ConnectionPool.fromUrl(server.url, { decodeResponses: true });
      await pool.execute('SETRANGE', 'big', SIZE - 3, 'end');
    });
    after(async () => {
      await pool.close();
      await server.stop();
    });

    it('a large string comes in chunks, and holds no more memory than its reader leaves unread', async (t) => {
      await using lease = await pool.acquire();
      const { connection } = lease;
      const stream = connection.stream('GET', ['big']);
      const hash = createHash('sha1');
      const start = process.memoryUsage().rss;
      let bytes = 0;
      let chunks = 0;
      let tail = '';
      let peak = 0;
      for await (const chunk of stream) {
        if (chunks++ === 0) {
          // A slow reader stops the server.
          let bytesRead = 0;
          await eventually('no more is read', async () => {
            ({ bytesRead } = connection.statistics);
            await sleep(50);
            return connection.statistics.bytesRead === bytesRead;
          });
          assert.ok(bytesRead < 8 * MIB, String(bytesRead));
        }
        bytes += chunk.length;
        hash.update(chunk);
        tail = chunk.toString('latin1').slice(-3);
        peak = Math.max(peak, process.memoryUsage().rss - start);
      }
      assert.equal(await stream.size, SIZE);
      assert.equal(bytes, SIZE);
      assert.equal(tail, 'end');
      assert.ok(chunks > 32);
      const expected = createHash('sha1');
      for (let left = SIZE - 3; left > 0; left -= MIB) expected.update(Buffer.alloc(Math.min(left, MIB)));
      assert.equal(hash.digest('hex'), expected.update('end').digest('hex'));
      assert.ok(connection.reusable);
      t.diagnostic(
        `${SIZE / MIB} MiB in ${chunks} chunks; memory grew by at most ${Math.round(peak / MIB)} MiB`,
      );
      if (SIZE >= 1024 * MIB) assert.ok(peak < 256 * MIB, `${peak}`);
    });

    it('small and missing strings are streamed, and so are the replies behind them', async () => {
      await using lease = await pool.acquire();
      const { connection } = lease;
      await connection.execute('SET', 'small', 'text');
      await connection.execute('SET', 'empty', '');
      const small = connection.stream('GET', ['small']);
      const next = connection.execute('PING');
      assert.deepEqual(await read(small), [Buffer.from('text')]);
      assert.equal(await next, 'PONG');
      assert.equal(await small.size, 4);
      const empty = connection.stream('GET', ['empty']);
      assert.deepEqual(await read(empty), []);
      assert.equal(await empty.size, 0);
      const none = connection.stream('GET', ['none']);
      assert.deepEqual(await read(none), []);
      assert.equal(await none.size, null);
      // A stream can be read once.
      assert.deepEqual(await read(small), []);
    });

    it('lists, sets and hashes come item by item', async () => {
      const count = 20_000;
      const words = Array.from({ length: count }, (_, n) => `${n}:`.padEnd(100, 'x'));
      for (let at = 0; at < count; at += 1_000) {
        const some = words.slice(at, at + 1_000);
        await pool.execute('RPUSH', 'list', ...some);
        await pool.execute('SADD', 'set', ...some);
        await pool.execute('HSET', 'hash', ...some.flatMap((word) => [word, word.slice(0, 9)]));
      }
      await using lease = await pool.acquire();
      const { connection } = lease;
      const list = connection.streamItems<string>('LRANGE', ['list', 0, -1]);
      const seen: string[] = [];
      for await (const item of list) {
        if (seen.length === 0) {
          await sleep(20);
          assert.ok(connection.statistics.requestsPending === 1, 'the rest is on its way');
        }
        seen.push(item);
      }
      assert.deepEqual(seen, words);
      assert.equal(await list.size, count);
      const set = await read(connection.streamItems<string>('SMEMBERS', ['set']));
      assert.deepEqual(set.sort(), [...words].sort());
      const hash = connection.streamItems<[string, string]>('HGETALL', ['hash']);
      const pairs = await read(hash);
      assert.equal(await hash.size, count);
      assert.deepEqual(pairs.map(([key]) => key).sort(), [...words].sort());
      assert.ok(pairs.every(([key, value]) => key.startsWith(value)));
      const bytes = connection.streamItems('LRANGE', ['list', 0, 0], { decode: false });
      assert.deepEqual(await read(bytes), [Buffer.from(words[0] as string)]);
    });

    it('leaving a stream early closes that connection only', async () => {
      const lease = await pool.acquire();
      const { connection } = lease;
      for await (const chunk of connection.stream('GET', ['big'])) {
        assert.ok(chunk.length > 0);
        break;
      }
      assert.equal(connection.closed, true);
      lease.release();
      assert.equal(await pool.execute('PING'), 'PONG');
      // A lease released with an unread stream ends its connection.
      const other = await pool.acquire();
      const unread = other.connection.stream('GET', ['big']);
      await sleep(20);
      other.release();
      assert.equal(other.connection.closed, true);
      await assert.rejects(read(unread), ConnectionError);
      await eventually('the server has no connection that waits', async () => {
        const clients = String(await server.command('CLIENT', 'LIST'));
        return !/ cmd=get /.test(clients);
      });
    });

    it('errors of the server, of the kind of reply, of a lost connection and of a signal reach the reader', async () => {
      await using lease = await pool.acquire();
      const { connection } = lease;
      await connection.execute('RPUSH', 'few', 'a', 'b');
      await assert.rejects(read(connection.stream('GET', ['few'])), { code: 'WRONGTYPE' });
      await assert.rejects(read(connection.stream('LRANGE', ['few', 0, -1])), /streamItems/);
      await assert.rejects(read(connection.streamItems('STRLEN', ['big'])), /stream\(\)/);
      const refused = connection.stream('LLEN', []);
      await assert.rejects(refused.size, ResponseError);
      await assert.rejects(read(refused), ResponseError);
      assert.throws(() => connection.stream('SUBSCRIBE', ['c']), TypeError);
      await connection.execute('MULTI');
      assert.throws(() => connection.stream('GET', ['big']), /MULTI/);
      await connection.execute('DISCARD');
      assert.throws(() => connection.stream('GET', ['big'], { signal: AbortSignal.abort('no') }));
      assert.equal(await connection.execute('PING'), 'PONG');
      const stop = new AbortController();
      const reading = read(connection.stream('GET', ['big'], { signal: stop.signal }));
      const failed = assert.rejects(reading, (error) => error === stop.signal.reason);
      await eventually('it has begun', () => connection.statistics.bytesRead > MIB);
      stop.abort();
      await failed;
      await using second = await pool.acquire();
      const lost = second.connection.stream('GET', ['big']);
      await lost.size;
      second.connection.invalidate('test');
      await assert.rejects(read(lost), ConnectionError);
    });
  });
}

it('the limit applies to the beginning of the reply; an unread stream is no silent peer', async () => {
  await using server = await ScriptedServer.start({});
  server.script((args, connection) => {
    if (args[0] === 'GET' && args[1] === 'slow') {
      const body = Buffer.alloc(4 * MIB, 'x');
      connection.send(`$${body.length}\r\n`);
      connection.send(body.subarray(0, MIB));
      setTimeout(() => connection.send(Buffer.concat([body.subarray(MIB), Buffer.from('\r\n')])), 400);
      return null;
    }
    return args[0] === 'GET' ? null : undefined;
  });
  await using pool = new ConnectionPool({ location: server.location, deadPeerTimeout: 800 });
  await using lease = await pool.acquire();
  const stream = lease.connection.stream('GET', ['slow'], { timeout: 300 });
  let bytes = 0;
  let slept = false;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (slept || bytes < 1.5 * MIB) continue;
    // Longer than deadPeerTimeout, with more on its way than is held.
    slept = true;
    await sleep(1_000);
  }
  assert.equal(bytes, 4 * MIB);
  await assert.rejects(read(lease.connection.stream('GET', ['never'], { timeout: 50 })), TimeoutError);
});
