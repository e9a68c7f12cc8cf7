import type { Deadline } from '../base/deadline.ts';
import type { Origin } from './resource-hooks.ts';
import { WaitLine, Waiter } from './waiters.ts';
import type { WaiterOwner } from './waiters.ts';
import type { Slots } from './slots.ts';

export type Kind = 'share' | 'lease' | 'occupy';

export class PoolWaiter<T> extends Waiter<unknown> {
  readonly kind: Kind;
  readonly order: number;
  readonly use: ((resource: T) => unknown) | null;
  readonly origin: Origin | null;

  constructor(request: PoolRequest<T>, order: number, owner: WaiterOwner<never>) {
    super(request.deadline, owner);
    this.kind = request.kind;
    this.order = order;
    this.use = request.use;
    this.origin = request.origin;
  }
}

export interface PoolRequest<T> {
  readonly kind: Kind;
  readonly deadline: Deadline;
  /** What a sharer does with the resource, in the moment it gets it. */
  readonly use: ((resource: T) => unknown) | null;
  readonly origin: Origin | null;
}

/**
 * Everybody who waits, first in first out over three lines. The lines are apart because occupiers may
 * have to stand aside (their share of the pool is used up) without holding up anybody behind them.
 */
export class WaitingRoom<T> {
  readonly shares = new WaitLine<PoolWaiter<T>>();
  readonly leases = new WaitLine<PoolWaiter<T>>();
  readonly occupies = new WaitLine<PoolWaiter<T>>();
  #max: number;
  readonly #slots: Slots<T>;
  #order = 0;

  constructor(max: number, slots: Slots<T>) {
    this.#max = max;
    this.#slots = slots;
  }

  resize(max: number): void {
    this.#max = max;
  }

  get size(): number {
    return this.shares.length + this.leases.length + this.occupies.length;
  }
  /** How many more may be occupied: one is left to whoever feeds those that block. */
  get occupyRoom(): number {
    return Math.max(1, this.#max - 1) - this.#slots.occupied;
  }
  /** Waiters that need a resource each, and may have one. */
  get exclusive(): number {
    return this.leases.length + Math.min(this.occupies.length, this.occupyRoom);
  }
  /** New resources that would serve everybody who may be served. */
  get need(): number {
    return this.exclusive + (this.shares.length > 0 ? 1 : 0);
  }
  /**
   * Somebody needs a resource that no dial can give: the open ones have to drain for him, so shared
   * work that comes later must wait behind him.
   */
  get starving(): boolean {
    return this.exclusive > this.#max - this.#slots.open;
  }

  enter(request: PoolRequest<T>, owner: WaiterOwner<never>): PoolWaiter<T> {
    const waiter = new PoolWaiter<T>(request, this.#order++, owner);
    if (request.kind === 'share') this.shares.push(waiter);
    else if (request.kind === 'lease') this.leases.push(waiter);
    else this.occupies.push(waiter);
    return waiter;
  }

  leave(waiter: PoolWaiter<T>): void {
    waiter.line?.remove(waiter);
  }

  /** The first of those who need a resource of their own and may have one. */
  firstExclusive(): PoolWaiter<T> | null {
    return older(this.leases.head, this.occupyRoom > 0 ? this.occupies.head : null);
  }

  /** Empties the room; `leases` false: those who wait for a lease may stay. */
  evict(leases = true): PoolWaiter<T>[] {
    const lines = leases ? [this.shares, this.leases, this.occupies] : [this.shares, this.occupies];
    const evicted = lines.flatMap((line) => [...members(line)]);
    for (const waiter of evicted) this.leave(waiter);
    return evicted;
  }

  /**
   * Who waited for a dial that has failed: those whom a dial could serve, in their order, less those
   * whom the dials still under way will serve. Sharers wait for one dial together.
   */
  bereaved(dialsLeft: number): PoolWaiter<T>[] {
    const found: PoolWaiter<T>[] = [];
    const room = this.#max - this.#slots.open;
    let shares: PoolWaiter<T> | null = this.shares.head;
    let lease = this.leases.head;
    let occupy = this.occupyRoom > 0 ? this.occupies.head : null;
    let occupyRoom = this.occupyRoom;
    for (let place = 0; place < room; place++) {
      const next = older(shares, older(lease, occupy));
      if (next === null) break;
      const lost = place >= dialsLeft;
      if (next === shares) {
        if (lost) found.push(...members(this.shares));
        shares = null;
        continue;
      }
      if (lost) found.push(next);
      if (next === lease) lease = lease.next;
      else occupy = --occupyRoom > 0 ? next.next : null;
    }
    return found;
  }
}

function older<T>(a: PoolWaiter<T> | null, b: PoolWaiter<T> | null): PoolWaiter<T> | null {
  if (a === null || b === null) return a ?? b;
  return a.order < b.order ? a : b;
}

function* members<T>(line: WaitLine<PoolWaiter<T>>): Iterable<PoolWaiter<T>> {
  for (let waiter = line.head; waiter !== null; waiter = waiter.next) yield waiter;
}
