import { nameClass } from '../base/classes.ts';

/**
 * Every error of the package. `instanceof` is decided by name through a registered symbol, so it holds
 * across two copies of the package and for classes with two bases (`MovedError` is a `RedisClusterError`
 * and a `ResponseError`).
 */
const KINDS = Symbol.for('respool.error.kinds');

export interface RedisErrorOptions {
  cause?: unknown;
  /** Where it happened: `host:port` or a socket path. */
  endpoint?: string | undefined;
  /** The command's name, never its arguments. */
  command?: string | undefined;
  code?: string | undefined;
}
export interface DeliveryErrorOptions extends RedisErrorOptions {
  /** True when the command's bytes went to the socket, so that the server may have run it. */
  maybeExecuted?: boolean | undefined;
}

export type ErrorClass = { readonly name: string; readonly prototype: object };

/**
 * Names the class and its bases on the prototype; called once per class, right after its declaration. The name is a
 * literal, for minifiers rename classes.
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

/** The root of everything this package throws, except `TypeError` for bad input. */
export class RedisError extends Error {
  /** The server's code (`WRONGTYPE`) where it gave one, else a stable `RESPOOL_…`. */
  readonly code: string;
  /** Where it happened: `host:port` or a socket path. */
  declare readonly endpoint?: string;
  /** The command's name, never its arguments. */
  declare readonly command?: string;

  constructor(message?: string, options: RedisErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code ?? (this as unknown as { defaultCode: string }).defaultCode;
    if (options.endpoint !== undefined) this.endpoint = options.endpoint;
    if (options.command !== undefined) this.command = options.command;
  }

  /** With its name and message, which JSON leaves out of other errors. */
  toJSON(): Record<string, unknown> {
    const { name, message, cause } = this;
    const because = cause instanceof Error ? { cause: `${cause.name}: ${cause.message}` } : {};
    const fields: Record<string, unknown> = { name, message };
    return Object.assign(fields, this, because);
  }

  static override [Symbol.hasInstance](this: ErrorClass, value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false;
    // A user's subclass carries its parent's kinds: only the prototype chain can tell it apart.
    if (!Object.hasOwn(this.prototype, KINDS))
      return Object.prototype.isPrototypeOf.call(this.prototype, value);
    const kinds = (value as { [KINDS]?: readonly string[] })[KINDS];
    return kinds !== undefined && kinds.includes((this.prototype as { name: string }).name);
  }
}
kind(RedisError, 'RedisError', 'RESPOOL_ERROR');

/** The connection could not be made, or ended with something outstanding. */
export class ConnectionError extends RedisError {
  /** True when the command's bytes went to the socket, so that the server may have run it. */
  readonly maybeExecuted: boolean;
  constructor(message?: string, options: DeliveryErrorOptions = {}) {
    super(message, options);
    this.maybeExecuted = options.maybeExecuted ?? false;
  }
}
kind(ConnectionError, 'ConnectionError', 'RESPOOL_CONNECTION');

/** The peer broke the protocol; nothing of its connection is delivered afterwards. */
export class ProtocolError extends ConnectionError {}
kind(ProtocolError, 'ProtocolError', 'RESPOOL_PROTOCOL');

/** The bytes are no RESP, or break a limit. */
export class InvalidResponse extends ProtocolError {}
kind(InvalidResponse, 'InvalidResponse', 'RESPOOL_INVALID_RESPONSE');

/** `LOADING`: the server is reading its data set. */
export class BusyLoadingError extends ConnectionError {}
kind(BusyLoadingError, 'BusyLoadingError', 'LOADING');

/** The pool is closed. */
export class PoolClosedError extends ConnectionError {}
kind(PoolClosedError, 'PoolClosedError', 'RESPOOL_POOL_CLOSED');

/** The wait that timed out: for a connection (`acquire`), its dial and handshake (`connect`), or a reply. */
export type TimeoutPhase = 'acquire' | 'connect' | 'reply';
export interface TimeoutErrorOptions extends DeliveryErrorOptions {
  phase?: TimeoutPhase | undefined;
  /** Pool numbers of an exhausted pool. */
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
/** A time limit ended; `phase` says what was waited for. */
export class TimeoutError extends RedisError {
  readonly phase: TimeoutPhase;
  readonly maybeExecuted: boolean;
  declare readonly max?: number;
  declare readonly inUse?: number;
  declare readonly idle?: number;
  declare readonly connecting?: number;
  declare readonly waiting?: number;
  /** Age in milliseconds of the oldest lease, or null. */
  declare readonly oldestLease?: number | null;
  constructor(message?: string, options: TimeoutErrorOptions = {}) {
    super(message, options);
    this.phase = options.phase ?? 'reply';
    this.maybeExecuted = options.maybeExecuted ?? false;
    if (options.pool !== undefined) Object.assign(this, options.pool);
  }
}
kind(TimeoutError, 'TimeoutError', 'RESPOOL_TIMEOUT');

/** For a wait that `limit` has ended. */
export function tookTooLong(wait: string, limit: { readonly timeout: number | null }): TimeoutError {
  return new TimeoutError(`${wait} took longer than ${limit.timeout} ms`, { phase: 'reply' });
}

/** One command of a batch that was aborted; `cause` is the signal's reason. */
export class RequestAbortedError extends RedisError {
  readonly maybeExecuted: boolean;
  constructor(message?: string, options: DeliveryErrorOptions = {}) {
    super(message, options);
    this.maybeExecuted = options.maybeExecuted ?? false;
  }
}
kind(RequestAbortedError, 'RequestAbortedError', 'RESPOOL_ABORTED');

/**
 * A bound was reached: queued output, waiters, or unread messages. Of the first two nothing was sent. Unread messages
 * end their connection: what was outstanding gets a `ConnectionError` with this as its cause.
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
/** The key holds another kind of value. */
export class WrongTypeError extends ResponseError {}
kind(WrongTypeError, 'WrongTypeError', 'WRONGTYPE');
/** `EVALSHA` of a script that the server does not have. */
export class NoScriptError extends ResponseError {}
kind(NoScriptError, 'NoScriptError', 'NOSCRIPT');
/** The server is a replica, or may not write. */
export class ReadOnlyError extends ResponseError {}
kind(ReadOnlyError, 'ReadOnlyError', 'READONLY');
/** `EXEC` of a transaction in which a command was refused; nothing of it was executed. */
export class ExecAbortError extends ResponseError {}
kind(ExecAbortError, 'ExecAbortError', 'EXECABORT');
/** Others changed the watched keys in each attempt of a `watch`: nothing of it was executed. */
export class WatchError extends RedisError {}
kind(WatchError, 'WatchError', 'RESPOOL_WATCH');
/** The user may not do this. */
export class AuthorizationError extends ResponseError {}
kind(AuthorizationError, 'AuthorizationError', 'NOPERM');
/** The server does not know who this is. */
export class AuthenticationError extends ResponseError {}
kind(AuthenticationError, 'AuthenticationError', 'RESPOOL_AUTHENTICATION');
/** User name and password do not match, or the user is disabled. */
export class AuthenticationFailureError extends AuthenticationError {}
kind(AuthenticationFailureError, 'AuthenticationFailureError', 'WRONGPASS');
/** The server wants credentials, and none were given. */
export class AuthenticationRequiredError extends AuthenticationError {}
kind(AuthenticationRequiredError, 'AuthenticationRequiredError', 'NOAUTH');
/** The key does not exist. */
export class NoKeyError extends ResponseError {}
kind(NoKeyError, 'NoKeyError', 'NOKEY');
/** There is no script to kill. */
export class NotBusyError extends ResponseError {}
kind(NotBusyError, 'NotBusyError', 'NOTBUSY');
/** A blocking command was ended by `CLIENT UNBLOCK … ERROR`. */
export class UnblockedError extends ResponseError {}
kind(UnblockedError, 'UnblockedError', 'UNBLOCKED');
/** Something is wrong with a consumer of a stream. */
export class StreamConsumerError extends ResponseError {}
kind(StreamConsumerError, 'StreamConsumerError', 'RESPOOL_STREAM_CONSUMER');
/** The stream has no such consumer group. */
export class StreamConsumerGroupError extends StreamConsumerError {}
kind(StreamConsumerGroupError, 'StreamConsumerGroupError', 'NOGROUP');
/** The stream has that consumer group already. */
export class StreamDuplicateConsumerGroupError extends StreamConsumerGroupError {}
kind(StreamDuplicateConsumerGroupError, 'StreamDuplicateConsumerGroupError', 'BUSYGROUP');

/** Anything that is wrong with a cluster. */
export class RedisClusterError extends RedisError {}
kind(RedisClusterError, 'RedisClusterError', 'RESPOOL_CLUSTER');

export interface RedirectErrorOptions extends RedisErrorOptions {
  slotId: number;
  /** Empty: the host that answered. */
  host: string;
  port: number;
}
/** `ASK`: this one command belongs to another node while its slot moves. */
export class AskError extends ResponseError {
  /** The slot it is about, 0 to 16383. */
  readonly slotId: number;
  readonly host: string;
  readonly port: number;
  constructor(message: string, options: RedirectErrorOptions) {
    super(message, options);
    this.slotId = options.slotId;
    this.host = options.host;
    this.port = options.port;
  }
  /** The node it names: `host` and `port`. */
  get nodeAddr(): readonly [host: string, port: number] {
    return [this.host, this.port];
  }
}
kind(AskError, 'AskError', 'ASK', RedisClusterError);
/** `MOVED`: the slot lives on another node. */
export class MovedError extends AskError {}
kind(MovedError, 'MovedError', 'MOVED', RedisClusterError);
/** `TRYAGAIN`: the keys of one command are divided while their slot moves. */
export class TryAgainError extends ResponseError {}
kind(TryAgainError, 'TryAgainError', 'TRYAGAIN', RedisClusterError);
/** `CLUSTERDOWN`: the cluster does not serve this slot now. */
export class ClusterDownError extends ResponseError {}
kind(ClusterDownError, 'ClusterDownError', 'CLUSTERDOWN', RedisClusterError);
/** The keys of one command live in several slots. */
export class ClusterCrossSlotError extends ResponseError {}
kind(ClusterCrossSlotError, 'ClusterCrossSlotError', 'CROSSSLOT', RedisClusterError);

/** Anything that is wrong with sentinels or with what they say. */
export class SentinelError extends RedisError {}
kind(SentinelError, 'SentinelError', 'RESPOOL_SENTINEL');
/** No sentinel knows a usable primary of that name; `cause` tells what each one said. */
export class PrimaryNotFoundError extends SentinelError {}
kind(PrimaryNotFoundError, 'PrimaryNotFoundError', 'RESPOOL_PRIMARY_NOT_FOUND');
/** The server is no primary (or no replica) any more. */
export class StalePrimaryError extends SentinelError {}
kind(StalePrimaryError, 'StalePrimaryError', 'RESPOOL_STALE_PRIMARY');
/** No replica can be reached, and no primary either. */
export class ReplicaNotFoundError extends SentinelError {}
kind(ReplicaNotFoundError, 'ReplicaNotFoundError', 'RESPOOL_REPLICA_NOT_FOUND');

/** Programs may have frozen `Error`. */
const limitIsWritable = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable === true;
/** Without frames JavaScriptCore has no stack at all, and loggers that print it would say nothing. */
const stackNeedsText = limitIsWritable && !stackWithoutFrames();

function stackWithoutFrames(): string | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const { stack } = new Error('text');
  Error.stackTraceLimit = limit;
  return stack;
}

/**
 * Makes an error without stack frames: those of a socket's callback do not help, and capturing them costs more than
 * everything else about an error.
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

/** Said by a server, and not made here: a value where errors are values, whatever became of the connection. */
export function isOfServer(error: unknown): error is RedisError {
  return error instanceof RedisError && !error.code.startsWith('RESPOOL_');
}

/** Tells an error of the server where it happened; what it knows already stays. */
export function locateError(error: RedisError, endpoint: string, command: string): void {
  const open = error as { endpoint?: string; command?: string };
  open.endpoint ??= endpoint;
  open.command ??= command;
}

/** The same error, saying that the command may have been executed: an earlier attempt was, or may have been. */
export function asMaybeExecuted(error: RedisError): RedisError {
  if ((error as { maybeExecuted?: boolean }).maybeExecuted !== false) return error;
  // A user's subclass may want other arguments: the copy is of the class of ours beneath it.
  let prototype = Object.getPrototypeOf(error) as { constructor: typeof RedisError };
  while (!Object.hasOwn(prototype, KINDS)) prototype = Object.getPrototypeOf(prototype);
  const copy = new prototype.constructor(error.message, { cause: error.cause });
  Object.assign(copy, error, { maybeExecuted: true });
  if (error.stack !== undefined) copy.stack = error.stack;
  return copy;
}
