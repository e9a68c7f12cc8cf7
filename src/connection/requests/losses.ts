import { ConnectionError, InvalidResponse, ProtocolError, TimeoutError } from '../../errors/errors.ts';
import { DecodingError, withBytes } from '../../resp/decoding-error.ts';
import type { DecodeMode } from '../../resp/text-modes.ts';
import type { Reply } from '../../resp/types.ts';
import type { ConnectionCore } from '../connection-core.ts';
import { type Entry, QUEUED, SETTLED, settle } from './entry.ts';

/** Makes the error of a command whose connection ended. */
export function lossOf(core: ConnectionCore, entry: Entry, maybeExecuted: boolean): ConnectionError {
  const fate = maybeExecuted ? 'it may have been executed' : 'it was not sent';
  const text = `${core.failure?.message ?? 'Connection lost'} (${entry.info.name}: ${fate})`;
  return core.commandError(ConnectionError, entry.info.name, text, { maybeExecuted, cause: core.failure });
}

/**
 * Fails the outstanding commands of an ended connection. After a protocol error the oldest written command gets that
 * error itself, because the broken reply was its own.
 */
export function failAll(core: ConnectionCore, entries: readonly Entry[], reason: Error): void {
  let first = reason instanceof ProtocolError;
  for (const entry of entries) {
    core.uncount(entry);
    if (entry.phase === SETTLED) continue;
    const maybeExecuted = entry.phase !== QUEUED;
    core.release(entry);
    settle(entry);
    entry.fail(
      first && maybeExecuted ? brokenReply(core, entry, reason) : lossOf(core, entry, maybeExecuted),
    );
    if (maybeExecuted) first = false;
  }
}

/** Makes the protocol error for the command whose reply was broken; the server has received it. */
function brokenReply(core: ConnectionCore, entry: Entry, reason: Error): ProtocolError {
  const Broken = reason instanceof InvalidResponse ? InvalidResponse : ProtocolError;
  return core.commandError(Broken, entry.info.name, reason.message, { maybeExecuted: true, cause: reason });
}

/** Makes the error of a command that timed out. */
export function timeoutOf(core: ConnectionCore, entry: Entry, written: boolean, limit: number): TimeoutError {
  const { name } = entry.info;
  const what = written ? 'waiting for its reply' : 'unsent';
  const text = core.text(`${name} timed out after ${limit} ms ${what}`);
  return core.commandError(TimeoutError, name, text, { phase: 'reply' as const, maybeExecuted: written });
}

/** Makes the error for a reply that is not valid text in `mode`. */
export function notText(
  core: ConnectionCore,
  command: string,
  value: Reply,
  mode: DecodeMode,
): DecodingError {
  const text = core.text(`the reply to ${command} holds bytes that are not valid text`);
  return core.commandError(DecodingError, command, text, { reply: withBytes(value, mode) });
}

/** The error that ends the message streams: always a `ConnectionError`. */
export function endOfMessages(core: ConnectionCore, reason: Error): ConnectionError {
  if (reason instanceof ConnectionError) return reason;
  return core.error(ConnectionError, `closed: ${reason.message}`, { cause: reason });
}
