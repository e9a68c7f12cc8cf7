import type { Deadline } from '../base/deadline.ts';
import { TimeoutError } from '../errors/errors.ts';
import type { ResourcePoolFigures } from './resource-hooks.ts';

interface Exhausted {
  readonly address: string;
  readonly figures: ResourcePoolFigures;
}

/** Says why nobody got anything: the numbers of that moment, and the last failure to connect. */
export function exhausted(pool: Exhausted, deadline: Deadline, lastError: unknown): TimeoutError {
  const { max, inUse, idle, connecting, waiting, oldestLease } = pool.figures;
  const age = oldestLease === null ? '' : `, oldest lease ${Math.round(oldestLease)} ms`;
  const use = `max ${max}, in use ${inUse}, idle ${idle}`;
  const numbers = `${use}, connecting ${connecting}, waiting ${waiting}${age}`;
  const cause = lastError === null ? undefined : lastError;
  const why = cause instanceof Error ? `; the last attempt to connect failed: ${cause.message}` : '';
  const text = `no connection to ${pool.address} within ${deadline.timeout} ms (${numbers})${why}`;
  return new TimeoutError(text, {
    phase: 'acquire',
    endpoint: pool.address,
    pool: { max, inUse, idle, connecting, waiting, oldestLease },
    cause,
  });
}
