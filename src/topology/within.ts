import type { Deadline } from '../base/deadline.ts';
import { TimeoutError } from '../errors/errors.ts';

/** Waits for work that others may be waiting for too: it goes on when the deadline ends the wait. */
export async function within<T>(work: Promise<T>, deadline: Deadline, what: string): Promise<T> {
  if (deadline.aborted) {
    work.catch(() => {});
    throw deadline.reason;
  }
  if (deadline.unlimited && deadline.signal === null) return work;
  let stop!: (error: unknown) => void;
  const stopped = new Promise<never>((_, reject) => {
    stop = reject;
  });
  const late = (): void =>
    stop(new TimeoutError(`${what} took longer than ${deadline.timeout} ms`, { phase: 'reply' }));
  deadline.watch({ onAbort: stop, onTimeout: late });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    deadline.unwatch();
  }
}
