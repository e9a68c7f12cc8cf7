import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { LONGEST_DELAY, systemClock } from '../../../src/base/clock.ts';
import { Deadline, checkDuration, checkSignal } from '../../../src/base/deadline.ts';
import { FakeClock } from '../../support/fake-clock.ts';

class Subscriber {
  readonly heard: unknown[] = [];
  onAbort(reason: unknown): void {
    this.heard.push(reason);
  }
  onTimeout(): void {
    this.heard.push('timeout');
  }
}

describe('durations', () => {
  test('an absent duration means no limit', () => {
    assert.equal(checkDuration('timeout', undefined), null);
    assert.equal(checkDuration('timeout', null), null);
    assert.equal(checkDuration('timeout', 1.5), 1.5);
  });
  test('an invalid limit is a TypeError that names the option', () => {
    for (const bad of [0, -1, NaN, Infinity, -Infinity, '5', {}, true, 5n]) {
      assert.throws(() => checkDuration('connectTimeout', bad), {
        name: 'TypeError',
        message: /^connectTimeout /,
      });
    }
  });
  test('0 is allowed where it has a meaning', () => {
    assert.equal(checkDuration('timeout', 0, true), 0);
    assert.throws(() => checkDuration('timeout', -1, true), TypeError);
  });
  test('a signal must be an AbortSignal', () => {
    const { signal } = new AbortController();
    assert.equal(checkSignal('signal', signal), signal);
    assert.equal(checkSignal('signal', undefined), null);
    for (const bad of [1, 'x', {}, new EventTarget()]) {
      assert.throws(() => checkSignal('signal', bad), { name: 'TypeError', message: /^signal / });
    }
  });
});

describe('deadline', () => {
  test('the limit runs from construction', () => {
    const clock = new FakeClock();
    const deadline = Deadline.of({ timeout: 100 }, { clock });
    clock.advanceNow(60);
    assert.equal(deadline.remaining(), 40);
    const subscriber = new Subscriber();
    deadline.watch(subscriber);
    clock.advanceNow(39);
    assert.deepEqual(subscriber.heard, []);
    clock.advanceNow(1);
    assert.deepEqual(subscriber.heard, ['timeout']);
    assert.ok(deadline.expired);
    assert.equal(deadline.remaining(), 0);
    assert.equal(clock.pending, 0);
  });

  test('a deadline without a limit has no timer and never ends', () => {
    const clock = new FakeClock();
    const deadline = Deadline.of(undefined, { clock });
    deadline.watch(new Subscriber());
    assert.equal(clock.pending, 0);
    assert.ok(deadline.unlimited);
    assert.ok(!deadline.expired);
    assert.equal(deadline.remaining(), Infinity);
  });

  test('the fallback applies when no limit is given; null counts as given', () => {
    const clock = new FakeClock();
    assert.equal(Deadline.of({}, { clock, fallback: 50 }).timeout, 50);
    assert.equal(Deadline.of({ timeout: undefined }, { clock, fallback: 50 }).timeout, 50);
    assert.equal(Deadline.of({ timeout: null }, { clock, fallback: 50 }).timeout, null);
    assert.equal(Deadline.of({ timeout: 0 }, { clock, allowZero: true }).expired, true);
    assert.throws(() => Deadline.of({ timeout: 0 }, { clock }), TypeError);
  });

  test('abort and timeout end the work once, by the first of them, and leave nothing', () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const deadline = Deadline.of({ signal: controller.signal, timeout: 10 }, { clock });
    const subscriber = new Subscriber();
    deadline.watch(subscriber);
    assert.throws(() => deadline.watch(subscriber));
    controller.abort('why');
    clock.advanceNow(20);
    assert.deepEqual(subscriber.heard, ['why']);
    assert.ok(deadline.aborted);
    assert.equal(deadline.reason, 'why');
    assert.equal(clock.pending, 0);
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  });

  test('stages run one after the other, without a timer or a listener between them', () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    const deadline = Deadline.of({ signal, timeout: 100 }, { clock });
    for (let stage = 0; stage < 3; stage++) {
      const subscriber = new Subscriber();
      deadline.watch(subscriber, true);
      assert.equal(clock.referenced, 0);
      clock.advanceNow(20);
      deadline.unwatch();
      deadline.unwatch();
      assert.deepEqual(subscriber.heard, []);
      assert.equal(clock.pending, 0);
      assert.equal(getEventListeners(signal, 'abort').length, 0);
    }
    assert.equal(deadline.remaining(), 40);
  });

  test('a timer that fires early, or could not hold the delay, is armed again', () => {
    const clock = new FakeClock();
    const arm = clock.setTimeout.bind(clock);
    clock.setTimeout = (callback, delay, unref) => arm(callback, Math.min(delay, 1000), unref);
    const deadline = Deadline.of({ timeout: 3500 }, { clock });
    const subscriber = new Subscriber();
    deadline.watch(subscriber);
    clock.advanceNow(3499);
    assert.deepEqual(subscriber.heard, []);
    clock.advanceNow(1);
    assert.deepEqual(subscriber.heard, ['timeout']);
  });

  test('the system clock takes any delay', async () => {
    let fired = false;
    const timer = systemClock.setTimeout(() => (fired = true), LONGEST_DELAY * 4, true);
    await new Promise((resolve) => systemClock.setTimeout(() => resolve(null), 2));
    assert.equal(fired, false);
    systemClock.clearTimeout(timer);
    assert.ok(Math.abs(systemClock.epoch() - Date.now()) < 1000);
    assert.ok(systemClock.now() <= systemClock.now());
  });
});
