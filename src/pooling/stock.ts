import type { ResourceHooks, ResourceState } from './resource-hooks.ts';
import { Slots } from './slots.ts';
import type { Slot } from './slots.ts';

/** The resources of a pool and the judgement over them: what fits whom, and what has to go. */
export class Stock<T> {
  readonly slots = new Slots<T>();
  /** A retired shared resource that has not run empty: shared work waits for it, which keeps the order. */
  predecessor: Slot<T> | null = null;
  readonly #hooks: ResourceHooks<T>;

  constructor(hooks: ResourceHooks<T>) {
    this.#hooks = hooks;
  }

  state(resource: T): ResourceState {
    return this.#hooks.state(resource);
  }

  /** Looks at an idle one and clears it away when it is of no use any more. */
  judge(slot: Slot<T>): ResourceState {
    const state = this.#hooks.state(slot.resource);
    if (state === 'dead') this.gone(slot);
    else if (state === 'dirty') this.drain(slot);
    return state;
  }

  /** How many are in use though nobody holds them. */
  get left(): number {
    const hooks = this.#hooks;
    let left = 0;
    if (hooks.occupied === undefined) return left;
    for (const slot of this.slots.each()) {
      if (slot.tenure === 0 && hooks.occupied(slot.resource)) left++;
    }
    return left;
  }

  ready(): Slot<T> | null {
    return this.slots.pick(this.#isReady);
  }

  /** The shared one; where there is none, or it gets no work, one that becomes it. */
  shareable(): Slot<T> | null {
    if (this.predecessor !== null) return null;
    const { slots } = this;
    if (slots.shared !== null && this.#isUsable(slots.shared)) return slots.shared;
    // A shared one that is suspended is among the candidates again once it answers.
    slots.shared = null;
    const next = slots.pick(this.#isReady) ?? slots.pick(this.#isUsable);
    slots.shared = next;
    return next;
  }

  /** No more work for it; it is gone once it has run empty. */
  drain(slot: Slot<T>): void {
    const wasShared = this.slots.shared === slot;
    this.slots.move(slot, 'draining');
    slot.fate = 'retire';
    if (wasShared) this.predecessor = slot;
    this.#hooks.drain(slot.resource);
    if (slot.use === 'draining' && this.#hooks.state(slot.resource) === 'dead') this.gone(slot);
  }

  destroy(slot: Slot<T>, reason: string): void {
    if (slot.use === 'gone') return;
    this.gone(slot);
    this.#hooks.destroy(slot.resource, reason);
  }

  gone(slot: Slot<T>): void {
    this.slots.move(slot, 'gone');
    if (this.predecessor === slot) this.predecessor = null;
  }

  readonly #isReady = (slot: Slot<T>): boolean => this.judge(slot) === 'ready';
  readonly #isUsable = (slot: Slot<T>): boolean => {
    const state = this.judge(slot);
    return state === 'ready' || state === 'busy';
  };
}
