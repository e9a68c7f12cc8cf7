import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { ConnectionError, TimeoutError } from '../../../src/errors/errors.ts';
import { open, outcome, pair, realServer, wait } from '../../conformance/connection/support.ts';

const text = { decodeResponses: true };

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** The long form has a million requests. */
const REQUESTS = process.env['RESPOOL_FULL'] === '1' ? 1_000_000 : 100_000;

describe(`${REQUESTS} requests`, () => {
  test('each of them settles once with its own reply, with 10 % aborted and 5 % timing out', async () => {
    const connection = await open(await realServer(), text);
    const random = generator(20_261);
    const total = REQUESTS;
    const wave = 4_000;
    const shared = new AbortController();
    let crossed = 0;
    let settled = 0;
    let aborted = 0;
    let timedOut = 0;
    const note = (token: string, result: { value: unknown } | { error: unknown }): void => {
      settled++;
      if ('value' in result) crossed += result.value === token ? 0 : 1;
      else if (result.error instanceof TimeoutError) timedOut++;
      else aborted++;
    };
    for (let start = 0; start < total; start += wave) {
      const done: PromiseLike<void>[] = [];
      for (let index = start; index < start + wave; index++) {
        const token = `token ${index}`;
        const dice = random();
        const controller = dice < 0.1 ? new AbortController() : null;
        const request = connection.createRequest('ECHO', [token], {
          ...(controller === null ? {} : { signal: controller.signal }),
          ...(dice > 0.95 ? { timeout: 0.01 + random() * 20 } : {}),
          ...(dice > 0.4 && dice < 0.5 ? { signal: shared.signal } : {}),
        });
        if (controller !== null) {
          const when = random();
          if (when < 0.3) controller.abort();
          else if (when < 0.6) process.nextTick(() => controller.abort());
          else setTimeout(() => controller.abort(), when * 8);
        }
        done.push(
          request.then(
            (value) => note(token, { value }),
            (error: unknown) => note(token, { error }),
          ),
        );
      }
      await Promise.all(done);
    }
    assert.equal(settled, total);
    assert.equal(crossed, 0);
    assert.ok(aborted > total * 0.02, `aborted ${aborted}`);
    assert.ok(timedOut > 0, `timed out ${timedOut}`);
    assert.equal(getEventListeners(shared.signal, 'abort').length, 0);
    assert.equal(await connection.execute('ECHO', 'end'), 'end');
    const { requestsCreated, requestsResolved } = connection.statistics;
    assert.equal(requestsCreated, requestsResolved);
    assert.equal(connection.reusable, true);
  });
});

describe('lost connections under load', () => {
  test('a reset in the middle of a reply keeps the answered values; the rest is a ConnectionError', async () => {
    for (let round = 0; round < 50; round++) {
      let answered = 0;
      const { connection, server } = await pair(
        {
          ECHO: (command, peer) => {
            answered++;
            if (answered <= 20) return `+${command[1]}\r\n`;
            if (answered === 21) {
              peer.send('$5\r\nha');
              setTimeout(() => peer.reset(), 2);
            }
            return null;
          },
        },
        text,
      );
      const requests = Array.from({ length: 64 }, (_, index) => connection.createRequest('ECHO', [index]));
      const results = await Promise.all(requests.map((request) => outcome(request)));
      for (const [index, result] of results.entries()) {
        if ('value' in result) assert.ok(index < 20 && result.value === String(index));
        else assert.ok(result.error instanceof ConnectionError && result.error.maybeExecuted);
      }
      assert.equal(connection.statistics.requestsPending, 0);
      await server.close();
    }
  });

  test('a reply that arrives byte by byte is read whole, or late and discarded', async () => {
    const { connection } = await pair(
      {
        GET: async (_command, peer) => {
          const bytes = `$40\r\n${'d'.repeat(40)}\r\n`;
          for (const byte of bytes) {
            peer.send(byte);
            await wait(1);
          }
          return null;
        },
      },
      text,
    );
    assert.equal(await connection.execute('GET', 'a'), 'd'.repeat(40));
    assert.ok('error' in (await outcome(connection.createRequest('GET', ['b'], { timeout: 20 }))));
    assert.equal(await connection.execute('ECHO', 'own'), 'own');
  });

  test('a large reply in small pieces and a burst of replies are read whole', async () => {
    const size = 4 * 1024 * 1024;
    const { connection } = await pair(
      {
        GET: async (_command, peer) => {
          peer.send(`$${size}\r\n`);
          for (let at = 0; at < size; at += 65_536) {
            peer.send(Buffer.alloc(65_536, 0x61 + ((at / 65_536) % 26)));
            if (at % (65_536 * 8) === 0) await wait(1);
          }
          return '\r\n';
        },
      },
      {},
      { record: false },
    );
    const bytes = (await connection.execute('GET', 'k')) as Buffer;
    assert.equal(bytes.length, size);
    for (let at = 0; at < size; at += 65_536) assert.equal(bytes[at], 0x61 + ((at / 65_536) % 26));
    const burst = Array.from({ length: 100_000 }, (_, index) =>
      connection.createRequest('ECHO', [index], { decode: true }),
    );
    const replies = await Promise.all(burst);
    assert.ok(replies.every((value, index) => value === String(index)));
  });

  test('Buffers of earlier replies keep their bytes', async () => {
    const connection = await open(await realServer());
    const kept: Buffer[] = [];
    for (let index = 0; index < 3000; index++) {
      const size = [1, 100, 5000, 70_000][index % 4] as number;
      kept.push((await connection.execute('ECHO', Buffer.alloc(size, index % 251))) as Buffer);
      if (kept.length > 200) kept.splice(0, 100);
      for (const bytes of kept.slice(-20)) assert.equal(bytes[0], bytes[bytes.length - 1]);
    }
    for (const bytes of kept) assert.ok(bytes.every((byte) => byte === bytes[0]));
    const small = (await connection.execute('ECHO', 'x')) as Buffer;
    assert.ok(small.buffer.byteLength <= 16_384);
  });

  test('chained requests made from replies keep their order and grow no stack', async () => {
    const { connection } = await pair({}, text, { record: false });
    let index = 0;
    for (; index < 20_000; index++) {
      const value = await connection.createRequest('ECHO', [index]);
      if (value !== String(index)) break;
    }
    assert.equal(index, 20_000);
  });

  test('a blocked event loop costs no reply that has already arrived', async () => {
    const { connection } = await pair({}, text);
    const requests = Array.from({ length: 200 }, (_, at) =>
      connection.createRequest('ECHO', [at], { timeout: 50 }),
    );
    await new Promise((resolve) => process.nextTick(resolve));
    await wait(5);
    const more = Array.from({ length: 200 }, (_, at) =>
      connection.createRequest('ECHO', [at], { timeout: 50 }),
    );
    await new Promise((resolve) => setImmediate(resolve));
    const end = performance.now() + 150;
    while (performance.now() < end);
    const results = await Promise.all([...requests, ...more].map((request) => outcome(request)));
    // The scripted server lives in this process: it was blocked as well, and answers one turn later.
    assert.ok(results.slice(0, 200).every((result) => 'value' in result));
  });
});
