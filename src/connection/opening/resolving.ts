/** Holds the two functions that settle a promise, apart from the promise. */
export interface Settling {
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/**
 * The object that `capture` fills. Reset it to null afterwards: a leftover would keep the last reply alive. It is a
 * field and not a setter, because the engine inlines only a limited number of calls into a caller's loop.
 */
export const making: { target: Settling | null } = { target: null };

/** One function for the promises of all calls: a closure for each would cost as much as the promise. */
export function capture(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  const target = making.target!;
  target.resolve = resolve;
  target.reject = reject;
}

/** Placeholder until `capture` has set the real function. */
export function unset(): void {}
