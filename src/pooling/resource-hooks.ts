import type { Random } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { DialGovernor } from './dial-governor.ts';

/**
 * What the pool must know of a resource:
 *
 * - `ready`: clean, nothing outstanding: fit for a lease. (What a lease that was left within this very
 *   tick has queued may still count as nothing outstanding; that is the owner's judgement.)
 * - `busy`: clean, or going to be, with something outstanding: fit for shared work, not for a lease.
 * - `suspended`: alive, but to get no new work for now, such as one that stopped answering.
 * - `dirty`: never to be clean again: drained, then closed.
 * - `dead`: closed.
 */
export type ResourceState = 'ready' | 'busy' | 'suspended' | 'dirty' | 'dead';

export interface ResourceHooks<T> {
  /** Makes one, never the same one twice. The signal fires when the pool closes. */
  create(signal: AbortSignal): Promise<T>;
  /** Drops it now. The pool has given its slot away before this is called. */
  destroy(resource: T, reason: string): void;
  /** Cheap and pure: asked on the way of every shared piece of work. */
  state(resource: T): ResourceState;
  /**
   * Lets what is outstanding settle, then drops it; at once when nothing is. The slot counts until
   * `state` says `dead`, which is told by `changed` unless it is so when `drain` returns.
   */
  drain(resource: T): void;
  /** Whether one that nobody holds is in use all the same: somebody has left long work on it. Absent: never. */
  occupied?(resource: T): boolean;
  /** How many wait for something of a resource that they have: `maxWaiting` is for all. Absent: nobody. */
  waiting?(): number;
  /**
   * False for a failure that waiting does not mend, such as wrong credentials: callers with a time
   * limit are rejected too. Absent: every failure may pass.
   */
  transient?(error: unknown): boolean;
}

export interface ResourcePoolSettings {
  /** Key of the shared dial state, and the name in errors and events. */
  address: string;
  /** Resources open and being made, together, at most. */
  max: number;
  maxWaiting?: number | null | undefined;
  maxLifetime?: number | null | undefined;
  leakDetection?: number | null | undefined;
  clock?: Clock | undefined;
  random?: Random | undefined;
  governor?: DialGovernor | undefined;
}

/** `open` = `inUse` + `idle`; `inUse` counts leased and occupied ones, and those that were left `occupied`. */
export interface ResourcePoolFigures {
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

/** Where a lease was acquired: any object with a stack. */
export interface Origin {
  readonly stack?: string | undefined;
}
