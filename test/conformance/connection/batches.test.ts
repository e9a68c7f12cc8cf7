import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import {
  ConnectionError,
  type RedisError,
  RequestAbortedError,
  ResponseError,
  TimeoutError,
} from '../../../src/errors/errors.ts';
import { reply } from '../../../src/testkit/index.ts';
import { eventually, open, pair, realServer, wait } from './support.ts';

const text = { decodeResponses: true };

describe('a batch', () => {
  test('a batch resolves with one entry per command, errors among them', async () => {
    const connection = await open(await realServer(), text);
    const batch = connection.createRequestBatch([
      { command: 'SET', args: ['k', 'v'] },
      { command: 'INCR', args: ['k'] },
      { command: 'GET', args: ['k'], decode: false },
      { command: Buffer.from('ping') },
      { command: 'ECHO', args: [new Uint8Array([0xe9])], encoding: 'latin1' },
    ]);
    assert.deepEqual([batch.command, batch.settled, batch.maybeExecuted], ['PIPELINE', false, false]);
    const [ok, error, bytes, pong, latin] = await batch;
    assert.deepEqual([ok, bytes, pong, latin], ['OK', Buffer.from('v'), 'PONG', '\u00e9']);
    assert.ok(error instanceof ResponseError);
    assert.equal(error.command, 'INCR');
    assert.deepEqual([batch.settled, batch.maybeExecuted], [true, true]);
    assert.equal(await batch, await batch.finally(() => {}));
  });

  test('an empty batch resolves with [] and harms nothing', async () => {
    const { connection } = await pair({}, text);
    const controller = new AbortController();
    controller.abort();
    assert.deepEqual(await connection.createRequestBatch([]), []);
    assert.deepEqual(await connection.createRequestBatch([], { signal: controller.signal, timeout: 1 }), []);
    assert.equal(await connection.execute('PING'), 'PONG');
  });

  test('a batch of a hundred thousand commands stays in order and counts each', async () => {
    const { connection } = await pair({}, text, { record: false });
    const before = connection.statistics.requestsResolved;
    const commands = Array.from({ length: 100_000 }, (_, index) => ({ command: 'ECHO', args: [index] }));
    const replies = await connection.createRequestBatch(commands);
    assert.ok(replies.every((value, index) => value === String(index)));
    assert.equal(connection.statistics.requestsResolved - before, 100_000);
  });

  test('the commands of a batch are contiguous on the wire', async () => {
    const { connection, server } = await pair({}, text);
    connection.createRequest('ECHO', ['a']);
    const batch = connection.createRequestBatch(
      ['b', 'c', 'd'].map((word) => ({ command: 'ECHO', args: [word] })),
    );
    connection.createRequest('ECHO', ['e']);
    await batch;
    await connection.execute('PING');
    const echoed = server.commands.filter(({ name }) => name === 'ECHO').map(({ args }) => args[1]);
    assert.deepEqual(echoed, ['a', 'b', 'c', 'd', 'e']);
  });

  test('option timeout: entries that came stay, the others hold a TimeoutError, and the connection goes on', async () => {
    let answer = (): void => {};
    const released = new Promise<string | Buffer>((resolve) => {
      answer = () => resolve(reply.bulk('late'));
    });
    const { connection } = await pair({ GET: () => released }, text);
    const batch = connection.createRequestBatch(
      [{ command: 'PING' }, { command: 'GET', args: ['k'] }, { command: 'ECHO', args: ['x'] }],
      { timeout: 300 },
    );
    const [pong, late, behind] = await batch;
    assert.equal(pong, 'PONG');
    for (const error of [late, behind]) assert.ok(error instanceof TimeoutError && error.maybeExecuted);
    assert.equal((late as RedisError).command, 'GET');
    assert.equal(connection.usable, true);
    assert.equal(connection.statistics.requestsPending, 2);
    answer();
    assert.equal(await connection.execute('ECHO', 'own'), 'own');
    assert.equal(connection.statistics.requestsPending, 0);
  });

  test('option signal: entries that did not come hold a RequestAbortedError with the reason as its cause', async () => {
    const { connection, server } = await pair({ GET: null }, text);
    const controller = new AbortController();
    const { signal } = controller;
    const batch = connection.createRequestBatch([{ command: 'PING' }, { command: 'GET', args: ['k'] }], {
      signal,
    });
    await eventually(() => connection.statistics.requestsPending === 1, 'PONG');
    const unsent = connection.createRequestBatch([{ command: 'SET', args: ['k', 1] }, { command: 'PING' }], {
      signal,
    });
    const reason = new Error('enough');
    controller.abort(reason);
    const [pong, aborted] = await batch;
    assert.equal(pong, 'PONG');
    assert.ok(aborted instanceof RequestAbortedError);
    assert.deepEqual([aborted.cause, aborted.maybeExecuted, aborted.command], [reason, true, 'GET']);
    for (const error of await unsent) {
      assert.ok(error instanceof RequestAbortedError && !error.maybeExecuted && error.cause === reason);
    }
    assert.deepEqual([batch.maybeExecuted, unsent.maybeExecuted], [true, false]);
    const early = await connection.createRequestBatch([{ command: 'SET', args: ['k', 1] }], { signal });
    assert.ok(early[0] instanceof RequestAbortedError);
    assert.equal(
      server.commands.some(({ name }) => name === 'SET'),
      false,
    );
    assert.equal(connection.usable, true);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  test('option disconnectOnCancellation: each command reports the abort or the time-out, not the loss', async () => {
    for (const how of ['abort', 'timeout']) {
      const { connection } = await pair({ GET: null }, text);
      const controller = new AbortController();
      const other = connection.createRequestBatch([{ command: 'GET', args: ['other'] }]);
      // So many commands that queueing them takes a while; they share one time limit.
      const commands = Array.from({ length: 1_000 }, (_, key) => ({ command: 'GET', args: [key] }));
      const batch = connection.createRequestBatch(commands, {
        disconnectOnCancellation: true,
        ...(how === 'abort' ? { signal: controller.signal } : { timeout: 20 }),
      });
      await wait(5);
      controller.abort(new Error('enough'));
      const wanted = how === 'abort' ? RequestAbortedError : TimeoutError;
      const entries = await batch;
      assert.ok(
        entries.every((entry) => entry instanceof wanted),
        inspect(entries.filter((entry) => !(entry instanceof wanted)).slice(0, 3)),
      );
      assert.equal(connection.closed, true);
      assert.ok((await other)[0] instanceof ConnectionError);
    }
  });

  test('a batch that loses its connection keeps the entries that came', async () => {
    const { connection, peer } = await pair({ GET: null }, text);
    const batch = connection.createRequestBatch([{ command: 'PING' }, { command: 'GET', args: ['k'] }]);
    await eventually(() => connection.statistics.requestsPending === 1, 'PONG');
    const unsent = connection.createRequestBatch([{ command: 'PING' }]);
    connection.invalidate('a reason');
    const [pong, lost] = await batch;
    assert.equal(pong, 'PONG');
    assert.ok(lost instanceof ConnectionError && lost.maybeExecuted);
    assert.match(lost.message, /a reason/);
    const [never] = await unsent;
    assert.ok(never instanceof ConnectionError && !never.maybeExecuted);
    peer.destroy();
  });

  test('a batch can be cancelled, and shows no argument', async () => {
    const { connection } = await pair({ GET: null }, text);
    const batch = connection.createRequestBatch([{ command: 'GET', args: ['canary-key'] }]);
    assert.ok(!inspect(batch, { depth: 10, showHidden: true }).includes('canary'));
    assert.ok(!inspect(batch, { depth: 10, showHidden: true, customInspect: false }).includes('canary'));
    assert.ok(!JSON.stringify(batch).includes('canary'));
    await wait(5);
    batch.cancel('why');
    batch.cancel('again');
    const [aborted] = await batch;
    assert.ok(aborted instanceof RequestAbortedError && aborted.cause === 'why');
  });

  test('a wrong command anywhere refuses the whole batch before anything is queued', async () => {
    const { connection, server } = await pair({}, text);
    for (let at = 0; at < 20; at++) {
      const commands = Array.from({ length: 20 }, (_, index) => ({
        command: 'SET',
        args: ['k', index === at ? (null as never) : 'v'],
      }));
      assert.throws(() => connection.createRequestBatch(commands), TypeError);
    }
    assert.throws(() => connection.createRequestBatch(null as never), TypeError);
    assert.throws(() => connection.createRequestBatch([{}] as never), TypeError);
    await connection.execute('PING');
    assert.equal(
      server.commands.some(({ name }) => name === 'SET'),
      false,
    );
    assert.equal(connection.statistics.requestsPending, 0);
  });

  test('aborting one of many batches leaves its neighbours alone', async () => {
    const { connection } = await pair({}, text, { record: false });
    const batches = Array.from({ length: 500 }, (_, index) => {
      const controller = new AbortController();
      const commands = Array.from({ length: 10 }, (__, at) => ({
        command: 'ECHO',
        args: [`${index}.${at}`],
      }));
      const batch = connection.createRequestBatch(commands, { signal: controller.signal });
      if (index % 3 === 0) controller.abort();
      else if (index % 3 === 1) setImmediate(() => controller.abort());
      return batch;
    });
    const all = await Promise.all(batches);
    for (const [index, entries] of all.entries()) {
      for (const [at, entry] of entries.entries()) {
        if (!(entry instanceof RequestAbortedError)) assert.equal(entry, `${index}.${at}`);
        if (index % 3 === 2) assert.equal(entry, `${index}.${at}`);
      }
    }
    assert.equal(connection.statistics.requestsPending, 0);
  });
});
