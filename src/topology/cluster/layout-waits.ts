import { jittered } from '../../base/backoff.ts';
import { Deadline } from '../../base/deadline.ts';
import { SingleFlight } from '../../base/single-flight.ts';
import { OverloadedError, PoolClosedError, RedisClusterError, TimeoutError } from '../../errors/errors.ts';
import { refusedByAll } from '../../errors/reply-errors.ts';
import { systemTiming } from '../timing.ts';
import type { LayoutKeeper } from './layout-keeper.ts';

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

/** Waiting for the layout inside the time a call has. */
export class LayoutWaits {
  readonly #keeper: LayoutKeeper;
  readonly #maxWaiting: number;
  #calls = 0;
  /** One more try for all waiters, after a growing pause. */
  readonly #attempts = new SingleFlight<void>();
  #pause = 0;
  readonly #closing = new AbortController();

  constructor(keeper: LayoutKeeper, maxWaiting: number | null) {
    this.#keeper = keeper;
    this.#maxWaiting = maxWaiting ?? Infinity;
  }

  /** Calls that wait. As with dials, the search under way is for one of them, and only the others count. */
  get waiting(): number {
    return Math.max(0, this.#calls - 1);
  }

  /** Asks once; rejects with what each node did wrong. */
  refresh(deadline: Deadline): Promise<void> {
    return this.#within(deadline, (signal) => this.#keeper.refresh(signal));
  }

  /** As `refresh`, for a call. */
  again(deadline: Deadline): Promise<void> {
    return this.#counted(() => this.refresh(deadline));
  }

  /** As `again`; within a time limit it is tried again and again, unless every node refuses. */
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

  /** The work's outcome, or the end of the deadline; `failed` tells what the time-out is to name as its cause. */
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

  /** For a call: waits for shared work, which continues when this wait ends. */
  together<R>(deadline: Deadline, work: Promise<R>): Promise<R> {
    // A refused caller never awaits `work`: keep its rejection handled.
    work.catch(() => {});
    return this.#counted(() => this.#within(deadline, (signal) => Deadline.ofSignal(signal).wait(work)));
  }

  /** A call counts while it waits, and is refused where too many do. */
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
    if (pause > 0) await new Promise<void>((resolve) => systemTiming.after(pause, resolve));
    this.#pause = Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, 2 * this.#pause));
    await this.#keeper.refresh();
    this.#pause = 0;
  }
}
