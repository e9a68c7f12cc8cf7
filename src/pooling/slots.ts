/**
 * Which work a resource can take:
 *
 * - `ready`: clean with nothing outstanding: a lease or shared work. (The resource may ignore work that an ended lease
 *   queued in this tick.)
 * - `busy`: clean with work outstanding: shared work, but no lease.
 * - `suspended`: alive but no new work for now, for example because it stopped answering.
 * - `dirty`: its state cannot become clean again; the pool drains and closes it.
 * - `dead`: closed.
 */
export type ResourceState = 'ready' | 'busy' | 'suspended' | 'dirty' | 'dead';

/** A pooled resource. Each one must be a new object, because the pool identifies it by reference. */
export interface Resource {
  /** Must be cheap and pure: the pool calls it for every piece of shared work. */
  state(): ResourceState;
  /**
   * Closes once outstanding work has settled. The slot counts as open until `state()` is `dead`; unless that is so when
   * `drain` returns, the resource must call `changed()` of its slot then.
   */
  drain(): void;
  /** Closes now. The pool has already freed the slot. */
  destroy(reason: string): void;
  /** True while long work runs on the resource without a holder. Absent: never. */
  occupied?(): boolean;
  /** Called when the pool has added the resource, with the handle for reporting changes. */
  placed?(slot: SlotHandle): void;
  /** Called when the resource gets a holder. */
  taken?(): void;
}

/** The part of a slot that does not depend on the kind of resource. */
export interface SlotHandle {
  /** Expiry time on the pool's clock. */
  readonly retireAt: number;
  /** Whether it has an exclusive holder. */
  readonly held: boolean;
  readonly holding: 'leased' | 'occupied' | null;
  /** When the current holder got it, on the pool's clock. */
  readonly since: number;
  /** The lease object, set by the code that took the slot; null before that, and after the release. */
  holder: object | null;
  /** Ends the lease or the occupation, also if the resource has died. Throws without a holder. */
  release(): void;
  /**
   * The resource must call this when it died, became dirty or suspended, or became usable again; also when it drained
   * while `Pool.hasWaiters`. Cheap to call always.
   */
  changed(): void;
  /** Closes it once it is released and drained; with `replace` its successor is dialled first. */
  retire(replace: boolean): void;
}

/** The part of the pool that its slots use. */
export interface SlotOwner<T extends Resource> {
  released(slot: Slot<T>): void;
  changed(slot: Slot<T>): void;
  retired(slot: Slot<T>, replace: boolean): void;
}

/**
 * The use of a slot; only `Slots.move` changes it.
 *
 *     idle ⇄ leased | occupied            it has an exclusive holder
 *     idle, leased, occupied → draining   gets no more work, counts as open until the resource is dead
 *     any → gone                          no longer open; a holder may still have to release it
 */
export type Use = 'idle' | 'leased' | 'occupied' | 'draining' | 'gone';

/**
 * The plan for an expired resource. `keep`: not expired. `due`: replace it when it is released or dials work again.
 * `replacing`: its replacement is being dialled. `retire`: close it once it has no holder.
 */
export type Plan = 'keep' | 'due' | 'replacing' | 'retire';

/** Records where a lease was acquired: any object with a stack. */
export interface Origin {
  readonly stack?: string | undefined;
}

/** The place of one resource in its pool. */
export class Slot<T extends Resource> implements SlotHandle {
  readonly value: T;
  readonly retireAt: number;
  use: Use = 'idle';
  plan: Plan = 'keep';
  /** The kind of hold since `since`; it stays until the release, even if the resource dies. */
  holding: 'leased' | 'occupied' | null = null;
  since = 0;
  holder: object | null = null;
  /** Where the lease was acquired; null without leak detection, or after the report. */
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

/** The slots of one pool and their counts, kept in one class so that they agree. */
export class Slots<T extends Resource> {
  open = 0;
  leased = 0;
  occupied = 0;
  /** The slot that carries shared work; its use is always `idle`. */
  shared: Slot<T> | null = null;
  /** The previous shared slot while it drains: new shared work waits for it, which keeps the order of the work. */
  predecessor: Slot<T> | null = null;
  readonly #all = new Set<Slot<T>>();
  /** The idle slots; the most recently released is last. */
  readonly #idle: Slot<T>[] = [];

  /** Number of slots with a holder, plus those in use without one. */
  get inUse(): number {
    return this.leased + this.occupied + this.left;
  }
  /** Number of slots whose resource is `occupied()` without a holder. */
  get left(): number {
    let left = 0;
    for (const slot of this.#all) if (!slot.held && slot.value.occupied?.() === true) left++;
    return left;
  }
  /** Start of the oldest lease, on the pool's clock; Infinity without one. */
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

  /** A slot that can be leased now, or null. */
  ready(): Slot<T> | null {
    return this.#pick(this.#isReady);
  }

  /** The slot for shared work: the current one if it can take work, else another, which replaces it; or null. */
  shareable(): Slot<T> | null {
    if (this.predecessor !== null) return null;
    if (this.shared !== null && this.#isUsable(this.shared)) return this.shared;
    // A suspended slot can become the shared one again once it answers.
    this.shared = null;
    const next = this.#pick(this.#isReady) ?? this.#pick(this.#isUsable);
    this.shared = next;
    return next;
  }

  /** Checks the state of an idle slot, and drains or removes the slot if the resource is dirty or dead. */
  sort(slot: Slot<T>): ResourceState {
    const state = slot.value.state();
    if (state === 'dead') this.gone(slot);
    else if (state === 'dirty') this.drain(slot);
    return state;
  }

  /** Gives the slot no more work and closes its resource once nothing is outstanding. */
  drain(slot: Slot<T>): void {
    const wasShared = this.shared === slot;
    this.move(slot, 'draining');
    slot.plan = 'retire';
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

  /** Removes a slot whose resource is gone, after its holder has released it. */
  forget(slot: Slot<T>): void {
    this.#endHold(slot);
    this.#all.delete(slot);
  }

  /** Changes the use of a slot; throws on a move that the diagram of `Use` does not show. */
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

  /** The most recently released slot that passes; the shared slot is the last choice. */
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
