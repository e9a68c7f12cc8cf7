import { isUint8Array } from 'node:util/types';
import type { Deadline } from '../base/deadline.ts';
import { TimeoutError } from '../errors/errors.ts';
import { latin1Text } from '../resp/decoding/native-slices.ts';
import { pubsubAction } from './subscriptions/subscription-kinds.ts';
import type { PubsubAction, SubscriptionAck } from './subscriptions/subscription-kinds.ts';
import type { SubscriptionTarget } from './subscriptions/subscription-target.ts';
import type { PubsubCall } from './subscriptions/wish.ts';

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

/** What a call is called where its time runs out. */
export interface CallText {
  readonly command: string;
  /** Where it happens: stands before the text. */
  readonly endpoint?: string | undefined;
  /** Why the last attempt to connect failed. */
  readonly lastError?: (() => unknown) | undefined;
}

/** The outcome of calls that together are one, with a limit: when one fails, all do. */
export async function settleCalls(
  calls: readonly PubsubCall[],
  deadline: Deadline,
  what: CallText,
): Promise<SubscriptionAck[][]> {
  const stop = (reason: unknown): void => {
    for (const call of calls) call.fail(reason);
  };
  const late = (): void => {
    const sent = calls.some((call) => call.sent);
    stop(timeoutOf(what, sent, deadline));
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

function timeoutOf(
  { command, endpoint, lastError }: CallText,
  sent: boolean,
  deadline: Deadline,
): TimeoutError {
  const where = endpoint === undefined ? '' : `Connection to ${endpoint}: `;
  const fate = sent ? 'was not acknowledged' : 'found no connection';
  const cause = lastError?.() ?? undefined;
  const why = !sent && cause instanceof Error ? `; the last attempt to connect failed: ${cause.message}` : '';
  return new TimeoutError(`${where}${command} ${fate} within ${deadline.timeout} ms${why}`, {
    phase: sent ? 'reply' : 'acquire',
    maybeExecuted: sent,
    command,
    endpoint,
    cause,
  });
}
