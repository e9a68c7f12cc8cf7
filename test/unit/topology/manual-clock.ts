import { FakeClock } from '../../support/fake-clock.ts';

/** Time that stands still until it is told to go on, and chance that a test owns. */
export class ManualClock extends FakeClock {
  readonly random: () => number;

  constructor(random: () => number = () => 0.5) {
    super();
    this.random = random;
  }

  /** Lets time pass, timer by timer, and what they cause happen. */
  pass(duration: number): Promise<void> {
    return this.advance(duration, settle);
  }
}

/** Resolves when all work that needs no time is done. */
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
