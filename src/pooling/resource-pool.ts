/**
 * The pool core for one address. It has never heard of what it pools. A resource is
 *
 *   shared    used by many at once; nobody takes it (`tryShare`, `share`)
 *   leased    somebody's alone until `release` (`tryLease`, `lease`)
 *   occupied  as leased, for work that blocks; one resource is always left to others (`occupy`)
 *
 * How an owner uses it:
 *
 *   const resource = pool.tryShare();                      // hot path: no promise, no allocation
 *   if (resource === null) await pool.share(use, deadline) // `use(resource)` runs in the very moment it
 *                                                          // is there: no lease comes in between
 *   const resource = await pool.lease(deadline);  …  pool.release(resource);
 *
 *   pool.changed(resource)   must be called when a resource died, became dirty or suspended or usable
 *                            again; and when one ran empty, if `pool.hungry` (cheap to call always).
 *
 * Deadlines are `Deadline` objects: the caller has put the pool's own limit in. Promised here:
 *
 * - open + being made ≤ max; a slot comes back on every path; figures are true inside every callback.
 * - Who waits is served first in, first out over all kinds. A lease gets the most recently released
 *   ready resource (the shared one last), else a new one, else one that is drained for it: while
 *   somebody can only be served by draining, `tryShare` gives nothing and later sharers wait behind.
 * - A caller that gives up loses nothing for others; a dial under way completes into idle.
 * - A failed dial rejects those who waited for it and have no time limit; the others wait for the next
 *   one, then get `TimeoutError` with the figures and the last failure as `cause`.
 * - Shared work changes over from an ageing resource to its replacement once the old one has run
 *   empty: order is kept.
 */
import { systemClock } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import type { Deadline } from '../base/deadline.ts';
import { ConnectionError, PoolClosedError } from '../errors/errors.ts';
import { Allocator } from './allocator.ts';
import { Closing } from './closing.ts';
import { dialGovernor } from './dial-governor.ts';
import { Dialler } from './dialler.ts';
import type { DialOutcome } from './dialler.ts';
import { Housekeeper } from './housekeeper.ts';
import type { Origin, ResourceHooks, ResourcePoolFigures, ResourcePoolSettings } from './resource-hooks.ts';
import type { Slot } from './slots.ts';
import { Stock } from './stock.ts';

export class ResourcePool<T> {
  readonly address: string;
  readonly #hooks: ResourceHooks<T>;
  readonly #clock: Clock;
  readonly #stock: Stock<T>;
  readonly #dialler: Dialler<T>;
  readonly #housekeeper: Housekeeper<T>;
  readonly #allocator: Allocator<T>;
  #closing: Closing | null = null;

  constructor(hooks: ResourceHooks<T>, settings: ResourcePoolSettings) {
    const { address, max, clock = systemClock, random = Math.random, governor = dialGovernor } = settings;
    if (!Number.isInteger(max) || max < 1) throw new TypeError('max must be a whole number, 1 or more');
    const { maxWaiting = null, maxLifetime = null, leakDetection = null } = settings;
    this.address = address;
    this.#hooks = hooks;
    this.#clock = clock;
    const stock = (this.#stock = new Stock(hooks));
    const dialler = (this.#dialler = new Dialler<T>(hooks, this.#outcome(), governor, address));
    const housekeeping = { address, clock, random, maxLifetime, leakDetection };
    const expire = (slot: Slot<T>) => this.#expire(slot);
    const housekeeper = (this.#housekeeper = new Housekeeper<T>(housekeeping, stock.slots, expire));
    this.#allocator = new Allocator({ address, max, maxWaiting, clock, hooks, stock, dialler, housekeeper });
  }

  get max(): number {
    return this.#allocator.max;
  }
  /** Somebody waits for a resource to run empty. */
  get hungry(): boolean {
    return this.#allocator.size > 0;
  }
  /** Callers in line that no dial under way is for. */
  get waiting(): number {
    return this.#allocator.waiting;
  }
  /** Why the last dial failed; null once one has succeeded. Whoever dials beside the pool tells of it here. */
  get lastError(): unknown {
    return this.#dialler.lastError;
  }
  set lastError(error: unknown) {
    this.#dialler.lastError = error;
  }
  get closed(): boolean {
    return this.#closing !== null;
  }
  /** Counted, not cached: true at any moment. */
  get figures(): ResourcePoolFigures {
    return this.#allocator.figures;
  }

  /** The resource for one more piece of shared work, now; the same one each time while it lasts. */
  tryShare(): T | null {
    return this.#allocator.tryShare();
  }

  /** Calls `use` as soon as there is a resource to share, and settles as it does. `pinned`: see `evict`; leases are. */
  share<R>(use: (resource: T) => R, deadline: Deadline, pinned = false): Promise<Awaited<R>> {
    return this.#allocator.share(use, deadline, pinned);
  }

  /** A ready resource for the caller alone, now, when nobody waits for one. */
  tryLease(origin: Origin | null = null): T | null {
    return this.#allocator.tryTake('lease', origin ?? this.#housekeeper.origin(this.tryLease));
  }

  /** A resource with nothing outstanding, for the caller alone; to be released. */
  lease(deadline: Deadline, origin: Origin | null = null): Promise<T> {
    return this.#allocator.take('lease', deadline, origin ?? this.#housekeeper.origin(this.lease), true);
  }

  /** As `lease`, for work that blocks: at most `max - 1` at a time, the only one when `max` is 1. */
  occupy(deadline: Deadline, pinned = false): Promise<T> {
    return this.#allocator.take('occupy', deadline, null, pinned);
  }

  /** Which tenure holds the resource: a number that never comes again; 0 when nobody does. */
  tenureOf(resource: T): number {
    return this.#stock.slots.get(resource)?.tenure ?? 0;
  }

  /** The tenure of whoever leased it. Throws for what is not leased out: free, unknown, or occupied. */
  leaseOf(resource: T): number {
    const slot = this.#stock.slots.get(resource);
    if (slot === undefined || slot.tenure === 0 || slot.use === 'occupied') throw this.#notLeased();
    return slot.tenure;
  }

  /**
   * Ends a lease or an occupation, also of a resource that has died meanwhile. With `tenure` it ends
   * that one only: nothing happens when it is over. Throws for what is not leased out.
   */
  release(resource: T, tenure?: number): void {
    const slot = this.#stock.slots.get(resource);
    if (tenure !== undefined && tenure !== (slot?.tenure ?? 0)) return;
    if (slot === undefined || slot.tenure === 0) throw this.#notLeased();
    if (slot.use === 'gone') return this.#stock.slots.forget(slot);
    this.#stock.slots.move(slot, 'idle');
    const state = this.#stock.judge(slot);
    if (state !== 'dead' && state !== 'dirty') this.#settle(slot);
    this.#pump();
  }

  /** The owner tells that the state of a resource is another one. */
  changed(resource: T): void {
    const slot = this.#stock.slots.get(resource);
    if (slot === undefined || slot.use === 'gone') return;
    if (slot.use === 'idle') this.#stock.judge(slot);
    else if (this.#stock.state(resource) === 'dead') this.#stock.gone(slot);
    this.#pump();
  }

  /** Takes a resource out of use: once released and empty; with `replace` its successor is made first. */
  retire(resource: T, replace: boolean): void {
    const slot = this.#stock.slots.get(resource);
    if (slot === undefined || slot.use === 'gone' || slot.fate === 'retire') return;
    if (replace) this.#expire(slot);
    else if (slot.use === 'idle') this.#stock.drain(slot);
    else slot.fate = 'retire';
    this.#pump();
  }

  /** Another bound: more are made at once, and those too many go between uses. */
  resize(max: number): void {
    if (!Number.isInteger(max) || max < 1) throw new TypeError('max must be a whole number, 1 or more');
    if (max === this.max) return;
    this.#allocator.resize(max);
    const { slots } = this.#stock;
    let excess = slots.open + this.#dialler.connecting - max;
    for (const slot of slots.all()) {
      if (excess <= 0) break;
      if (slot.use !== 'idle' || slot === slots.shared) continue;
      excess--;
      this.#stock.drain(slot);
    }
    this.#pump();
  }

  /** Who waits is rejected, but for who is pinned unless `all`; the pool stays usable. */
  evict(error: () => Error, all: boolean): void {
    this.#allocator.evict(error, all);
  }

  /** Drops everything that is open, held or not; the pool stays usable. */
  disconnectAll(reason: string): void {
    for (const slot of this.#stock.slots.all()) this.#stock.destroy(slot, reason);
    this.#pump();
  }

  /**
   * Waiters reject at once, dials are given up, what is outstanding or held gets `timeout` (null: for
   * ever). Resolves when nothing is left. Called again it returns the same promise, and may shorten.
   */
  close(timeout: number | null): Promise<void> {
    const closing = this.#closing ?? this.#beginClosing();
    closing.limit(timeout);
    return closing.promise;
  }

  /** Whether waiting for the next dial keeps the process alive. */
  ref(): void {
    this.#dialler.unref = false;
    this.#dialler.refresh();
  }
  unref(): void {
    this.#dialler.unref = true;
    this.#dialler.refresh();
  }

  #notLeased(): TypeError {
    return new TypeError(`release() of a connection that the pool of ${this.address} has not leased out`);
  }

  /** What becomes of one that has just come back. */
  #settle(slot: Slot<T>): void {
    const tooMany = this.#stock.slots.open > this.max;
    if (slot.fate === 'retire' || this.#closing !== null || tooMany) this.#stock.drain(slot);
    else if (slot.fate === 'due') this.#expire(slot);
  }

  /** Too old: replaced first where there is room, else closed between two uses. */
  #expire(slot: Slot<T>): void {
    if (slot.use !== 'idle') {
      slot.fate = 'due';
    } else if (this.#stock.slots.open + this.#dialler.connecting >= this.max) {
      this.#stock.drain(slot);
      this.#pump();
    } else if (this.#dialler.start(slot)) {
      slot.fate = 'replacing';
    } else {
      slot.fate = 'due';
      this.#housekeeper.again();
    }
  }

  #pump(): void {
    if (this.#closing === null) this.#allocator.pump();
    else this.#checkClosed();
  }

  #outcome(): DialOutcome<T> {
    return {
      admit: (resource) => this.#admit(resource),
      arrived: (replaces) => this.#arrived(replaces),
      failing: (error, replaces) => this.#failing(error, replaces),
      dialsAllowed: () => this.#pump(),
      gaveUp: () => this.#pump(),
    };
  }

  #admit(resource: T): void {
    if (this.#stock.state(resource) === 'dead') {
      throw new ConnectionError(`the connection to ${this.address} was closed as soon as it was made`);
    }
    this.#stock.slots.add(resource, this.#housekeeper.retirement());
  }

  #arrived(replaces: Slot<T> | null): void {
    if (replaces?.use === 'idle') this.#stock.drain(replaces);
    else if (replaces !== null) replaces.fate = 'retire';
    this.#pump();
  }

  #failing(error: unknown, replaces: Slot<T> | null): void {
    if (replaces?.fate === 'replacing') {
      replaces.fate = 'due';
      this.#housekeeper.again();
    }
    this.#allocator.bereave(error, this.#hooks.transient?.(error) === false);
  }

  #beginClosing(): Closing {
    const closing = new Closing(this.#clock, () => this.#dropAll());
    this.#closing = closing;
    const { address } = this;
    const error = () => new PoolClosedError(`the pool of ${address} is closed`, { endpoint: address });
    this.#allocator.end(error);
    this.#housekeeper.stop();
    this.#dialler.close(error());
    for (const slot of this.#stock.slots.all()) if (slot.use === 'idle') this.#stock.drain(slot);
    this.#checkClosed();
    return closing;
  }

  #dropAll(): void {
    for (const slot of this.#stock.slots.all()) this.#stock.destroy(slot, 'the pool was closed');
    this.#closing?.done();
  }

  #checkClosed(): void {
    if (this.#stock.slots.open + this.#dialler.connecting === 0) this.#closing?.done();
  }
}
