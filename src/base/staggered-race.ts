import { callAfter, type Clock } from './clock.ts';
import { type AbortSubscriber, unwatchSignal, watchSignal } from './signal-registry.ts';

export interface RaceSettings<R> {
  /** Silence of an attempt, in ms, after which the next one starts as well. */
  readonly headStart: number;
  readonly clock: Clock;
  /** True: its timers do not keep the process alive. */
  readonly unref: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Releases the value of an attempt that succeeded too late. */
  discard?(value: R): void;
  /** Called when all items were tried and some have failed: ms until those are tried again; null: not again. */
  again?(): number | null;
}

/** The handle that an attempt has on the race. */
export interface RaceTicket {
  /** Fires when the race ends without this attempt, or when `giveUp` was called. */
  readonly signal: AbortSignal;
  /** Aborts the attempt and counts it as failed, whatever its promise does later. */
  giveUp(error: unknown): void;
}

interface RaceFailure<T> {
  readonly item: T;
  readonly error: unknown;
}

export type RaceOutcome<T, R> =
  | { readonly winner: T; readonly value: R; readonly failures: readonly RaceFailure<T>[] }
  | { readonly winner: null; readonly failures: readonly RaceFailure<T>[] };

/**
 * Starts attempts in turn: the next when one fails or its head start is over. The first success wins and aborts the
 * rest. Rejects only with the given signal's reason; the errors of attempts are in `failures`.
 */
export function staggeredRace<T extends object, R>(
  items: readonly T[],
  attempt: (item: T, ticket: RaceTicket) => Promise<R>,
  settings: RaceSettings<R>,
): Promise<RaceOutcome<T, R>> {
  return new Race(items, attempt, settings).outcome;
}

class Race<T extends object, R> implements AbortSubscriber {
  readonly outcome: Promise<RaceOutcome<T, R>>;
  readonly #attempt: (item: T, ticket: RaceTicket) => Promise<R>;
  readonly #settings: RaceSettings<R>;
  readonly #running = new Set<AbortController>();
  #items: readonly T[];
  #next = 0;
  #failures: RaceFailure<T>[] = [];
  #resolve!: (outcome: RaceOutcome<T, R>) => void;
  #reject!: (reason: unknown) => void;
  #stopClock = (): void => {};

  constructor(
    items: readonly T[],
    attempt: (item: T, ticket: RaceTicket) => Promise<R>,
    settings: RaceSettings<R>,
  ) {
    this.#items = items;
    this.#attempt = attempt;
    this.#settings = settings;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal } = settings;
    if (signal?.aborted === true) this.#reject(signal.reason);
    else {
      if (signal !== undefined) watchSignal(signal, this);
      this.#begin();
    }
  }

  onAbort(reason: unknown): void {
    this.#end(reason);
    this.#reject(reason);
  }

  #begin(): void {
    this.#stopClock();
    const { headStart } = this.#settings;
    const item = this.#items[this.#next++];
    if (item === undefined) return this.#allHaveBegun();
    // After the last item, only the attempts themselves are waited for.
    if (this.#next < this.#items.length || this.#settings.again !== undefined)
      this.#stopClock = this.#after(headStart, () => this.#begin());
    this.#run(item);
  }

  #allHaveBegun(): void {
    if (this.#running.size === 0) {
      this.#end(null);
      return this.#resolve({ winner: null, failures: this.#failures });
    }
    const pause = this.#failures.length === 0 ? null : (this.#settings.again?.() ?? null);
    if (pause === null) return;
    this.#stopClock = this.#after(pause, () => {
      this.#items = this.#failures.map(({ item }) => item);
      this.#failures = [];
      this.#next = 0;
      this.#begin();
    });
  }

  #after(delay: number, call: () => void): () => void {
    const { clock, unref } = this.#settings;
    return callAfter(clock, delay, call, unref);
  }

  #run(item: T): void {
    const controller = new AbortController();
    this.#running.add(controller);
    const fail = (error: unknown): void => {
      if (!this.#running.delete(controller)) return;
      this.#failures.push({ item, error });
      this.#begin();
    };
    const giveUp = (error: unknown): void => {
      controller.abort(error);
      fail(error);
    };
    let work: Promise<R>;
    try {
      work = this.#attempt(item, { signal: controller.signal, giveUp });
    } catch (error) {
      work = Promise.reject(error);
    }
    work.then((value) => {
      if (!this.#running.delete(controller)) return this.#settings.discard?.(value);
      this.#end(null);
      this.#resolve({ winner: item, value, failures: this.#failures });
    }, fail);
  }

  /** Stops the clock and all attempts. */
  #end(reason: unknown): void {
    this.#stopClock();
    const { signal } = this.#settings;
    if (signal !== undefined) unwatchSignal(signal, this);
    const running = [...this.#running];
    this.#running.clear();
    for (const controller of running)
      controller.abort(reason ?? new Error('another one has won, or nobody waits any more'));
  }
}
