import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { TimeoutError } from '../../../src/errors/errors.ts';
import { type AskOptions, distinct, firstAnswer, NodeFailure } from '../../../src/topology/first-answer.ts';
import { TCPLocation } from '../../../src/transport/location.ts';
import { ManualClock, settle } from './manual-clock.ts';

const nodes = [1, 2, 3, 4].map((port) => new TCPLocation('h', port));

interface Asked {
  readonly port: number;
  readonly signal: AbortSignal;
  answer(value: string): void;
  fail(error: unknown): void;
  dial(): () => void;
}

function stage(clock = new ManualClock()) {
  const asked: Asked[] = [];
  const attempt = (node: TCPLocation, { signal, dialling }: AskOptions): Promise<string> =>
    new Promise((answer, fail) => asked.push({ port: node.port, signal, answer, fail, dial: dialling! }));
  const start = (signal?: AbortSignal) =>
    firstAnswer(nodes, attempt, { clock, timeout: 1_000, headStart: 100, signal });
  return { clock, asked, start };
}

test('a node that answers within its head start is the only one asked', async () => {
  const { clock, asked, start } = stage();
  const result = start();
  await clock.pass(99);
  asked[0]!.answer('yes');
  const { node, failures } = await result;
  assert.equal(node?.port, 1);
  assert.equal(failures.length, 0);
  assert.equal(asked.length, 1);
  assert.equal(clock.pending, 0);
});

test('a silent node is joined by the next, and still may win', async () => {
  const { clock, asked, start } = stage();
  const result = start();
  await clock.pass(250);
  assert.deepEqual(
    asked.map(({ port }) => port),
    [1, 2, 3],
  );
  asked[0]!.answer('first');
  assert.equal((await result).node?.port, 1);
  assert.deepEqual(
    asked.map(({ signal }) => signal.aborted),
    [false, true, true],
  );
  assert.equal(clock.pending, 0);
});

test('a failing node is followed at once', async () => {
  const { asked, start } = stage();
  const result = start();
  asked[0]!.fail(new Error('refused'));
  await settle();
  assert.equal(asked.length, 2);
  asked[1]!.answer('second');
  const { node, failures } = await result;
  assert.equal(node?.port, 2);
  assert.equal(failures[0]!.message, 'h:1: refused');
});

test('hanging nodes end the wait one limit after the last head start', async () => {
  const { clock, asked, start } = stage();
  const result = start();
  await clock.pass(1_299);
  assert.equal(clock.pending, 1);
  await clock.pass(1);
  const { node, failures } = await result;
  assert.equal(node, null);
  assert.equal(failures.length, 4);
  assert.ok(failures.every((one) => one instanceof NodeFailure && one.cause instanceof TimeoutError));
  assert.ok(asked.every(({ signal }) => signal.aborted));
  assert.equal(clock.pending, 0);
});

test('an empty list of nodes fails at once', async () => {
  const result = await firstAnswer([], () => Promise.reject(new Error('never')), {
    clock: new ManualClock(),
    timeout: 1,
    headStart: 1,
  });
  assert.deepEqual(result, { node: null, failures: [] });
});

test('an attempt that throws at once counts as a failure', async () => {
  const result = await firstAnswer(nodes, () => assert.fail('broken'), {
    clock: new ManualClock(),
    timeout: 1,
    headStart: 1,
  });
  assert.equal(result.failures.length, 4);
});

test('the signal ends the race with its own reason and leaves nothing behind', async () => {
  const { clock, asked, start } = stage();
  const controller = new AbortController();
  const result = start(controller.signal);
  const reason = { any: 'thing' };
  controller.abort(reason);
  await assert.rejects(result, (thrown) => thrown === reason);
  assert.ok(asked[0]!.signal.aborted);
  asked[0]!.fail(new Error('late'));
  await settle();
  assert.equal(clock.pending, 0);
  await assert.rejects(start(controller.signal), (thrown) => thrown === reason);
  assert.equal(asked.length, 1);
});

test('a signal that never fires keeps no listener', async () => {
  const { asked, start } = stage();
  const { signal } = new AbortController();
  const result = start(signal);
  asked[0]!.answer('yes');
  await result;
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('addresses are asked once', () => {
  const all = [new TCPLocation('A', 1), new TCPLocation('a', 1), new TCPLocation('a', 2)];
  assert.deepEqual(distinct(all).map(String), ['A:1', 'a:2']);
});

test('a dial has a limit of its own; the limit of the node begins when it is connected', async () => {
  const { clock, asked, start } = stage();
  const result = start();
  const connected = asked[0]!.dial();
  await clock.pass(50_000);
  assert.equal(asked[0]!.signal.aborted, false);
  connected();
  await clock.pass(999);
  asked[0]!.answer('at last');
  assert.equal((await result).node?.port, 1);
  assert.equal(clock.pending, 0);
});

test('a connected node has its limit, and no clock runs for a failed one', async () => {
  const { clock, asked, start } = stage();
  const result = start();
  const connected = asked[0]!.dial();
  connected();
  await clock.pass(1_000);
  assert.ok(asked[0]!.signal.aborted);
  asked[1]!.answer('second');
  assert.equal((await result).node?.port, 2);
  asked[2]!.dial()();
  connected();
  assert.equal(clock.pending, 0);
});

test('failed nodes are asked again while another one is dialled', async () => {
  const { clock, asked, start } = stage();
  const result = start();
  asked[0]!.dial();
  await clock.pass(100);
  for (const index of [1, 2, 3]) {
    asked[index]!.fail(new Error('refused'));
    await settle();
  }
  assert.equal(asked.length, 4);
  await clock.pass(1_000);
  assert.deepEqual(
    asked.slice(4).map(({ port }) => port),
    [2],
  );
  asked[4]!.answer('back');
  const { node, failures } = await result;
  assert.equal(node?.port, 2);
  assert.equal(failures.length, 0);
  assert.ok(asked[0]!.signal.aborted);
  assert.equal(clock.pending, 0);
});
