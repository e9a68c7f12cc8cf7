import { isUint8Array } from 'node:util/types';
import type { Deadline } from '../base/deadline.ts';
import { TimeoutError } from '../errors/errors.ts';
import { latin1Text } from '../resp/native-slices.ts';
import { pubsubAction } from './subscription-kinds.ts';
import type { PubsubAction, SubscriptionAck } from './subscription-kinds.ts';
import type { SubscriptionTarget } from './subscription-target.ts';
import type { PubsubCall } from './wish.ts';

/** What `executePubsub` was asked to do; throws `TypeError` when that is no pub/sub command. */
export function readPubsubCommand(
  command: string | Uint8Array,
  targets: readonly SubscriptionTarget[],
): PubsubAction {
  const word = isUint8Array(command) ? latin1Text(command) : command;
  const action = typeof word === 'string' ? pubsubAction(word.trim()) : null;
  if (action === null) {
    throw new TypeError('executePubsub() takes SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their opposites only');
  }
  if (action.subscribe && targets.length === 0) {
    throw new TypeError('a subscription needs at least one channel');
  }
  return action;
}

/** The outcome of calls that together are one, with a limit: when one fails, all do. */
export async function settleCalls(
  calls: readonly PubsubCall[],
  deadline: Deadline,
  what: string,
  cause: () => unknown = () => undefined,
): Promise<SubscriptionAck[][]> {
  const stop = (reason: unknown): void => {
    for (const call of calls) call.fail(reason);
  };
  const late = (): void => {
    const text = `${what} was not acknowledged within ${deadline.timeout} ms`;
    stop(new TimeoutError(text, { phase: 'reply', cause: cause() }));
  };
  if (deadline.aborted) stop(deadline.reason);
  else if (deadline.signal !== null || !deadline.unlimited) {
    deadline.watch({ onAbort: stop, onTimeout: late });
  }
  const outcome = Promise.all(calls.map((call) => call.promise));
  try {
    return await outcome;
  } catch (error) {
    stop(error);
    throw error;
  } finally {
    deadline.unwatch();
  }
}
