import type { Deadline, DeadlineSubscriber } from '../base/deadline.ts';
import type { Origin, Resource, Slots } from './slots.ts';

/** Receives the end of a wait by its signal or its time limit. */
export interface WaiterOwner<W> {
  aborted(waiter: W, reason: unknown): void;
  timedOut(waiter: W): void;
}

/**
 * One waiting caller. It stands in at most one line, and the code that removes it from the line settles it: so a
 * cancelled waiter is never served and never consumes another waiter's wake-up.
 */
export class Waiter<T> implements DeadlineSubscriber {
  readonly deadline: Deadline;
  readonly promise: Promise<T>;
  resolve!: (value: T | PromiseLike<T>) => void;
  reject!: (reason: unknown) => void;
  line: WaitLine<this> | null = null;
  previous: this | null = null;
  next: this | null = null;
  #owner: WaiterOwner<Waiter<T>>;

  constructor(deadline: Deadline, owner: WaiterOwner<never>) {
    this.deadline = deadline;
    this.#owner = owner as WaiterOwner<Waiter<T>>;
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
  onAbort(reason: unknown): void {
    this.#owner.aborted(this, reason);
  }
  onTimeout(): void {
    this.#owner.timedOut(this);
  }
}

interface Linked<W> {
  readonly deadline: Deadline;
  line: unknown;
  previous: W | null;
  next: W | null;
}

/** A first-in-first-out queue with removal from the middle in constant time, for cancelled waiters. */
export class WaitLine<W extends Linked<W>> {
  length = 0;
  head: W | null = null;
  #tail: W | null = null;

  push(waiter: W): void {
    waiter.line = this;
    waiter.previous = this.#tail;
    if (this.#tail === null) this.head = waiter;
    else this.#tail.next = waiter;
    this.#tail = waiter;
    this.length++;
  }

  /** Removes the waiter from the line and stops its deadline; the caller of this method settles it. */
  remove(waiter: W): void {
    if (waiter.line !== this) return;
    const { previous, next } = waiter;
    if (previous === null) this.head = next;
    else previous.next = next;
    if (next === null) this.#tail = previous;
    else next.previous = previous;
    waiter.line = waiter.previous = waiter.next = null;
    this.length--;
    waiter.deadline.unwatch();
  }

  shift(): W | null {
    const first = this.head;
    if (first !== null) this.remove(first);
    return first;
  }

  *[Symbol.iterator](): Iterator<W> {
    for (let waiter = this.head; waiter !== null; waiter = waiter.next) yield waiter;
  }
}

type Kind = 'share' | 'lease' | 'occupy';

/** The need of a waiting caller, and its time limit. */
export interface Terms<T> {
  readonly kind: Kind;
  readonly deadline: Deadline;
  /** For `share`: the work, run synchronously when the resource is there. */
  readonly use: ((value: T) => unknown) | null;
  readonly origin: Origin | null;
  /** Pinned to this pool: `evict` rejects it only with `all`. */
  readonly pinned: boolean;
}

export class PoolWaiter<T> extends Waiter<unknown> {
  readonly terms: Terms<T>;
  readonly order: number;

  constructor(terms: Terms<T>, order: number, owner: WaiterOwner<never>) {
    super(terms.deadline, owner);
    this.terms = terms;
    this.order = order;
  }
}

/**
 * The waiters of one pool, first in first out over three lines. Occupiers have their own line: when their share of the
 * pool is used up, they wait without delaying later waiters.
 */
export class Waiters<T extends Resource> {
  readonly shares = new WaitLine<PoolWaiter<T>>();
  readonly leases = new WaitLine<PoolWaiter<T>>();
  readonly occupies = new WaitLine<PoolWaiter<T>>();
  max: number;
  /** Number of waiters in all lines; `enter` and `leave` count it. */
  size = 0;
  readonly #slots: Slots<T>;
  #order = 0;

  constructor(max: number, slots: Slots<T>) {
    this.max = max;
    this.#slots = slots;
  }

  /** How many more resources may be occupied; one stays free for the producers that feed blocked consumers. */
  get occupyRoom(): number {
    const { occupied, left } = this.#slots;
    return Math.max(0, Math.max(1, this.max - 1) - occupied - left);
  }
  /** Number of waiters that need a resource for themselves and may have one. */
  get exclusive(): number {
    const { length } = this.occupies;
    return this.leases.length + (length === 0 ? 0 : Math.min(length, this.occupyRoom));
  }
  /** The number of new resources that would serve all waiters. */
  get need(): number {
    return this.exclusive + (this.shares.length > 0 ? 1 : 0);
  }
  /**
   * True if an exclusive waiter cannot be served by a dial because the pool is full: an open resource has to drain, so
   * later shared work must wait in line.
   */
  get starving(): boolean {
    return this.exclusive > this.max - this.#slots.open;
  }

  enter(terms: Terms<T>, owner: WaiterOwner<never>): PoolWaiter<T> {
    const waiter = new PoolWaiter<T>(terms, this.#order++, owner);
    if (terms.kind === 'share') this.shares.push(waiter);
    else if (terms.kind === 'lease') this.leases.push(waiter);
    else this.occupies.push(waiter);
    this.size++;
    return waiter;
  }

  leave(waiter: PoolWaiter<T>): void {
    if (waiter.line === null) return;
    waiter.line.remove(waiter);
    this.size--;
  }

  /** The oldest waiter that needs a resource for itself and may have one. */
  firstExclusive(): PoolWaiter<T> | null {
    const occupy = this.occupies.head;
    return older(this.leases.head, occupy !== null && this.occupyRoom > 0 ? occupy : null);
  }

  /** Removes and returns all waiters, or with `all` false only those that are not pinned. */
  evict(all: boolean): PoolWaiter<T>[] {
    const evicted = this.#all().filter(({ terms }) => all || !terms.pinned);
    for (const waiter of evicted) this.leave(waiter);
    return evicted;
  }

  /**
   * The waiters that a failed dial leaves unserved, in order: those that a dial could serve, minus those that the
   * remaining dials will serve. Sharers need one dial together. With nothing open and no dial left, all waiters.
   */
  leftByDial(dialsLeft: number): PoolWaiter<T>[] {
    const { open } = this.#slots;
    if (open + dialsLeft === 0) return this.#all().sort((a, b) => a.order - b.order);
    const found: PoolWaiter<T>[] = [];
    const room = this.max - open;
    let shares: PoolWaiter<T> | null = this.shares.head;
    let lease = this.leases.head;
    let occupy = this.occupyRoom > 0 ? this.occupies.head : null;
    let occupyRoom = this.occupyRoom;
    for (let place = 0; place < room; place++) {
      const next = older(shares, older(lease, occupy));
      if (next === null) break;
      const lost = place >= dialsLeft;
      if (next === shares) {
        if (lost) found.push(...this.shares);
        shares = null;
        continue;
      }
      if (lost) found.push(next);
      if (next === lease) lease = lease.next;
      else occupy = --occupyRoom > 0 ? next.next : null;
    }
    return found;
  }

  #all(): PoolWaiter<T>[] {
    return [...this.shares, ...this.leases, ...this.occupies];
  }
}

function older<T>(a: PoolWaiter<T> | null, b: PoolWaiter<T> | null): PoolWaiter<T> | null {
  if (a === null || b === null) return a ?? b;
  return a.order < b.order ? a : b;
}
