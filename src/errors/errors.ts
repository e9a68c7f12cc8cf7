import { nameClass } from '../base/classes.ts';

/**
 * Key of the class names of an error. `instanceof` compares names through this registered symbol, so it works across
 * two copies of the package and for classes with two bases (`MovedError` is a `RedisClusterError` and a
 * `ResponseError`).
 */
const KINDS = Symbol.for('respool.error.kinds');

export interface RedisErrorOptions {
  cause?: unknown;
  /** The server: `host:port` or a socket path. */
  endpoint?: string | undefined;
  /** The command's name, never its arguments. */
  command?: string | undefined;
  code?: string | undefined;
}
export interface DeliveryErrorOptions extends RedisErrorOptions {
  /** True: the command was written to the socket, so the server may have executed it. */
  maybeExecuted?: boolean | undefined;
}

export type ErrorClass = { readonly name: string; readonly prototype: object };

/**
 * Stores the names of a class and its bases, and its default code, on the prototype. Call it once per class, right
 * after the declaration. The name is a literal because minifiers rename classes.
 */
export function kind(type: ErrorClass, name: string, code: string | null, ...more: ErrorClass[]): void {
  const base = Object.getPrototypeOf(type.prototype) as { [KINDS]?: readonly string[] };
  const kinds = new Set<string>([name, ...(base[KINDS] ?? [])]);
  for (const other of more) {
    for (const one of (other.prototype as { [KINDS]?: readonly string[] })[KINDS] ?? []) kinds.add(one);
  }
  const hidden = { writable: true, configurable: true, enumerable: false };
  Object.defineProperty(type.prototype, KINDS, { ...hidden, value: [...kinds] });
  Object.defineProperty(type.prototype, 'name', { ...hidden, value: name });
  nameClass(type, name);
  if (code !== null) Object.defineProperty(type.prototype, 'defaultCode', { ...hidden, value: code });
}

/** The base class of every error of this package, except `TypeError` for invalid input. */
export class RedisError extends Error {
  /** The server's code (`WRONGTYPE`) if it gave one, else a stable `RESPOOL_…`. */
  readonly code: string;
  /** The server: `host:port` or a socket path. */
  declare readonly endpoint?: string;
  /** The command's name, never its arguments. */
  declare readonly command?: string;

  constructor(message?: string, options: RedisErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code ?? (this as unknown as { defaultCode: string }).defaultCode;
    if (options.endpoint !== undefined) this.endpoint = options.endpoint;
    if (options.command !== undefined) this.command = options.command;
  }

  /** Includes the name and the message, which JSON omits for other errors. */
  toJSON(): Record<string, unknown> {
    const { name, message, cause } = this;
    const because = cause instanceof Error ? { cause: `${cause.name}: ${cause.message}` } : {};
    const fields: Record<string, unknown> = { name, message };
    return Object.assign(fields, this, because);
  }

  static override [Symbol.hasInstance](this: ErrorClass, value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false;
    // A user's subclass inherits its parent's kinds, so only the prototype chain identifies it.
    if (!Object.hasOwn(this.prototype, KINDS))
      return Object.prototype.isPrototypeOf.call(this.prototype, value);
    const kinds = (value as { [KINDS]?: readonly string[] })[KINDS];
    return kinds !== undefined && kinds.includes((this.prototype as { name: string }).name);
  }
}
kind(RedisError, 'RedisError', 'RESPOOL_ERROR');

/** The connection could not be made, or ended while requests were outstanding. */
export class ConnectionError extends RedisError {
  /** True: the command was written to the socket, so the server may have executed it. */
  readonly maybeExecuted: boolean;
  constructor(message?: string, options: DeliveryErrorOptions = {}) {
    super(message, options);
    this.maybeExecuted = options.maybeExecuted ?? false;
  }
}
kind(ConnectionError, 'ConnectionError', 'RESPOOL_CONNECTION');

/** The server violated the protocol; its connection delivers nothing more. */
export class ProtocolError extends ConnectionError {}
kind(ProtocolError, 'ProtocolError', 'RESPOOL_PROTOCOL');

/** The received bytes are not valid RESP, or exceed a limit. */
export class InvalidResponse extends ProtocolError {}
kind(InvalidResponse, 'InvalidResponse', 'RESPOOL_INVALID_RESPONSE');

/** `LOADING`: the server is loading its data set. */
export class BusyLoadingError extends ConnectionError {}
kind(BusyLoadingError, 'BusyLoadingError', 'LOADING');

/** The pool is closed. */
export class PoolClosedError extends ConnectionError {}
kind(PoolClosedError, 'PoolClosedError', 'RESPOOL_POOL_CLOSED');

/** The wait that timed out: for a connection (`acquire`), its dial and handshake (`connect`), or a reply. */
export type TimeoutPhase = 'acquire' | 'connect' | 'reply';
export interface TimeoutErrorOptions extends DeliveryErrorOptions {
  phase?: TimeoutPhase | undefined;
  /** The figures of an exhausted pool. */
  pool?: Partial<ExhaustionFigures> | undefined;
}
/** Figures of an exhausted pool; `oldestLease` is an age in ms. */
export interface ExhaustionFigures {
  max: number;
  inUse: number;
  idle: number;
  connecting: number;
  waiting: number;
  oldestLease: number | null;
}
/** A time limit passed; `phase` tells what the call waited for. */
export class TimeoutError extends RedisError {
  readonly phase: TimeoutPhase;
  readonly maybeExecuted: boolean;
  declare readonly max?: number;
  declare readonly inUse?: number;
  declare readonly idle?: number;
  declare readonly connecting?: number;
  declare readonly waiting?: number;
  /** Age of the oldest lease in ms, or null. */
  declare readonly oldestLease?: number | null;
  constructor(message?: string, options: TimeoutErrorOptions = {}) {
    super(message, options);
    this.phase = options.phase ?? 'reply';
    this.maybeExecuted = options.maybeExecuted ?? false;
    if (options.pool !== undefined) Object.assign(this, options.pool);
  }
}
kind(TimeoutError, 'TimeoutError', 'RESPOOL_TIMEOUT');

/** Makes the error of a wait that reached its time limit. */
export function tookTooLong(wait: string, limit: { readonly timeout: number | null }): TimeoutError {
  return new TimeoutError(`${wait} took longer than ${limit.timeout} ms`, { phase: 'reply' });
}

/** A command was aborted or cancelled; `maybeExecuted` tells whether it may have run, `cause` why it ended. */
export class RequestAbortedError extends RedisError {
  readonly maybeExecuted: boolean;
  constructor(message?: string, options: DeliveryErrorOptions = {}) {
    super(message, options);
    this.maybeExecuted = options.maybeExecuted ?? false;
  }
}
kind(RequestAbortedError, 'RequestAbortedError', 'RESPOOL_ABORTED');

/**
 * A limit was reached: queued output, waiters, or unread messages. With the first two nothing was sent. Unread messages
 * end their connection, whose outstanding requests get a `ConnectionError` with this error as its cause.
 */
export class OverloadedError extends RedisError {}
kind(OverloadedError, 'OverloadedError', 'RESPOOL_OVERLOADED');

/** The channel is closed and drained. */
export class ChannelClosedError extends RedisError {}
kind(ChannelClosedError, 'ChannelClosedError', 'RESPOOL_CHANNEL_CLOSED');

/** An error reply of the server. */
export class ResponseError extends RedisError {}
kind(ResponseError, 'ResponseError', 'ERR');

/** The server does not know the command; `command` is the name it quoted, or the one that was sent. */
export class UnknownCommandError extends ResponseError {}
kind(UnknownCommandError, 'UnknownCommandError', 'ERR');
/** The key holds a value of another type. */
export class WrongTypeError extends ResponseError {}
kind(WrongTypeError, 'WrongTypeError', 'WRONGTYPE');
/** `EVALSHA` of a script that the server does not have. */
export class NoScriptError extends ResponseError {}
kind(NoScriptError, 'NoScriptError', 'NOSCRIPT');
/** The server is a read-only replica, or does not accept writes. */
export class ReadOnlyError extends ResponseError {}
kind(ReadOnlyError, 'ReadOnlyError', 'READONLY');
/** `EXEC` of a transaction in which the server refused a command; nothing was executed. */
export class ExecAbortError extends ResponseError {}
kind(ExecAbortError, 'ExecAbortError', 'EXECABORT');
/** Other clients changed the watched keys in every attempt of a `watch`; nothing was executed. */
export class WatchError extends RedisError {}
kind(WatchError, 'WatchError', 'RESPOOL_WATCH');
/** The user has no permission for the command, key or channel. */
export class AuthorizationError extends ResponseError {}
kind(AuthorizationError, 'AuthorizationError', 'NOPERM');
/** The server did not accept the client's identity. */
export class AuthenticationError extends ResponseError {}
kind(AuthenticationError, 'AuthenticationError', 'RESPOOL_AUTHENTICATION');
/** The user name or password is wrong, or the user is disabled. */
export class AuthenticationFailureError extends AuthenticationError {}
kind(AuthenticationFailureError, 'AuthenticationFailureError', 'WRONGPASS');
/** The server requires credentials, and none were given. */
export class AuthenticationRequiredError extends AuthenticationError {}
kind(AuthenticationRequiredError, 'AuthenticationRequiredError', 'NOAUTH');
/** The key does not exist. */
export class NoKeyError extends ResponseError {}
kind(NoKeyError, 'NoKeyError', 'NOKEY');
/** No script is running that could be killed. */
export class NotBusyError extends ResponseError {}
kind(NotBusyError, 'NotBusyError', 'NOTBUSY');
/** `CLIENT UNBLOCK … ERROR`, or a demotion of the server, ended a blocking command. */
export class UnblockedError extends ResponseError {}
kind(UnblockedError, 'UnblockedError', 'UNBLOCKED');
/** A problem with a consumer of a stream. */
export class StreamConsumerError extends ResponseError {}
kind(StreamConsumerError, 'StreamConsumerError', 'RESPOOL_STREAM_CONSUMER');
/** The stream has no such consumer group. */
export class StreamConsumerGroupError extends StreamConsumerError {}
kind(StreamConsumerGroupError, 'StreamConsumerGroupError', 'NOGROUP');
/** The stream already has that consumer group. */
export class StreamDuplicateConsumerGroupError extends StreamConsumerGroupError {}
kind(StreamDuplicateConsumerGroupError, 'StreamDuplicateConsumerGroupError', 'BUSYGROUP');

/** A problem with a cluster. */
export class RedisClusterError extends RedisError {}
kind(RedisClusterError, 'RedisClusterError', 'RESPOOL_CLUSTER');

export interface RedirectErrorOptions extends RedisErrorOptions {
  slotId: number;
  /** Host of the target; empty: the host that answered. */
  host: string;
  port: number;
}
/** `ASK`: another node serves this one command while its slot moves. */
export class AskError extends ResponseError {
  /** The slot of the redirect, 0 to 16383. */
  readonly slotId: number;
  readonly host: string;
  readonly port: number;
  constructor(message: string, options: RedirectErrorOptions) {
    super(message, options);
    this.slotId = options.slotId;
    this.host = options.host;
    this.port = options.port;
  }
  /** The target of the redirect: `host` and `port`. */
  get nodeAddr(): readonly [host: string, port: number] {
    return [this.host, this.port];
  }
}
kind(AskError, 'AskError', 'ASK', RedisClusterError);
/** `MOVED`: the slot belongs to another node. */
export class MovedError extends AskError {}
kind(MovedError, 'MovedError', 'MOVED', RedisClusterError);
/** `TRYAGAIN`: the keys of one command are on two nodes while their slot moves. */
export class TryAgainError extends ResponseError {}
kind(TryAgainError, 'TryAgainError', 'TRYAGAIN', RedisClusterError);
/** `CLUSTERDOWN`: the cluster does not serve this slot now. */
export class ClusterDownError extends ResponseError {}
kind(ClusterDownError, 'ClusterDownError', 'CLUSTERDOWN', RedisClusterError);
/** The keys of one command are in several slots. */
export class ClusterCrossSlotError extends ResponseError {}
kind(ClusterCrossSlotError, 'ClusterCrossSlotError', 'CROSSSLOT', RedisClusterError);

/** A problem with sentinels or their answers. */
export class SentinelError extends RedisError {}
kind(SentinelError, 'SentinelError', 'RESPOOL_SENTINEL');
/** No sentinel knows a usable primary of the service; `cause` holds the failure of each. */
export class PrimaryNotFoundError extends SentinelError {}
kind(PrimaryNotFoundError, 'PrimaryNotFoundError', 'RESPOOL_PRIMARY_NOT_FOUND');
/** The server is no longer a primary (or a replica). */
export class StalePrimaryError extends SentinelError {}
kind(StalePrimaryError, 'StalePrimaryError', 'RESPOOL_STALE_PRIMARY');
/** Neither a replica nor the primary can be reached. */
export class ReplicaNotFoundError extends SentinelError {}
kind(ReplicaNotFoundError, 'ReplicaNotFoundError', 'RESPOOL_REPLICA_NOT_FOUND');

/** False if the program has frozen `Error`. */
const limitIsWritable = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable === true;
/** True on JavaScriptCore, where an error without frames has no stack, so loggers would print nothing. */
const stackNeedsText = limitIsWritable && !stackWithoutFrames();

function stackWithoutFrames(): string | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const { stack } = new Error('text');
  Error.stackTraceLimit = limit;
  return stack;
}

/**
 * Makes an error without stack frames: the frames of a socket callback do not help, and capturing them costs more than
 * the rest of the error.
 */
export function withoutFrames<E extends RedisError, O extends RedisErrorOptions>(
  type: new (message: string, options: O) => E,
  message: string,
  options: O,
): E {
  if (!limitIsWritable) return new type(message, options);
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = new type(message, options);
  Error.stackTraceLimit = limit;
  if (stackNeedsText) error.stack = `${error.name}: ${message}`;
  return error;
}

/** Whether the error is an error reply of a server, not an error made by this package. */
export function isOfServer(error: unknown): error is RedisError {
  return error instanceof RedisError && !error.code.startsWith('RESPOOL_');
}

/** Adds endpoint and command to an error reply, unless it has them. */
export function locateError(error: RedisError, endpoint: string, command: string): void {
  const open = error as { endpoint?: string; command?: string };
  open.endpoint ??= endpoint;
  open.command ??= command;
}

/** Returns the error with `maybeExecuted: true`, because an earlier attempt may have been executed. */
export function asMaybeExecuted(error: RedisError): RedisError {
  if ((error as { maybeExecuted?: boolean }).maybeExecuted !== false) return error;
  // A user's subclass may have another constructor, so the copy uses the package's class below it.
  let prototype = Object.getPrototypeOf(error) as { constructor: typeof RedisError };
  while (!Object.hasOwn(prototype, KINDS)) prototype = Object.getPrototypeOf(prototype);
  const copy = new prototype.constructor(error.message, { cause: error.cause });
  Object.assign(copy, error, { maybeExecuted: true });
  if (error.stack !== undefined) copy.stack = error.stack;
  return copy;
}
