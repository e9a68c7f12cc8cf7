import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { unwatchSignal, watchSignal } from '../../../src/base/signal-registry.ts';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

describe('signal registry', () => {
  test('one listener for a hundred thousand subscribers, none once they have left', () => {
    const { signal } = new AbortController();
    const subscribers = Array.from({ length: 100_000 }, () => ({ onAbort() {} }));
    for (const subscriber of subscribers) assert.equal(watchSignal(signal, subscriber), true);
    assert.equal(listeners(signal), 1);
    for (const subscriber of subscribers) unwatchSignal(signal, subscriber);
    assert.equal(listeners(signal), 0);
    unwatchSignal(signal, { onAbort() {} });
    unwatchSignal(new AbortController().signal, { onAbort() {} });
  });

  test('everybody hears the reason once; the listener is gone', () => {
    const controller = new AbortController();
    const heard: unknown[] = [];
    for (let count = 0; count < 3; count++) {
      watchSignal(controller.signal, { onAbort: (reason) => heard.push(reason) });
    }
    controller.abort('why');
    assert.deepEqual(heard, ['why', 'why', 'why']);
    assert.equal(listeners(controller.signal), 0);
  });

  test('a fired signal registers nothing', () => {
    const signal = AbortSignal.abort();
    assert.equal(watchSignal(signal, { onAbort: () => assert.fail() }), false);
    assert.equal(listeners(signal), 0);
  });

  test('who is cancelled by one told earlier is not told', () => {
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
});
