import assert from 'node:assert/strict';
import { Deadline } from '../../src/base/deadline.ts';
import { poolErrors, reportLeak } from '../../src/node/pool-reports.ts';
import { DialGovernor } from '../../src/pooling/dial-governor.ts';
import { Pool } from '../../src/pooling/pool.ts';
import type { PoolFigures, PoolSettings } from '../../src/pooling/pool-settings.ts';
import type { Resource, ResourceState, Slot, SlotHandle } from '../../src/pooling/slots.ts';
import { FakeClock } from './fake-clock.ts';

/** An integer in a pool of integers; the world holds its state. */
class Integer implements Resource {
  readonly value: number;
  slot: SlotHandle | null = null;
  readonly #world: Integers;

  constructor(value: number, world: Integers) {
    this.value = value;
    this.#world = world;
  }
  state(): ResourceState {
    return this.#world.state(this.value);
  }
  drain(): void {
    this.#world.drain(this.value);
  }
  destroy(): void {
    this.#world.destroy(this.value);
  }
  placed(slot: SlotHandle): void {
    this.slot = slot;
  }
}

const ERRORS = poolErrors('here:1');

/** A pool of integers: it gives and takes the integers themselves. */
class IntegerPool {
  readonly address: string;
  readonly #pool: Pool<Integer>;
  readonly #members: Map<number, Integer>;

  constructor(settings: PoolSettings<Integer>, members: Map<number, Integer>) {
    this.#pool = new Pool(settings);
    this.#members = members;
    this.address = settings.address;
  }
  get figures(): PoolFigures {
    return this.#pool.figures;
  }
  get max(): number {
    return this.#pool.max;
  }
  tryShare(): number | null {
    return this.#pool.tryShare()?.value ?? null;
  }
  share<R>(use: (resource: number) => R, deadline: Deadline, pinned?: boolean): Promise<Awaited<R>> {
    return this.#pool.share(({ value }) => use(value), deadline, pinned);
  }
  tryLease(): number | null {
    return numberOf(this.#pool.tryLease());
  }
  async lease(deadline: Deadline): Promise<number> {
    return numberOf(await this.#pool.lease(deadline));
  }
  async occupy(deadline: Deadline): Promise<number> {
    return numberOf(await this.#pool.occupy(deadline));
  }
  setRef(on: boolean): void {
    this.#pool.setRef(on);
  }
  /** Moment of the last grant of this resource: later grants have later moments. */
  since(resource: number): number {
    return (this.slotOf(resource) as Slot<Integer> | null)?.since ?? 0;
  }
  held(resource: number): boolean {
    return this.slotOf(resource)?.held === true;
  }
  slotOf(resource: number): SlotHandle | null {
    return this.#members.get(resource)?.slot ?? null;
  }
  release(resource: number): void {
    const slot = this.slotOf(resource);
    if (slot === null) throw ERRORS.notLeased();
    slot.release();
  }
  changed(resource: number): void {
    this.slotOf(resource)?.changed();
  }
  retire(resource: number, replace: boolean): void {
    this.slotOf(resource)?.retire(replace);
  }
  resize(max: number): void {
    this.#pool.resize(max);
  }
  evict(error: () => Error, all: boolean): void {
    this.#pool.evict(error, all);
  }
  disconnectAll(reason: string): void {
    this.#pool.disconnectAll(reason);
  }
  close(timeout: number | null): Promise<void> {
    return this.#pool.close(timeout);
  }
}

function numberOf<S extends Slot<Integer> | null>(slot: S): S extends null ? null : number {
  return (slot === null ? null : slot.value.value) as S extends null ? null : number;
}

/** One dial under way, to be ended by the test. */
export interface PendingDial {
  readonly signal: AbortSignal;
  succeed(): number;
  fail(error: unknown): void;
}

/**
 * A world in which resources are integers: `work` is what is outstanding on each of them. It checks the
 * bound at every moment it is asked for something.
 */
export class Integers {
  readonly clock = new FakeClock();
  readonly dials: PendingDial[] = [];
  readonly states = new Map<number, ResourceState>();
  readonly destroyed: number[] = [];
  readonly draining = new Set<number>();
  readonly pool: IntegerPool;
  readonly members = new Map<number, Integer>();
  readonly governor: DialGovernor;
  transient: (error: unknown) => boolean = () => true;
  /** Dials succeed by themselves, one turn later. */
  automatic = true;
  made = 0;

  constructor(settings: Partial<PoolSettings<Integer>> = {}) {
    this.governor = settings.governor ?? new DialGovernor({ clock: this.clock, random: () => 0.5 });
    const { clock, governor } = this;
    const defaults: PoolSettings<Integer> = {
      address: 'here:1',
      max: 3,
      clock,
      governor,
      random: () => 0,
      errors: ERRORS,
      leaked: (age, stack) => reportLeak('here:1', age, stack),
      transient: (error) => this.transient(error),
      create: async (signal) => {
        const integer = new Integer(await this.create(signal), this);
        this.members.set(integer.value, integer);
        return integer;
      },
    };
    this.pool = new IntegerPool({ ...defaults, ...settings }, this.members);
  }

  create(signal: AbortSignal): Promise<number> {
    this.check();
    if (this.automatic) return Promise.resolve(this.#make());
    return new Promise((resolve, reject) => {
      const dial: PendingDial = {
        signal,
        succeed: () => {
          this.#end(dial);
          const made = this.#make();
          resolve(made);
          return made;
        },
        fail: (error) => {
          this.#end(dial);
          reject(error);
        },
      };
      signal.addEventListener('abort', () => dial.fail(signal.reason), { once: true });
      this.dials.push(dial);
    });
  }
  destroy(resource: number): void {
    this.check();
    this.states.set(resource, 'dead');
    this.draining.delete(resource);
    this.destroyed.push(resource);
  }
  state(resource: number): ResourceState {
    return this.states.get(resource) ?? 'dead';
  }
  drain(resource: number): void {
    this.check();
    if (this.state(resource) === 'ready') this.states.set(resource, 'dead');
    else this.draining.add(resource);
  }

  /** Changes a state and says so. */
  set(resource: number, state: ResourceState): void {
    const drained = this.draining.has(resource) && (state === 'ready' || state === 'dead');
    this.states.set(resource, drained ? 'dead' : state);
    if (drained) this.draining.delete(resource);
    this.pool.changed(resource);
  }

  check(): void {
    const { open, connecting, max, inUse, idle, waiting, occupied } = this.pool.figures;
    if (open + connecting > max) throw new Error(`${open} open and ${connecting} connecting exceed ${max}`);
    if (inUse + idle !== open || occupied > inUse) throw new Error('the figures do not agree');
    if (Math.min(open, connecting, inUse, idle, waiting, occupied) < 0)
      throw new Error('a figure is negative');
  }

  deadline(timeout: number | null = null, signal: AbortSignal | null = null): Deadline {
    return new Deadline(signal, timeout, this.clock);
  }
  lease(timeout: number | null = null, signal: AbortSignal | null = null): Promise<number> {
    return this.pool.lease(this.deadline(timeout, signal));
  }
  occupy(timeout: number | null = null, signal: AbortSignal | null = null): Promise<number> {
    return this.pool.occupy(this.deadline(timeout, signal));
  }
  /** One piece of shared work: the resource is busy afterwards. */
  share(timeout: number | null = null, signal: AbortSignal | null = null): Promise<number> {
    const use = (resource: number) => {
      if (this.state(resource) === 'ready') this.states.set(resource, 'busy');
      return resource;
    };
    return this.pool.share(use, this.deadline(timeout, signal));
  }

  #make(): number {
    const made = ++this.made;
    this.states.set(made, 'ready');
    return made;
  }
  #end(dial: PendingDial): void {
    const index = this.dials.indexOf(dial);
    if (index >= 0) this.dials.splice(index, 1);
  }
}

/** The present state of a promise. */
export async function standing(promise: Promise<unknown>): Promise<'pending' | 'resolved' | 'rejected'> {
  const pending = Symbol('pending');
  const outcome = promise.then(
    () => 'resolved' as const,
    () => 'rejected' as const,
  );
  const first = await Promise.race([outcome, new Promise((resolve) => setImmediate(resolve, pending))]);
  return first === pending ? 'pending' : (first as 'resolved' | 'rejected');
}

/** Compares some figures of the pool. */
export function figuresOf(world: Integers, expected: Record<string, unknown>): void {
  const figures = world.pool.figures as unknown as Record<string, unknown>;
  for (const [key, value] of Object.entries(expected)) assert.equal(figures[key], value, key);
}
