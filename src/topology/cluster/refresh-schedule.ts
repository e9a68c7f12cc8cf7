import { callAfter, type Clock } from '../../base/clock.ts';
import { jittered, type Random } from '../../base/backoff.ts';
import { Deadline } from '../../base/deadline.ts';
import { RedisClusterError } from '../../errors/errors.ts';

const FIRST_PAUSE = 100;
/** Longest pause, in ms, before the next refresh that errors ask for, after a successful one. */
const LONGEST_PAUSE = 750;
/** A fast reading may be repeated sooner: the longest pause is this many times its duration, within the limits. */
const PAUSE_PER_READING = 25;
const SHORTEST_LIMIT = 350;
const LONGEST_FAILED_PAUSE = 2_000;
/** Longest pause, in ms, after a failed refresh while no call reports errors. */
const LONGEST_UNREQUESTED_PAUSE = 30_000;
/** After this many ms without a refresh, pauses start short again. */
const QUIET = 10_000;

export interface RefreshScheduleOptions {
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly interval: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly done: (error: Error | null) => void;
}

/**
 * Decides when to read the layout: one reading at a time, the first at once, later ones after growing, jittered pauses,
 * and regularly when nothing is wrong. It has one timer at most, and continues after failures until it is closed.
 */
export class RefreshSchedule {
  readonly #options: RefreshScheduleOptions;
  #flight: Promise<void> | null = null;
  #controller: AbortController | null = null;
  #stopTimer = (): void => {};
  #due = Infinity;
  #requested = false;
  #began = 0;
  #ended = -Infinity;
  #pause = 0;
  #streak = 0;
  #failedLast = false;
  #closed = false;
  succeeded = 0;
  failed = 0;

  constructor(options: RefreshScheduleOptions) {
    this.#options = options;
  }

  /** Asks for a refresh as soon as the pause since the last one is over. */
  request(): void {
    if (this.#closed || this.#requested) return;
    this.#requested = true;
    if (this.#flight === null) this.#arm(Math.max(this.#options.clock.now(), this.#ended + this.#pause));
  }

  /** Refreshes now, even during the pause; joins a refresh in progress. */
  async now(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#closed) throw new RedisClusterError('The cluster layout is closed');
    await Deadline.ofSignal(signal).wait(this.#flight ?? this.#start());
  }

  close(): void {
    this.#closed = true;
    this.#disarm();
    this.#controller?.abort(new RedisClusterError('The cluster layout is closed'));
  }

  #start(): Promise<void> {
    this.#disarm();
    this.#requested = false;
    const { clock, run } = this.#options;
    if (!this.#failedLast && clock.now() - this.#ended > QUIET) this.#streak = 0;
    this.#began = clock.now();
    const controller = new AbortController();
    this.#controller = controller;
    const flight = run(controller.signal).then(
      () => this.#finish(null),
      (error: unknown) => {
        const failure = error instanceof Error ? error : new RedisClusterError(String(error));
        this.#finish(failure);
        throw failure;
      },
    );
    // Waiters get the rejection; handle it here in case there are none.
    flight.catch(() => {});
    this.#flight = flight;
    return flight;
  }

  #finish(error: Error | null): void {
    const { clock, random, interval, done } = this.#options;
    this.#flight = null;
    this.#controller = null;
    this.#ended = clock.now();
    if (error === null) this.succeeded++;
    else this.failed++;
    // Pauses start short again when a failure follows a success, or the reverse.
    if (this.#failedLast !== (error !== null)) this.#streak = 0;
    this.#failedLast = error !== null;
    const readable = (this.#ended - this.#began) * PAUSE_PER_READING;
    const longest =
      error === null ? Math.min(LONGEST_PAUSE, Math.max(SHORTEST_LIMIT, readable)) : LONGEST_FAILED_PAUSE;
    const grown = FIRST_PAUSE * 2 ** Math.min(this.#streak++, 20);
    this.#pause = jittered(Math.min(longest, grown), random);
    if (!this.#closed) {
      const unrequested =
        error === null ? jittered(interval, random) : Math.min(LONGEST_UNREQUESTED_PAUSE, grown);
      if (this.#requested) this.#arm(this.#ended + this.#pause);
      else if (this.succeeded > 0) this.#arm(this.#ended + unrequested);
      done(error);
    }
  }

  #arm(due: number): void {
    if (due >= this.#due) return;
    this.#disarm();
    const { clock } = this.#options;
    const delay = due - clock.now();
    if (delay <= 0) {
      void this.#start();
      return;
    }
    this.#due = due;
    this.#stopTimer = callAfter(clock, delay, () => {
      this.#due = Infinity;
      void this.#start();
    });
  }

  #disarm(): void {
    this.#stopTimer();
    this.#stopTimer = () => {};
    this.#due = Infinity;
  }
}
