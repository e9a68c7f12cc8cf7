import type { Random } from '../base/backoff.ts';
import { type Clock, systemClock } from '../base/clock.ts';

/** Clock, random numbers and timers, which tests replace. */
export interface Timing {
  /** Monotonic milliseconds. */
  now(): number;
  /** A number in [0, 1). */
  random(): number;
  /** Calls once after `delay` ms; the returned function cancels. It never keeps the process alive. */
  after(delay: number, call: () => void): () => void;
}

function timingOf(clock: Clock, random: Random = Math.random): Timing {
  return {
    now: () => clock.now(),
    random,
    after: (delay, call) => {
      const timer = clock.setTimeout(call, delay, true);
      return () => clock.clearTimeout(timer);
    },
  };
}

export const systemTiming: Timing = timingOf(systemClock);
