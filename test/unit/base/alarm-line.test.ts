import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Deadline } from '../../../src/base/deadline.ts';
import { FakeClock } from '../../support/fake-clock.ts';

class World {
  readonly clock = new FakeClock();
  readonly rung: string[] = [];

  deadline(timeout: number): Deadline {
    return new Deadline(null, timeout, this.clock);
  }
  watch(deadline: Deadline, name: string, then: () => void = () => {}): void {
    deadline.watch({
      onAbort: () => {},
      onTimeout: () => {
        this.rung.push(`${name} at ${this.clock.now()}`);
        then();
      },
    });
  }
  wait(name: string, timeout: number): Deadline {
    const deadline = this.deadline(timeout);
    this.watch(deadline, name);
    return deadline;
  }
}

describe('waits that share a limit', () => {
  test('waits with one limit share a timer, and each ends at its own time', () => {
    const world = new World();
    for (let index = 0; index < 1000; index++) {
      world.wait(String(index), 100);
      world.clock.advanceNow(0.05);
    }
    assert.equal(world.clock.pending, 1);
    world.clock.advanceNow(1000);
    assert.equal(world.rung.length, 1000);
    for (const [index, line] of world.rung.entries()) {
      const [name, at] = line.split(' at ');
      assert.equal(name, String(index));
      assert.ok(Math.abs(Number(at) - (1100 + index * 0.05)) < 1e-6);
    }
    assert.equal(world.clock.pending, 0);
  });

  test('a wait that leaves is not called, whether it is first, last or between two', () => {
    const world = new World();
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => {
      const deadline = world.wait(name, 100);
      world.clock.advanceNow(10);
      return deadline;
    });
    for (const index of [0, 2, 4]) all[index]?.unwatch();
    assert.equal(world.clock.pending, 1);
    world.clock.advanceNow(1000);
    assert.deepEqual(world.rung, ['b at 1110', 'd at 1130']);
    assert.equal(world.clock.pending, 0);
  });

  test('the last wait that leaves cancels the timer', () => {
    const world = new World();
    const all = ['a', 'b'].map((name) => world.wait(name, 100));
    for (const deadline of all) deadline.unwatch();
    assert.equal(world.clock.pending, 0);
    world.wait('c', 100);
    world.clock.advanceNow(100);
    assert.deepEqual(world.rung, ['c at 1100']);
  });

  test('a limit that began earlier rings earlier, however late it is watched', () => {
    const world = new World();
    const old = world.deadline(100);
    const older = world.deadline(100);
    world.clock.advanceNow(20);
    world.wait('young', 100);
    world.watch(old, 'old');
    world.watch(older, 'older');
    assert.equal(world.clock.pending, 1);
    world.clock.advanceNow(1000);
    assert.deepEqual(world.rung, ['old at 1100', 'older at 1100', 'young at 1120']);
  });

  test('a wait behind many younger ones rings alone', () => {
    const world = new World();
    const old = world.deadline(100);
    const gone = world.deadline(100);
    world.clock.advanceNow(20);
    for (let index = 0; index < 50; index++) world.wait(String(index), 100);
    world.watch(old, 'old');
    world.watch(gone, 'gone');
    assert.equal(world.clock.pending, 3);
    gone.unwatch();
    assert.equal(world.clock.pending, 2);
    world.clock.advanceNow(1000);
    assert.equal(world.rung.length, 51);
    assert.equal(world.rung[0], 'old at 1100');
    assert.equal(world.clock.pending, 0);
  });

  test('a callback may end other waits and begin new ones', () => {
    const world = new World();
    const first = world.deadline(100);
    const second = world.deadline(100);
    world.watch(first, 'first', () => {
      second.unwatch();
      world.wait('third', 100);
    });
    world.watch(second, 'second');
    world.clock.advanceNow(1000);
    assert.deepEqual(world.rung, ['first at 1100', 'third at 1200']);
    assert.equal(world.clock.pending, 0);
  });

  test('a callback that throws does not delay the others', () => {
    const world = new World();
    world.watch(world.deadline(100), 'bad', () => {
      throw new Error('of the caller');
    });
    world.wait('good', 100);
    assert.throws(() => world.clock.advanceNow(100), /of the caller/);
    world.clock.advanceNow(0);
    assert.deepEqual(world.rung, ['bad at 1100', 'good at 1100']);
  });
});

test('waits with other limits, and unreferenced ones, have timers of their own', () => {
  const world = new World();
  world.wait('short', 50);
  world.wait('long', 100);
  world.deadline(100).watch({ onAbort: () => {}, onTimeout: () => world.rung.push('quiet') }, true);
  assert.equal(world.clock.pending, 3);
  assert.equal(world.clock.referenced, 2);
  world.clock.advanceNow(100);
  assert.deepEqual(world.rung.toSorted(), ['long at 1100', 'quiet', 'short at 1050']);
});
