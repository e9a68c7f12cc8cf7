import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { CapacityLimiter } from '../../../src/pooling/capacity-limiter.ts';
import { standing } from '../../support/integers.ts';

describe('capacity limiter', () => {
  test('an invalid total is refused', () => {
    for (const total of [0, -1, 1.5, NaN, Infinity])
      assert.throws(() => new CapacityLimiter(total), TypeError);
  });

  test('waiters are served first in, first out', async () => {
    const limiter = new CapacityLimiter(2);
    await limiter.acquire();
    await limiter.acquire();
    assert.equal(limiter.available, 0);
    const order: number[] = [];
    const waiters = [1, 2, 3].map((name) => limiter.acquire().then(() => order.push(name)));
    limiter.release();
    await waiters[0];
    limiter.release();
    limiter.release();
    await Promise.all(waiters);
    assert.deepEqual(order, [1, 2, 3]);
    assert.equal(limiter.available, 0);
    limiter.release();
    limiter.release();
    assert.equal(limiter.available, 2);
  });

  test('one release too many throws and changes nothing', () => {
    const limiter = new CapacityLimiter(1);
    assert.throws(() => limiter.release(), TypeError);
    assert.equal(limiter.available, 1);
  });

  test('a cancelled waiter neither swallows a token nor leaves a listener', async () => {
    const limiter = new CapacityLimiter(1);
    await limiter.acquire();
    const controller = new AbortController();
    const gone = limiter.acquire({ signal: controller.signal });
    const next = limiter.acquire();
    assert.equal(getEventListeners(controller.signal, 'abort').length, 1);
    const reason = { why: 'enough' };
    controller.abort(reason);
    await assert.rejects(gone, (error) => error === reason);
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
    assert.equal(await standing(next), 'pending');
    limiter.release();
    await next;
    assert.equal(limiter.available, 0);
    await assert.rejects(limiter.acquire({ signal: controller.signal }), (error) => error === reason);
  });

  test('a limit of 0 acquires at once or not at all; other limits end the wait', async () => {
    const limiter = new CapacityLimiter(1);
    await limiter.acquire({ timeout: 0 });
    await assert.rejects(limiter.acquire({ timeout: 0 }), { name: 'TimeoutError', phase: 'acquire' });
    await assert.rejects(limiter.acquire({ timeout: 5 }), { name: 'TimeoutError', max: 1, inUse: 1 });
    await assert.rejects(limiter.acquire({ timeout: -1 }), { name: 'TypeError', message: /timeout/ });
    assert.equal(limiter.waiting, 0);
  });
});
