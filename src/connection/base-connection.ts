import type { Duplex } from 'node:stream';
import { inspect } from 'node:util';
import { blockingTime } from '../commands/blocking.ts';
import { type CommandInfo, resolveCommand } from '../commands/command-info.ts';
import { BLOCKING, CLIENT_REPLY, MAY_BLOCK, SUBSCRIBE_FAMILY } from '../commands/flags.ts';
import { effectValue } from '../commands/session-effects.ts';
import { ConnectionError, OverloadedError, type RedisError, ResponseError, UnknownCommandError } from '../errors/errors.ts';
import { AbstractConnection } from '../interfaces/abstract-connection.ts';
import { refuseDirectConstruction } from '../interfaces/abstract.ts';
import type { TelemetryAttributeProvider } from '../interfaces/telemetry-attribute-provider.ts';
import type { WaitOptions } from '../interfaces/wait-options.ts';
import { encodeCommand, type Wire } from '../resp/encoder.ts';
import { BYTES, type DecodeMode, type RedisValue, type Reply, type TextEncoding, textMode } from '../resp/types.ts';
import type { Location } from '../transport/location.ts';
import { call } from './call.ts';
import { ConnectionCore } from './connection-core.ts';
import { type BaseConnectionOptions, type NormalizedConnectionOptions, normalizeConnectionOptions } from './connection-options.ts';
import type { ConnectionStatistics } from './connection-statistics.ts';
import { Entry, SETTLED } from './entry.ts';
import type { HandshakeStep } from './handshake.ts';
import { Opening } from './opening.ts';
import type { RuleTable } from './option-rules.ts';
import { sizeOf } from './outbox.ts';
import { PendingRequest, type Request } from './request.ts';
import { PendingBatch, type RequestBatch } from './request-batch.ts';
import { type BatchOptions, type CommandRequest, limitOf, type RequestOptions, signalOf } from './request-options.ts';
import { effectFor } from './session-state.ts';
import { SubscriptionEntry } from './subscription-entry.ts';

/** The engine behind a connection, for the layers that own connections. */
export let coreOf: (connection: BaseConnection) => ConnectionCore;

/**
 * One connection to one server: dialled once by `run()`, used, and thrown away. It never reconnects; whoever
 * wants another one makes it (pools do).
 */
export abstract class BaseConnection extends AbstractConnection implements TelemetryAttributeProvider {
  readonly location: Location;
  readonly #core: ConnectionCore;
  readonly #opening: Opening<BaseConnection>;
  readonly #options: NormalizedConnectionOptions;
  readonly #textMode: 1 | 2 | 3;

  static {
    coreOf = (connection) => connection.#core;
  }

  constructor(location: Location, options?: BaseConnectionOptions, extra?: RuleTable) {
    super();
    refuseDirectConstruction(new.target, BaseConnection);
    this.location = location;
    this.#options = normalizeConnectionOptions(options, { extra });
    this.#textMode = textMode(this.#options.encoding);
    this.#core = new ConnectionCore({
      endpoint: location.toString(),
      ownMode: this.#options.decodeResponses ? this.#textMode : BYTES,
      maxBufferedBytes: this.#options.maxBufferedBytes,
    });
    this.#core.inbox.limiter = this.#options.processingBudget ?? null;
    this.#opening = new Opening(this.#core, this.#options, {
      openTransport: (signal) => this.openTransport(signal),
      callback: (callback) => callback(this),
      specialSteps: () => this.specialSteps(),
    });
  }

  /** Opens the transport; `signal` fires when time is up or nobody wants it any more. Any duplex will do. */
  protected abstract openTransport(signal: AbortSignal): Promise<Duplex>;

  /** Further rows of the handshake. */
  protected specialSteps(): readonly HandshakeStep[] {
    return [];
  }

  /** Bytes that a faster way than 'data' events has read; they are used up when this returns. */
  protected received(chunk: Buffer, bytes: number): void {
    this.#core.received(chunk, bytes);
  }

  /** The client id the server gave with HELLO. */
  get clientId(): number | null {
    return this.#opening.greeting.clientId;
  }
  /** As HELLO said. */
  get serverVersion(): string | null {
    return this.#opening.greeting.version;
  }
  get clientName(): string | null {
    return this.#core.session.name === '' ? this.#options.clientName : this.#core.session.name;
  }
  /** Where invalidations of keys read here go; null when tracking is off. */
  get trackingClientId(): number | null {
    return this.#core.session.trackingClientId(this.clientId);
  }
  get statistics(): ConnectionStatistics {
    return this.#core.counters;
  }

  /** The transport is open and has not failed. */
  get transportHealthy(): boolean {
    return this.#core.state === 'handshake' || this.#core.state === 'ready';
  }
  /** And the handshake succeeded. */
  get usable(): boolean {
    return this.#core.state === 'ready';
  }
  /**
   * And it is as the handshake left it: no unread message, no open MULTI or WATCH, no subscription, no MONITOR,
   * no unanswered blocking command, and nothing changed that a later user would notice.
   */
  get reusable(): boolean {
    return this.usable && this.#core.session.clean && this.#core.inbox.empty;
  }

  get address(): string | null {
    return this.#opening.address;
  }
  get db(): number {
    return this.#core.session.db;
  }
  get encoding(): TextEncoding | null {
    return this.#options.decodeResponses ? this.#options.encoding : null;
  }
  get closed(): boolean {
    return this.#core.state === 'closed';
  }

  /**
   * Dials, shakes hands and runs the connect callbacks; resolves when usable. Works once: a second call rejects,
   * also after a failed dial. Server errors keep their class, every other failure is a `ConnectionError`.
   */
  run(options?: { signal?: AbortSignal }): Promise<void> {
    return this.#opening.run(options?.signal);
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
  createRequest<T extends Reply = Reply>(
    command: string | Uint8Array,
    args: readonly RedisValue[] = [],
    options?: RequestOptions,
  ): Request<T> {
    this.#demandUsable();
    const info = resolveCommand(command, args);
    if ((info.flags & (SUBSCRIBE_FAMILY | CLIENT_REPLY)) !== 0) refuse(info);
    this.#demandMode(info);
    const wire = encodeCommand(info, args, this.#textMode);
    const mode = options === undefined ? this.#core.settings.ownMode : this.#decodeMode(options);
    const request = new PendingRequest<T>(info, wire, sizeOf(wire), mode);
    this.#prepare(request, args, options?.timeout);
    if (options !== undefined) {
      request.raise = options.raiseExceptions ?? true;
      request.dropOnCancel = options.disconnectOnCancellation ?? false;
      request.signal = signalOf(options);
      if (options.noreply === true && !this.#core.muted) this.#muteOne(request);
    }
    if (request.signal?.aborted === true) return settledEarly(request, request.signal.reason);
    this.#demandRoom(request.size, info.name);
    this.#core.submit(request);
    return request;
  }

  /** Queues commands back to back. The batch never rejects: each entry is a value or an error. */
  createRequestBatch(commands: readonly CommandRequest[], options?: BatchOptions): RequestBatch {
    this.#demandUsable();
    const timeout = limitOf(options?.timeout, this.#options.streamTimeout);
    const signal = signalOf(options);
    const batch = new PendingBatch(commands.length);
    let size = 0;
    for (const { command, args = [], decode, encoding } of commands) {
      const info = resolveCommand(command, args);
      if ((info.flags & (SUBSCRIBE_FAMILY | CLIENT_REPLY)) !== 0) refuse(info);
      this.#demandMode(info);
      const part = batch.add(info, encodeCommand(info, args, this.#textMode), this.#decodeMode({ decode, encoding }));
      this.#prepare(part, args, timeout);
      part.dropOnCancel = options?.disconnectOnCancellation ?? false;
      size += part.size;
    }
    if (commands.length === 0) return batch;
    if (signal?.aborted === true) {
      batch.cancel(signal.reason);
      return batch;
    }
    this.#demandRoom(size, 'a batch');
    if (signal !== null) batch.watch(signal);
    for (const part of batch.parts) this.#core.submit(part);
    return batch;
  }

  /** Queues a command whose answer goes to `streamedMessages` (SUBSCRIBE and the like: to `pushMessages`). */
  sendCommand(command: string | Uint8Array, args: readonly RedisValue[] = []): void {
    this.#demandUsable();
    const info = resolveCommand(command, args);
    this.#demandMode(info);
    const wire = encodeCommand(info, args, this.#textMode);
    const deliver = (value: Reply): void => this.#core.inbox.stream(value);
    const entry =
      (info.flags & SUBSCRIBE_FAMILY) !== 0
        ? new SubscriptionEntry(info, wire, this.#core.settings.ownMode, this.#names(info, args), () => {}, (error) => deliver(error as Reply))
        : new StreamedEntry(info, wire, this.#core.settings.ownMode, deliver);
    entry.streamed = true;
    this.#prepare(entry, args, null);
    this.#demandRoom(entry.size, info.name);
    if ((info.flags & CLIENT_REPLY) !== 0) this.#core.replyMode(effectValue(info, args), entry);
    else this.#core.submit(entry);
  }

  async execute(command: string | Uint8Array, ...args: RedisValue[]): Promise<Reply> {
    return this.createRequest(command, args);
  }

  /** RESP3 push data in order; throws `ConnectionError` at the end. Breaking out leaves the rest to the next reader. */
  get pushMessages(): AsyncGenerator<Reply[]> {
    this.#demandUsable();
    return this.#core.inbox.pushes.read();
  }
  /** Replies that answer no request, in order; throws `ConnectionError` at the end. */
  get streamedMessages(): AsyncGenerator<Reply> {
    this.#demandUsable();
    return this.#core.inbox.streamed.read();
  }

  /**
   * `CLIENT TRACKING`: on for itself, or redirected to another client, or off. False when the server refused;
   * a server that does not know tracking rejects.
   */
  async updateTrackingClient(enabled: boolean, clientId?: number | null, options?: WaitOptions): Promise<boolean> {
    const args = enabled ? ['ON', ...(clientId === undefined || clientId === null ? [] : ['REDIRECT', clientId])] : ['OFF'];
    const timeout = limitOf(options?.timeout, this.#options.streamTimeout);
    this.#demandUsable();
    if (this.#core.muted) return false;
    try {
      await call(this.#core, 'CLIENT TRACKING', args, { timeout, signal: signalOf(options) });
      return true;
    } catch (error) {
      if (error instanceof ResponseError && !(error instanceof UnknownCommandError)) return false;
      throw error;
    }
  }

  /** Ends the connection at once; pending requests reject and the reason is in their error. */
  invalidate(reason = 'invalidated'): void {
    const endpoint = this.#core.settings.endpoint;
    this.#core.close(new ConnectionError(this.#core.text(`closed by this side: ${reason}`), { endpoint }));
    this.#opening.ended();
  }
  close(): Promise<void> {
    this.invalidate('closed');
    return this.waitClosed();
  }
  waitClosed(options?: WaitOptions): Promise<void> {
    return this.#opening.waitClosed(options);
  }

  telemetryAttributes(): Record<string, string | number> {
    return { 'db.namespace': this.#options.db };
  }
  override toString(): string {
    return `${this.constructor.name}<${this.describe()},db=${this.#options.db}>`;
  }
  toJSON(): Record<string, unknown> {
    return { type: this.constructor.name, location: this.location.toString(), usable: this.usable, db: this.db };
  }
  [inspect.custom](): string {
    return this.toString();
  }
  protected describe(): string {
    return this.location.toString();
  }

  #prepare(entry: Entry, args: readonly RedisValue[], timeout: number | null | undefined): void {
    const info = entry.info;
    let limit = limitOf(timeout, this.#options.streamTimeout);
    if ((info.flags & (BLOCKING | MAY_BLOCK)) !== 0) {
      const time = blockingTime(info, args);
      if (time !== null) {
        entry.blocking = true;
        // The server may take that long before it answers; a limit given with the call is meant as it stands.
        if (timeout === undefined && limit !== null) limit = time === Number.POSITIVE_INFINITY ? null : limit + time;
      }
    }
    entry.effect = effectFor(info, args);
    entry.tenure = this.#core.tenure;
    if (limit !== null) entry.limit = limit;
  }

  #muteOne(request: Entry): void {
    if (this.#core.session.inTransaction) {
      throw new TypeError('noreply is not possible inside MULTI: EXEC answers every command');
    }
    request.noreply = true;
  }

  #decodeMode(options: RequestOptions | { decode?: boolean | undefined; encoding?: TextEncoding | undefined }): DecodeMode {
    const mode = options.encoding === undefined ? this.#textMode : textMode(options.encoding);
    return (options.decode ?? this.#options.decodeResponses) ? mode : BYTES;
  }

  #names(info: CommandInfo, args: readonly RedisValue[]): string[] {
    const words = [...info.words.slice(info.nameLength), ...args];
    const encoding = this.#options.encoding === 'ascii' ? 'latin1' : this.#options.encoding;
    return words.map((word) =>
      word instanceof Uint8Array
        ? Buffer.from(word.buffer, word.byteOffset, word.byteLength).toString('latin1')
        : Buffer.from(String(word), encoding).toString('latin1'),
    );
  }

  #demandUsable(): void {
    if (this.#core.state === 'ready' || this.#opening.inCallbacks) return;
    throw new ConnectionError(this.#core.text('not usable'), {
      endpoint: this.#core.settings.endpoint,
      ...(this.#core.failure === null ? {} : { cause: this.#core.failure }),
    });
  }

  #demandMode(info: CommandInfo): void {
    const session = this.#core.session;
    if (session.monitoring) throw new TypeError('MONITOR is on: this connection takes no further commands');
    if (session.resp !== 2 || session.subscribed === 0) return;
    if ((info.flags & SUBSCRIBE_FAMILY) !== 0 || ['PING', 'QUIT', 'RESET'].includes(info.name)) return;
    throw new TypeError('this connection speaks RESP2 and is subscribed: only SUBSCRIBE and its like are possible');
  }

  #demandRoom(size: number, what: string): void {
    if (this.#core.hasRoom(size)) return;
    throw new OverloadedError(
      this.#core.text(`${what} (${size} bytes) would exceed maxBufferedBytes (${this.#options.maxBufferedBytes})`),
      { endpoint: this.#core.settings.endpoint },
    );
  }
}

/** `sendCommand`: takes a place like a request, but nobody waits for it. */
class StreamedEntry extends Entry {
  readonly #deliver: (value: Reply) => void;
  constructor(info: CommandInfo, wire: Wire, mode: DecodeMode, deliver: (value: Reply) => void) {
    super(info, wire, sizeOf(wire), mode);
    this.#deliver = deliver;
  }
  succeed(value: Reply): void {
    if (!this.noreply) this.#deliver(value);
  }
  refuse(error: Error): void {
    this.#deliver(error as RedisError);
  }
  fail(): void {}
}

function refuse(info: CommandInfo): never {
  if ((info.flags & CLIENT_REPLY) !== 0) {
    throw new TypeError('CLIENT REPLY would shift every later reply: use sendCommand(), or the option noreply');
  }
  throw new TypeError(`${info.name} is answered by pushes, not by a reply: use executePubsub() or sendCommand()`);
}

function settledEarly<T extends Reply>(request: PendingRequest<T>, reason: unknown): Request<T> {
  request.phase = SETTLED;
  request.signal = null;
  request.fail(reason);
  return request;
}
