import { runCallback } from '../base/callback-errors.ts';
import type { Deadline } from '../base/deadline.ts';
import { ConnectionError, OverloadedError, PoolClosedError, TimeoutError } from '../errors/errors.ts';
import type { PoolErrors, PoolFigures } from '../pooling/pool-settings.ts';
import { channels, observed } from '../telemetry/channels.ts';

/** Makes the errors of the pool core, worded for Redis connections. */
export function poolErrors(address: string): PoolErrors {
  const endpoint = address;
  return {
    exhausted: (figures, deadline, lastError) => exhausted(address, figures, deadline, lastError),
    overloaded: (maxWaiting, lastError) =>
      new OverloadedError(`${maxWaiting} callers already wait for a connection to ${address} (maxWaiting)`, {
        endpoint,
        cause: lastError ?? undefined,
      }),
    closed: () => new PoolClosedError(`the pool of ${address} is closed`, { endpoint }),
    deadOnArrival: () =>
      new ConnectionError(`the connection to ${address} was closed as soon as it was made`, { endpoint }),
    notLeased: () =>
      new TypeError(`release() of a connection that the pool of ${address} has not leased out`),
  };
}

/** Reports a lease older than `leakDetection` with a process warning and an event. */
export function reportLeak(address: string, age: number, stack: string): void {
  const text = `A connection to ${address} has been leased for ${Math.round(age)} ms; it was acquired\n${stack}`;
  process.emitWarning(text, { type: 'RespoolLeakWarning', code: 'RESPOOL_LEAK' });
  if (observed(channels.poolLeak)) channels.poolLeak.publish({ address, age, stack });
}

/** The error of a caller that got no connection in time, with the pool's figures and the last dial failure. */
function exhausted(
  address: string,
  { max, inUse, idle, connecting, waiting, oldestLease }: PoolFigures,
  deadline: Deadline,
  lastError: unknown,
): TimeoutError {
  const age = oldestLease === null ? '' : `, oldest lease ${Math.round(oldestLease)} ms`;
  const use = `max ${max}, in use ${inUse}, idle ${idle}`;
  const numbers = `${use}, connecting ${connecting}, waiting ${waiting}${age}`;
  const cause = lastError === null ? undefined : lastError;
  const why = cause instanceof Error ? `; the last attempt to connect failed: ${cause.message}` : '';
  return new TimeoutError(`no connection to ${address} within ${deadline.timeout} ms (${numbers})${why}`, {
    phase: 'acquire',
    endpoint: address,
    pool: { max, inUse, idle, connecting, waiting, oldestLease },
    cause,
  });
}

/** A node of a pool got its first connection, or has lost its last one. */
export interface PoolStateChange {
  readonly state: 'up' | 'down';
  readonly address: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Why it went down. */
  readonly error?: unknown;
}

/** Calls `onState` once per change between up and down. */
export class StateReport {
  readonly #address: string;
  readonly #onState: ((change: PoolStateChange) => void) | null;
  #state: 'new' | 'up' | 'down' = 'new';

  constructor(address: string, onState: ((change: PoolStateChange) => void) | null) {
    this.#address = address;
    this.#onState = onState;
  }

  tell(state: 'up' | 'down', error?: unknown): void {
    if (this.#state === state) return;
    this.#state = state;
    const change = { state, address: this.#address, at: Date.now() };
    runCallback(this, 'onState', () => this.#onState?.(error === undefined ? change : { ...change, error }));
  }
}
