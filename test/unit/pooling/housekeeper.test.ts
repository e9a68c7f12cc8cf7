import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, test } from 'node:test';
import { settled } from '../../support/fake-clock.ts';
import { Integers, standing } from '../../support/integers.ts';

describe('lifetimes', () => {
  test('an idle resource is replaced before it is closed when there is room', async () => {
    const world = new Integers({ max: 2, maxLifetime: 1000 });
    await world.share();
    world.set(1, 'ready');
    world.automatic = false;
    await world.clock.advance(1000);
    assert.equal(world.dials.length, 1);
    assert.equal(world.pool.figures.open, 1);
    assert.equal(world.pool.tryShare(), 1);
    world.dials[0]?.succeed();
    await settled();
    assert.equal(world.state(1), 'dead');
    assert.equal(world.pool.tryShare(), 2);
    assert.equal(world.pool.figures.open, 1);
  });

  test('shared work moves over only when the old resource has run empty', async () => {
    const world = new Integers({ max: 2, maxLifetime: 1000, maxWaiting: 0 });
    await world.share();
    await world.clock.advance(1000);
    assert.deepEqual([...world.draining], [1]);
    assert.equal(world.pool.tryShare(), null);
    const next = world.share();
    assert.equal(await standing(next), 'pending');
    world.set(1, 'dead');
    assert.equal(await next, 2);
  });

  test('without room an old resource is closed between two uses, then made anew on demand', async () => {
    const world = new Integers({ max: 1, maxLifetime: 1000 });
    world.pool.release(await world.lease());
    await world.clock.advance(1000);
    assert.equal(world.pool.figures.open, 0);
    assert.equal(world.made, 1);
    assert.equal(await world.lease(), 2);
    await world.clock.advance(5000);
    assert.equal(world.state(2), 'ready');
    world.pool.release(2);
    assert.equal(world.state(2), 'dead');
  });

  test('an old leased resource is left alone, and replaced when it comes back', async () => {
    const world = new Integers({ max: 2, maxLifetime: 1000 });
    const held = await world.lease();
    await world.clock.advance(3000);
    assert.equal(world.state(held), 'ready');
    world.pool.release(held);
    await settled();
    assert.equal(world.state(held), 'dead');
    assert.equal(world.pool.figures.open, 1);
    assert.equal(world.pool.tryLease(), 2);
  });

  test('a resource that cannot be replaced now is kept, and tried again', async () => {
    const world = new Integers({ max: 2, maxLifetime: 1000 });
    await world.share();
    world.set(1, 'ready');
    world.automatic = false;
    await world.clock.advance(1000);
    world.dials[0]?.fail(new Error('refused'));
    await settled();
    assert.equal(world.pool.tryShare(), 1);
    await world.clock.advance(1000);
    world.dials[0]?.succeed();
    await settled();
    assert.equal(world.pool.tryShare(), 2);
  });

  test('lifetimes are jittered', async () => {
    const ends = new Set<number>();
    for (const share of [0, 0.5, 0.99]) {
      const world = new Integers({ max: 1, maxLifetime: 1000, random: () => share });
      world.pool.release(await world.lease());
      const start = world.clock.now();
      while (world.pool.figures.open > 0) world.clock.advanceNow(1);
      ends.add(world.clock.now() - start);
    }
    assert.equal(ends.size, 3);
    for (const end of ends) assert.ok(end >= 900 && end <= 1000, `${end}`);
  });

  test('retire closes an idle resource at once, a leased one at its release, with a successor when asked', async () => {
    const world = new Integers({ max: 3 });
    const [a, b, c] = [await world.lease(), await world.lease(), await world.lease()];
    world.pool.release(a);
    world.pool.retire(a, false);
    assert.equal(world.state(a), 'dead');
    world.pool.retire(b, false);
    assert.equal(world.state(b), 'ready');
    world.pool.release(b);
    assert.equal(world.state(b), 'dead');
    world.pool.release(c);
    world.pool.retire(c, true);
    await settled();
    assert.equal(world.state(c), 'dead');
    assert.equal(world.pool.figures.open, 1);
  });
});

describe('leaks', () => {
  test('a lease that is too old is reported once, with the stack of its acquire', async () => {
    const world = new Integers({ max: 3, leakDetection: 500 });
    const warnings: (Error & { code?: string })[] = [];
    const events: unknown[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    const onLeak = (event: unknown) => events.push(event);
    process.on('warning', onWarning);
    subscribe('respool:pool:leak', onLeak);
    const acquireHere = () => world.lease();
    await acquireHere();
    await world.clock.advance(300);
    const second = world.pool.tryLease() ?? (await world.lease());
    await world.clock.advance(5000);
    world.pool.release(second);
    await world.clock.advance(5000);
    process.off('warning', onWarning);
    unsubscribe('respool:pool:leak', onLeak);
    assert.equal(events.length, 2);
    assert.deepEqual(
      warnings.map((warning) => warning.code),
      ['RESPOOL_LEAK', 'RESPOOL_LEAK'],
    );
    const [first] = events as { address: string; age: number; stack: string }[];
    assert.equal(first?.address, 'here:1');
    assert.equal(first?.age, 500);
    assert.match(
      first?.stack ?? '',
      /^\s+at IntegerPool\.lease.*\n\s+at Integers\.lease.*\n\s+at acquireHere/,
    );
    assert.match(warnings[0]?.message ?? '', /acquireHere/);
  });

  test('a lease that ends in time is not reported, and an occupied resource never is', async () => {
    const world = new Integers({ leakDetection: 500 });
    const events: unknown[] = [];
    const onLeak = (event: unknown) => events.push(event);
    subscribe('respool:pool:leak', onLeak);
    const lease = await world.lease();
    await world.occupy();
    await world.clock.advance(400);
    world.pool.release(lease);
    await world.clock.advance(100);
    await world.lease();
    await world.clock.advance(499);
    unsubscribe('respool:pool:leak', onLeak);
    assert.deepEqual(events, []);
  });

  test('housekeeping timers let the process end, and none is left after close', async () => {
    const world = new Integers({ leakDetection: 500, maxLifetime: 1000 });
    await world.lease();
    assert.equal(world.clock.pending, 1);
    assert.equal(world.clock.referenced, 0);
    await world.pool.close(0);
    assert.equal(world.clock.pending, 0);
  });
});
