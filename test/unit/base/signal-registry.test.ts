import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { unwatchSignal, watchSignal } from '../../../src/base/signal-registry.ts';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

describe('signal registry', () => {
  test('a hundred thousand subscribers share one listener, and none stays once they have left', () => {
    const { signal } = new AbortController();
    const subscribers = Array.from({ length: 100_000 }, () => ({ onAbort() {} }));
    for (const subscriber of subscribers) assert.equal(watchSignal(signal, subscriber), true);
    assert.equal(listeners(signal), 1);
    for (const subscriber of subscribers) unwatchSignal(signal, subscriber);
    assert.equal(listeners(signal), 0);
    unwatchSignal(signal, { onAbort() {} });
    unwatchSignal(new AbortController().signal, { onAbort() {} });
  });

  test('every subscriber gets the reason once, and the listener is removed', () => {
    const controller = new AbortController();
    const heard: unknown[] = [];
    for (let count = 0; count < 3; count++) {
      watchSignal(controller.signal, { onAbort: (reason) => heard.push(reason) });
    }
    controller.abort('why');
    assert.deepEqual(heard, ['why', 'why', 'why']);
    assert.equal(listeners(controller.signal), 0);
  });

  test('a fired signal registers no listener', () => {
    const signal = AbortSignal.abort();
    assert.equal(watchSignal(signal, { onAbort: () => assert.fail() }), false);
    assert.equal(listeners(signal), 0);
  });

  test('a subscriber that an earlier one cancels is not called', () => {
    const controller = new AbortController();
    const heard: string[] = [];
    const second = { onAbort: () => heard.push('second') };
    const first = {
      onAbort: () => {
        heard.push('first');
        unwatchSignal(controller.signal, second);
      },
    };
    watchSignal(controller.signal, first);
    watchSignal(controller.signal, second);
    controller.abort();
    assert.deepEqual(heard, ['first']);
  });

  for (const [how, next] of [
    ['oldest first', () => 0],
    ['youngest first', (left: number) => left - 1],
    ['near the oldest', (left: number) => Math.floor(Math.random() * Math.min(left, 12))],
    ['in any order', (left: number) => Math.floor(Math.random() * left)],
  ] as const) {
    test(`a subscriber that leaves, ${how}, is not called, and the others are, in their order`, () => {
      for (let run = 0; run < 60; run++) {
        const controller = new AbortController();
        const waiting: { name: number; onAbort(): void }[] = [];
        const told: number[] = [];
        let names = 0;
        for (let step = 0; step < 400; step++) {
          if (Math.random() < 0.55) {
            const name = names++;
            const subscriber = { name, onAbort: () => told.push(name) };
            waiting.push(subscriber);
            assert.equal(watchSignal(controller.signal, subscriber), true);
          } else if (waiting.length > 0) {
            const [leaves] = waiting.splice(next(waiting.length), 1);
            unwatchSignal(controller.signal, leaves!);
            // Once more is harmless.
            unwatchSignal(controller.signal, leaves!);
          }
          assert.equal(listeners(controller.signal), waiting.length > 0 ? 1 : 0);
        }
        controller.abort();
        assert.deepEqual(
          told,
          waiting.map(({ name }) => name),
        );
        assert.equal(listeners(controller.signal), 0);
      }
    });
  }

  test('a subscriber that subscribes twice is called once', () => {
    for (const others of [0, 40]) {
      const controller = new AbortController();
      let told = 0;
      const twice = { onAbort: () => told++ };
      watchSignal(controller.signal, twice);
      for (let count = 0; count < others; count++) watchSignal(controller.signal, { onAbort() {} });
      watchSignal(controller.signal, twice);
      controller.abort();
      assert.equal(told, 1);
      assert.equal(listeners(controller.signal), 0);
    }
  });
});
