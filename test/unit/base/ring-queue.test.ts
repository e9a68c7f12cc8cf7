import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RingQueue } from '../../../src/base/ring-queue.ts';

test('a ring queue behaves as an array does, through every wrap and growth', () => {
  const queue = new RingQueue<number>();
  const model: number[] = [];
  let next = 0;
  for (let round = 0; round < 5000; round++) {
    const pushes = (round * 7) % 13;
    const shifts = (round * 5) % (round % 1000 > 500 ? 17 : 11);
    for (let count = 0; count < pushes; count++) {
      queue.push(next);
      model.push(next++);
    }
    for (let count = 0; count < shifts; count++) assert.equal(queue.shift(), model.shift());
    assert.equal(queue.length, model.length);
    assert.equal(queue.peek(), model[0]);
    assert.equal(queue.at(3), model[3]);
    assert.equal(queue.at(model.length), undefined);
    assert.equal(queue.at(-1), undefined);
  }
});

test('shifted items are released, and a large ring is given back once it is empty', () => {
  const queue = new RingQueue<object>();
  for (let count = 0; count < 10_000; count++) queue.push({});
  const size = queue.slots.length;
  assert.equal(size & (size - 1), 0);
  for (let count = 0; count < 9999; count++) queue.shift();
  assert.equal(queue.slots.filter((slot) => slot !== undefined).length, 1);
  queue.shift();
  assert.ok(queue.slots.length <= 16);
  assert.equal(queue.shift(), undefined);
  assert.equal(queue.length, 0);
});

test('clear forgets every item', () => {
  const queue = new RingQueue<number>();
  for (let count = 0; count < 40; count++) queue.push(count);
  queue.clear();
  assert.equal(queue.length, 0);
  assert.equal(queue.peek(), undefined);
  queue.push(7);
  assert.equal(queue.shift(), 7);
});
