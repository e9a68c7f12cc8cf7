const reported = new WeakSet<object>();

/**
 * A callback threw, mostly a user's, where nobody can catch it, in the middle of delivering to others. One warning
 * for each `owner` tells of it; the rest goes on.
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
