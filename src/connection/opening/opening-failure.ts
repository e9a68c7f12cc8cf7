import {
  ConnectionError,
  InvalidResponse,
  OverloadedError,
  ProtocolError,
  RedisError,
  RequestAbortedError,
  TimeoutError,
} from '../../errors/errors.ts';
import type { ConnectionCore } from '../connection-core.ts';

/** The error that `run()` throws. Server errors and abort reasons pass; all else becomes a `ConnectionError`. */
export function explainFailure(
  core: ConnectionCore,
  error: unknown,
  signal: AbortSignal | null,
  code?: string,
): unknown {
  if (signal?.aborted === true && error === signal.reason) return error;
  const wrapped =
    error instanceof TimeoutError || error instanceof OverloadedError || error instanceof RequestAbortedError;
  const { failure, settings } = core;
  const { endpoint } = settings;
  // `maybeExecuted` refers to a command of the handshake; the caller has sent nothing.
  const lost = error instanceof ConnectionError && error.maybeExecuted;
  if (error instanceof RedisError && !wrapped && !lost && !isBare(error)) return error;
  const known = lost ? failure : error;
  const detail = known instanceof Error ? known.message : 'it failed';
  const Kind = classFor(error);
  return new Kind(`Unable to connect to ${endpoint}: ${detail}`, {
    endpoint,
    cause: error,
    ...(code === undefined ? {} : { code }),
  });
}

function classFor(error: unknown): typeof ConnectionError {
  if (error instanceof InvalidResponse) return InvalidResponse;
  return error instanceof ProtocolError ? ProtocolError : ConnectionError;
}

/** An error the package made itself, without a cause; it becomes the cause of the dial error. */
function isBare(error: RedisError): boolean {
  return error instanceof ConnectionError && error.code === 'RESPOOL_CONNECTION' && error.cause === undefined;
}
