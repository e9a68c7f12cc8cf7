import { ClusterDownError, TryAgainError } from '../errors/errors.ts';
import type { RetryContext, RetryPolicy } from '../pool/calls/retry-policy.ts';
import type { ClusterOptions } from './cluster-options.ts';

/** The pauses that the options of ioredis name. What the server may have run does not go again. */
export class RetryDelays implements RetryPolicy {
  readonly #options: ClusterOptions;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  next(attempt: number, error: Error, { maybeExecuted }: RetryContext): number | null {
    const { maxRedirections = 16 } = this.#options;
    if (attempt > maxRedirections || maybeExecuted || error instanceof TypeError) return null;
    const pause = this.#pauseAfter(error);
    return typeof pause === 'number' && pause > 0 ? pause : null;
  }

  #pauseAfter(error: Error): number | undefined {
    const { retryDelayOnClusterDown, retryDelayOnTryAgain, retryDelayOnFailover } = this.#options;
    if (error instanceof ClusterDownError) return retryDelayOnClusterDown;
    if (error instanceof TryAgainError) return retryDelayOnTryAgain;
    return retryDelayOnFailover;
  }
}
