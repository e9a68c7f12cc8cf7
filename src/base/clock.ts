/** The longest delay a platform timer takes; beyond it Node fires at once. */
export const LONGEST_DELAY = 2 ** 31 - 1;

export interface TimerHandle {
  ref(): unknown;
  unref(): unknown;
}

/** Time as a dependency, so that tests own it. All times are milliseconds. */
export interface Clock {
  /** Monotonic; only differences mean something. */
  now(): number;
  /** Wall-clock time since 1970. */
  epoch(): number;
  /**
   * Fires once, perhaps a fraction early (check `now()` if that matters), and no later than in
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
