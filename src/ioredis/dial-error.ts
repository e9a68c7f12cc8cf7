import { TimeoutError } from '../errors/errors.ts';
import { isOfServer, replyErrorOf } from './errors.ts';

/** Translates the error of a failed dial to ioredis' form: the server's line, ETIMEDOUT, or the socket's error. */
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

/** Errors about credentials after which ioredis warns and goes on without them. */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [/no password is set/i, '[WARN] Redis server does not require a password, but a password was supplied.'],
  [
    /without any password configured for the default user/i,
    "[WARN] This Redis server's `default` user does not require a password, but a password was supplied",
  ],
  [
    /wrong number of arguments for 'auth' command/i,
    '[ERROR] The server returned "wrong number of arguments for \'auth\' command". You are probably passing both username and password to Redis version 5 or below. Give only `password` there.',
  ],
];

/** The warning for a server that needs no credentials, or other ones; null for other errors. */
export function warningOfRefusal(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  return REFUSALS.find(([refusal]) => refusal.test(error.message))?.[1] ?? null;
}

/** Whether the error comes from a look-up or a socket, so that another attempt may succeed. */
export function isOfNetwork(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).syscall !== undefined;
}
