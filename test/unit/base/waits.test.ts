import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { Deadline } from '../../../src/base/deadline.ts';

const LATE = new Error('late');
const never = (): Promise<never> => new Promise(() => {});
/** Work that ends only when its signal fires. */
const untilStopped = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('Deadline.wait', () => {
  test('wait() returns the outcome of the work and leaves no listener behind', async () => {
    const { signal } = new AbortController();
    assert.equal(await new Deadline(signal, 1_000).wait(Promise.resolve(7)), 7);
    await assert.rejects(new Deadline(signal, 1_000).wait(Promise.reject(LATE)), LATE);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });
  test('wait() ends with the reason of the signal, also when it has fired before', async () => {
    const controller = new AbortController();
    const waiting = Deadline.ofSignal(controller.signal).wait(never());
    controller.abort(LATE);
    await assert.rejects(waiting, LATE);
    await assert.rejects(
      Deadline.ofSignal(controller.signal).wait(Promise.reject(new Error('unheard'))),
      LATE,
    );
  });
  test('wait() ends with the error that the caller makes for the time limit', async () => {
    await assert.rejects(
      new Deadline(null, 5).wait(never(), () => LATE),
      LATE,
    );
  });
  test('a late outcome does not end the next wait of the same deadline', async () => {
    const deadline = new Deadline(null, 1_000);
    await deadline.wait(Promise.resolve());
    assert.equal(await deadline.wait(Promise.resolve(2)), 2);
  });
});

describe('Deadline.run', () => {
  test('run() stops the work by its signal: deadline, caller, owner', async () => {
    await assert.rejects(
      new Deadline(null, 5).run(untilStopped, () => LATE),
      LATE,
    );
    const caller = new AbortController();
    const called = Deadline.ofSignal(caller.signal).run(untilStopped);
    caller.abort(LATE);
    await assert.rejects(called, LATE);
    const owner = new AbortController();
    const owned = new Deadline(null, 1_000).run(untilStopped, undefined, owner.signal);
    owner.abort(LATE);
    await assert.rejects(owned, LATE);
    await assert.rejects(new Deadline(null, 1_000).run(untilStopped, undefined, owner.signal), LATE);
  });
  test('run() waits for work that succeeded at the last moment', async () => {
    const caller = new AbortController();
    const work = async (): Promise<string> => {
      caller.abort(LATE);
      return 'connected';
    };
    assert.equal(await Deadline.ofSignal(caller.signal).run(work), 'connected');
  });
  test('the time limit of run() outlives the garbage collector', async () => {
    const began = performance.now();
    const churn = setInterval(() => new Array(1_000).fill({}).map((one) => ({ one })), 1);
    await assert.rejects(
      new Deadline(new AbortController().signal, 50).run(untilStopped, () => LATE),
      LATE,
    );
    clearInterval(churn);
    assert.ok(performance.now() - began < 2_000);
  });
});
