/** Injectable for tests; in [0, 1) like `Math.random`. */
export type Random = () => number;

/**
 * Full jitter: anywhere between 0 and the exponential bound, so that clients which failed together do
 * not come back together. `attempt` counts from 0.
 */
export function fullJitter(attempt: number, base: number, cap: number, random: Random = Math.random): number {
  return random() * Math.min(cap, base * 2 ** attempt);
}

/** A pause near `ms`, from three quarters to five quarters of it: what is repeated does not fall into step. */
export function jittered(ms: number, random: Random = Math.random): number {
  return ms * (0.75 + random() / 2);
}
