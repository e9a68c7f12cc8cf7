import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConnectionError, TimeoutError, WrongTypeError } from '../../../src/errors/errors.ts';
import { reply } from '../../../src/testkit/index.ts';
import { failure, outcome, pair, wait } from './support.ts';

describe('options of a request', () => {
  test('option decode: overrides the decoding of the connection, both ways', async () => {
    const { connection } = await pair();
    assert.deepEqual(await connection.createRequest('ECHO', ['x']), Buffer.from('x'));
    assert.equal(await connection.createRequest('ECHO', ['x'], { decode: true }), 'x');
    const { connection: decoding } = await pair({}, { decodeResponses: true });
    assert.equal(await decoding.createRequest('ECHO', ['x']), 'x');
    assert.deepEqual(await decoding.createRequest('ECHO', ['x'], { decode: false }), Buffer.from('x'));
  });

  test('option encoding: applies to this reply only', async () => {
    const { connection } = await pair({}, { decodeResponses: 'lenient' });
    const bytes = new Uint8Array([0xe9]);
    assert.deepEqual(await connection.createRequest('ECHO', [bytes]), Buffer.from(bytes));
    assert.equal(await connection.createRequest('ECHO', [bytes], { encoding: 'latin1' }), '\u00e9');
    assert.deepEqual(
      await connection.createRequest('ECHO', [bytes], { encoding: 'ascii' }),
      Buffer.from(bytes),
    );
    assert.deepEqual(await connection.createRequest('ECHO', ['é'], { encoding: 'latin1' }), 'Ã©');
    assert.throws(() => connection.createRequest('ECHO', ['x'], { encoding: 'utf-16' as never }), TypeError);
  });

  test('option raiseExceptions: false makes the server error the value, and nothing else', async () => {
    const { connection, peer } = await pair({ GET: reply.error('WRONGTYPE no string'), BLPOP: null });
    assert.ok(
      (await connection.createRequest('GET', ['k'], { raiseExceptions: false })) instanceof WrongTypeError,
    );
    await failure(connection.createRequest('GET', ['k'], { raiseExceptions: true }), WrongTypeError);
    const options = { raiseExceptions: false };
    await failure(connection.createRequest('BLPOP', ['k', 0], { ...options, timeout: 20 }), TimeoutError);
    const controller = new AbortController();
    const aborted = connection.createRequest('BLPOP', ['k', 0], { ...options, signal: controller.signal });
    controller.abort('enough');
    assert.deepEqual(await outcome(aborted), { error: 'enough' });
    const lost = connection.createRequest('BLPOP', ['k', 0], options);
    peer.reset();
    await failure(lost, ConnectionError);
  });

  test('option timeout: overrides streamTimeout, null lifts it', async () => {
    const { connection } = await pair(
      { GET: null, SET: () => wait(80).then(() => reply.ok) },
      { streamTimeout: 30 },
    );
    const started = performance.now();
    const error = await failure(
      connection.createRequest('GET', ['k'], { timeout: 10_000 / 100 }),
      TimeoutError,
    );
    assert.ok(performance.now() - started >= 99);
    assert.equal(error.phase, 'reply');
    const { connection: other } = await pair(
      { SET: () => wait(80).then(() => reply.ok) },
      { streamTimeout: 30 },
    );
    await failure(other.createRequest('SET', ['k', 'v']), TimeoutError);
    assert.deepEqual(await other.createRequest('SET', ['k', 'v'], { timeout: null }), Buffer.from('OK'));
    for (const timeout of [0, -1, Number.NaN, Infinity, '5', true]) {
      assert.throws(() => other.createRequest('GET', ['k'], { timeout: timeout as never }), /timeout/);
    }
  });

  test('option streamTimeout: bounds the wait for a reply, from the moment the request is made', async () => {
    const { connection } = await pair({ GET: null }, { streamTimeout: 40 });
    const request = connection.createRequest('GET', ['k']);
    await wait(60);
    assert.equal(request.settled, true);
    const error = await failure(request, TimeoutError);
    assert.match(error.message, /GET timed out after 40 ms/);
    assert.deepEqual([error.phase, error.command, error.maybeExecuted], ['reply', 'GET', true]);
    assert.equal(connection.usable, true);
  });

  test('option streamTimeout: bounds blocking commands too on a connection outside a pool', async () => {
    const { connection } = await pair(
      { BLPOP: () => wait(120).then(() => reply.nullArray) },
      { streamTimeout: 50 },
    );
    const error = await failure(connection.createRequest('BLPOP', ['k', 0]), TimeoutError);
    assert.deepEqual([error.phase, connection.usable, connection.reusable], ['reply', true, false]);
    assert.equal(await connection.createRequest('BLPOP', ['k', 0], { timeout: null }), null);
    assert.equal(connection.reusable, true);
  });

  test('option signal: an aborted request is never written when unsent, and keeps its place once written', async () => {
    const { connection, server } = await pair();
    const early = new AbortController();
    early.abort(new Error('early'));
    const before = connection.statistics.bytesWritten;
    await assert.rejects(
      Promise.resolve(connection.createRequest('ECHO', ['a'], { signal: early.signal })),
      /early/,
    );
    assert.equal(connection.statistics.bytesWritten, before);
    const unsent = new AbortController();
    const request = connection.createRequest('ECHO', ['b'], { signal: unsent.signal });
    const neighbours = ['c', 'd'].map((word) => connection.createRequest('ECHO', [word]));
    unsent.abort(new Error('unsent'));
    await assert.rejects(Promise.resolve(request), /unsent/);
    assert.equal(request.maybeExecuted, false);
    assert.deepEqual(await Promise.all(neighbours), [Buffer.from('c'), Buffer.from('d')]);
    const sent = new AbortController();
    const written = connection.createRequest('ECHO', ['e'], { signal: sent.signal });
    await new Promise((resolve) => process.nextTick(resolve));
    sent.abort(new Error('written'));
    await assert.rejects(Promise.resolve(written), /written/);
    assert.equal(written.maybeExecuted, true);
    assert.deepEqual(await connection.execute('ECHO', 'f'), Buffer.from('f'));
    const echoed = server.commands.filter(({ name }) => name === 'ECHO').map(({ args }) => args[1]);
    assert.deepEqual(echoed, ['c', 'd', 'e', 'f']);
    assert.throws(() => connection.createRequest('PING', [], { signal: 5 as never }), TypeError);
  });

  test('option disconnectOnCancellation: a timeout or an abort ends the connection', async () => {
    for (const how of ['timeout', 'abort']) {
      const { connection } = await pair({ GET: null });
      const other = connection.createRequest('GET', ['other']);
      const controller = new AbortController();
      const request = connection.createRequest('GET', ['k'], {
        disconnectOnCancellation: true,
        ...(how === 'timeout' ? { timeout: 20 } : { signal: controller.signal }),
      });
      await wait(5);
      if (how === 'abort') {
        controller.abort(new Error('aborted'));
        assert.equal(connection.usable, false);
        await assert.rejects(Promise.resolve(request), /aborted/);
      } else await failure(request, TimeoutError);
      await failure(other, ConnectionError);
      assert.equal(connection.closed, true);
      await connection.waitClosed();
    }
  });

  test('option disconnectOnCancellation: a cancellation keeps the connection once the request is answered, or when it is off', async () => {
    const { connection } = await pair({ GET: null });
    const controller = new AbortController();
    const answered = connection.createRequest('PING', [], {
      disconnectOnCancellation: true,
      signal: controller.signal,
    });
    await answered;
    controller.abort();
    assert.equal(connection.usable, true);
    await failure(connection.createRequest('GET', ['k'], { timeout: 10 }), TimeoutError);
    assert.equal(connection.usable, true);
  });

  test('an unknown option, or one of the wrong kind, is a TypeError', async () => {
    const { connection } = await pair();
    assert.throws(() => connection.createRequest('PING', [], { tiemout: 5 } as never), /tiemout/);
    assert.throws(() => connection.createRequest('PING', [], { decode: 1 } as never), /decode/);
    assert.throws(() => connection.createRequest('PING', [], { noreply: 'yes' } as never), /noreply/);
    assert.throws(() => connection.createRequestBatch([], { noreply: true } as never), /noreply/);
    await connection.createRequest('PING', [], { timeout: undefined, tiemout: undefined } as never);
  });
});
