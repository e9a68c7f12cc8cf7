import type { Random } from '../base/backoff.ts';
import { type Clock, systemClock } from '../base/clock.ts';

/** Time and chance, so that tests can own them. */
export interface Timing {
  /** Milliseconds that never go back. */
  now(): number;
  /** 0 ≤ number < 1. */
  random(): number;
  /** Calls once, later; the answer takes it back. Never keeps the process alive by itself. */
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
