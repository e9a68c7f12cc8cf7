import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PoolClosedError, TimeoutError } from '../../../src/errors/errors.ts';
import { settled } from '../../support/fake-clock.ts';
import { Integers, standing } from '../../support/integers.ts';
import { figuresOf } from '../../support/integers.ts';

describe('failed dials', () => {
  const failure = new Error('refused');

  test('a failed dial rejects every waiter without a limit', async () => {
    const world = new Integers({ max: 2 });
    world.automatic = false;
    const calls = [world.share(), world.share(), world.share()];
    world.dials[0]?.fail(failure);
    for (const call of calls) await assert.rejects(call, (error) => error === failure);
    figuresOf(world, { open: 0, connecting: 0, waiting: 0 });
  });

  test('one failed dial of several rejects one lease', async () => {
    const world = new Integers({ max: 3 });
    world.automatic = false;
    const leases = [world.lease(), world.lease(), world.lease()];
    for (const lease of leases) lease.catch(() => {});
    world.dials[1]?.fail(failure);
    await settled();
    const standings = await Promise.all(leases.map((lease) => standing(lease)));
    assert.deepEqual(standings.sort(), ['pending', 'pending', 'rejected']);
    for (const dial of [...world.dials]) dial.succeed();
    await settled();
    figuresOf(world, { inUse: 2, waiting: 0 });
  });

  test('a failed dial does not reject callers that wait for a release', async () => {
    const world = new Integers({ max: 2 });
    const held = await world.lease();
    world.automatic = false;
    const dialling = world.lease();
    const waiting = world.lease();
    world.dials[0]?.fail(failure);
    await assert.rejects(dialling, (error) => error === failure);
    world.pool.release(held);
    assert.equal(await waiting, held);
  });

  test('callers with a limit wait through the pauses and learn the cause in the end', async () => {
    const world = new Integers({ max: 1 });
    world.automatic = false;
    const call = world.lease(500);
    const rejected = assert.rejects(call, (error) => {
      assert.ok(error instanceof TimeoutError);
      assert.equal(error.cause, failure);
      return true;
    });
    let dials = 0;
    for (let time = 0; time < 500; time += 5) {
      if (world.dials.length > 0) {
        dials++;
        world.dials[0]?.fail(failure);
      }
      await world.clock.advance(5);
    }
    await rejected;
    assert.ok(dials >= 3 && dials <= 8, `${dials} dials`);
    assert.equal(world.clock.pending, 0);
  });

  test('a caller with a limit gets through when the address comes back', async () => {
    const world = new Integers({ max: 1 });
    world.automatic = false;
    const call = world.share(5000);
    world.dials[0]?.fail(failure);
    await settled();
    world.automatic = true;
    await world.clock.advance(100);
    assert.equal(await call, 1);
  });

  test('a caller without a limit that arrives during the pause waits only for the next dial', async () => {
    const world = new Integers({ max: 1 });
    world.automatic = false;
    const first = world.lease();
    world.dials[0]?.fail(failure);
    await assert.rejects(first);
    const second = world.lease();
    assert.equal(world.dials.length, 0);
    await world.clock.advance(25);
    assert.equal(world.dials.length, 1);
    world.dials[0]?.fail(failure);
    await assert.rejects(second, (error) => error === failure);
  });

  test('a permanent failure also rejects callers with a limit', async () => {
    const world = new Integers();
    world.automatic = false;
    world.transient = () => false;
    const call = world.share(5000);
    world.dials[0]?.fail(failure);
    await assert.rejects(call, (error) => error === failure);
    assert.equal(world.clock.pending, 0);
  });

  test('a create that throws gives its slot back', async () => {
    const world = new Integers({ max: 1 });
    world.create = () => {
      throw failure;
    };
    for (let round = 0; round < 5; round++) {
      const call = world.lease();
      const rejected = assert.rejects(call, (error) => error === failure);
      await world.clock.advance(2000);
      await rejected;
      figuresOf(world, { open: 0, connecting: 0, waiting: 0 });
    }
  });

  test('a resource that is dead on arrival is a failed dial', async () => {
    const world = new Integers({ max: 1 });
    world.create = () => Promise.resolve(77);
    await assert.rejects(world.lease(), { name: 'ConnectionError' });
    figuresOf(world, { open: 0, connecting: 0 });
  });
});

describe('closing', () => {
  test('close rejects waiters at once, lets holders finish and shares its promise', async () => {
    const world = new Integers({ max: 2 });
    const held = await world.lease();
    const idle = await world.lease();
    world.pool.release(idle);
    await world.lease();
    const waiting = world.lease();
    const closing = world.pool.close(5000);
    assert.equal(world.pool.close(5000), closing);
    await assert.rejects(waiting, (error) => error instanceof PoolClosedError);
    await assert.rejects(world.lease(), PoolClosedError);
    await assert.rejects(world.share(), PoolClosedError);
    await assert.rejects(world.occupy(), PoolClosedError);
    assert.equal(world.pool.tryLease(), null);
    assert.equal(world.pool.tryShare(), null);
    world.pool.release(held);
    assert.equal(await standing(closing), 'pending');
    world.pool.release(idle);
    await closing;
    figuresOf(world, { open: 0, inUse: 0, connecting: 0, waiting: 0 });
    assert.equal(world.clock.pending, 0);
    assert.equal(world.governor.size, 1);
  });

  test('the grace period of close ends; a second call may shorten it', async () => {
    const world = new Integers();
    const held = await world.lease();
    const closing = world.pool.close(null);
    void world.pool.close(100);
    await world.clock.advance(99);
    assert.equal(await standing(closing), 'pending');
    await world.clock.advance(1);
    await closing;
    assert.deepEqual(world.destroyed, [held]);
    world.pool.release(held);
    assert.equal(world.clock.pending, 0);
  });

  test('close lets busy resources settle first', async () => {
    const world = new Integers();
    await world.share();
    const closing = world.pool.close(5000);
    assert.equal(await standing(closing), 'pending');
    world.set(1, 'ready');
    await closing;
    assert.deepEqual(world.destroyed, []);
  });

  test('close gives up dials, and drops a resource that is still made', async () => {
    const world = new Integers();
    let finish: (resource: number) => void = () => {};
    world.create = () => new Promise((resolve) => (finish = resolve));
    const lease = world.lease();
    const closing = world.pool.close(5000);
    await assert.rejects(lease, PoolClosedError);
    figuresOf(world, { connecting: 1 });
    finish(5);
    await closing;
    assert.deepEqual(world.destroyed, [5]);
    figuresOf(world, { connecting: 0, open: 0 });
  });

  test('disconnectAll drops every resource and the pool goes on', async () => {
    const world = new Integers({ max: 2 });
    const held = await world.lease();
    await world.share();
    const waiting = world.lease();
    world.pool.disconnectAll('asked to');
    assert.deepEqual(world.destroyed.sort(), [1, 2]);
    assert.equal(await waiting, 3);
    world.pool.release(held);
    figuresOf(world, { open: 1, inUse: 1 });
  });
});
