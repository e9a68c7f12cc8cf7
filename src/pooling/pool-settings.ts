import type { Random } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { Deadline } from '../base/deadline.ts';
import type { DialGovernor } from './dial-governor.ts';
import type { LeakReport } from './housekeeper.ts';

/** The errors of a pool; the owner supplies their texts. */
export interface PoolErrors {
  /** The deadline passed; `lastError` is the last failure to dial, or null. */
  exhausted(figures: PoolFigures, deadline: Deadline, lastError: unknown): Error;
  /** As many callers wait already as may. */
  overloaded(maxWaiting: number, lastError: unknown): Error;
  closed(): Error;
  /** A resource was dead as soon as it was made. */
  stillborn(): Error;
  /** The released slot has no holder. */
  notLeased(): Error;
}

export interface PoolSettings<T> {
  /** Key of the shared dial state. */
  address: string;
  /** Resources open and being made, together, at most. */
  max: number;
  /** The number kept open once the first one is there; default 0. */
  min?: number | undefined;
  governor: DialGovernor;
  errors: PoolErrors;
  /**
   * Makes one, never the same one twice. The signal fires when the pool closes. `reached` may be called once the address
   * has answered: other pools need not wait for the rest.
   */
  create(signal: AbortSignal, reached: () => void): Promise<T>;
  /** The number of waiters outside the pool (for room on a resource); they count for `maxWaiting`. Absent: none. */
  waiting?(): number;
  /**
   * False for a failure that waiting does not mend, such as wrong credentials: callers with a time limit are rejected
   * too. Absent: every failure may pass.
   */
  transient?(error: unknown): boolean;
  /**
   * True for a failure that shows that the address answered, such as wrong credentials: this pool pauses, other pools
   * there do not. Absent: never.
   */
  answered?(error: unknown): boolean;
  maxWaiting?: number | null | undefined;
  maxLifetime?: number | null | undefined;
  /** A lease older than this is reported once. */
  leakDetection?: number | null | undefined;
  leaked?: LeakReport | undefined;
  clock?: Clock | undefined;
  random?: Random | undefined;
}

/** `open` = `inUse` + `idle`; `inUse` counts leased and occupied ones, and free ones that say they are `occupied`. */
export interface PoolFigures {
  max: number;
  open: number;
  inUse: number;
  idle: number;
  occupied: number;
  connecting: number;
  /** Callers in line that no dial under way is for. */
  waiting: number;
  /** Age of the oldest lease in ms. */
  oldestLease: number | null;
}
