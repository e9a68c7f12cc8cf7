import { setTimeout as sleep } from 'node:timers/promises';

/** Calls `check` until it returns something else than `null`. At the time-out its last error becomes the cause. */
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

/** Waits for all promises, then throws the first failure, if any. */
export async function allSettled(tasks: Iterable<Promise<unknown>>): Promise<void> {
  const results = await Promise.allSettled(tasks);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
