import { nameClass } from '../base/classes.ts';
import { RedisError } from '../errors/errors.ts';

/** The error message of commands that still wait when the connection ends for good. */
export const CONNECTION_CLOSED = 'Connection is closed.';

function nameOf(type: { readonly prototype: object }, name: string): void {
  Object.defineProperty(type.prototype, 'name', {
    value: name,
    writable: true,
    configurable: true,
    enumerable: false,
  });
}

/** The failed command, in the form that ioredis attaches to errors. */
export interface FailedCommand {
  readonly name: string;
  readonly args: readonly unknown[];
  /** Every word after the name, if `args` does not have all. */
  readonly words?: readonly unknown[];
  /** With `showFriendlyErrorStack`: where it was called. */
  readonly frames?: string;
}

/** An error that the server answered with; the message is its whole line. */
export class ReplyError extends Error {
  /** The first word of the line. */
  readonly code: string;
  /** Not enumerable, for it holds the arguments: no log line shows them by accident. */
  declare readonly command?: FailedCommand;

  constructor(message: string, options: { code?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code ?? message.split(' ', 1)[0]!;
  }
}
nameClass(ReplyError, 'ReplyError');
nameOf(ReplyError, 'ReplyError');

/** A command that was given up, for its connection closed under it. */
export class AbortError extends Error {
  declare readonly command?: FailedCommand;
}
nameClass(AbortError, 'AbortError');
nameOf(AbortError, 'AbortError');

/** A command waited through `maxRetriesPerRequest` failed attempts to connect. */
export class MaxRetriesPerRequestError extends AbortError {
  constructor(retries: number) {
    super(
      `Reached the max retries per request limit (which is ${retries}). Refer to "maxRetriesPerRequest" option for details.`,
    );
  }
}
nameClass(MaxRetriesPerRequestError, 'MaxRetriesPerRequestError');
nameOf(MaxRetriesPerRequestError, 'MaxRetriesPerRequestError');

/** No node of a cluster could be asked. */
export class ClusterAllFailedError extends Error {
  readonly lastNodeError: Error | undefined;

  static readonly defaultMessage = 'Failed to refresh slots cache.';

  constructor(message: string, lastNodeError?: Error | null) {
    super(message, lastNodeError ? { cause: lastNodeError } : undefined);
    this.lastNodeError = lastNodeError ?? undefined;
  }
}
nameClass(ClusterAllFailedError, 'ClusterAllFailedError');
nameOf(ClusterAllFailedError, 'ClusterAllFailedError');

/** Whether a server sent the error. */
export function isOfServer(error: unknown): error is RedisError {
  return error instanceof RedisError && !error.code.startsWith('RESPOOL_');
}

/** The server's line, whether or not its first word is part of the message. */
export function lineOf(error: RedisError): string {
  const { code, message } = error;
  // The core uses the code ERR for lines without a code.
  return code === 'ERR' || message.startsWith(`${code} `) || message === code
    ? message
    : `${code} ${message}`;
}

/** The stack frames of the caller of `method`, for an error that comes later. */
export function framesOfCall(method: (...args: never[]) => unknown): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, method);
  return (holder.stack ?? '').split('\n').slice(1).join('\n');
}

/** Translates a server's error to ioredis' `ReplyError`. */
export function replyErrorOf(error: RedisError, command?: FailedCommand): ReplyError {
  const made = new ReplyError(lineOf(error), { code: error.code, cause: error });
  return command === undefined ? made : withCommand(made, command);
}

export function withCommand<E extends Error>(error: E, { name, args, words, frames }: FailedCommand): E {
  if (frames) error.stack = `${error.name}: ${error.message}\n${frames}`;
  return Object.defineProperty(error, 'command', {
    value: { name, args: words ?? args },
    writable: true,
    configurable: true,
    enumerable: false,
  });
}

/** The error for `commandTimeout`. */
export function timedOut(cause: Error): Error {
  return new Error('Command timed out', { cause });
}

/** The error for a command in progress when the connection closed. */
export function abortedBy(command: FailedCommand): AbortError {
  return withCommand(new AbortError('Command aborted due to connection close'), command);
}
