import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fullJitter } from '../../../src/base/backoff.ts';
import { SingleFlight } from '../../../src/base/single-flight.ts';

describe('full jitter', () => {
  test('full jitter lies below a bound that doubles up to the cap', () => {
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
  test('concurrent callers share one run, and the next caller starts anew', async () => {
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
