import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from '../../support/fake-clock.ts';
import { Integers } from '../../support/integers.ts';

test('a larger bound serves the waiters', async () => {
  const world = new Integers({ max: 1 });
  await world.pool.lease(world.deadline());
  const second = world.pool.lease(world.deadline());
  await settled();
  assert.equal(world.pool.figures.open, 1);
  world.pool.resize(2);
  assert.equal(await second, 2);
  assert.equal(world.pool.figures.max, 2);
});

test('a smaller bound closes idle resources at once and leased ones when they come back', async () => {
  const world = new Integers({ max: 4 });
  // The bound is exceeded until they are gone.
  world.check = () => {};
  const leased = await Promise.all([1, 2, 3, 4].map(() => world.pool.lease(world.deadline())));
  world.pool.release(leased[3] as number);
  world.pool.resize(2);
  await settled();
  assert.equal(world.pool.figures.open, 3);
  world.pool.release(leased[2] as number);
  await settled();
  assert.equal(world.pool.figures.open, 2);
  world.pool.release(leased[0] as number);
  assert.deepEqual([world.pool.figures.open, world.pool.figures.idle], [2, 1]);
  assert.throws(() => world.pool.resize(0), TypeError);
});

test('waiting callers are sent elsewhere; leases stay unless they are included', async () => {
  const world = new Integers();
  world.automatic = false;
  const share = world.pool.share((one) => one, world.deadline());
  const occupy = world.pool.occupy(world.deadline());
  const lease = world.pool.lease(world.deadline());
  const elsewhere = new Error('elsewhere');
  world.pool.evict(() => elsewhere, false);
  await assert.rejects(share, elsewhere);
  await assert.rejects(occupy, elsewhere);
  world.dials[0]?.succeed();
  const held = await lease;
  const last = world.pool.lease(world.deadline());
  world.pool.evict(() => elsewhere, true);
  await assert.rejects(last, elsewhere);
  world.pool.release(held);
  assert.equal(world.pool.figures.inUse, 0);
});
