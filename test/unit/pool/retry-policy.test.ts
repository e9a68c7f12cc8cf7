import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ExponentialBackoffRetryPolicy } from '../../../src/pool/calls/retry-policy.ts';

describe('retry policy', () => {
  const failure = new Error('lost');
  const unsent = { command: 'SET', maybeExecuted: false, elapsed: 1 };

  test('the default is three repetitions with full jitter', () => {
    const policy = new ExponentialBackoffRetryPolicy({}, () => 0.5);
    assert.deepEqual(
      [1, 2, 3, 4].map((attempt) => policy.next(attempt, failure, unsent)),
      [10, 20, 40, null],
    );
  });
  test('option ExponentialBackoffOptions.base bounds the first pause, and doubles', () => {
    const policy = new ExponentialBackoffRetryPolicy({ base: 7 }, () => 0.5);
    assert.deepEqual(
      [1, 2, 3].map((attempt) => policy.next(attempt, failure, unsent)),
      [3.5, 7, 14],
    );
  });
  test('option ExponentialBackoffOptions.cap: the pause stays below it', () => {
    const policy = new ExponentialBackoffRetryPolicy({ retries: 2000, cap: 100 });
    for (let attempt = 1; attempt <= 2000; attempt++) {
      const pause = policy.next(attempt, failure, unsent);
      assert.ok(pause !== null && pause >= 0 && pause < 100);
    }
  });
  test('only calls that were surely not executed are repeated', () => {
    const policy = new ExponentialBackoffRetryPolicy();
    assert.equal(policy.next(1, failure, { ...unsent, maybeExecuted: true, readOnly: true }), null);
    assert.equal(policy.next(1, new TypeError('bad'), unsent), null);
  });
  test('option ExponentialBackoffOptions.retryReadOnly: also repeats commands that change nothing', () => {
    const policy = new ExponentialBackoffRetryPolicy({ retryReadOnly: true });
    const sent = { ...unsent, maybeExecuted: true };
    assert.equal(typeof policy.next(1, failure, { ...sent, readOnly: true }), 'number');
    assert.equal(policy.next(1, failure, { ...sent, readOnly: false }), null);
    assert.equal(policy.next(1, failure, sent), null);
    assert.equal(typeof policy.next(1, failure, { ...sent, command: 'GET' }), 'number');
  });
  test('option ExponentialBackoffOptions.retries: 0 repeats nothing; bad options are named', () => {
    const once = new ExponentialBackoffRetryPolicy({ retries: 1 });
    assert.notEqual(once.next(1, failure, unsent), null);
    assert.equal(once.next(2, failure, unsent), null);
    assert.equal(new ExponentialBackoffRetryPolicy({ retries: 0 }).next(1, failure, unsent), null);
    const bad = [
      { retries: -1 },
      { retries: 1.5 },
      { base: 0 },
      { cap: NaN },
      { retryReadOnly: 1 },
      { tries: 1 },
    ];
    assert.equal(new ExponentialBackoffRetryPolicy({ tries: undefined } as object).retries, 3);
    for (const options of bad) {
      const name = new RegExp(Object.keys(options)[0] ?? '');
      assert.throws(() => new ExponentialBackoffRetryPolicy(options as object), {
        name: 'TypeError',
        message: name,
      });
    }
  });
});
