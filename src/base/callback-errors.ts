const reported = new WeakSet<object>();

/**
 * Reports an exception of a callback, mostly a user's, that no caller can catch, as a process warning: only the first
 * per `owner`.
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

/** Runs a user's callback and reports its exception, or the rejection of the promise that it returns. */
export function runCallback(owner: object, what: string, callback: () => unknown): void {
  try {
    const result = callback();
    if (result !== undefined) reportLater(owner, what, result);
  } catch (error) {
    reportCallbackError(owner, what, error);
  }
}

/** Reports the rejection of a callback that returned a promise although it should return nothing. */
export function reportLater(owner: object, what: string, result: unknown): void {
  if (!(result instanceof Promise)) return;
  result.catch((error: unknown) => reportCallbackError(owner, what, error));
}
