import type { Deadline } from '../base/deadline.ts';
import type { Origin } from './resource-hooks.ts';
import { WaitLine, Waiter } from './waiters.ts';
import type { WaiterOwner } from './waiters.ts';
import type { Stock } from './stock.ts';

export type Kind = 'share' | 'lease' | 'occupy';

export class PoolWaiter<T> extends Waiter<unknown> {
  readonly kind: Kind;
  readonly order: number;
  readonly use: ((resource: T) => unknown) | null;
  readonly origin: Origin | null;
  readonly pinned: boolean;

  constructor(request: PoolRequest<T>, order: number, owner: WaiterOwner<never>) {
    super(request.deadline, owner);
    this.kind = request.kind;
    this.order = order;
    this.use = request.use;
    this.origin = request.origin;
    this.pinned = request.pinned;
  }
}

export interface PoolRequest<T> {
  readonly kind: Kind;
  readonly deadline: Deadline;
  /** What a sharer does with the resource, in the moment it gets it. */
  readonly use: ((resource: T) => unknown) | null;
  readonly origin: Origin | null;
  /** Nowhere else will do: sent away only with everybody. */
  readonly pinned: boolean;
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
  readonly #stock: Stock<T>;
  #order = 0;

  constructor(max: number, stock: Stock<T>) {
    this.#max = max;
    this.#stock = stock;
  }

  resize(max: number): void {
    this.#max = max;
  }

  get size(): number {
    return this.shares.length + this.leases.length + this.occupies.length;
  }
  /** How many more may be occupied: one is left to whoever feeds those that block, also on one that was left. */
  get occupyRoom(): number {
    const { slots, left } = this.#stock;
    return Math.max(0, Math.max(1, this.#max - 1) - slots.occupied - left);
  }
  /** Waiters that need a resource each, and may have one. */
  get exclusive(): number {
    const { length } = this.occupies;
    return this.leases.length + (length === 0 ? 0 : Math.min(length, this.occupyRoom));
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
    return this.exclusive > this.#max - this.#stock.slots.open;
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
    const occupy = this.occupies.head;
    return older(this.leases.head, occupy !== null && this.occupyRoom > 0 ? occupy : null);
  }

  /** Empties the room; `all` false: who is pinned may stay. */
  evict(all = true): PoolWaiter<T>[] {
    const evicted = this.#all().filter(({ pinned }) => all || !pinned);
    for (const waiter of evicted) this.leave(waiter);
    return evicted;
  }

  /**
   * Who waited for a dial that has failed: those whom a dial could serve, in their order, less those
   * whom the dials still under way will serve. Sharers wait for one dial together. Where nothing is open and no
   * dial is left it was the dial of all: nobody will give anything back that the others could wait for.
   */
  bereaved(dialsLeft: number): PoolWaiter<T>[] {
    const { open } = this.#stock.slots;
    if (open + dialsLeft === 0) return this.#all().sort((a, b) => a.order - b.order);
    const found: PoolWaiter<T>[] = [];
    const room = this.#max - open;
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

  #all(): PoolWaiter<T>[] {
    return [this.shares, this.leases, this.occupies].flatMap((line) => [...members(line)]);
  }
}

function older<T>(a: PoolWaiter<T> | null, b: PoolWaiter<T> | null): PoolWaiter<T> | null {
  if (a === null || b === null) return a ?? b;
  return a.order < b.order ? a : b;
}

function* members<T>(line: WaitLine<PoolWaiter<T>>): Iterable<PoolWaiter<T>> {
  for (let waiter = line.head; waiter !== null; waiter = waiter.next) yield waiter;
}
