import { Deadline } from '../../src/base/deadline.ts';
import { DialGovernor } from '../../src/pooling/dial-governor.ts';
import { ResourcePool } from '../../src/pooling/resource-pool.ts';
import type { ResourceHooks, ResourcePoolSettings, ResourceState } from '../../src/pooling/resource-hooks.ts';
import { FakeClock } from './fake-clock.ts';

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
export class Integers implements ResourceHooks<number> {
  readonly clock = new FakeClock();
  readonly dials: PendingDial[] = [];
  readonly states = new Map<number, ResourceState>();
  readonly destroyed: number[] = [];
  readonly draining = new Set<number>();
  readonly pool: ResourcePool<number>;
  readonly governor: DialGovernor;
  transient: (error: unknown) => boolean = () => true;
  /** Dials succeed by themselves, one turn later. */
  automatic = true;
  made = 0;

  constructor(settings: Partial<ResourcePoolSettings> = {}) {
    this.governor = settings.governor ?? new DialGovernor({ clock: this.clock, random: () => 0.5 });
    const { clock, governor } = this;
    const defaults = { address: 'here:1', max: 3, clock, governor, random: () => 0 };
    this.pool = new ResourcePool<number>(this, { ...defaults, ...settings });
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

/** How a promise stands right now. */
export async function standing(promise: Promise<unknown>): Promise<'pending' | 'resolved' | 'rejected'> {
  const pending = Symbol('pending');
  const outcome = promise.then(
    () => 'resolved' as const,
    () => 'rejected' as const,
  );
  const first = await Promise.race([outcome, new Promise((resolve) => setImmediate(resolve, pending))]);
  return first === pending ? 'pending' : (first as 'resolved' | 'rejected');
}
