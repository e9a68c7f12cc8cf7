import { callAfter, systemClock } from '../../base/clock.ts';
import { jittered } from '../../base/backoff.ts';
import { Deadline } from '../../base/deadline.ts';
import { SingleFlight } from '../../base/single-flight.ts';
import { OverloadedError, PoolClosedError, RedisClusterError, TimeoutError } from '../../errors/errors.ts';
import { refusedByAll } from '../../errors/reply-errors.ts';
import type { LayoutKeeper } from './layout-keeper.ts';

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

/** Makes calls wait for the layout, each within its deadline. */
export class LayoutWaits {
  readonly #keeper: LayoutKeeper;
  readonly #maxWaiting: number;
  #calls = 0;
  /** The attempt that all waiters share; a growing pause precedes it. */
  readonly #attempts = new SingleFlight<void>();
  #pause = 0;
  readonly #closing = new AbortController();

  constructor(keeper: LayoutKeeper, maxWaiting: number | null) {
    this.#keeper = keeper;
    this.#maxWaiting = maxWaiting ?? Infinity;
  }

  /** Number of waiting calls, less one: as with dials, the refresh in progress serves one of them. */
  get waiting(): number {
    return Math.max(0, this.#calls - 1);
  }

  /** Reads the layout once; rejects with the failures of the nodes. */
  refresh(deadline: Deadline): Promise<void> {
    return this.#within(deadline, (signal) => this.#keeper.refresh(signal));
  }

  /** Like `refresh`, for a call: it counts for `maxWaiting`. */
  again(deadline: Deadline): Promise<void> {
    return this.#counted(() => this.refresh(deadline));
  }

  /** Like `again`, but with a time limit it retries until the layout is known, unless every node refuses. */
  find(deadline: Deadline): Promise<void> {
    return !deadline.patient ? this.again(deadline) : this.#counted(() => this.#find(deadline));
  }

  async #find(deadline: Deadline): Promise<void> {
    await this.#within(deadline, async (signal, failed) => {
      while (this.#keeper.map.covered === 0) {
        try {
          await Deadline.ofSignal(signal).wait(this.#attempts.run(() => this.#attempt()));
        } catch (error) {
          if (!(error instanceof RedisClusterError) || signal.aborted || refusedByAll(error)) throw error;
          failed(error);
        }
      }
    });
  }

  /** Ends all waits at once. */
  close(): void {
    this.#closing.abort(new PoolClosedError('the pool is closed'));
  }

  /** Runs the work within the deadline. The last error that it gives to `failed` is the cause of a time-out. */
  #within<R>(
    deadline: Deadline,
    work: (signal: AbortSignal, failed: (error: Error) => void) => Promise<R>,
  ): Promise<R> {
    let cause: Error | undefined;
    const failed = (error: Error): void => {
      cause = error;
    };
    const text = `The layout of the cluster was not found within ${deadline.timeout} ms`;
    const late = (): TimeoutError => new TimeoutError(text, { phase: 'acquire', cause });
    return deadline.run((signal) => work(signal, failed), late, this.#closing.signal);
  }

  /** Makes a call wait for shared work, which continues after this wait ends. */
  together<R>(deadline: Deadline, work: Promise<R>): Promise<R> {
    // A caller refused by `maxWaiting` never awaits `work`, so handle its rejection here.
    work.catch(() => {});
    return this.#counted(() => this.#within(deadline, (signal) => Deadline.ofSignal(signal).wait(work)));
  }

  /** Counts a call while it waits; rejects it if `maxWaiting` calls wait already. */
  async #counted<R>(wait: () => Promise<R>): Promise<R> {
    if (this.#calls > this.#maxWaiting)
      throw new OverloadedError(`${this.#maxWaiting} callers already wait for the layout of the cluster`);
    this.#calls++;
    try {
      return await wait();
    } finally {
      this.#calls--;
    }
  }

  async #attempt(): Promise<void> {
    const pause = jittered(this.#pause, () => this.#keeper.random());
    if (pause > 0) await new Promise<void>((resolve) => callAfter(systemClock, pause, resolve));
    this.#pause = Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, 2 * this.#pause));
    await this.#keeper.refresh();
    this.#pause = 0;
  }
}
