import { nameClass, refuseDirectConstruction } from '../base/classes.ts';
import type { Duplex } from 'node:stream';
import { inspect } from 'node:util';
import type {
  AnyCommand,
  ByCommand,
  CallArguments,
  CallReply,
  ListedArguments,
} from '../commands/commands.ts';
import type { BatchReplies, DecodingOf, ReplyByOptions, Unspecified } from '../commands/typed-command.ts';
import { ConnectionError, ResponseError, UnknownCommandError } from '../errors/errors.ts';
import { AbstractConnection } from '../interfaces/abstract-connection.ts';
import type { ChannelMap } from '../interfaces/abstract-channel.ts';
import type { TelemetryAttributeProvider } from '../interfaces/abstract-connection.ts';
import type { WaitOptions } from '../base/deadline.ts';
import type { SubscriptionTarget } from '../pubsub/pubsub-command.ts';
import type { SubscriptionAck } from '../pubsub/subscriptions/subscription-kinds.ts';
import type { RedisValue, Reply } from '../resp/types.ts';
import { replyMode, type TextEncoding, textMode } from '../resp/text-modes.ts';
import type { Location } from '../transport/location.ts';
import { call } from './requests/call.ts';
import { ConnectionCore } from './connection-core.ts';
import {
  classOptions,
  type BaseConnectionOptions,
  type NormalizedConnectionOptions,
} from './connection-options.ts';
import { ConnectionPubsub, NO_CHANNELS } from './connection-pubsub.ts';
import type { ConnectionStatistics } from './connection-statistics.ts';
import { traceSubscribe } from './opening/connection-events.ts';
import type { HandshakeStep } from './opening/handshake.ts';
import { Opening } from './opening/opening.ts';
import type { Request } from './requests/request.ts';
import type { ReplyStream } from './requests/reply-stream.ts';
import type { RequestBatch } from './requests/request-batch.ts';
import { RequestFactory } from './requests/request-factory.ts';
import {
  type BatchOptions,
  type CommandRequest,
  checkWaitOptions,
  limitOf,
  type RequestOptions,
  signalOf,
  type StreamOptions,
} from './requests/request-options.ts';

/** Gives the layers that own connections access to the private core of a connection. */
export let coreOf: (connection: BaseConnection) => ConnectionCore;
/** Gives subclasses in this folder the checked options, defaults filled in. */
export let settingsOf: (connection: BaseConnection) => NormalizedConnectionOptions;
/** Lets subclasses in this folder add a step to the handshake. */
export let addHandshakeStep: (connection: BaseConnection, step: HandshakeStep) => void;

const NO_ARGUMENTS: readonly RedisValue[] = [];

/**
 * One connection to one server: dialled once by `run()`, used, and thrown away. It never reconnects:
 * pools make a new one.
 *
 * A subclass supplies `openTransport` and may have its own options: unknown options are refused only where one of the
 * package's classes is constructed itself.
 *
 * @example
 * class ProxiedConnection extends BaseConnection {
 *   protected override openTransport(signal: AbortSignal): Promise<Duplex> {
 *     return dialThroughProxy(String(this.location), signal);
 *   }
 * }
 */
export abstract class BaseConnection extends AbstractConnection implements TelemetryAttributeProvider {
  static {
    nameClass(this, 'BaseConnection');
  }

  /** The location that was given. */
  readonly location: Location;
  readonly #core: ConnectionCore;
  readonly #opening: Opening<BaseConnection>;
  readonly #options: NormalizedConnectionOptions;
  /** False if `db` was given as null: telemetry then reports no database. */
  readonly #tellsDb: boolean;
  readonly #factory: RequestFactory;
  #pubsub: ConnectionPubsub | null = null;
  /** `quit()` was called. */
  #leaving = false;

  static {
    coreOf = (connection) => connection.#core;
    settingsOf = (connection) => connection.#options;
    addHandshakeStep = (connection, step) => connection.#opening.steps.push(step);
  }

  constructor(location: Location, options?: BaseConnectionOptions) {
    super();
    refuseDirectConstruction(new.target, BaseConnection);
    this.location = location;
    this.#options = classOptions(new.target, options);
    this.#tellsDb = options?.db !== null;
    this.#core = new ConnectionCore({
      db: this.#options.db,
      endpoint: location.toString(),
      ownMode: replyMode(textMode(this.#options.encoding), this.#options.decodeResponses),
      lenient: this.#options.decodeResponses === 'lenient',
      maxBufferedBytes: this.#options.maxBufferedBytes,
      destroyed: () => this.#opening.destroyed(),
    });
    this.#core.inbox.limiter = this.#options.processingBudget ?? null;
    this.#factory = new RequestFactory(this.#core, this.#options);
    this.#opening = new Opening(this.#core, this.#options, {
      openTransport: (signal) => this.openTransport(signal),
      callback: (callback) => callback(this),
    });
  }

  /** Opens the transport; `signal` fires when time is up or the connection is no longer wanted. Any duplex will do. */
  protected abstract openTransport(signal: AbortSignal): Promise<Duplex>;

  /** The client id the server gave with HELLO. */
  get clientId(): number | null {
    return this.#opening.greeting.clientId;
  }
  /** The version of the server, from its reply to HELLO. */
  get serverVersion(): string | null {
    return this.#opening.greeting.version;
  }
  /** The RESP version in use: 2 if the server does not support 3 or the option `protocol` says so. */
  get protocol(): 2 | 3 {
    return this.#core.session.resp;
  }
  /** The name of this client at the server; null: none. */
  get clientName(): string | null {
    const { session } = this.#core;
    if (!session.settled) return this.#options.clientName;
    return session.name === '' ? null : session.name;
  }
  /** The id of the client that gets the invalidations for keys read here; null while tracking is off. */
  get trackingClientId(): number | null {
    return this.#core.session.trackingClientId(this.clientId);
  }
  /** Counters and times; live. */
  get statistics(): ConnectionStatistics {
    return this.#core.counters;
  }

  /** The transport is open and has not failed. */
  get transportHealthy(): boolean {
    return this.#core.state === 'handshake' || this.#core.state === 'ready';
  }
  /** `transportHealthy`, and the handshake succeeded. */
  get usable(): boolean {
    return this.#core.state === 'ready' && !this.#leaving;
  }
  /**
   * `usable`, and in the state after the handshake: no unread message, no open MULTI or WATCH, no
   * subscription, no MONITOR, no unanswered blocking command, and no changed setting that the next caller
   * would notice.
   */
  get reusable(): boolean {
    return this.usable && this.#core.session.clean && this.#core.inbox.empty;
  }

  get address(): string | null {
    return this.#opening.address;
  }
  get db(): number {
    return this.#core.session.settled ? this.#core.session.db : this.#options.db;
  }
  get encoding(): TextEncoding | null {
    return this.#options.decodeResponses ? this.#options.encoding : null;
  }
  get closed(): boolean {
    return this.#core.state === 'closed';
  }

  /**
   * Dials, does the handshake and runs the connect callbacks; resolves when the connection is usable. A
   * second call rejects, also after a failed dial. Server errors keep their class, every other failure is a
   * `ConnectionError`.
   */
  run(options?: { signal?: AbortSignal | undefined }): Promise<void> {
    return this.#opening.run(options);
  }

  /** Runs after the handshake and before the connection is usable, in order of registration. */
  registerConnectCallback(callback: (connection: this) => void | Promise<void>): void {
    if (typeof callback !== 'function') throw new TypeError('a connect callback must be a function');
    this.#opening.callbacks.push(callback as (connection: BaseConnection) => void | Promise<void>);
  }

  /**
   * Queues one command. Throws `ConnectionError` when the connection is not usable, `TypeError` for bad input and
   * `OverloadedError` beyond `maxBufferedBytes`; nothing is sent then.
   */
  createRequest<
    T extends Reply | ByCommand = ByCommand,
    const K extends AnyCommand = string | Uint8Array,
    const A extends readonly RedisValue[] = RedisValue[],
    const O extends RequestOptions = RequestOptions & Unspecified,
  >(
    command: K,
    args?: A & ListedArguments<K, A>,
    options?: O,
  ): Request<CallReply<T, K, A, DecodingOf<O, 'lenient'>> | ReplyByOptions<O>>;
  createRequest(
    command: string | Uint8Array,
    args: readonly RedisValue[] = NO_ARGUMENTS,
    options?: RequestOptions,
  ): Request<unknown> {
    this.#demandUsable();
    return this.#factory.request(command, args, options);
  }

  /**
   * Queues commands back to back. The batch does not reject when a command fails: each entry is a value or an
   * error.
   */
  createRequestBatch(commands: readonly CommandRequest[], options?: BatchOptions): RequestBatch {
    this.#demandUsable();
    return this.#factory.batch(commands, options);
  }

  /**
   * Sends commands back to back. It rejects only for bad input (`TypeError`). If the connection is not usable
   * or has no room, each entry is that error.
   */
  executeBatch<const B extends readonly CommandRequest[]>(
    commands: B,
    options?: BatchOptions,
  ): Promise<BatchReplies<B, 'lenient'>>;
  async executeBatch(commands: readonly CommandRequest[], options?: BatchOptions): Promise<unknown> {
    return this.#factory.batch(commands, options, () => this.#unusable());
  }

  /**
   * Reads one large string while it arrives, in chunks of bytes: a slow reader stops the server, and no more than about
   * 1 MiB is held. The connection takes no other work until the end. Leaving early closes it, and so does releasing it.
   *
   * @throws TypeError where the reply is no string. Iterating throws `ConnectionError` when the connection is lost.
   * @example
   * ```ts
   * await using lease = await pool.acquire();
   * for await (const chunk of lease.connection.stream('GET', ['backup'])) file.write(chunk);
   * ```
   */
  stream(
    command: string | Uint8Array,
    args: readonly RedisValue[] = NO_ARGUMENTS,
    options?: WaitOptions,
  ): ReplyStream<Buffer> {
    this.#demandUsable();
    return this.#factory.stream(command, args, options, false) as ReplyStream<Buffer>;
  }
  /**
   * The same for an array, a set or a map (as pairs): each item as soon as it is whole.
   *
   * @throws TypeError where the reply is none of them.
   * @example
   * ```ts
   * await using lease = await pool.acquire();
   * for await (const line of lease.connection.streamItems('LRANGE', ['log', 0, -1])) console.log(line);
   * ```
   */
  streamItems<T extends Reply = Reply>(
    command: string | Uint8Array,
    args: readonly RedisValue[] = NO_ARGUMENTS,
    options?: StreamOptions,
  ): ReplyStream<T> {
    this.#demandUsable();
    return this.#factory.stream(command, args, options, true) as ReplyStream<T>;
  }

  /** Queues a command whose answer goes to `streamedMessages` (SUBSCRIBE and the like: to `pushMessages`). */
  sendCommand(command: string | Uint8Array, args: readonly RedisValue[] = NO_ARGUMENTS): void {
    this.#demandUsable();
    this.#factory.send(command, args);
  }

  /** As `createRequest`, with a plain promise: it rejects where `createRequest` throws. */
  execute<
    T extends Reply | ByCommand = ByCommand,
    const K extends AnyCommand = string | Uint8Array,
    const A extends readonly RedisValue[] = RedisValue[],
  >(command: K, ...args: CallArguments<K, A>): Promise<CallReply<T, K, A, 'lenient'>>;
  async execute(command: string | Uint8Array, ...args: RedisValue[]): Promise<unknown> {
    return this.createRequest<Reply>(command, args);
  }

  /**
   * Subscribes on this connection alone. When the connection ends, its channels are closed with the error.
   * Over RESP3 the connection still runs other commands.
   */
  async executePubsub(command: string, ...channels: SubscriptionTarget[]): Promise<SubscriptionAck[]> {
    this.#demandUsable();
    this.#pubsub ??= new ConnectionPubsub(this.#core, this.encoding, textMode(this.#options.encoding));
    const pubsub = this.#pubsub;
    return traceSubscribe(this.#core, command, channels.length, () =>
      pubsub.execute(command, channels, this.#options.streamTimeout),
    );
  }
  get inPubsub(): number {
    return this.closed ? 0 : this.#core.session.subscribed;
  }
  get pubsubChannels(): ChannelMap {
    return this.#pubsub?.registry.channels ?? NO_CHANNELS;
  }
  get pubsubPatterns(): ChannelMap {
    return this.#pubsub?.registry.patterns ?? NO_CHANNELS;
  }
  get pubsubShardChannels(): ChannelMap {
    return this.#pubsub?.registry.shardChannels ?? NO_CHANNELS;
  }

  /**
   * RESP3 push data in order; throws `ConnectionError` at the end. After `break` the next reader gets the
   * rest.
   */
  get pushMessages(): AsyncGenerator<Reply[]> {
    this.#demandUsable();
    return this.#core.inbox.pushes.read();
  }
  /**
   * In-band messages that are not replies to a request (`MONITOR`), in order; throws `ConnectionError` at the
   * end.
   */
  get streamedMessages(): AsyncGenerator<Reply> {
    this.#demandUsable();
    return this.#core.inbox.streamed.read();
  }

  /**
   * `CLIENT TRACKING`: on for itself, or redirected to another client, or off. False when the server refused, or
   * where it answers nothing; a server that does not know tracking rejects.
   */
  async updateTrackingClient(
    enabled: boolean,
    clientId?: number | null,
    options?: WaitOptions,
  ): Promise<boolean> {
    checkWaitOptions(options);
    if (typeof enabled !== 'boolean') throw new TypeError('enabled must be true or false');
    if (clientId !== undefined && clientId !== null && !(Number.isSafeInteger(clientId) && clientId > 0))
      throw new TypeError('clientId must be the id of a client, or null');
    const redirect = clientId === undefined || clientId === null ? [] : ['REDIRECT', clientId];
    const timeout = limitOf(options?.timeout, this.#options.streamTimeout);
    this.#demandUsable();
    this.#factory.demandOutsideTransaction('CLIENT TRACKING');
    if (this.#core.muted) return false;
    try {
      const args = enabled ? ['ON', ...redirect] : ['OFF'];
      const signal = signalOf(options);
      return (await call(this.#core, 'CLIENT TRACKING', args, { timeout, signal })) === 'OK';
    } catch (error) {
      if (error instanceof ResponseError && !(error instanceof UnknownCommandError)) return false;
      throw error;
    }
  }

  /** Ends the connection at once; pending requests reject and the reason is in their error. */
  invalidate(reason = 'invalidated'): void {
    this.#core.close(this.#core.error(ConnectionError, `closed by this side: ${reason}`));
    this.#opening.ended();
  }
  /** Ends the connection at once (`invalidate('closed')`); resolves when the socket is gone. */
  close(): Promise<void> {
    this.invalidate('closed');
    return this.waitClosed();
  }
  /**
   * Waits for the outstanding replies (`QUIT`), then closes the connection; resolves when the socket is gone.
   * New requests throw from now on. After `timeout` ms (default: `streamTimeout`) it closes the connection in
   * any case. When `signal` fires, it closes the connection and rejects with the reason.
   */
  async quit(options?: WaitOptions): Promise<void> {
    checkWaitOptions(options);
    const timeout = limitOf(options?.timeout, this.#options.streamTimeout);
    const signal = signalOf(options);
    const waits = this.usable && !this.#core.muted;
    this.#leaving = true;
    try {
      if (waits) await call(this.#core, 'QUIT', [], { timeout, signal });
    } catch {
      // The connection ended before QUIT was answered; outstanding requests already have their own errors.
    }
    await this.close();
    signal?.throwIfAborted();
  }
  waitClosed(options?: WaitOptions): Promise<void> {
    return this.#opening.waitClosed(options);
  }

  telemetryAttributes(): Record<string, string | number> {
    return this.#tellsDb ? { 'db.namespace': this.#options.db } : {};
  }
  override toString(): string {
    return `${this.constructor.name}<${this.describe()},db=${this.#options.db}>`;
  }
  toJSON(): Record<string, unknown> {
    return {
      type: this.constructor.name,
      location: this.location.toString(),
      usable: this.usable,
      db: this.db,
    };
  }
  [inspect.custom](): string {
    return this.toString();
  }
  /** The address part of `toString()`. */
  protected describe(): string {
    return this.location.toString();
  }

  #demandUsable(): void {
    const unusable = this.#unusable();
    if (unusable !== null) throw unusable;
  }

  #unusable(): ConnectionError | null {
    const { state } = this.#core;
    const open = state === 'ready' || (state === 'handshake' && this.#opening.inCallbacks);
    if (open && !this.#leaving) return null;
    return this.#core.error(ConnectionError, open ? 'not usable: quit() was called' : 'not usable', {
      cause: this.#core.failure ?? undefined,
    });
  }
}
