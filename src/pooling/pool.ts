import { type Clock, systemClock } from '../base/clock.ts';
import type { Deadline } from '../base/deadline.ts';
import { Closing } from './closing.ts';
import { Dialler } from './dialler.ts';
import { Housekeeper } from './housekeeper.ts';
import type { PoolFigures, PoolSettings } from './pool-settings.ts';
import { type Origin, type Resource, type Slot, type SlotOwner, Slots } from './slots.ts';
import { type PoolWaiter, type Terms, Waiters } from './waiters.ts';

/** Number of concurrent dials that only fill the pool to its minimum. */
const FILL = 2;

/**
 * The pool of one address, for any kind of resource. A resource is
 *
 *   shared    used by many callers at once, without a holder (`tryShare`, `share`)
 *   leased    used by one caller until `slot.release()` (`tryLease`, `lease`)
 *   occupied  leased for work that blocks; one resource always stays free of it (`occupy`)
 *
 * Usage:
 *
 *   const resource = pool.tryShare();                      // hot path: no promise, no allocation
 *   if (resource === null) await pool.share(use, deadline) // runs `use(resource)` synchronously when there is
 *                                                          // one, so no lease can come in between
 *   const slot = await pool.lease(deadline);  …slot.value…  slot.release();
 *
 * Each `Deadline` already includes the pool's own limit. Guarantees:
 *
 * - Open + being made ≤ max; every path returns its slot; figures are correct inside every callback.
 * - Waiters are served first in, first out over all kinds. A lease gets the most recently released ready resource (the
 *   shared one last), else a new one, else one that is drained for it: while a waiter can only be served by draining,
 *   `tryShare` returns null and later sharers wait in line.
 * - A caller that gives up costs other callers nothing; a dial in progress completes, and its resource becomes idle.
 * - A failed dial rejects the waiters that depended on it and are not patient. The others wait for the next dial, and
 *   after their deadline get `exhausted` with the figures and the last failure.
 * - Shared work moves from an expired resource to its replacement once the old one has drained, which keeps the order.
 */
export class Pool<T extends Resource> implements SlotOwner<T> {
  readonly address: string;
  readonly #settings: PoolSettings<T>;
  readonly #clock: Clock;
  readonly #maxWaiting: number;
  readonly #slots = new Slots<T>();
  readonly #waiters: Waiters<T>;
  readonly #dialler: Dialler<T>;
  readonly #housekeeper: Housekeeper<T>;
  /** The housekeeper if leak detection is on. */
  readonly #leaks: Housekeeper<T> | null;
  #closing: Closing | null = null;
  /** True once the first resource was made (or `fill` was called): the pool keeps its minimum open. */
  #filling = false;
  #whenFilled: (() => void)[] = [];
  #pumping = false;
  #again = false;

  constructor(settings: PoolSettings<T>) {
    const { address, max, clock = systemClock, random = Math.random, governor } = settings;
    checkMax(max);
    this.address = address;
    this.#settings = settings;
    this.#clock = clock;
    this.#maxWaiting = settings.maxWaiting ?? Infinity;
    this.#waiters = new Waiters(max, this.#slots);
    this.#dialler = new Dialler<T>(
      {
        create: (signal, reached) => settings.create(signal, reached),
        answered: (error) => settings.answered?.(error) ?? false,
        admit: (resource) => this.#admit(resource),
        arrived: (replaces) => this.#arrived(replaces),
        failing: (error, replaces) => this.#dialFailed(error, replaces),
        dialsAllowed: () => this.#pump(),
        gaveUp: () => this.#pump(),
      },
      governor,
      address,
    );
    const { maxLifetime = null, leakDetection = null, leaked } = settings;
    this.#housekeeper = new Housekeeper<T>(
      { clock, random, maxLifetime, leakDetection, leaked },
      this.#slots,
      (slot) => this.#expire(slot),
    );
    this.#leaks = leakDetection === null ? null : this.#housekeeper;
  }

  get max(): number {
    return this.#waiters.max;
  }
  /** Whether callers wait in line. */
  get hasWaiters(): boolean {
    return this.#waiters.size > 0;
  }
  /** Waiting callers beyond those that the dials in progress will serve. */
  get waiting(): number {
    return this.#waiters.size - Math.min(this.#dialler.connecting, this.#waiters.need);
  }
  /** Why the last dial failed; null after a success. Dials outside the pool report here as well. */
  get lastError(): unknown {
    return this.#dialler.lastError;
  }
  set lastError(error: unknown) {
    this.#dialler.lastError = error;
  }
  get closed(): boolean {
    return this.#closing !== null;
  }
  /** Derived from the slots on each call, so they are never stale. */
  get figures(): PoolFigures {
    const { open, occupied, oldest, inUse } = this.#slots;
    const oldestLease = oldest === Infinity ? null : this.#clock.now() - oldest;
    const { connecting } = this.#dialler;
    const { max, waiting } = this;
    return { max, open, inUse, idle: open - inUse, occupied, connecting, waiting, oldestLease };
  }

  /** The resource for one more piece of shared work, or null. It stays the same while it can take work. */
  tryShare(): T | null {
    const { shared } = this.#slots;
    if (shared !== null && this.#waiters.size === 0) {
      const state = shared.value.state();
      if (state === 'busy' || state === 'ready') return shared.value;
    }
    if (this.#waiters.shares.length > 0 || this.#waiters.starving) return null;
    return this.#slots.shareable()?.value ?? null;
  }

  /** Calls `use` as soon as there is a resource to share, and settles with its result. `pinned`: see `evict`. */
  async share<R>(use: (value: T) => R, deadline: Deadline, pinned = false): Promise<Awaited<R>> {
    this.#refuseIfOver(deadline);
    const resource = this.tryShare();
    if (resource !== null) return await use(resource);
    return (await this.#wait({ kind: 'share', deadline, use, origin: null, pinned })) as Awaited<R>;
  }

  /** Leases a ready resource now; null if there is none, or if other callers wait for one. */
  tryLease(origin: Origin | null = null): Slot<T> | null {
    return this.#tryTake('lease', origin ?? this.#leaks?.origin(this.tryLease) ?? null);
  }

  /** Leases a resource with nothing outstanding; the caller must release the slot. `pinned`: see `evict`. */
  lease(deadline: Deadline, origin: Origin | null = null, pinned = true): Promise<Slot<T>> {
    return this.#take('lease', deadline, origin ?? this.#leaks?.origin(this.lease) ?? null, pinned);
  }

  /** Leases a resource for work that blocks: at most `max - 1` at a time, or 1 if `max` is 1. */
  occupy(deadline: Deadline, pinned = false): Promise<Slot<T>> {
    return this.#take('occupy', deadline, null, pinned);
  }

  /** Resolves when `min` resources are open, when a dial fails, or when the pool closes. */
  fill(): Promise<void> {
    this.#filling = true;
    return new Promise((resolve) => {
      this.#whenFilled.push(resolve);
      this.#pump();
    });
  }

  /** Sets another `max`. Waiters get new resources at once; surplus ones close when they are idle. */
  resize(max: number): void {
    checkMax(max);
    if (max === this.max) return;
    this.#waiters.max = max;
    let excess = this.#slots.open + this.#dialler.connecting - max;
    for (const slot of this.#slots.all()) {
      if (excess <= 0) break;
      if (slot.use !== 'idle' || slot === this.#slots.shared) continue;
      excess--;
      this.#slots.drain(slot);
    }
    this.#pump();
  }

  /** Rejects all waiters, or with `all` false only those that are not pinned. The pool stays usable. */
  evict(error: () => Error, all: boolean): void {
    for (const waiter of this.#waiters.evict(all)) waiter.reject(error());
    this.#pump();
  }

  /** Drops every open resource, held or not. The pool stays usable. */
  disconnectAll(reason: string): void {
    for (const slot of this.#slots.all()) this.#slots.destroy(slot, reason);
    this.#pump();
  }

  /**
   * Rejects waiters and aborts dials at once; outstanding work and holders get `timeout` ms (null: no limit). Resolves
   * when every resource is gone. A second call returns the same promise and may shorten the limit.
   */
  close(timeout: number | null): Promise<void> {
    const closing = this.#closing ?? this.#beginClosing();
    closing.limit(timeout);
    return closing.promise;
  }

  /** Sets whether waiting for the next dial keeps the process alive. */
  setRef(on: boolean): void {
    this.#dialler.letsGo = !on;
    this.#dialler.refresh();
  }

  /** Called by a slot when its holder releases it. */
  released(slot: Slot<T>): void {
    if (!slot.held) throw this.#settings.errors.notLeased();
    if (slot.use === 'gone') return this.#slots.forget(slot);
    this.#slots.move(slot, 'idle');
    const state = this.#slots.sort(slot);
    if (state !== 'dead' && state !== 'dirty') this.#settle(slot);
    this.#pump();
  }

  /** Called by a slot when the state of its resource changed. */
  changed(slot: Slot<T>): void {
    if (slot.use === 'gone') return;
    if (slot.use === 'idle') this.#slots.sort(slot);
    else if (slot.value.state() === 'dead') this.#slots.gone(slot);
    this.#pump();
  }

  /** Called by a slot whose resource should close, with `replace` only after a replacement was dialled. */
  retired(slot: Slot<T>, replace: boolean): void {
    if (slot.use === 'gone' || slot.plan === 'retire') return;
    if (replace) this.#expire(slot);
    else if (slot.use === 'idle') this.#slots.drain(slot);
    else slot.plan = 'retire';
    this.#pump();
  }

  /** Called by a waiter when its signal fires, as `timedOut` is when its time limit passes. */
  aborted(waiter: PoolWaiter<T>, reason: unknown): void {
    this.#dismiss(waiter, reason);
  }
  timedOut(waiter: PoolWaiter<T>): void {
    this.#dismiss(waiter, this.#exhausted(waiter.deadline));
  }

  #tryTake(kind: 'lease' | 'occupy', origin: Origin | null): Slot<T> | null {
    const waiters = this.#waiters;
    if (waiters.size > 0 && (waiters.need > 0 || kind === 'occupy')) return null;
    if (kind === 'occupy' && waiters.occupyRoom <= 0) return null;
    const slot = this.#slots.ready();
    return slot === null ? null : this.#grant(slot, kind, origin);
  }

  #take(kind: 'lease' | 'occupy', deadline: Deadline, origin: Origin | null, pinned: boolean) {
    try {
      this.#refuseIfOver(deadline);
      const slot = this.#tryTake(kind, origin);
      if (slot !== null) return Promise.resolve(slot);
      return this.#wait({ kind, deadline, use: null, origin, pinned }) as Promise<Slot<T>>;
    } catch (error) {
      return Promise.reject<Slot<T>>(error);
    }
  }

  #grant(slot: Slot<T>, kind: 'lease' | 'occupy', origin: Origin | null): Slot<T> {
    this.#slots.move(slot, kind === 'lease' ? 'leased' : 'occupied');
    slot.since = this.#clock.now();
    if (kind === 'lease') this.#leaks?.leased(slot, origin);
    slot.value.taken?.();
    return slot;
  }

  #wait(terms: Terms<T>): Promise<unknown> {
    const { deadline, kind } = terms;
    if (deadline.expired) throw this.#exhausted(deadline);
    const before = this.waiting;
    const waiter = this.#waiters.enter(terms, this);
    deadline.watch(waiter, this.#dialler.letsGo);
    this.#pump();
    // Sharers that only wait for the predecessor to drain do not count for `maxWaiting`.
    const exempt = kind === 'share' && this.#slots.predecessor !== null;
    const after = this.waiting;
    const tooMany = after > before && after + (this.#settings.waiting?.() ?? 0) > this.#maxWaiting;
    if (waiter.line !== null && tooMany && !exempt) {
      this.#dismiss(waiter, this.#settings.errors.overloaded(this.#maxWaiting, this.#dialler.lastError));
    }
    return waiter.promise;
  }

  #dismiss(waiter: PoolWaiter<T>, error: unknown): void {
    this.#waiters.leave(waiter);
    waiter.reject(error);
    this.#pump();
  }

  #exhausted(deadline: Deadline): Error {
    return this.#settings.errors.exhausted(this.figures, deadline, this.#dialler.lastError);
  }

  /** Serves the waiters that can be served and dials for the others. Callbacks may call it again. */
  #pump(): void {
    if (this.#closing !== null) return this.#checkClosed();
    this.#again = true;
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#again && this.#closing === null) {
        this.#again = false;
        this.#serve();
        this.#dial();
      }
    } finally {
      this.#pumping = false;
    }
  }

  #serve(): void {
    const waiters = this.#waiters;
    while (waiters.size > 0) {
      const share = waiters.shares.head;
      const exclusive = waiters.firstExclusive();
      const shareFirst = share !== null && (exclusive === null || share.order < exclusive.order);
      if (shareFirst && this.#serveShare(share)) continue;
      if (exclusive !== null && this.#serveExclusive(exclusive)) continue;
      if (shareFirst || share === null || waiters.starving || !this.#serveShare(share)) return;
    }
  }

  #serveShare(waiter: PoolWaiter<T>): boolean {
    const slot = this.#slots.shareable();
    if (slot === null) return false;
    this.#waiters.leave(waiter);
    try {
      waiter.resolve(waiter.terms.use?.(slot.value));
    } catch (error) {
      waiter.reject(error);
    }
    return true;
  }

  #serveExclusive(waiter: PoolWaiter<T>): boolean {
    const slot = this.#slots.ready();
    if (slot === null) return false;
    this.#waiters.leave(waiter);
    const { kind, origin } = waiter.terms;
    waiter.resolve(this.#grant(slot, kind === 'occupy' ? 'occupy' : 'lease', origin));
    return true;
  }

  #dial(): void {
    const dialler = this.#dialler;
    const waiters = this.#waiters;
    let wanted = 0;
    // While the predecessor drains, its successor is open already: sharers need no dial.
    if (waiters.size > 0) wanted = this.#slots.predecessor === null ? waiters.need : waiters.exclusive;
    const goal = Math.max(wanted, this.#missing());
    dialler.background = wanted === 0;
    if (goal === 0 && !dialler.waits) return;
    if (goal === 0) return dialler.withdraw();
    while (dialler.connecting < goal && this.#slots.open + dialler.connecting < this.max) {
      if (!dialler.start(null)) return;
    }
  }

  /** Number of dials to start in order to reach `min`, a few at a time. */
  #missing(): number {
    const missing = this.#filling ? (this.#settings.min ?? 0) - this.#slots.open : 0;
    if (missing <= 0) this.#filled();
    return Math.max(0, Math.min(missing, FILL));
  }

  #filled(): void {
    if (this.#whenFilled.length > 0) for (const resolve of this.#whenFilled.splice(0)) resolve();
  }

  /** Keeps, replaces or closes a resource that was just released. */
  #settle(slot: Slot<T>): void {
    const tooMany = this.#slots.open > this.max;
    if (slot.plan === 'retire' || this.#closing !== null || tooMany) this.#slots.drain(slot);
    else if (slot.plan === 'due') this.#expire(slot);
  }

  /** Replaces an expired resource before it closes, if there is room; else closes it when it is idle. */
  #expire(slot: Slot<T>): void {
    if (slot.use !== 'idle') {
      slot.plan = 'due';
    } else if (this.#slots.open + this.#dialler.connecting >= this.max) {
      this.#slots.drain(slot);
      this.#pump();
    } else if (this.#dialler.start(slot)) {
      slot.plan = 'replacing';
    } else {
      slot.plan = 'due';
      this.#housekeeper.again();
    }
  }

  #admit(resource: T): void {
    if (resource.state() === 'dead') throw this.#settings.errors.deadOnArrival();
    const slot = this.#slots.add(resource, this.#housekeeper.retirement(), this);
    resource.placed?.(slot);
    this.#filling = true;
  }

  #arrived(replaces: Slot<T> | null): void {
    if (replaces?.use === 'idle') this.#slots.drain(replaces);
    else if (replaces !== null) replaces.plan = 'retire';
    this.#pump();
  }

  /**
   * Rejects the waiters that depended on a failed dial and are not patient. The others wait for the next dial, unless
   * the failure is lasting.
   */
  #dialFailed(error: unknown, replaces: Slot<T> | null): void {
    if (replaces?.plan === 'replacing') {
      replaces.plan = 'due';
      this.#housekeeper.again();
    }
    this.#filled();
    const lasting = this.#settings.transient?.(error) === false;
    for (const waiter of this.#waiters.leftByDial(this.#dialler.connecting)) {
      if (!lasting && waiter.deadline.patient) continue;
      this.#waiters.leave(waiter);
      waiter.reject(error);
    }
  }

  #beginClosing(): Closing {
    const closing = new Closing(this.#clock, () => this.#dropAll());
    this.#closing = closing;
    const { errors } = this.#settings;
    for (const waiter of this.#waiters.evict(true)) waiter.reject(errors.closed());
    this.#housekeeper.stop();
    this.#filled();
    this.#dialler.close(errors.closed());
    for (const slot of this.#slots.all()) if (slot.use === 'idle') this.#slots.drain(slot);
    this.#checkClosed();
    return closing;
  }

  #dropAll(): void {
    for (const slot of this.#slots.all()) this.#slots.destroy(slot, 'the pool was closed');
    this.#closing?.done();
  }

  #checkClosed(): void {
    if (this.#slots.open + this.#dialler.connecting === 0) this.#closing?.done();
  }

  #refuseIfOver(deadline: Deadline): void {
    if (deadline.aborted) throw deadline.reason;
    if (this.#closing !== null) throw this.#settings.errors.closed();
  }
}

function checkMax(max: number): void {
  if (!Number.isInteger(max) || max < 1) throw new TypeError('max must be an integer of at least 1');
}
