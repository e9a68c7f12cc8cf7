/** The longest delay, in ms, that a timer takes; Node fires a longer one at once. */
export const LONGEST_DELAY = 2 ** 31 - 1;

export interface TimerHandle {
  ref(): unknown;
  unref(): unknown;
}

/** Time and timers, which tests replace. All times are milliseconds. */
export interface Clock {
  /** Monotonic time; only differences have a meaning. */
  now(): number;
  /** Wall-clock time since 1970. */
  epoch(): number;
  /**
   * Fires once. It may fire a fraction early (check `now()` if that matters), and a longer delay is cut to
   * {@link LONGEST_DELAY}. With `unref` the timer does not keep the process alive.
   */
  setTimeout(callback: () => void, delay: number, unref?: boolean): TimerHandle;
  clearTimeout(timer: TimerHandle): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  epoch: () => Date.now(),
  setTimeout(callback, delay, unref = false) {
    const timer = setTimeout(callback, Math.min(Math.max(Math.ceil(delay), 0), LONGEST_DELAY));
    if (unref) timer.unref();
    return timer;
  },
  clearTimeout(timer) {
    clearTimeout(timer as NodeJS.Timeout);
  },
};

/** Calls once after `delay` ms; the returned function cancels. By default it does not keep the process alive. */
export function callAfter(clock: Clock, delay: number, call: () => void, unref = true): () => void {
  const timer = clock.setTimeout(call, delay, unref);
  return () => clock.clearTimeout(timer);
}
