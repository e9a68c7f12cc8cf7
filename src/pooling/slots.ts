import type { Origin } from './resource-hooks.ts';

/**
 * Where a resource stands; changed in `Slots.move` only.
 *
 *     idle ⇄ leased | occupied        somebody works on it alone
 *     idle, leased, occupied → draining   gets no more work, is open until the owner says it is dead
 *     any → gone                      not open any more; a holder may still have to release it
 */
export type Use = 'idle' | 'leased' | 'occupied' | 'draining' | 'gone';

/**
 * What is planned for a resource that is too old: nothing yet; to be looked at when it is released or
 * when dialling works again; its replacement is being dialled; to go as soon as nobody holds it.
 */
export type Fate = 'keep' | 'due' | 'replacing' | 'retire';

export class Slot<T> {
  readonly resource: T;
  readonly retireAt: number;
  use: Use = 'idle';
  fate: Fate = 'keep';
  /** Which tenure this is; 0 while nobody holds it. */
  tenure = 0;
  /** Start of the tenure. */
  since = 0;
  /** Whose stack tells where it was acquired; null when nobody looks for leaks or it was reported. */
  origin: Origin | null = null;

  constructor(resource: T, retireAt: number) {
    this.resource = resource;
    this.retireAt = retireAt;
  }
}

/** The resources of one pool and every number about them: kept in one place, so that they agree. */
export class Slots<T> {
  open = 0;
  leased = 0;
  occupied = 0;
  /** The one that carries shared work; always idle. */
  shared: Slot<T> | null = null;
  #byResource = new Map<T, Slot<T>>();
  /** Most recently released last. */
  #idle: Slot<T>[] = [];
  #tenures = 0;

  get inUse(): number {
    return this.leased + this.occupied;
  }
  /** Start of the oldest lease; Infinity without one. */
  get oldest(): number {
    let oldest = Infinity;
    if (this.leased === 0) return oldest;
    for (const slot of this.#byResource.values()) {
      if (slot.use === 'leased' && slot.since < oldest) oldest = slot.since;
    }
    return oldest;
  }
  get(resource: T): Slot<T> | undefined {
    return this.#byResource.get(resource);
  }
  each(): Iterable<Slot<T>> {
    return this.#byResource.values();
  }
  /** A copy, for loops that change what they walk over. */
  all(): Slot<T>[] {
    return [...this.#byResource.values()];
  }

  add(resource: T, retireAt: number): Slot<T> {
    if (this.#byResource.has(resource)) throw new TypeError('create() returned what the pool has already');
    const slot = new Slot(resource, retireAt);
    this.#byResource.set(resource, slot);
    this.#idle.push(slot);
    this.open++;
    return slot;
  }

  /** The most recently released one that passes; the shared one last. */
  pick(passes: (slot: Slot<T>) => boolean): Slot<T> | null {
    for (let index = this.#idle.length - 1; index >= 0; index--) {
      // A judge may close what it looks at, which shortens the list.
      const slot = this.#idle[index];
      if (slot !== undefined && slot !== this.shared && passes(slot)) return slot;
    }
    return this.shared !== null && passes(this.shared) ? this.shared : null;
  }

  /** The one mover. Refuses what the drawing above does not show. */
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
    if (to === 'leased' || to === 'occupied') slot.tenure = ++this.#tenures;
    else if (to !== 'gone') this.#endTenure(slot);
    if (to === 'gone' && slot.tenure === 0) this.#byResource.delete(slot.resource);
  }

  /** The holder of one that is gone has released it. */
  forget(slot: Slot<T>): void {
    this.#endTenure(slot);
    this.#byResource.delete(slot.resource);
  }

  #endTenure(slot: Slot<T>): void {
    slot.tenure = 0;
    slot.origin = null;
  }

  #leaveIdle(slot: Slot<T>): void {
    const index = this.#idle.lastIndexOf(slot);
    if (index === this.#idle.length - 1) this.#idle.pop();
    else this.#idle.splice(index, 1);
    if (this.shared === slot) this.shared = null;
  }
}
