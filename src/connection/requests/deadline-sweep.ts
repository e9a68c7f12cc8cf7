import type { Entry } from './entry.ts';
import type { Outbox } from './outbox.ts';

/**
 * One lazy timer for all time limits of a connection. It is armed for the earliest and searches the queue when it
 * fires, one poll of the sockets later: a reply that is already readable wins over its time-out.
 */
export class DeadlineSweep {
  readonly #outbox: Outbox;
  readonly #expire: (entries: readonly Entry[]) => void;
  #timer: NodeJS.Timeout | null = null;
  #immediate: NodeJS.Immediate | null = null;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(outbox: Outbox, expire: (entries: readonly Entry[]) => void) {
    this.#outbox = outbox;
    this.#expire = expire;
  }

  arm(deadline: number): void {
    if (deadline >= this.#armedFor) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#armedFor = deadline;
    this.#timer = setTimeout(
      () => this.#fired(),
      Math.min(Math.max(1, Math.ceil(deadline - performance.now())), 2 ** 31 - 1),
    );
    // The socket alone decides whether the process stays alive.
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#timer = null;
    this.#immediate = null;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #fired(): void {
    this.#timer = null;
    this.#immediate ??= setImmediate(() => {
      this.#immediate = null;
      this.#sweep();
    });
  }

  #sweep(): void {
    const now = performance.now();
    const expired: Entry[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.#outbox.length; index++) {
      const entry = this.#outbox.at(index);
      if (entry.deadline === 0) continue;
      if (entry.deadline <= now) expired.push(entry);
      else if (entry.deadline < next) next = entry.deadline;
    }
    this.#armedFor = Number.POSITIVE_INFINITY;
    if (next !== Number.POSITIVE_INFINITY) this.arm(next);
    if (expired.length > 0) this.#expire(expired);
  }
}
