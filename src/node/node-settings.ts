import type { BaseConnection } from '../connection/base-connection.ts';
import { ResponseError } from '../errors/errors.ts';
import type { DialGovernor } from '../pooling/dial-governor.ts';
import type { TrackingSettings } from './tracking-settings.ts';

export interface NodeSettings<C extends BaseConnection> {
  /** Whose node it is: connections go back only to the pool they came from. */
  readonly owner: object;
  /** Key of the shared dial state, and the name in errors and events. */
  readonly address: string;
  /** A connection not yet run; asked at every dial, so that the place may have moved. */
  readonly make: (signal: AbortSignal) => C | Promise<C>;
  /** `make` gives what it has run itself, having tried several places perhaps. */
  readonly ready?: boolean;
  /** Who may dial when; default: what the whole process shares per address. */
  readonly governor?: DialGovernor | undefined;
  readonly max: number;
  readonly maxWaiting: number | null;
  readonly maxLifetime: number | null;
  readonly deadPeerTimeout: number | null;
  readonly leakDetection: number | null;
  readonly bulkDetour: boolean;
  readonly connectTimeout: number | null;
  /** For a cache; null or absent: none. */
  readonly tracking?: TrackingSettings<C> | null | undefined;
  /** Told of every dial that fails, before those who wait for it are. */
  readonly dialFailed?: (error: unknown) => void;
  /** False: waiting does not mend it. */
  readonly transient?: (error: unknown) => boolean;
}

/** Servers that are loading or full recover; those that refuse the user, the database or the command do not. */
export function isTransient(error: unknown): boolean {
  return !(error instanceof ResponseError) && !(error instanceof TypeError);
}
