import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fullJitter } from '../../../src/base/backoff.ts';
import { BackoffRetryPolicy } from '../../../src/base/retry-policy.ts';
import { SingleFlight } from '../../../src/base/single-flight.ts';

describe('full jitter', () => {
  test('anywhere below a bound that doubles up to the cap', () => {
    assert.equal(
      fullJitter(0, 50, 2000, () => 0.5),
      25,
    );
    assert.equal(
      fullJitter(3, 50, 2000, () => 0.5),
      200,
    );
    assert.equal(
      fullJitter(5000, 50, 2000, () => 0.5),
      1000,
    );
    assert.equal(
      fullJitter(9, 50, 2000, () => 0),
      0,
    );
  });
});

describe('single flight', () => {
  test('concurrent callers share one run; the next one starts anew', async () => {
    const flight = new SingleFlight<number>();
    let runs = 0;
    const start = async () => ++runs;
    const both = [flight.run(start), flight.run(start)];
    assert.equal(both[0], both[1]);
    assert.deepEqual(await Promise.all(both), [1, 1]);
    assert.equal(await flight.run(start), 2);
  });
  test('a failure, also a throw, is shared and then forgotten', async () => {
    const flight = new SingleFlight<number>();
    const failure = new Error('no');
    const start = () => {
      throw failure;
    };
    await assert.rejects(flight.run(start), (error) => error === failure);
    assert.equal(await flight.run(async () => 5), 5);
  });
});

describe('retry policy', () => {
  const failure = new Error('lost');
  const unsent = { command: 'SET', maybeExecuted: false, elapsed: 1 };

  test('three repetitions with full jitter', () => {
    const policy = new BackoffRetryPolicy({}, () => 0.5);
    assert.deepEqual(
      [1, 2, 3, 4].map((attempt) => policy.next(attempt, failure, unsent)),
      [10, 20, 40, null],
    );
  });
  test('option ExponentialBackoffOptions.base bounds the first pause, and doubles', () => {
    const policy = new BackoffRetryPolicy({ base: 7 }, () => 0.5);
    assert.deepEqual(
      [1, 2, 3].map((attempt) => policy.next(attempt, failure, unsent)),
      [3.5, 7, 14],
    );
  });
  test('option ExponentialBackoffOptions.cap: the pause stays below it', () => {
    const policy = new BackoffRetryPolicy({ retries: 2000, cap: 100 });
    for (let attempt = 1; attempt <= 2000; attempt++) {
      const pause = policy.next(attempt, failure, unsent);
      assert.ok(pause !== null && pause >= 0 && pause < 100);
    }
  });
  test('only what was surely not executed', () => {
    const policy = new BackoffRetryPolicy();
    assert.equal(policy.next(1, failure, { ...unsent, maybeExecuted: true, readOnly: true }), null);
    assert.equal(policy.next(1, new TypeError('bad'), unsent), null);
  });
  test('option ExponentialBackoffOptions.retryReadOnly: what changes nothing, too', () => {
    const policy = new BackoffRetryPolicy({ retryReadOnly: true });
    const sent = { ...unsent, maybeExecuted: true };
    assert.equal(typeof policy.next(1, failure, { ...sent, readOnly: true }), 'number');
    assert.equal(policy.next(1, failure, { ...sent, readOnly: false }), null);
    assert.equal(policy.next(1, failure, sent), null);
  });
  test('option ExponentialBackoffOptions.retries: 0 repeats nothing; bad options are named', () => {
    const once = new BackoffRetryPolicy({ retries: 1 });
    assert.notEqual(once.next(1, failure, unsent), null);
    assert.equal(once.next(2, failure, unsent), null);
    assert.equal(new BackoffRetryPolicy({ retries: 0 }).next(1, failure, unsent), null);
    const bad = [
      { retries: -1 },
      { retries: 1.5 },
      { base: 0 },
      { cap: NaN },
      { retryReadOnly: 1 },
      { tries: 1 },
    ];
    assert.equal(new BackoffRetryPolicy({ tries: undefined } as object).retries, 3);
    for (const options of bad) {
      const name = new RegExp(Object.keys(options)[0] ?? '');
      assert.throws(() => new BackoffRetryPolicy(options as object), {
        name: 'TypeError',
        message: name,
      });
    }
  });
});
