import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConnectionError, ProtocolError, RedisError } from '../../../src/errors/errors.ts';
import { vectors } from '../../unit/resp/vectors.ts';
import { open, outcome, pair, scripted, wait } from './support.ts';

const hostile = vectors.filter(({ kind }) => kind === 'hostile');
const fatal = hostile.filter(({ expect }) => expect.error === true);
/** What a decoder may wait for: the silence is ended by a time limit then. */
const LIMIT = 150;

describe('a hostile answer to the second of three requests', () => {
  test('there are vectors to run', () => {
    assert.ok(fatal.length >= 50, String(fatal.length));
  });

  for (const vector of fatal) {
    test(`${vector.name}: the first keeps its value, the second and third reject, the socket is destroyed`, async () => {
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

describe('an abandoned request', () => {
  for (const vector of vectors.filter(({ kind, expect }) => kind === 'spec' && expect.error !== true)) {
    const { expect } = vector;
    if (expect.incomplete === true || expect.type === 'stream' || expect.type === 'push') continue;
    test(`${vector.name}: its late answer is swallowed whole`, async () => {
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
    for (let round = 0; round < 150; round++) {
      const answers = Buffer.from(Array.from({ length: 8 }, (_, index) => `$3\r\nv0${index}\r\n`).join(''));
      answers[random(answers.length)] = random(256);
      let asked = 0;
      const { connection, server } = await pair(
        { GET: () => (++asked === 8 ? answers : null) },
        { decodeResponses: true },
      );
      const requests = Array.from({ length: 8 }, (_, index) =>
        connection.createRequest('GET', [index], { timeout: 60 }),
      );
      const results = await Promise.all(requests.map((request) => outcome(request)));
      const broken = results.findIndex((result) => 'error' in result);
      if (broken !== -1) assert.ok(results.slice(broken).every((result) => 'error' in result));
      await connection.close();
      await server.close();
    }
  });
});
