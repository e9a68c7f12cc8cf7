import type { Timing } from '../../../src/topology/timing.ts';

/** Time that stands still until it is told to go on. */
export class ManualTiming implements Timing {
  #now = 0;
  #timers: { due: number; call: () => void }[] = [];
  nextRandom: () => number;

  constructor(nextRandom: () => number = () => 0.5) {
    this.nextRandom = nextRandom;
  }

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.nextRandom();
  }

  after(delay: number, call: () => void): () => void {
    const timer = { due: this.#now + delay, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  get pending(): number {
    return this.#timers.length;
  }

  /** Lets time pass, timer by timer, and what they cause happen. */
  async pass(duration: number): Promise<void> {
    const end = this.#now + duration;
    for (;;) {
      await settle();
      const next = this.#timers.filter((one) => one.due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.#now = Math.max(this.#now, next.due);
      next.call();
    }
    this.#now = end;
  }
}

/** Everything that needs no time has happened. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** The same numbers in [0, 1) for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
