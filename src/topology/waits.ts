import type { Deadline } from '../base/deadline.ts';
import { untilAborted } from '../base/until-aborted.ts';
import type { TimeoutError } from '../errors/errors.ts';

/** What callers wait for until it is there, their deadline ends it, or all of it is over. */
export class Waits {
  readonly #running = new Set<AbortController>();
  #over: Error | null = null;

  /** Whoever waits hears of it at once, and so does whoever comes later. */
  close(error: Error): void {
    this.#over = error;
    for (const controller of this.#running) controller.abort(error);
  }

  /** The work's outcome; its signal fires with what the caller hears when it ends before. */
  async within<R>(
    deadline: Deadline,
    work: (signal: AbortSignal) => Promise<R>,
    late: () => TimeoutError,
  ): Promise<R> {
    if (this.#over !== null) throw this.#over;
    if (deadline.aborted) throw deadline.reason;
    if (deadline.expired) throw late();
    const controller = new AbortController();
    this.#running.add(controller);
    deadline.watch({
      onAbort: (reason) => controller.abort(reason),
      onTimeout: () => controller.abort(late()),
    });
    try {
      return await untilAborted(work(controller.signal), controller.signal);
    } finally {
      this.#running.delete(controller);
      deadline.unwatch();
    }
  }
}
