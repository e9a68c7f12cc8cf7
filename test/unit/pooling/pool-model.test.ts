import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clock } from '../../../src/base/clock.ts';
import type { AddressDials } from '../../../src/pooling/dial-governor.ts';
import { settled } from '../../support/fake-clock.ts';
import { Integers } from '../../support/integers.ts';

/** Mulberry32: small, seeded, good enough to wander about. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Call {
  readonly kind: 'share' | 'lease' | 'occupy';
  readonly order: number;
  readonly controller: AbortController;
  readonly limited: boolean;
}

/** Does random things to a pool and compares it with what the model knows. */
class Walk {
  readonly world: Integers;
  readonly random: () => number;
  readonly waiting = new Set<Call>();
  readonly leased = new Set<number>();
  readonly occupied = new Set<number>();
  readonly failures: string[] = [];
  served = 0;
  refused = 0;
  readonly stamps: { kind: string; order: number; moment: number }[] = [];
  #address: AddressDials | null = null;
  #order = 0;
  #shares = 0;

  constructor(seed: number) {
    this.random = randomOf(seed);
    const max = 1 + this.below(4);
    let grants = 0;
    // Strictly increasing, so that the order of grants shows.
    const clock: Clock = {
      now: () => this.world.clock.now() + ++grants * 1e-9,
      epoch: () => this.world.clock.epoch(),
      setTimeout: (callback, delay, unref) => this.world.clock.setTimeout(callback, delay, unref),
      clearTimeout: (timer) => this.world.clock.clearTimeout(timer),
    };
    const maxLifetime = this.below(2) === 0 ? null : 5000;
    this.world = new Integers({ max, random: this.random, maxLifetime, clock });
    this.world.automatic = false;
  }
  below(bound: number): number {
    return Math.floor(this.random() * bound);
  }
  any<V>(values: Iterable<V>): V | undefined {
    const list = [...values];
    return list[this.below(list.length)];
  }

  step(): void {
    const action = this.below(100);
    if (action < 30) this.begin();
    else if (action < 48) this.giveBack();
    else if (action < 66) this.dial();
    else if (action < 84) this.change();
    else if (action < 90) this.any(this.waiting)?.controller.abort('left');
    else if (action < 97) this.world.clock.advanceNow(this.below(40));
    else if (action < 98) this.world.pool.disconnectAll('because');
    else this.strange();
    this.world.check();
    const { inUse, occupied } = this.world.pool.figures;
    const alive = (set: Set<number>) => [...set].filter((one) => this.world.state(one) !== 'dead').length;
    if (inUse < alive(this.leased) + alive(this.occupied)) this.failures.push('a holder is not counted');
    if (occupied > Math.max(1, this.world.pool.max - 1)) this.failures.push('too many are occupied');
  }

  begin(): void {
    const kind = this.any(['share', 'lease', 'occupy'] as const) ?? 'share';
    const limited = this.below(3) === 0;
    const call = { kind, order: this.#order++, controller: new AbortController(), limited };
    if (this.waiting.size > 12) return;
    this.waiting.add(call);
    const deadline = this.world.deadline(limited ? 1 + this.below(200) : null, call.controller.signal);
    const use = (resource: number) => {
      this.stamp(call, this.#shares++);
      if (this.world.state(resource) === 'ready') this.world.states.set(resource, 'busy');
      return resource;
    };
    const outcome = kind === 'share' ? this.world.pool.share(use, deadline) : this.world.pool[kind](deadline);
    outcome.then(
      (resource) => this.settle(call, resource),
      () => {
        this.waiting.delete(call);
        this.refused++;
      },
    );
  }

  settle(call: Call, resource: number): void {
    this.waiting.delete(call);
    this.served++;
    const holders = call.kind === 'occupy' ? this.occupied : this.leased;
    if (call.kind === 'share') return;
    this.stamp(call, this.world.pool.since(resource));
    if (this.leased.has(resource) || this.occupied.has(resource)) this.failures.push('held twice');
    holders.add(resource);
  }

  /** `moment` counts in the order of serving; promises may settle in another one. */
  stamp(call: Call, moment: number): void {
    this.stamps.push({ kind: call.kind, order: call.order, moment });
  }

  /** Of two equal waiters the older one is served first. */
  outOfTurn(): unknown[] {
    const stamps = this.stamps.sort((a, b) => a.order - b.order);
    return (['share', 'lease', 'occupy'] as const).flatMap((kind) => {
      const alike = stamps.filter((stamp) => stamp.kind === kind);
      return alike.filter((stamp, index) => index > 0 && stamp.moment <= (alike[index - 1]?.moment ?? 0));
    });
  }

  giveBack(): void {
    const holders = this.below(2) === 0 ? this.leased : this.occupied;
    const resource = this.any(holders);
    if (resource === undefined) return;
    holders.delete(resource);
    const state = this.any(['ready', 'ready', 'busy', 'dirty'] as const) ?? 'ready';
    if (this.world.state(resource) !== 'dead') this.world.states.set(resource, state);
    this.world.pool.release(resource);
  }

  dial(): void {
    const dial = this.any(this.world.dials);
    if (this.below(5) === 0) dial?.fail(new Error('refused'));
    else dial?.succeed();
  }

  change(): void {
    const resource = this.any(this.world.states.keys());
    if (resource === undefined) return;
    const state = this.world.state(resource);
    if (state === 'dead') this.world.states.delete(resource);
    else if (this.below(12) === 0) this.world.set(resource, 'dead');
    else if (state === 'busy' || state === 'suspended' || state === 'dirty') {
      this.world.set(resource, state === 'dirty' ? 'dead' : 'ready');
    } else if (this.below(10) === 0) this.world.set(resource, 'suspended');
  }

  strange(): void {
    assert.throws(() => this.world.pool.release(-1), TypeError);
    const resource = this.any(this.world.states.keys());
    if (resource !== undefined) this.world.pool.retire(resource, this.below(2) === 0);
  }

  /** At rest no caller waits for an available resource. */
  lostWakeUp(): string | null {
    const { pool, governor, draining, states } = this.world;
    const count = (kind: string) => [...this.waiting].filter((call) => call.kind === kind).length;
    const { max, occupied, open, connecting } = pool.figures;
    const exclusive = count('lease') + Math.min(count('occupy'), Math.max(1, max - 1) - occupied);
    const free = (state: string) =>
      [...states].some(([one, is]) => is === state && !pool.held(one) && !draining.has(one));
    if (exclusive > 0 && free('ready')) return 'a lease waits while a resource is ready';
    const usable = free('ready') || free('busy');
    if (exclusive === 0 && count('share') > 0 && usable && draining.size === 0)
      return 'a sharer waits for nothing';
    this.#address ??= governor.attach(pool.address);
    const mayDial = this.#address.mayStart() && open + connecting < max;
    return mayDial && exclusive > connecting ? 'nobody dials for a lease' : null;
  }

  /** All resources return and work, so every waiter must be served. */
  async rest(): Promise<void> {
    const { world } = this;
    world.automatic = true;
    for (
      let round = 0;
      round < 400 && this.waiting.size + this.leased.size + this.occupied.size > 0;
      round++
    ) {
      for (const dial of [...world.dials]) dial.succeed();
      await settled();
      for (const holders of [this.leased, this.occupied]) {
        for (const resource of [...holders]) {
          holders.delete(resource);
          world.pool.release(resource);
        }
      }
      for (const resource of [...world.states.keys()]) {
        if (world.state(resource) !== 'ready' && world.state(resource) !== 'dead') {
          world.set(resource, world.state(resource) === 'dirty' ? 'dead' : 'ready');
        }
      }
      await world.clock.advance(50);
    }
  }
}

async function walk(seed: number, steps: number): Promise<Walk> {
  const walk = new Walk(seed);
  for (let step = 0; step < steps; step++) {
    walk.step();
    if (walk.below(4) === 0) await null;
    if (walk.below(3) === 0) {
      await settled();
      const lost = walk.lostWakeUp();
      if (lost !== null) walk.failures.push(lost);
    }
    if (walk.failures.length > 0) break;
  }
  await settled();
  await walk.rest();
  return walk;
}

describe('random walks', () => {
  test('a hundred thousand actions break no promise and lose no wake-up', async () => {
    let served = 0;
    let refused = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const end = await walk(seed, 1000);
      const where = `seed ${seed}`;
      assert.deepEqual(end.failures, [], where);
      assert.deepEqual(end.outOfTurn(), [], `${where}: somebody was overtaken`);
      assert.deepEqual([...end.waiting], [], `${where}: somebody waits for ever`);
      const { inUse, occupied, connecting, waiting } = end.world.pool.figures;
      assert.deepEqual({ inUse, occupied, waiting }, { inUse: 0, occupied: 0, waiting: 0 }, where);
      assert.equal(connecting, 0, where);
      const closed = end.world.pool.close(0);
      await closed;
      assert.equal(end.world.pool.figures.open, 0, where);
      assert.equal(end.world.clock.pending, 0, where);
      served += end.served;
      refused += end.refused;
    }
    assert.ok(served > 5000, `${served} were served`);
    assert.ok(refused > 1000, `${refused} were refused`);
  });
});
