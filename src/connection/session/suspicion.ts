import { SETTLED } from '../requests/entry.ts';
import type { Outbox } from '../requests/outbox.ts';

/**
 * A request timed out and nothing has arrived since it was written: the peer has one more time limit to speak.
 * While others still wait it has another one: a connection is not dropped for one caller's sake.
 */
export class Suspicion {
  readonly #outbox: Outbox;
  readonly #expired: (limit: number) => void;
  readonly #changed: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(outbox: Outbox, expired: (limit: number) => void, changed: () => void) {
    this.#outbox = outbox;
    this.#expired = expired;
    this.#changed = changed;
  }

  get active(): boolean {
    return this.#timer !== null;
  }

  raise(limit: number): void {
    if (this.#timer !== null) return;
    this.#arm(limit);
    this.#changed();
  }

  /** Something was heard. */
  clear(): void {
    if (this.#timer === null) return;
    this.stop();
    this.#changed();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(limit: number): void {
    const timer = setTimeout(
      () => {
        // Read pending bytes before judging.
        setImmediate(() => this.#look(timer, limit));
      },
      Math.max(1, Math.ceil(limit)),
    );
    timer.unref();
    this.#timer = timer;
  }

  #look(timer: NodeJS.Timeout, limit: number): void {
    if (this.#timer !== timer) return;
    for (let index = 0; index < this.#outbox.length; index++) {
      if (this.#outbox.at(index).phase !== SETTLED) return this.#arm(limit);
    }
    this.#expired(limit);
  }
}
