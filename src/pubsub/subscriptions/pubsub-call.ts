import type { Deadline } from '../../base/deadline.ts';
import { ChannelClosedError, TimeoutError } from '../../errors/errors.ts';
import type { SubscriptionAck } from './subscription-kinds.ts';

/** The position of one name in a call. */
export interface CallPlace {
  readonly call: PubsubCall;
  readonly index: number;
}

export interface PubsubCallHooks {
  /** Whether the name at `index` was sent to a server. */
  told(index: number): boolean;
  /** Called when the call has failed, to take back the channels it added. */
  failed?(call: PubsubCall, reason: unknown): void;
}

/** A pending `executePubsub`; resolves when every name was acknowledged. */
export class PubsubCall {
  readonly promise: Promise<SubscriptionAck[]>;
  settled = false;
  /** The call has its own time limit, so a failed dial does not end it. */
  readonly patient: boolean;
  readonly #acks: SubscriptionAck[];
  #left: number;
  readonly #hooks: PubsubCallHooks;
  #resolve!: (acks: SubscriptionAck[]) => void;
  #reject!: (reason: unknown) => void;

  constructor(names: number, patient: boolean, hooks: PubsubCallHooks) {
    this.patient = patient;
    this.#hooks = hooks;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#acks = new Array<SubscriptionAck>(names);
    this.#left = names;
    if (names === 0) this.#succeed();
  }

  /** Whether any name was sent to a server. */
  get sent(): boolean {
    return Array.from(this.#acks).some((ack, index) => ack !== undefined || this.#hooks.told(index));
  }

  done(index: number, ack: SubscriptionAck): void {
    if (this.settled || this.#acks[index] !== undefined) return;
    this.#acks[index] = ack;
    this.#left--;
    if (this.#left === 0) this.#succeed();
  }

  /** Rejects the call, also when its caller stops waiting. Names that only this call wanted are unsubscribed. */
  fail(reason: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.#reject(reason);
    this.#hooks.failed?.(this, reason);
  }

  #succeed(): void {
    this.settled = true;
    this.#resolve(this.#acks);
  }
}

/** The error of a call whose subscription ends unacknowledged. `cause`: the error that ended its connection. */
export function unacknowledged(cause?: Error): ChannelClosedError {
  return new ChannelClosedError('the channel was closed before its subscription was acknowledged', { cause });
}

/** Words for the errors of a call. */
export interface CallText {
  readonly command: string;
  /** Put before the text. */
  readonly endpoint?: string | undefined;
  /** The error of the last failed dial. */
  readonly lastError?: (() => unknown) | undefined;
}

/** Waits, within a limit, for calls that together make one; when one fails, all do. */
export async function settleCalls(
  calls: readonly PubsubCall[],
  deadline: Deadline,
  text: CallText,
): Promise<SubscriptionAck[][]> {
  const stop = (reason: unknown): void => {
    for (const call of calls) call.fail(reason);
  };
  const late = (): void => {
    const sent = calls.some((call) => call.sent);
    stop(timeoutOf(text, sent, deadline));
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
