import assert from 'node:assert/strict';
import { tracingChannel } from 'node:diagnostics_channel';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { ConnectionPool, DecodingError, LRUCache, RedisError, ReplyMap } from '../../../src/index.ts';
import { reply } from '../../../src/testkit/index.ts';
import { failure, open, pair, realServer, take } from './support.ts';

const text = { decodeResponses: true } as const;
const broken = Buffer.from([0x61, 0xff, 0x62]);

describe('a reply that is not valid text', () => {
  test('option decodeResponses: true rejects with DecodingError, which holds the whole reply as bytes', async () => {
    const server = await realServer();
    const connection = await open(server, text);
    await connection.execute('SET', 'k', broken);
    const error = await failure(connection.createRequest('GET', ['k']), DecodingError);
    assert.ok(error instanceof RedisError);
    assert.deepEqual([error.name, error.code, error.command], ['DecodingError', 'RESPOOL_DECODING', 'GET']);
    assert.equal(error.endpoint, server.location.toString());
    assert.deepEqual(error.reply, broken);
    assert.ok(!inspect(error, { depth: 9 }).includes('255') && !JSON.stringify(error).includes('255'));
    await connection.execute('RPUSH', 'list', 'ok', broken, 'é', 'last');
    const popped = await failure(connection.createRequest('LPOP', ['list', 3]), DecodingError);
    assert.deepEqual(popped.reply, [Buffer.from('ok'), broken, Buffer.from('é')]);
    assert.deepEqual(await connection.execute('LRANGE', 'list', 0, -1), ['last']);
    await connection.execute('HSET', 'h', 'f', broken);
    const map = (await failure(connection.createRequest('HGETALL', ['h']), DecodingError)).reply;
    assert.ok(map instanceof ReplyMap);
    assert.deepEqual([...map], [[Buffer.from('f'), broken]]);
    assert.equal(await connection.execute('ECHO', 'U+FFFD is text: \ufffd'), 'U+FFFD is text: \ufffd');
    assert.equal(connection.reusable, true);
  });

  test('invalid text never becomes a replacement character, wherever its bytes are cut', async () => {
    const whole = reply.array(reply.text('first'), '$3\r\n\xf0\x9f\x98\r\n', reply.text('last'));
    for (let cut = 1; cut < whole.length; cut += 3) {
      const { connection, peer } = await pair({ GET: null }, text);
      const request = connection.createRequest('GET', ['k']);
      await new Promise(setImmediate);
      peer.send(whole.slice(0, cut));
      await new Promise((resolve) => setTimeout(resolve, 2));
      peer.send(whole.slice(cut));
      const { reply: kept } = await failure(request, DecodingError);
      assert.deepEqual(kept, [Buffer.from('first'), Buffer.from([0xf0, 0x9f, 0x98]), Buffer.from('last')]);
      connection.invalidate('end');
    }
  });

  test('invalid text in a batch is the error of its entry; the other entries keep their values', async () => {
    const connection = await open(await realServer(), text);
    const batch = await connection.createRequestBatch([
      { command: 'SET', args: ['k', broken] },
      { command: 'GET', args: ['k'] },
      { command: 'GET', args: ['k'], decode: false },
      { command: 'GET', args: ['k'], encoding: 'latin1' },
    ]);
    assert.equal(batch[0], 'OK');
    assert.ok(batch[1] instanceof DecodingError);
    assert.deepEqual(batch[1].reply, broken);
    assert.deepEqual(batch.slice(2), [broken, 'a\xffb']);
  });

  test("option decodeResponses: 'lenient' gives a Buffer in place of invalid text", async () => {
    const server = await realServer();
    const connection = await open(server, { decodeResponses: 'lenient' });
    await connection.execute('RPUSH', 'l', 'ok', broken);
    assert.deepEqual(await connection.execute('LRANGE', 'l', 0, -1), ['ok', broken]);
    assert.equal(connection.encoding, 'utf-8');
    const pool = ConnectionPool.fromUrl(`${server.url}?decodeResponses=lenient`);
    assert.deepEqual(await pool.execute('LRANGE', 'l', 0, -1), ['ok', broken]);
    await pool.close();
    await assert.rejects(
      async () => open(server, { decodeResponses: 'strict' } as never),
      /decodeResponses must be/,
    );
  });

  test('decode: true of a call is strict on a lenient connection too', async () => {
    const server = await realServer();
    const lenient = { decodeResponses: 'lenient' } as const;
    const connection = await open(server, lenient);
    await connection.execute('SET', 'k', broken);
    const strict = { command: 'GET', args: ['k'], decode: true } as const;
    const request = connection.createRequest('GET', ['k'], { decode: true });
    assert.deepEqual((await failure(request, DecodingError)).reply, broken);
    const batch = await connection.executeBatch([strict, { command: 'GET', args: ['k'] }]);
    assert.ok(batch[0] instanceof DecodingError);
    assert.deepEqual(batch[1], broken);
    await using pool = new ConnectionPool({ location: server.location, ...lenient });
    const call = pool.executeRequest('GET', ['k'], { decode: true });
    assert.deepEqual((await failure(call, DecodingError)).reply, broken);
    const [first, second, third]: unknown[] = await pool.transaction([
      { command: 'GET', args: ['k'] },
      strict,
      { command: 'GET', args: ['k'], decode: false },
    ]);
    assert.deepEqual([first, third], [broken, broken]);
    assert.ok(second instanceof DecodingError);
    assert.deepEqual(second.reply, broken);
    const [only]: unknown[] = await pool.transaction([strict]);
    assert.ok(only instanceof DecodingError);
  });

  test('a traced call with invalid text rejects as an untraced one does', async () => {
    const server = await realServer();
    const connection = await open(server, text);
    await connection.execute('RPUSH', 'l', broken);
    const channel = tracingChannel('respool:command');
    const listener = { start() {}, end() {}, asyncStart() {}, asyncEnd() {}, error() {} };
    channel.subscribe(listener);
    try {
      const error = await failure(connection.createRequest('LRANGE', ['l', 0, -1]), DecodingError);
      assert.deepEqual(error.reply, [broken]);
    } finally {
      channel.unsubscribe(listener);
    }
  });

  test('pushes and replies to sendCommand stay readable as bytes', async () => {
    const { connection, peer } = await pair({ GET: `$3\r\n${broken.toString('latin1')}\r\n` }, text);
    const [pushes, streamed] = [connection.pushMessages, connection.streamedMessages];
    connection.sendCommand('GET', ['k']);
    peer.send(`>2\r\n+news\r\n$3\r\n${broken.toString('latin1')}\r\n`);
    assert.deepEqual(await take(pushes, 1), [['news', broken]]);
    assert.deepEqual(await take(streamed, 1), [broken]);
    assert.equal(connection.usable, true);
  });

  test('on a pool, calls, cached reads, leases, blocking calls and transactions reject, and nothing is repeated', async () => {
    const server = await realServer();
    const pool = new ConnectionPool({ location: server.location, ...text, cache: new LRUCache() });
    try {
      await pool.execute('SET', 'k', broken);
      for (let round = 0; round < 3; round++) {
        const error = await failure(pool.execute('GET', 'k'), DecodingError);
        assert.deepEqual(error.reply, broken);
      }
      const leased = pool.use((connection) => connection.execute('GET', 'k'));
      assert.deepEqual((await failure(leased, DecodingError)).reply, broken);
      await pool.execute('RPUSH', 'l', broken, 'next');
      const popped = await failure(pool.execute('BLPOP', 'l', 1), DecodingError);
      assert.deepEqual(popped.reply, [Buffer.from('l'), broken]);
      assert.deepEqual(await pool.execute('LRANGE', 'l', 0, -1), ['next']);
      const commands = [
        { command: 'SET', args: ['other', 'v'] },
        { command: 'GET', args: ['k'] },
      ] as const;
      const done: readonly unknown[] = await pool.transaction(commands);
      assert.equal(done[0], 'OK');
      assert.ok(done[1] instanceof DecodingError);
      assert.deepEqual(done[1].reply, broken);
    } finally {
      await pool.close();
    }
  });
});
