import { TimeoutError } from '../errors/errors.ts';
import { isOfServer, replyErrorOf } from './errors.ts';

/** A failed dial as callers of ioredis know it: the server's line, a time-out of connecting, or the socket's error. */
export function dialError(error: Error): Error {
  if (isOfServer(error)) return replyErrorOf(error);
  const { cause } = error;
  if (error instanceof TimeoutError || cause instanceof TimeoutError) {
    return Object.assign(new Error('connect ETIMEDOUT', { cause: error }), {
      errorno: 'ETIMEDOUT',
      code: 'ETIMEDOUT',
      syscall: 'connect',
    });
  }
  return cause instanceof Error ? cause : error;
}

/** The server wants no password: ioredis warns and goes on without. */
export function needsNoPassword(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /no password is set|without any password configured for the default user/i.test(error.message);
}

/** Said of a lookup or a socket, so that another attempt may fare better. */
export function isOfNetwork(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).syscall !== undefined;
}
