import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until the answer is not `null`; what the check throws is the reason told when time is over. */
export async function poll<T>(
  what: string,
  timeout: number,
  check: () => T | null | Promise<T | null>,
  interval = 10,
): Promise<T> {
  const deadline = performance.now() + timeout;
  let reason: unknown = null;
  for (;;) {
    try {
      const answer = await check();
      if (answer !== null) return answer;
      reason = null;
    } catch (error) {
      reason = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`respool/testkit: ${what}: not within ${timeout} ms`, { cause: reason });
    }
    await sleep(interval);
  }
}

/** All of them, whatever happens to one; then the first failure, if any. */
export async function allSettled(tasks: Iterable<Promise<unknown>>): Promise<void> {
  const results = await Promise.allSettled(tasks);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
