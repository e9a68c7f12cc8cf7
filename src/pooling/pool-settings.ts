import type { Random } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { Deadline } from '../base/deadline.ts';
import type { DialGovernor } from './dial-governor.ts';
import type { LeakReport } from './housekeeper.ts';

/** Makes the errors of a pool; the owner supplies the texts. */
export interface PoolErrors {
  /** The deadline passed; `lastError` is the last failure to dial, or null. */
  exhausted(figures: PoolFigures, deadline: Deadline, lastError: unknown): Error;
  /** `maxWaiting` callers wait already. */
  overloaded(maxWaiting: number, lastError: unknown): Error;
  closed(): Error;
  /** A resource was dead as soon as it was made. */
  deadOnArrival(): Error;
  /** The released slot has no holder. */
  notLeased(): Error;
}

export interface PoolSettings<T> {
  /** Key of the dial state that pools share. */
  address: string;
  /** Limit of the resources that are open or being made. */
  max: number;
  /** Number of resources kept open once the first was made; default: 0. */
  min?: number | undefined;
  governor: DialGovernor;
  errors: PoolErrors;
  /**
   * Makes a new resource. The signal fires when the pool closes. It may call `reached` once the address has answered,
   * so that other pools need not wait for the rest.
   */
  create(signal: AbortSignal, reached: () => void): Promise<T>;
  /** Number of callers that wait outside the pool, for room on a resource; they count for `maxWaiting`. Absent: 0. */
  waiting?(): number;
  /**
   * False for a failure that a later dial cannot avoid, such as wrong credentials: it rejects callers with a time limit
   * too. Absent: every failure may pass.
   */
  transient?(error: unknown): boolean;
  /**
   * True for a failure after the address answered, such as wrong credentials: this pool backs off, other pools of the
   * address do not. Absent: never.
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

/** Counts of one pool. `open` = `inUse` + `idle`; `inUse`: leased, occupied, or without a holder but `occupied()`. */
export interface PoolFigures {
  max: number;
  open: number;
  inUse: number;
  idle: number;
  occupied: number;
  connecting: number;
  /** Waiting callers beyond those that the dials in progress will serve. */
  waiting: number;
  /** Age of the oldest lease in ms. */
  oldestLease: number | null;
}
