import type { Clock } from '../base/clock.ts';
import type { Deadline } from '../base/deadline.ts';
import { OverloadedError } from '../errors/errors.ts';
import type { Dialler } from './dialler.ts';
import { exhausted } from './exhaustion.ts';
import type { Housekeeper } from './housekeeper.ts';
import type { Origin, ResourceHooks, ResourcePoolFigures } from './resource-hooks.ts';
import type { Slot } from './slots.ts';
import type { Stock } from './stock.ts';
import { WaitingRoom } from './waiting-room.ts';
import type { PoolRequest, PoolWaiter } from './waiting-room.ts';

export interface AllocatorParts<T> {
  readonly address: string;
  readonly max: number;
  readonly maxWaiting: number | null;
  readonly clock: Clock;
  readonly hooks: ResourceHooks<T>;
  readonly stock: Stock<T>;
  readonly dialler: Dialler<T>;
  readonly housekeeper: Housekeeper<T>;
}

/** Who gets what, who waits, and what is dialled for those who wait. */
export class Allocator<T> {
  readonly address: string;
  max: number;
  readonly #room: WaitingRoom<T>;
  readonly #maxWaiting: number;
  readonly #clock: Clock;
  readonly #hooks: ResourceHooks<T>;
  readonly #stock: Stock<T>;
  readonly #dialler: Dialler<T>;
  readonly #housekeeper: Housekeeper<T>;
  /** Why nobody is served any more. */
  #over: (() => Error) | null = null;
  #pumping = false;
  #again = false;

  constructor(parts: AllocatorParts<T>) {
    this.address = parts.address;
    this.max = parts.max;
    this.#maxWaiting = parts.maxWaiting ?? Infinity;
    this.#clock = parts.clock;
    this.#hooks = parts.hooks;
    this.#stock = parts.stock;
    this.#dialler = parts.dialler;
    this.#housekeeper = parts.housekeeper;
    this.#room = new WaitingRoom(parts.max, parts.stock);
  }

  /** Callers in line. */
  get size(): number {
    return this.#room.size;
  }
  /** Callers in line that no dial under way is for. */
  get waiting(): number {
    return this.#room.size - Math.min(this.#dialler.connecting, this.#room.need);
  }
  get figures(): ResourcePoolFigures {
    const { open, occupied, oldest } = this.#stock.slots;
    const inUse = this.#stock.slots.inUse + this.#stock.left;
    const oldestLease = oldest === Infinity ? null : this.#clock.now() - oldest;
    const { connecting } = this.#dialler;
    const { max, waiting } = this;
    return { max, open, inUse, idle: open - inUse, occupied, connecting, waiting, oldestLease };
  }

  /** The resource for one more piece of shared work, now; the same one each time while it lasts. */
  tryShare(): T | null {
    const shared = this.#stock.slots.shared;
    if (shared !== null && this.#room.size === 0) {
      const state = this.#stock.state(shared.resource);
      if (state === 'busy' || state === 'ready') return shared.resource;
    }
    if (this.#room.shares.length > 0 || this.#room.starving) return null;
    return this.#stock.shareable()?.resource ?? null;
  }

  /** Calls `use` as soon as there is a resource to share, and settles as it does. */
  async share<R>(use: (resource: T) => R, deadline: Deadline, pinned: boolean): Promise<Awaited<R>> {
    this.#refuseIfOver(deadline);
    const resource = this.tryShare();
    if (resource !== null) return await use(resource);
    return (await this.#wait({ kind: 'share', deadline, use, origin: null, pinned })) as Awaited<R>;
  }

  tryTake(kind: 'lease' | 'occupy', origin: Origin | null): T | null {
    const room = this.#room;
    if (room.size > 0 && (room.need > 0 || kind === 'occupy')) return null;
    if (kind === 'occupy' && room.occupyRoom <= 0) return null;
    const slot = this.#stock.ready();
    return slot === null ? null : this.#grant(slot, kind, origin);
  }

  async take(
    kind: 'lease' | 'occupy',
    deadline: Deadline,
    origin: Origin | null,
    pinned: boolean,
  ): Promise<T> {
    this.#refuseIfOver(deadline);
    const resource = this.tryTake(kind, origin);
    if (resource !== null) return resource;
    return (await this.#wait({ kind, deadline, use: null, origin, pinned })) as T;
  }

  #grant(slot: Slot<T>, kind: 'lease' | 'occupy', origin: Origin | null): T {
    this.#stock.slots.move(slot, kind === 'lease' ? 'leased' : 'occupied');
    slot.since = this.#clock.now();
    if (kind === 'lease') this.#housekeeper.leased(slot, origin);
    return slot.resource;
  }

  #wait(request: PoolRequest<T>): Promise<unknown> {
    const { deadline, kind } = request;
    if (deadline.expired) throw exhausted(this, deadline, this.#dialler.lastError);
    const before = this.waiting;
    const waiter = this.#room.enter(request, this);
    deadline.watch(waiter, this.#dialler.unref);
    this.pump();
    // Sharers between two resources are not kept waiting by a lack of resources.
    const exempt = kind === 'share' && this.#stock.predecessor !== null;
    const after = this.waiting;
    const tooMany = after > before && after + (this.#hooks.waiting?.() ?? 0) > this.#maxWaiting;
    if (waiter.line !== null && tooMany && !exempt) {
      const text = `${this.#maxWaiting} callers wait for a connection to ${this.address} already`;
      const cause = this.#dialler.lastError ?? undefined;
      this.#dismiss(waiter, new OverloadedError(text, { endpoint: this.address, cause }));
    }
    return waiter.promise;
  }

  #dismiss(waiter: PoolWaiter<T>, error: unknown): void {
    this.#room.leave(waiter);
    waiter.reject(error);
    this.pump();
  }

  resize(max: number): void {
    this.max = max;
    this.#room.resize(max);
  }

  /** Who waits now is rejected, but for who is pinned unless `all`; nobody later is. */
  evict(error: () => Error, all: boolean): void {
    for (const waiter of this.#room.evict(all)) waiter.reject(error());
    this.pump();
  }

  /** Everybody who waits is rejected, and whoever comes later. */
  end(error: () => Error): void {
    this.#over = error;
    for (const waiter of this.#room.evict()) waiter.reject(error());
  }

  /**
   * A dial has failed. Who waited for it and has no time limit gets its error; the others wait for the
   * next one, unless waiting does not mend it.
   */
  bereave(error: unknown, lasting: boolean): void {
    for (const waiter of this.#room.bereaved(this.#dialler.connecting)) {
      if (!lasting && !waiter.deadline.unlimited) continue;
      this.#room.leave(waiter);
      waiter.reject(error);
    }
  }

  /** Serves whoever can be served and dials for the others. Callbacks inside may come back here. */
  pump(): void {
    this.#again = true;
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#again && this.#over === null) {
        this.#again = false;
        this.#serve();
        this.#dial();
      }
    } finally {
      this.#pumping = false;
    }
  }

  #serve(): void {
    const room = this.#room;
    while (room.size > 0) {
      const share = room.shares.head;
      const exclusive = room.firstExclusive();
      const shareFirst = share !== null && (exclusive === null || share.order < exclusive.order);
      if (shareFirst && this.#serveShare(share)) continue;
      if (exclusive !== null && this.#serveExclusive(exclusive)) continue;
      if (shareFirst || share === null || room.starving || !this.#serveShare(share)) return;
    }
  }

  #serveShare(waiter: PoolWaiter<T>): boolean {
    const slot = this.#stock.shareable();
    if (slot === null) return false;
    this.#room.leave(waiter);
    try {
      waiter.resolve(waiter.use?.(slot.resource));
    } catch (error) {
      waiter.reject(error);
    }
    return true;
  }

  #serveExclusive(waiter: PoolWaiter<T>): boolean {
    const slot = this.#stock.ready();
    if (slot === null) return false;
    this.#room.leave(waiter);
    waiter.resolve(this.#grant(slot, waiter.kind === 'occupy' ? 'occupy' : 'lease', waiter.origin));
    return true;
  }

  #dial(): void {
    const dialler = this.#dialler;
    const { need, exclusive } = this.#room;
    // The successor of a shared resource that still drains is there already.
    const wanted = this.#stock.predecessor === null ? need : exclusive;
    if (wanted === 0) return dialler.withdraw();
    while (dialler.connecting < wanted && this.#stock.slots.open + dialler.connecting < this.max) {
      if (!dialler.start(null)) return;
    }
  }

  /** @internal For the waiters. */
  aborted(waiter: PoolWaiter<T>, reason: unknown): void {
    this.#dismiss(waiter, reason);
  }
  /** @internal For the waiters. */
  timedOut(waiter: PoolWaiter<T>): void {
    this.#dismiss(waiter, exhausted(this, waiter.deadline, this.#dialler.lastError));
  }

  #refuseIfOver(deadline: Deadline): void {
    if (deadline.aborted) throw deadline.reason;
    if (this.#over !== null) throw this.#over();
  }
}
