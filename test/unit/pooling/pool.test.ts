import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OverloadedError, TimeoutError } from '../../../src/errors/errors.ts';
import { settled } from '../../support/fake-clock.ts';
import { Integers, standing } from '../../support/integers.ts';
import { figuresOf } from '../../support/integers.ts';

describe('sharing', () => {
  test('nothing is made before the first request', async () => {
    const world = new Integers();
    await settled();
    assert.equal(world.made, 0);
    assert.equal(world.pool.tryShare(), null);
    assert.equal(world.made, 0);
  });

  test('a hundred callers of an empty pool cause one dial and are served in order', async () => {
    const world = new Integers();
    world.automatic = false;
    const order: number[] = [];
    const calls = Array.from({ length: 100 }, (_, index) => {
      const use = (resource: number) => {
        order.push(index);
        return resource;
      };
      return world.pool.share(use, world.deadline());
    });
    assert.equal(world.dials.length, 1);
    figuresOf(world, { connecting: 1, waiting: 99, open: 0 });
    world.dials[0]?.succeed();
    assert.deepEqual(await Promise.all(calls), new Array(100).fill(1));
    assert.deepEqual(order, [...order.keys()]);
    figuresOf(world, { connecting: 0, waiting: 0, open: 1, idle: 1, inUse: 0 });
  });

  test('the shared resource stays the same while others are idle, busy or not', async () => {
    const world = new Integers();
    const first = await world.share();
    const leased = await world.lease();
    world.pool.release(leased);
    for (let turn = 0; turn < 10; turn++) assert.equal(world.pool.tryShare(), first);
  });

  test('an exception of one sharer reaches that sharer alone', async () => {
    const world = new Integers();
    const failure = new Error('mine');
    const thrower = world.pool.share(() => {
      throw failure;
    }, world.deadline());
    const other = world.share();
    await assert.rejects(thrower, (error) => error === failure);
    assert.equal(await other, 1);
  });

  test('a suspended shared resource gets no work; another one takes over', async () => {
    const world = new Integers();
    assert.equal(await world.share(), 1);
    world.set(1, 'suspended');
    assert.equal(world.pool.tryShare(), null);
    assert.equal(await world.share(), 2);
    world.set(1, 'ready');
    assert.equal(world.pool.tryShare(), 2);
    assert.equal(await world.lease(), 1);
  });

  test('sharers wait for a suspended resource when it is the only one', async () => {
    const world = new Integers({ max: 1 });
    await world.share();
    world.set(1, 'suspended');
    const waiting = world.share();
    assert.equal(await standing(waiting), 'pending');
    world.set(1, 'busy');
    assert.equal(await waiting, 1);
  });
});

describe('leasing', () => {
  test('leases take the most recently used resource first, the shared one last', async () => {
    const world = new Integers({ max: 4 });
    assert.equal(await world.share(), 1);
    const [a, b, c] = [await world.lease(), await world.lease(), await world.lease()];
    assert.deepEqual([a, b, c], [2, 3, 4]);
    for (const resource of [b, c, a]) world.pool.release(resource);
    world.set(1, 'ready');
    const again = [await world.lease(), await world.lease(), await world.lease(), await world.lease()];
    assert.deepEqual(again, [2, 4, 3, 1]);
  });

  test('a busy resource is not leased while there is room for a new one', async () => {
    const world = new Integers();
    await world.share();
    assert.equal(world.pool.tryLease(), null);
    assert.equal(await world.lease(), 2);
  });

  test('without room the shared resource is drained first, and takes no more work meanwhile', async () => {
    const world = new Integers({ max: 1 });
    await world.share();
    const lease = world.lease();
    assert.equal(world.pool.tryShare(), null);
    const later = world.share();
    assert.equal(await standing(lease), 'pending');
    world.set(1, 'ready');
    assert.equal(await lease, 1);
    assert.equal(await standing(later), 'pending');
    world.pool.release(1);
    assert.equal(await later, 1);
  });

  test('sharing goes on while a lease waits for a dial of its own', async () => {
    const world = new Integers({ max: 2 });
    await world.share();
    world.automatic = false;
    const lease = world.lease();
    assert.equal(world.pool.tryShare(), 1);
    figuresOf(world, { connecting: 1, waiting: 0 });
    world.dials[0]?.succeed();
    assert.equal(await lease, 2);
  });

  test('each waiting lease has its own dial, up to the bound', async () => {
    const world = new Integers({ max: 3 });
    world.automatic = false;
    const leases = Array.from({ length: 5 }, () => world.lease());
    assert.equal(world.dials.length, 3);
    figuresOf(world, { connecting: 3, waiting: 2 });
    for (const dial of [...world.dials]) dial.succeed();
    await settled();
    figuresOf(world, { inUse: 3, waiting: 2 });
    world.pool.release(await (leases[1] as Promise<number>));
    assert.equal(await leases[3], 2);
    assert.equal(await standing(leases[4] as Promise<number>), 'pending');
  });

  test('waiters of every kind are served first in, first out', async () => {
    const world = new Integers({ max: 1 });
    const held = await world.lease();
    const order: string[] = [];
    const note = (name: string, promise: Promise<number>) => promise.then(() => order.push(name));
    void note('lease 1', world.lease());
    void note('share 1', world.share());
    void note('share 2', world.share());
    void note('occupy 1', world.occupy());
    void note('share 3', world.share());
    world.pool.release(held);
    await settled();
    assert.deepEqual(order, ['lease 1']);
    world.pool.release(1);
    await settled();
    assert.deepEqual(order, ['lease 1', 'share 1', 'share 2']);
    world.set(1, 'ready');
    await settled();
    assert.deepEqual(order, ['lease 1', 'share 1', 'share 2', 'occupy 1']);
    world.pool.release(1);
    await settled();
    assert.equal(order.at(-1), 'share 3');
  });

  test('a resource is never shared and leased in the same turn', async () => {
    const world = new Integers({ max: 1 });
    world.automatic = false;
    const share = world.share();
    const lease = world.lease();
    world.dials[0]?.succeed();
    assert.equal(await share, 1);
    assert.equal(await standing(lease), 'pending');
    world.set(1, 'ready');
    assert.equal(await lease, 1);
  });

  test('fifty rounds of lease, work and release within a tick use one resource', () => {
    const world = new Integers();
    return (async () => {
      world.pool.release(await world.lease());
      for (let round = 0; round < 50; round++) {
        const leased = world.pool.tryLease();
        assert.equal(leased, 1);
        world.pool.release(1);
      }
      assert.equal(world.made, 1);
    })();
  });
});

describe('occupying', () => {
  test('at most max - 1 resources are occupied at a time, so that sharers always find one', async () => {
    const world = new Integers({ max: 3 });
    const occupied = [await world.occupy(), await world.occupy()];
    const third = world.occupy();
    assert.equal(await standing(third), 'pending');
    assert.equal(await world.share(), 3);
    assert.equal(world.pool.tryShare(), 3);
    assert.equal(await standing(third), 'pending');
    figuresOf(world, { occupied: 2, inUse: 2, idle: 1, waiting: 1 });
    world.pool.release(occupied[0] as number);
    assert.equal(await third, 1);
  });

  test('occupying callers that wait delay no lease', async () => {
    const world = new Integers({ max: 2 });
    await world.occupy();
    const waiting = [world.occupy(), world.occupy()];
    assert.equal(await world.lease(), 2);
    world.pool.release(2);
    assert.equal(world.pool.tryLease(), 2);
    for (const promise of waiting) assert.equal(await standing(promise), 'pending');
  });

  test('the only resource is occupied when max is 1', async () => {
    const world = new Integers({ max: 1 });
    assert.equal(await world.occupy(), 1);
    const share = world.share();
    assert.equal(await standing(share), 'pending');
    world.pool.release(1);
    assert.equal(await share, 1);
  });
});

describe('releasing', () => {
  test('a second and a foreign release throw and change nothing', async () => {
    const world = new Integers();
    const resource = await world.lease();
    world.pool.release(resource);
    const before = world.pool.figures;
    for (const foreign of [resource, 99]) {
      assert.throws(() => world.pool.release(foreign), { name: 'TypeError', message: /not leased out/ });
    }
    await world.share();
    world.set(1, 'ready');
    assert.throws(() => world.pool.release(1), TypeError);
    assert.deepEqual(world.pool.figures, before);
  });

  test('a slot forgets its holder when it is released', async () => {
    const world = new Integers({ max: 1 });
    const resource = await world.lease();
    const slot = world.pool.slotOf(resource);
    assert.ok(slot);
    slot.holder = {};
    slot.release();
    assert.deepEqual([slot.held, slot.holding, slot.holder], [false, null, null]);
    assert.equal(await world.lease(), resource);
    assert.deepEqual([slot.held, slot.holding, slot.holder], [true, 'leased', null]);
    figuresOf(world, { inUse: 1 });
    slot.release();
    figuresOf(world, { inUse: 0 });
    assert.throws(() => slot.release(), TypeError);
  });

  test('a busy released resource is shared at once, and leased when it is ready', async () => {
    const world = new Integers({ max: 1 });
    await world.lease();
    world.states.set(1, 'busy');
    world.pool.release(1);
    assert.equal(world.pool.tryShare(), 1);
    const lease = world.lease();
    world.set(1, 'ready');
    assert.equal(await lease, 1);
  });

  test('a dirty released resource is drained, counted until it is closed, then replaced', async () => {
    const world = new Integers({ max: 1 });
    await world.lease();
    world.states.set(1, 'dirty');
    const next = world.lease();
    world.pool.release(1);
    assert.deepEqual([...world.draining], [1]);
    figuresOf(world, { open: 1, connecting: 0, waiting: 1 });
    world.set(1, 'dead');
    assert.equal(await next, 2);
  });

  test('a resource that dies while leased frees its slot at once, and its release does no harm', async () => {
    const world = new Integers({ max: 1 });
    const resource = await world.lease();
    const next = world.lease();
    world.set(resource, 'dead');
    figuresOf(world, { open: 0, connecting: 1 });
    assert.equal(await next, 2);
    world.pool.release(resource);
    figuresOf(world, { open: 1, inUse: 1 });
    assert.throws(() => world.pool.release(resource), TypeError);
  });

  test('a resource that died unreported is noticed at its release and at the next lease', async () => {
    const world = new Integers({ max: 1 });
    await world.lease();
    world.states.set(1, 'dead');
    world.pool.release(1);
    figuresOf(world, { open: 0 });
    world.pool.release(await world.lease());
    world.states.set(2, 'dead');
    assert.equal(await world.lease(), 3);
  });
});

describe('limits', () => {
  test('timeout 0 acquires at once or not at all', async () => {
    const world = new Integers({ max: 1 });
    await assert.rejects(world.lease(0), { name: 'TimeoutError', phase: 'acquire' });
    await assert.rejects(world.share(0), { name: 'TimeoutError' });
    assert.equal(world.made, 0);
    world.pool.release(await world.lease());
    assert.equal(await world.lease(0), 1);
  });

  test('a timeout reports the figures', async () => {
    const world = new Integers({ max: 2 });
    await world.lease();
    await world.clock.advance(70);
    await world.occupy();
    const waiting = world.lease(200);
    const rejected = assert.rejects(waiting, (error) => {
      assert.ok(error instanceof TimeoutError);
      const { phase, max, inUse, idle, connecting, oldestLease, endpoint, cause } = error;
      assert.deepEqual(
        { phase, max, inUse, idle, connecting, oldestLease, endpoint, cause, waiting: error.waiting },
        {
          phase: 'acquire',
          max: 2,
          inUse: 2,
          idle: 0,
          connecting: 0,
          oldestLease: 270,
          endpoint: 'here:1',
          cause: undefined,
          waiting: 1,
        },
      );
      return true;
    });
    await world.clock.advance(199);
    assert.equal(await standing(waiting), 'pending');
    await world.clock.advance(1);
    await rejected;
    figuresOf(world, { waiting: 0 });
    assert.equal(world.clock.pending, 0);
  });

  test('one waiter too many is refused at once; the caller that dials does not count', async () => {
    const world = new Integers({ max: 2, maxWaiting: 1 });
    world.automatic = false;
    const dialling = [world.lease(), world.lease()];
    const waiting = world.lease();
    await assert.rejects(world.lease(), (error) => error instanceof OverloadedError);
    await assert.rejects(world.share(), OverloadedError);
    figuresOf(world, { connecting: 2, waiting: 1 });
    for (const dial of [...world.dials]) dial.succeed();
    await Promise.all(dialling);
    world.pool.release(1);
    assert.equal(await waiting, 1);
  });

  test('maxWaiting 0 allows no waiter', async () => {
    const world = new Integers({ max: 1, maxWaiting: 0 });
    assert.equal(await world.lease(), 1);
    await assert.rejects(world.lease(), OverloadedError);
  });

  test('a caller that leaves makes room for the sharers behind it', async () => {
    const world = new Integers({ max: 1 });
    await world.share();
    const controller = new AbortController();
    const lease = world.lease(null, controller.signal);
    const share = world.share();
    const reason = new Error('enough');
    controller.abort(reason);
    await assert.rejects(lease, (error) => error === reason);
    assert.equal(await share, 1);
  });
});
