import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ConnectionError, ProtocolError, RedisError } from '../../../src/errors/errors.ts';
import { DecodingError } from '../../../src/resp/decoding-error.ts';
import { coreOf } from '../../../src/connection/base-connection.ts';
import { CoreObserver } from '../../../src/connection/core-observer.ts';
import { reply } from '../../../src/testkit/index.ts';
import { vectors } from '../../unit/resp/vectors.ts';
import { eventually, failure, open, outcome, pair, scripted, wait } from './support.ts';

const hostile = vectors.filter(({ kind }) => kind === 'hostile');
const fatal = hostile.filter(({ expect }) => expect.error === true);
/** Inputs for which a decoder may wait: a time limit ends the silence. */
const LIMIT = 150;

describe('a hostile answer to the second of three requests', { concurrency: 16 }, () => {
  test('there are vectors to run', () => {
    assert.ok(fatal.length >= 50, String(fatal.length));
  });

  for (const vector of fatal) {
    test(`${vector.name}: the first request keeps its value, the others reject, and the socket is destroyed`, async () => {
      const server = await scripted({
        GET: (command) => (command[1] === 'b' ? Buffer.from(vector.bytesBase64, 'base64') : '+fine\r\n'),
      });
      const connection = await open(server, { decodeResponses: true });
      const reader = connection.pushMessages;
      const requests = ['a', 'b', 'c'].map((key) =>
        connection.createRequest('GET', [key], { timeout: LIMIT }),
      );
      const [one, two, three] = await Promise.all(requests.map((request) => outcome(request, 5000)));
      assert.deepEqual(one, { value: 'fine' });
      const values = vector.expect.after ?? [];
      // Replies before the violation answer the requests in their order.
      if (values.length === 0) {
        const error = (two as { error: unknown }).error;
        const tolerated = vector.alsoAccept !== undefined;
        assert.ok(tolerated || error instanceof ProtocolError, String(error ?? JSON.stringify(two)));
        assert.ok(tolerated || (three as { error: unknown }).error instanceof ConnectionError);
      }
      if ('error' in two!) assert.ok(two.error instanceof RedisError);
      await wait(2);
      if (vector.alsoAccept === undefined) {
        assert.equal(connection.closed, true);
        await connection.waitClosed({ timeout: 2000 });
        assert.ok('error' in (await outcome(drain(reader))));
      } else connection.invalidate('end');
      assert.deepEqual([...Object.keys(Object.prototype), ...Object.keys(Array.prototype)], []);
      assert.equal(connection.statistics.requestsPending, 0);
      const fresh = await open(server, { decodeResponses: true });
      assert.equal(await fresh.execute('GET', 'a'), 'fine');
      await fresh.close();
      await server.close();
    });
  }
});

async function drain(reader: AsyncIterable<unknown>): Promise<void> {
  for await (const message of reader) void message;
}

describe('an abandoned request', { concurrency: 16 }, () => {
  for (const vector of vectors.filter(({ kind, expect }) => kind === 'spec' && expect.error !== true)) {
    const { expect } = vector;
    if (expect.incomplete === true || expect.type === 'stream' || expect.type === 'push') continue;
    test(`${vector.name}: the late reply of an abandoned request is swallowed whole`, async () => {
      const bytes = Buffer.from(vector.bytesBase64, 'base64');
      const { connection, server } = await pair({ GET: bytes }, { decodeResponses: true });
      const controller = new AbortController();
      const request = connection.createRequest('GET', ['k'], { signal: controller.signal });
      await new Promise((resolve) => process.nextTick(resolve));
      controller.abort();
      assert.equal(request.maybeExecuted, true);
      assert.deepEqual(await outcome(connection.execute('ECHO', 'own')), { value: 'own' });
      assert.ok('error' in (await outcome(request)));
      await connection.close();
      await server.close();
    });
  }
});

describe('noise', () => {
  test('a flipped byte anywhere in a pipeline never gives a value after the error', async () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    let errors = 0;
    for (let round = 0; round < 150; round++) {
      const answers = Buffer.from(Array.from({ length: 8 }, (_, index) => `$3\r\nv0${index}\r\n`).join(''));
      answers[random(answers.length)] = random(256);
      let asked = 0;
      const { connection, server } = await pair(
        { GET: () => (++asked === 8 ? answers : null) },
        { decodeResponses: true },
      );
      const requests = Array.from({ length: 8 }, (_, index) =>
        connection.createRequest('GET', [index], { timeout: 300 }),
      );
      const results = await Promise.all(requests.map((request) => outcome(request)));
      // Bytes that are no text spoil one value, not the stream.
      const broken = results.findIndex(
        (result) => 'error' in result && !(result.error instanceof DecodingError),
      );
      if (broken !== -1) {
        assert.ok(results.slice(broken).every((result) => 'error' in result));
        errors++;
      }
      await connection.close();
      await server.close();
    }
    assert.ok(errors > 50, `${errors} of 150 rounds ended with an error`);
  });
});

describe('a peer that sends useless bytes', () => {
  const text = { decodeResponses: true };

  test('a line ends at 64 KiB: errors, simple strings, numbers', async () => {
    for (const type of ['-', '+', ':', ',', '(', '!99999999\r\n']) {
      const { connection, peer } = await pair({ GET: null }, text);
      const request = connection.createRequest('GET', ['k']);
      await wait(2);
      peer.send(type + '1'.repeat(70_000));
      await failure(request, ProtocolError);
      assert.equal(connection.closed, true);
    }
    const { connection } = await pair({ GET: `-ERR ${'x'.repeat(60_000)}\r\n` }, text);
    const error = await failure(connection.createRequest('GET', ['k']), RedisError);
    assert.ok(error.message.length < 5_000);
    assert.equal(connection.usable, true);
  });

  test('a line of MONITOR may be longer than 64 KiB', async () => {
    const { connection, peer } = await pair({ MONITOR: reply.ok }, text);
    const lines = connection.streamedMessages;
    connection.sendCommand('MONITOR');
    assert.equal((await lines.next()).value, 'OK');
    peer.send(`+${'m'.repeat(1_000_000)}\r\n`);
    assert.equal(String((await lines.next()).value).length, 1_000_000);
  });

  test('a map whose count doubles to 2^32 is refused', async () => {
    for (const type of ['%', '|']) {
      const { connection } = await pair({ GET: `${type}2147483648\r\n` }, text);
      await failure(connection.createRequest('GET', ['k']), ProtocolError);
    }
  });

  test('an aggregate for an abandoned request is read and not built', async () => {
    for (const element of [':1\r\n', '$5\r\nhello\r\n', '*2\r\n:1\r\n%1\r\n+a\r\n+b\r\n']) {
      const { connection, peer } = await pair({ GET: null, ECHO: null }, text);
      const pushes = connection.pushMessages;
      const request = connection.createRequest('GET', ['k'], { timeout: 60 });
      await wait(2);
      peer.send(`*200001\r\n${element}`);
      await failure(request, RedisError);
      const before = usedMemory();
      const block = element.repeat(1_000);
      for (let sent = 0; sent < 100; sent++) peer.send(block);
      peer.send('>1\r\n+inside\r\n');
      assert.deepEqual((await pushes.next()).value, ['inside']);
      const grown = usedMemory() - before;
      assert.ok(grown < 6_000_000, `${grown} bytes for ${JSON.stringify(element)}`);
      for (let sent = 0; sent < 100; sent++) peer.send(block);
      const echo = connection.createRequest('ECHO', ['x']);
      await wait(2);
      peer.send(reply.bulk('x'));
      assert.equal(await echo, 'x');
      connection.invalidate('end');
    }
  });

  test('a huge string for an abandoned request is not kept, streamed or not', async () => {
    for (const [head, block, tail] of [
      ['$200000000\r\n', 'y'.repeat(1_000_000), '\r\n'],
      ['*2\r\n$200000000\r\n', 'y'.repeat(1_000_000), '\r\n:1\r\n'],
      ['$?\r\n', `;1000000\r\n${'y'.repeat(1_000_000)}\r\n`, ';0\r\n'],
    ] as const) {
      const { connection, peer } = await pair({ GET: null, ECHO: null }, text);
      const request = connection.createRequest('GET', ['k'], { timeout: 60 });
      await wait(2);
      peer.send(head + block);
      await failure(request, RedisError);
      for (let sent = 1; sent < 200; sent++) peer.send(block);
      await eventually(() => connection.statistics.bytesRead > 199_000_000, 'read');
      const used = usedMemory();
      assert.ok(used < 300_000_000, `${used} bytes`);
      peer.send(tail);
      const echo = connection.createRequest('ECHO', ['x']);
      await wait(2);
      peer.send(reply.bulk('x'));
      assert.equal(await echo, 'x');
      connection.invalidate('end');
    }
  });

  test('maxBufferedBytes bounds the memory of unread pushes', async () => {
    const limit = 16 * 1024 * 1024;
    for (const decodeResponses of [true, false]) {
      const { connection, peer } = await pair({}, { decodeResponses, maxBufferedBytes: limit });
      const before = usedMemory();
      const push = reply.push(reply.bulk('a'), reply.bulk('bc'), reply.integer(7), reply.bulk('d'));
      const many = push.repeat(10_000);
      for (let sent = 0; sent < 40; sent++) peer.send(many);
      await eventually(() => connection.statistics.bytesRead >= many.length * 40, 'read');
      assert.ok(connection.statistics.messagesDropped > 0);
      const held = usedMemory() - before;
      assert.ok(held < limit * 1.5, `${held} bytes, decodeResponses ${decodeResponses}`);
      connection.invalidate('end');
    }
  });

  test('a slow drip is no sign of life: the connection gets no new work and is closed', async () => {
    const { connection, peer } = await pair({ GET: null }, text);
    const observed: Error[] = [];
    class Observer extends CoreObserver {
      closed(error: Error): void {
        observed.push(error);
      }
    }
    coreOf(connection).observe(new Observer());
    const requests = ['a', 'b'].map((key) => connection.createRequest('GET', [key], { timeout: 100 }));
    await wait(2);
    peer.send('$1000000\r\n');
    const drip = setInterval(() => peer.send('x'), 10);
    try {
      for (const request of requests) await failure(request, RedisError);
      assert.equal(coreOf(connection).suspect, true);
      await connection.waitClosed({ timeout: 5_000 });
    } finally {
      clearInterval(drip);
    }
    assert.match(observed[0]?.message ?? '', /nothing arrived/);
  });
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function usedMemory(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
