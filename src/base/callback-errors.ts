const reported = new WeakSet<object>();

/**
 * Reports an exception of a callback, mostly a user's, that no caller can catch: it came while others were served. One
 * warning for each `owner`; the rest goes on.
 */
export function reportCallbackError(owner: object, what: string, error: unknown): void {
  if (reported.has(owner)) return;
  reported.add(owner);
  process.emitWarning(`${what} threw; further errors of it are not reported`, {
    type: 'RespoolWarning',
    code: 'RESPOOL_CALLBACK',
    detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
}

/** A user's callback, wherever it fails: at once, or later where it turns out to be asynchronous. */
export function runCallback(owner: object, what: string, callback: () => unknown): void {
  try {
    const result = callback();
    if (result !== undefined) reportLater(owner, what, result);
  } catch (error) {
    reportCallbackError(owner, what, error);
  }
}

/** Takes the result of a callback that should return nothing. */
export function reportLater(owner: object, what: string, result: unknown): void {
  if (!(result instanceof Promise)) return;
  result.catch((error: unknown) => reportCallbackError(owner, what, error));
}
