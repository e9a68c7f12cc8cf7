import { SETTLED } from '../requests/entry.ts';
import type { Outbox } from '../requests/outbox.ts';

/**
 * Raised when a request timed out and nothing has arrived since it was written. The connection is closed if nothing
 * arrives for one more time limit; while other callers wait, the time is extended for their sake.
 */
export class Suspicion {
  /** True while the peer is suspected; moved together with the timer. */
  readonly active: boolean = false;
  readonly #outbox: Outbox;
  readonly #expired: (limit: number) => void;
  readonly #changed: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(outbox: Outbox, expired: (limit: number) => void, changed: () => void) {
    this.#outbox = outbox;
    this.#expired = expired;
    this.#changed = changed;
  }

  raise(limit: number): void {
    if (this.#timer !== null) return;
    this.#arm(limit);
    this.#changed();
  }

  /** Ends the suspicion: something has arrived. */
  clear(): void {
    if (this.#timer === null) return;
    this.stop();
    this.#changed();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#set(null);
  }

  #arm(limit: number): void {
    const timer = setTimeout(
      () => {
        // Read pending bytes first.
        setImmediate(() => this.#look(timer, limit));
      },
      Math.max(1, Math.ceil(limit)),
    );
    timer.unref();
    this.#set(timer);
  }

  #set(timer: NodeJS.Timeout | null): void {
    this.#timer = timer;
    (this as { active: boolean }).active = timer !== null;
  }

  #look(timer: NodeJS.Timeout, limit: number): void {
    if (this.#timer !== timer) return;
    for (let index = 0; index < this.#outbox.length; index++) {
      if (this.#outbox.at(index).phase !== SETTLED) return this.#arm(limit);
    }
    this.#expired(limit);
  }
}
