/** Gives a number in [0, 1), like `Math.random`; tests replace it. */
export type Random = () => number;

/**
 * A random pause between 0 and the exponential bound, so that clients that failed together do not return together.
 * `attempt` counts from 0.
 */
export function fullJitter(attempt: number, base: number, cap: number, random: Random = Math.random): number {
  return random() * Math.min(cap, base * 2 ** attempt);
}

/** A random pause of 75 to 125 % of `ms`, so that repeated work of several clients does not synchronise. */
export function jittered(ms: number, random: Random = Math.random): number {
  return ms * (0.75 + random() / 2);
}
