import { Deadline } from '../../base/deadline.ts';
import { RedisClusterError, TimeoutError } from '../../errors/errors.ts';
import type { LayoutKeeper } from './layout-keeper.ts';

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

/** Waiting for the layout inside the time a call has. */
export class Finding {
  readonly #keeper: LayoutKeeper;

  constructor(keeper: LayoutKeeper) {
    this.#keeper = keeper;
  }

  /** Asks once; rejects with what each node did wrong. */
  refresh(deadline: Deadline): Promise<void> {
    return this.within(deadline, (signal) => this.#keeper.refresh(signal));
  }

  /** As `refresh`; within a time limit it is tried again and again. */
  async find(deadline: Deadline): Promise<void> {
    if (deadline.unlimited) return this.refresh(deadline);
    let pause = FIRST_PAUSE;
    await this.within(deadline, async (signal, failed) => {
      while (!signal.aborted) {
        try {
          return await this.#keeper.refresh(signal);
        } catch (error) {
          if (!(error instanceof RedisClusterError) || signal.aborted) throw error;
          failed(error);
        }
        await this.#pause(pause * (0.5 + this.#keeper.random() / 2), signal);
        pause = Math.min(LONGEST_PAUSE, 2 * pause);
      }
    });
  }

  /** The work's outcome, or the end of the deadline; `failed` tells what the time-out is to name as its cause. */
  async within<R>(
    deadline: Deadline,
    work: (signal: AbortSignal, failed: (error: Error) => void) => Promise<R>,
  ): Promise<R> {
    if (deadline.aborted) throw deadline.reason;
    let cause: Error | undefined;
    const late = (): TimeoutError =>
      new TimeoutError(`The layout of the cluster was not found within ${deadline.timeout} ms`, {
        phase: 'acquire',
        cause,
      });
    if (deadline.expired) throw late();
    const controller = new AbortController();
    deadline.watch({
      onAbort: (reason) => controller.abort(reason),
      onTimeout: () => controller.abort(late()),
    });
    try {
      return await work(controller.signal, (error) => {
        cause = error;
      });
    } finally {
      deadline.unwatch();
    }
  }

  /** As `within`, for work that others wait for too: it goes on when this wait ends. */
  together<R>(deadline: Deadline, work: Promise<R>): Promise<R> {
    work.catch(() => {});
    return this.within(
      deadline,
      (signal) =>
        new Promise<R>((resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          work.then(resolve, reject);
        }),
    );
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    const pause = new Deadline(signal, ms);
    return new Promise((resolve, reject) => pause.watch({ onAbort: reject, onTimeout: resolve }));
  }
}
