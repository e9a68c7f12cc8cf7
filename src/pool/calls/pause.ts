import { LONGEST_DELAY } from '../../base/clock.ts';
import { Deadline } from '../../base/deadline.ts';

/** A pause between two attempts that an abort or the end of the pool cuts short. */
export class Pause {
  readonly #deadline: Deadline;
  readonly #timer: NodeJS.Timeout;
  readonly #over: (reason: unknown, failed: boolean) => void;

  constructor(ms: number, signal: AbortSignal | null, over: (reason: unknown, failed: boolean) => void) {
    this.#over = over;
    this.#deadline = new Deadline(signal, null);
    this.#timer = setTimeout(
      () => {
        this.#deadline.unwatch();
        over(undefined, false);
      },
      Math.min(ms, LONGEST_DELAY),
    );
    this.#deadline.watch({ onAbort: (reason) => this.end(reason), onTimeout: () => {} });
  }

  end(reason: unknown): void {
    clearTimeout(this.#timer);
    this.#deadline.unwatch();
    this.#over(reason, true);
  }
}
