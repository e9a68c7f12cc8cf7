import type { Clock, TimerHandle } from '../../src/base/clock.ts';

class FakeTimer implements TimerHandle {
  readonly at: number;
  readonly callback: () => void;
  referenced: boolean;

  constructor(at: number, callback: () => void, referenced: boolean) {
    this.at = at;
    this.callback = callback;
    this.referenced = referenced;
  }
  ref(): void {
    this.referenced = true;
  }
  unref(): void {
    this.referenced = false;
  }
}

/** Time that stands still until a test moves it. */
export class FakeClock implements Clock {
  #now = 1000;
  #timers = new Set<FakeTimer>();

  now(): number {
    return this.#now;
  }
  epoch(): number {
    return 1_700_000_000_000 + this.#now;
  }
  setTimeout(callback: () => void, delay: number, unref = false): TimerHandle {
    const timer = new FakeTimer(this.#now + Math.max(0, delay), callback, !unref);
    this.#timers.add(timer);
    return timer;
  }
  clearTimeout(timer: TimerHandle): void {
    this.#timers.delete(timer as FakeTimer);
  }

  /** Armed timers, and those of them that keep the process alive. */
  get pending(): number {
    return this.#timers.size;
  }
  get referenced(): number {
    return [...this.#timers].filter((timer) => timer.referenced).length;
  }

  /** Moves time without giving promises a turn; timers fire in order of their time. */
  advanceNow(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let due = this.#next(end); due !== null; due = this.#next(end)) this.#fire(due);
    this.#now = end;
  }

  /** Moves time and lets promises settle before and after every timer. */
  async advance(milliseconds: number, settle = settled): Promise<void> {
    const end = this.#now + milliseconds;
    await settle();
    for (let due = this.#next(end); due !== null; due = this.#next(end)) {
      this.#fire(due);
      await settle();
    }
    this.#now = end;
    await settle();
  }

  #fire(timer: FakeTimer): void {
    this.#timers.delete(timer);
    this.#now = Math.max(this.#now, timer.at);
    timer.callback();
  }

  #next(end: number): FakeTimer | null {
    let first: FakeTimer | null = null;
    for (const timer of this.#timers) {
      if (timer.at > end) continue;
      // Timers are kept in the order they were armed.
      if (first === null || timer.at < first.at) first = timer;
    }
    return first;
  }
}

/** Lets every promise that can settle do so. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
