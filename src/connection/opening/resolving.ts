/** What keeps the functions that settle a promise, besides the promise. */
export interface Settling {
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/**
 * Who keeps what `capture` gets; afterwards nobody, for what is left here would keep the last reply alive. A field and
 * no function that sets it: the engine puts only so many calls in line with a caller's loop.
 */
export const making: { target: Settling | null } = { target: null };

/** One function for the promises of all calls: a closure for each would cost as much as the promise. */
export function capture(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  const target = making.target!;
  target.resolve = resolve;
  target.reject = reject;
}

/** In the place of what `capture` has not brought yet. */
export function unset(): void {}
