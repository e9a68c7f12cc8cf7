import { BackoffRetryPolicy, type RetryContext } from '../base/retry-policy.ts';
import { resolveCommand } from '../commands/command-info.ts';
import { READONLY } from '../commands/flags.ts';

/** Exponential back-off with full jitter; repeats only what was surely not executed. The default of every pool. */
export class ExponentialBackoffRetryPolicy extends BackoffRetryPolicy {
  protected override isReadOnly({ command, readOnly }: RetryContext): boolean {
    return readOnly ?? (resolveCommand(command, []).flags & READONLY) !== 0;
  }
}
