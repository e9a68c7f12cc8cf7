/**
 * How fit a resource is for work:
 *
 * - `ready`: clean, nothing outstanding: fit for a lease. (Work that a lease queued in this very tick and left behind
 *   may still count as nothing outstanding; the resource decides.)
 * - `busy`: clean, or going to be, with something outstanding: fit for shared work, not for a lease.
 * - `suspended`: alive, but to get no new work for now, such as one that stopped answering.
 * - `dirty`: never to be clean again: drained, then closed.
 * - `dead`: closed.
 */
export type ResourceState = 'ready' | 'busy' | 'suspended' | 'dirty' | 'dead';

/** A thing that a pool keeps. It must be a new object each time: the pool knows it by its identity. */
export interface Resource {
  /** Cheap and pure: asked on the way of every shared piece of work. */
  state(): ResourceState;
  /**
   * Lets outstanding work settle, then closes; at once when there is none. The slot counts until `state` says `dead`,
   * which `changed()` of the slot tells unless it is so when `drain` returns.
   */
  drain(): void;
  /** Closes now. The pool has freed the slot before it calls this. */
  destroy(reason: string): void;
  /** True while long work keeps it in use without a holder. Absent: never. */
  occupied?(): boolean;
  /** The pool has taken it in: through this handle it reports changes. */
  placed?(slot: SlotHandle): void;
  /** It has a holder from now on. */
  taken?(): void;
}

/** The part of a slot that does not depend on the kind of resource. */
export interface SlotHandle {
  /** When it is too old, on the pool's clock. */
  readonly retireAt: number;
  /** It has an exclusive holder. */
  readonly held: boolean;
  readonly holding: 'leased' | 'occupied' | null;
  /** When the holder got it, on the pool's clock. */
  readonly since: number;
  /** The object that releases it, set by the code that took it; null before that, and after the release. */
  holder: object | null;
  /** Ends the lease or the occupation, also of a resource that has died meanwhile. Throws without a holder. */
  release(): void;
  /**
   * Must be called when the resource died, became dirty or suspended, or usable again; and when it ran empty while
   * a waiter needs that (`Pool.hasWaiters`; cheap to call always).
   */
  changed(): void;
  /** Takes it out of use once released and empty; with `replace` its successor is made first. */
  retire(replace: boolean): void;
}

/** The pool, as its slots see it. */
export interface SlotOwner<T extends Resource> {
  released(slot: Slot<T>): void;
  changed(slot: Slot<T>): void;
  retired(slot: Slot<T>, replace: boolean): void;
}

/**
 * Where a resource stands; changed in `Slots.move` only.
 *
 *     idle ⇄ leased | occupied            it has an exclusive holder
 *     idle, leased, occupied → draining   gets no more work, is open until it says that it is dead
 *     any → gone                          not open any more; a holder may still have to release it
 */
export type Use = 'idle' | 'leased' | 'occupied' | 'draining' | 'gone';

/**
 * The plan for a resource that is too old: none yet; look at it when it is released or when dialling works again; its
 * replacement is being dialled; close it as soon as it has no holder.
 */
export type Fate = 'keep' | 'due' | 'replacing' | 'retire';

/** Where a lease was acquired: any object with a stack. */
export interface Origin {
  readonly stack?: string | undefined;
}

/** The place of one resource in its pool. */
export class Slot<T extends Resource> implements SlotHandle {
  readonly value: T;
  readonly retireAt: number;
  use: Use = 'idle';
  fate: Fate = 'keep';
  /** `leased` or `occupied` since `since`, and not released yet, even when the resource has died. */
  holding: 'leased' | 'occupied' | null = null;
  since = 0;
  holder: object | null = null;
  /** Its stack tells where it was acquired; null without leak detection, or after the report. */
  origin: Origin | null = null;
  readonly #owner: SlotOwner<T>;

  constructor(value: T, retireAt: number, owner: SlotOwner<T>) {
    this.value = value;
    this.retireAt = retireAt;
    this.#owner = owner;
  }

  get held(): boolean {
    return this.holding !== null;
  }
  release(): void {
    this.#owner.released(this);
  }
  changed(): void {
    this.#owner.changed(this);
  }
  retire(replace: boolean): void {
    this.#owner.retired(this, replace);
  }
}

/** The slots of one pool and every number about them: kept in one place, so that they agree. */
export class Slots<T extends Resource> {
  open = 0;
  leased = 0;
  occupied = 0;
  /** The one that carries shared work; always idle. */
  shared: Slot<T> | null = null;
  /** A retired shared one that has not run empty: shared work waits for it, which keeps the order. */
  predecessor: Slot<T> | null = null;
  readonly #all = new Set<Slot<T>>();
  /** Most recently released last. */
  readonly #idle: Slot<T>[] = [];

  /** Held ones, and those that `occupied()` says are in use all the same. */
  get inUse(): number {
    return this.leased + this.occupied + this.left;
  }
  /** In use without a holder. */
  get left(): number {
    let left = 0;
    for (const slot of this.#all) if (!slot.held && slot.value.occupied?.() === true) left++;
    return left;
  }
  /** Start of the oldest lease; Infinity without one. */
  get oldest(): number {
    let oldest = Infinity;
    if (this.leased === 0) return oldest;
    for (const slot of this.#all) if (slot.use === 'leased' && slot.since < oldest) oldest = slot.since;
    return oldest;
  }
  /** A copy, for loops that change the set. */
  all(): Slot<T>[] {
    return [...this.#all];
  }

  add(value: T, retireAt: number, owner: SlotOwner<T>): Slot<T> {
    const slot = new Slot(value, retireAt, owner);
    this.#all.add(slot);
    this.#idle.push(slot);
    this.open++;
    return slot;
  }

  /** One that is fit for a lease. */
  ready(): Slot<T> | null {
    return this.#pick(this.#isReady);
  }

  /** The shared one; where there is none, or it gets no work, one that becomes it. */
  shareable(): Slot<T> | null {
    if (this.predecessor !== null) return null;
    if (this.shared !== null && this.#isUsable(this.shared)) return this.shared;
    // A shared one that is suspended is among the candidates again once it answers.
    this.shared = null;
    const next = this.#pick(this.#isReady) ?? this.#pick(this.#isUsable);
    this.shared = next;
    return next;
  }

  /** Looks at an idle one and clears it away when it is of no use any more. */
  sort(slot: Slot<T>): ResourceState {
    const state = slot.value.state();
    if (state === 'dead') this.gone(slot);
    else if (state === 'dirty') this.drain(slot);
    return state;
  }

  /** It gets no more work, and ends once nothing is outstanding on it. */
  drain(slot: Slot<T>): void {
    const wasShared = this.shared === slot;
    this.move(slot, 'draining');
    slot.fate = 'retire';
    if (wasShared) this.predecessor = slot;
    slot.value.drain();
    if (slot.use === 'draining' && slot.value.state() === 'dead') this.gone(slot);
  }

  destroy(slot: Slot<T>, reason: string): void {
    if (slot.use === 'gone') return;
    this.gone(slot);
    slot.value.destroy(reason);
  }

  gone(slot: Slot<T>): void {
    this.move(slot, 'gone');
    if (this.predecessor === slot) this.predecessor = null;
  }

  /** The holder of one that is gone has released it. */
  forget(slot: Slot<T>): void {
    this.#endHold(slot);
    this.#all.delete(slot);
  }

  /** The one mover. Refuses moves that the drawing above does not show. */
  move(slot: Slot<T>, to: Use): void {
    const from = slot.use;
    const legal = from !== 'gone' && from !== to && (from !== 'draining' || to === 'gone');
    if (!legal) throw new Error(`illegal move of a resource from ${from} to ${to}`);
    if (from === 'idle') this.#leaveIdle(slot);
    else if (from === 'leased') this.leased--;
    else if (from === 'occupied') this.occupied--;
    slot.use = to;
    if (to === 'idle') this.#idle.push(slot);
    else if (to === 'leased') this.leased++;
    else if (to === 'occupied') this.occupied++;
    else if (to === 'gone') this.open--;
    if (to === 'leased' || to === 'occupied') slot.holding = to;
    else if (to !== 'gone') this.#endHold(slot);
    if (to === 'gone' && !slot.held) this.#all.delete(slot);
  }

  /** The most recently released one that passes; the shared one last. */
  #pick(passes: (slot: Slot<T>) => boolean): Slot<T> | null {
    for (let index = this.#idle.length - 1; index >= 0; index--) {
      // `passes` may close the slot, which shortens the list.
      const slot = this.#idle[index];
      if (slot !== undefined && slot !== this.shared && passes(slot)) return slot;
    }
    return this.shared !== null && passes(this.shared) ? this.shared : null;
  }

  #endHold(slot: Slot<T>): void {
    slot.holding = null;
    slot.holder = null;
    slot.origin = null;
  }

  #leaveIdle(slot: Slot<T>): void {
    const index = this.#idle.lastIndexOf(slot);
    if (index === this.#idle.length - 1) this.#idle.pop();
    else this.#idle.splice(index, 1);
    if (this.shared === slot) this.shared = null;
  }

  readonly #isReady = (slot: Slot<T>): boolean => this.sort(slot) === 'ready';
  readonly #isUsable = (slot: Slot<T>): boolean => {
    const state = this.sort(slot);
    return state === 'ready' || state === 'busy';
  };
}
