import type { Random } from '../base/backoff.ts';
import type { Clock, TimerHandle } from '../base/clock.ts';
import type { Origin, Resource, Slot, Slots } from './slots.ts';

/** Called for a lease that is `age` ms old; `stack` shows where it was acquired. */
export type LeakReport = (age: number, stack: string) => void;

export interface HousekeeperSettings {
  clock: Clock;
  random: Random;
  maxLifetime: number | null;
  leakDetection: number | null;
  leaked: LeakReport | undefined;
}

/** Pause, in ms, before a failed replacement is tried again. */
const LOOK_AGAIN = 1000;
/** Lifetimes are shortened at random by up to this fraction, so that resources made together do not expire together. */
const JITTER = 0.1;

/** Expires old resources and reports leaks with one timer, which never keeps the process alive. */
export class Housekeeper<T extends Resource> {
  #settings: HousekeeperSettings;
  #slots: Slots<T>;
  #expire: (slot: Slot<T>) => void;
  #timer: TimerHandle | null = null;
  #due = Infinity;
  #stopped = false;

  constructor(settings: HousekeeperSettings, slots: Slots<T>, expire: (slot: Slot<T>) => void) {
    this.#settings = settings;
    this.#slots = slots;
    this.#expire = expire;
  }

  /** The expiry time of a resource made now. */
  retirement(): number {
    const { maxLifetime, clock, random } = this.#settings;
    if (maxLifetime === null) return Infinity;
    const at = clock.now() + maxLifetime * (1 - JITTER * random());
    this.#arm(at);
    return at;
  }

  /** Watches a new lease for leaks; `origin` carries the stack of its acquire. */
  leased(slot: Slot<T>, origin: Origin | null): void {
    slot.origin = origin;
    this.#arm(slot.since + (this.#settings.leakDetection ?? Infinity));
  }

  /** Captures the caller's stack. */
  origin(caller: (...args: never[]) => unknown): Origin {
    const origin: { stack?: string } = {};
    Error.captureStackTrace(origin, caller);
    return origin;
  }

  /** Checks again soon, because a resource could not be replaced now. */
  again(): void {
    this.#arm(this.#settings.clock.now() + LOOK_AGAIN);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) this.#settings.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(at: number): void {
    if (at >= this.#due || this.#stopped) return;
    const { clock } = this.#settings;
    if (this.#timer !== null) clock.clearTimeout(this.#timer);
    this.#due = at;
    this.#timer = clock.setTimeout(() => this.#look(), Math.max(0, at - clock.now()), true);
  }

  #look(): void {
    this.#timer = null;
    this.#due = Infinity;
    const { clock, leakDetection } = this.#settings;
    const now = clock.now();
    for (const slot of this.#slots.all()) {
      if (leakDetection !== null) this.#lookForLeak(slot, now, leakDetection);
      if (slot.use === 'gone' || slot.use === 'draining' || slot.retireAt === Infinity) continue;
      if (slot.retireAt > now) this.#arm(slot.retireAt);
      else if (slot.plan === 'keep' || (slot.plan === 'due' && slot.use === 'idle')) {
        this.#expire(slot);
      }
    }
  }

  #lookForLeak(slot: Slot<T>, now: number, limit: number): void {
    if (slot.origin === null) return;
    const age = now - slot.since;
    if (age < limit) return this.#arm(slot.since + limit);
    const { stack = '' } = slot.origin;
    slot.origin = null;
    this.#settings.leaked?.(age, stack.replace(/^\S.*\n/, ''));
  }
}
