import { RedisError, ResponseError } from '../errors/errors.ts';
import { refusedByAll } from '../errors/reply-errors.ts';
import { DialGovernor, type DialGovernorSettings } from '../pooling/dial-governor.ts';
import { channels, observed } from '../telemetry/channels.ts';

/** A governor that tells the diagnostics channel `respool:pool:state` when an address goes down or comes up. */
export function makeDialGovernor(settings: DialGovernorSettings = {}): DialGovernor {
  return new DialGovernor({
    ...settings,
    announce: (change) => {
      if (observed(channels.poolState)) channels.poolState.publish(change);
    },
  });
}

/** The one of the process. */
export const dialGovernor = makeDialGovernor();

/** Failures of this side, after the server had taken the connection. */
const OWN: ReadonlySet<string> = new Set(['RESPOOL_CREDENTIALS', 'RESPOOL_CALLBACK']);

/** Whether a failed dial shows that the address is well: it answered, and the failure is that of one pool. */
export function addressAnswered(error: unknown): boolean {
  return error instanceof ResponseError || (error instanceof RedisError && OWN.has(error.code));
}

/**
 * Servers that are loading or full recover; those that refuse the user, the database or the command do not. The same
 * goes for sentinels that all refuse.
 */
export function isTransient(error: unknown): boolean {
  return !(error instanceof ResponseError) && !(error instanceof TypeError) && !refusedByAll(error);
}
