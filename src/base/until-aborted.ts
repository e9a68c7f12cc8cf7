import { type AbortSubscriber, unwatchSignal, watchSignal } from './signal-registry.ts';

/** The outcome of work that may go on for others, or the signal's reason if that comes first. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  // Whoever has given up hears nothing of it any more.
  work.catch(() => {});
  let subscriber!: AbortSubscriber;
  const aborted = new Promise<never>((_, onAbort) => {
    subscriber = { onAbort };
  });
  if (!watchSignal(signal, subscriber)) throw signal.reason;
  try {
    return await Promise.race([work, aborted]);
  } finally {
    unwatchSignal(signal, subscriber);
  }
}
