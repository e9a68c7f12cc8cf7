import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { ConnectionError, RedisError, ResponseError } from '../errors/errors.ts';
import { isDistrusted, refusedByAll } from '../errors/reply-errors.ts';
import { DialGovernor, type DialGovernorSettings } from '../pooling/dial-governor.ts';
import { channels, observed } from '../telemetry/channels.ts';

/** Makes a governor that reports on the diagnostics channel `respool:pool:state` when an address goes up or down. */
export function makeDialGovernor(settings: DialGovernorSettings = {}): DialGovernor {
  return new DialGovernor({
    ...settings,
    announce: (change) => {
      if (observed(channels.poolState)) channels.poolState.publish(change);
    },
  });
}

/** The governor that all pools of the process share by default. */
export const dialGovernor = makeDialGovernor();

/** Codes of failures in the caller's own code, after the server had accepted the connection. */
const OWN: ReadonlySet<string> = new Set(['RESPOOL_CREDENTIALS', 'RESPOOL_CALLBACK']);

/** Whether the address answered although the dial failed: then the failure concerns one pool, not the address. */
export function addressAnswered(error: unknown): boolean {
  return error instanceof ResponseError || (error instanceof RedisError && OWN.has(error.code));
}

/**
 * Whether a later dial may succeed: a server that is loading or full recovers. A refused user, database, command or
 * certificate lasts, also when every sentinel refuses; so does a TypeError.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof ResponseError || error instanceof TypeError) return false;
  return !refusedByAll(error) && !isDistrusted(error);
}

/** Runs a connection that this package has made. A class from outside may fail in its own `run()` with an open socket. */
export async function runConnection(
  connection: BaseConnection,
  signal: AbortSignal,
): Promise<BaseConnection> {
  try {
    await connection.run({ signal });
    return connection;
  } catch (error) {
    connection.invalidate('run() failed');
    throw error;
  }
}

/**
 * Ends a new connection that no caller of a pool could use, and throws: the next one would be the same, and would be
 * dialled at once.
 */
export function demandFit(connection: BaseConnection): void {
  const core = coreOf(connection);
  if (core.state !== 'ready' || (core.session.clean && core.inbox.empty)) return;
  connection.invalidate('a connect callback has left it in a state that no caller expects');
  throw core.error(
    ConnectionError,
    'a connect callback has left a subscription, MULTI, WATCH, MONITOR, an unread message or an unanswered command behind: await every command, and subscribe by executePubsub() of the pool',
    { code: 'RESPOOL_CALLBACK' },
  );
}
