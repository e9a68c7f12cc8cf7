import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { settled } from '../../support/fake-clock.ts';
import { Integers } from '../../support/integers.ts';

const KINDS = ['share', 'lease', 'occupy'] as const;
const PHASES = ['before start', 'while dialling', 'while waiting'] as const;
const WAYS = ['abort', 'timeout'] as const;
const OUTCOMES = ['dial succeeds', 'dial fails', 'resource dies', 'pool closes'] as const;
const reason = new Error('enough');

/** A caller that gives up in `phase`; afterwards the world goes on with `outcome`. */
async function play(
  kind: (typeof KINDS)[number],
  phase: (typeof PHASES)[number],
  way: (typeof WAYS)[number],
  outcome: (typeof OUTCOMES)[number],
): Promise<void> {
  const world = new Integers({ max: 1 });
  const controller = new AbortController();
  let held: number | null = null;
  if (phase === 'while waiting') held = await world.lease();
  world.automatic = false;
  if (phase === 'before start' && way === 'abort') controller.abort(reason);
  const limit = way === 'abort' ? null : phase === 'before start' ? 0 : 100;
  const call = world[kind](limit, way === 'abort' ? controller.signal : null);
  const rejected =
    way === 'abort'
      ? assert.rejects(call, (error) => error === reason)
      : assert.rejects(call, { name: 'TimeoutError', phase: 'acquire' });
  await settled();
  if (phase !== 'before start' && way === 'abort') controller.abort(reason);
  await world.clock.advance(100);
  await rejected;
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  assert.equal(world.clock.pending, 0);
  world.check();

  // No caller waits now; a cancelled caller must not affect a later one.
  const later = world.lease(10_000);
  later.catch(() => {});
  if (outcome === 'pool closes') return await finish(world, later);
  if (outcome === 'dial fails' && held === null) {
    world.dials[0]?.fail(new Error('refused'));
    world.automatic = true;
    await world.clock.advance(2000);
  } else if (held !== null) {
    world.automatic = true;
    if (outcome !== 'dial succeeds') world.set(held, 'dead');
    world.pool.release(held);
  } else {
    const made = world.dials[0]?.succeed() as number;
    world.automatic = true;
    await settled();
    if (outcome === 'resource dies') world.set(made, 'dead');
  }
  const resource = await later;
  assert.equal(world.pool.figures.inUse, world.state(resource) === 'dead' ? 0 : 1);
  world.pool.release(resource);
  const { inUse, connecting, waiting } = world.pool.figures;
  assert.deepEqual({ inUse, connecting, waiting }, { inUse: 0, connecting: 0, waiting: 0 });
  await finish(world, null);
}

async function finish(world: Integers, later: Promise<number> | null): Promise<void> {
  const rejected = later === null ? null : assert.rejects(later, { name: 'PoolClosedError' });
  await world.pool.close(0);
  await rejected;
  await settled();
  const { open, connecting, waiting, inUse } = world.pool.figures;
  assert.deepEqual({ open, connecting, waiting, inUse }, { open: 0, connecting: 0, waiting: 0, inUse: 0 });
  assert.equal(world.clock.pending, 0);
}

describe('cancelled callers', () => {
  for (const kind of KINDS) {
    for (const phase of PHASES) {
      for (const way of WAYS) {
        for (const outcome of OUTCOMES) {
          test(`a cancelled ${kind} leaves nothing behind: ${way} ${phase}, then ${outcome}`, () =>
            play(kind, phase, way, outcome));
        }
      }
    }
  }

  test('a dial whose caller left becomes idle', async () => {
    const world = new Integers();
    world.automatic = false;
    const controller = new AbortController();
    const call = world.lease(null, controller.signal);
    controller.abort(reason);
    await assert.rejects(call, (error) => error === reason);
    assert.equal(world.dials[0]?.signal.aborted, false);
    world.dials[0]?.succeed();
    await settled();
    assert.equal(world.pool.figures.idle, 1);
    assert.equal(world.pool.tryLease(), 1);
  });

  test('a hundred thousand callers on one signal share one listener while they wait, and leave none', async () => {
    const world = new Integers({ max: 1 });
    await world.lease();
    const controller = new AbortController();
    const outcomes = new Set<unknown>();
    const calls: Promise<unknown>[] = [];
    for (let count = 0; count < 100_000; count++) {
      calls.push(world.lease(null, controller.signal).catch((error: unknown) => outcomes.add(error)));
    }
    assert.equal(getEventListeners(controller.signal, 'abort').length, 1);
    controller.abort(reason);
    await Promise.all(calls);
    assert.deepEqual([...outcomes], [reason]);
    assert.equal(world.pool.figures.waiting, 0);
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  });

  test('the waiter behind a cancelled one gets the release', async () => {
    const world = new Integers({ max: 1 });
    const held = await world.lease();
    const left = world.lease(50);
    const rejected = assert.rejects(left);
    const next = world.lease();
    await world.clock.advance(50);
    await rejected;
    world.pool.release(held);
    assert.equal(await next, held);
  });
});
