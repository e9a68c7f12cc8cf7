import type { Clock, TimerHandle } from '../base/clock.ts';

/** The close of a pool: one promise for all callers of `close()`, and the earliest of their time limits. */
export class Closing {
  readonly promise: Promise<void>;
  #resolve!: () => void;
  readonly #clock: Clock;
  readonly #drop: () => void;
  #at = Infinity;
  #timer: TimerHandle | null = null;

  constructor(clock: Clock, drop: () => void) {
    this.#clock = clock;
    this.#drop = drop;
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Sets a time limit after which `drop` is called; a later limit than the current one is ignored. */
  limit(timeout: number | null): void {
    if (timeout === null) return;
    const at = this.#clock.now() + timeout;
    if (at >= this.#at) return;
    this.#at = at;
    this.#disarm();
    if (timeout === 0) this.#drop();
    else this.#timer = this.#clock.setTimeout(this.#drop, timeout);
  }

  done(): void {
    this.#at = -Infinity;
    this.#disarm();
    this.#resolve();
  }

  #disarm(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }
}
