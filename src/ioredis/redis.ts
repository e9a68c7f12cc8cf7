import { nameClass } from '../base/classes.ts';
import type { Duplex } from 'node:stream';
import { Client } from './client.ts';
import { type Callback, Command, nodeify } from './command.ts';
import { dialError, isOfNetwork, warningOfRefusal } from './dial-error.ts';
import {
  CONNECTION_CLOSED,
  isOfServer,
  MaxRetriesPerRequestError,
  type ReplyError,
  replyErrorOf,
} from './errors.ts';
import { fieldsetsOn, type PreparedFieldsets } from './fieldsets.ts';
import { endWhenWritten, type Link, linkOver, linkTo } from './link.ts';
import type { CommandMethods } from './methods.ts';
import { begun, Monitoring } from './monitoring.ts';
import { failAll, OfflineQueue, tellResent, type Waiting } from './offline-queue.ts';
import { Pipeline } from './pipeline.ts';
import { serverReady } from './ready-check.ts';
import { type Connector, parseOptions, type RedisOptions } from './redis-options.ts';
import { Replay } from './replay.ts';
import { SentinelConnector } from './sentinel-connector.ts';
import { SilenceWatch } from './silence-watch.ts';
import { Session, type SessionOwner } from './session.ts';
import { Subscriber } from './subscriber.ts';
import {
  commandsAreTraced,
  pipelinesAreTraced,
  placeOf,
  traceCommand,
  traceConnect,
  type TracedPlace,
  tracePipeline,
} from './tracing.ts';
import { contextOf, type ReplyContext } from './transformers.ts';

export type RedisStatus =
  | 'wait'
  | 'reconnecting'
  | 'connecting'
  | 'connect'
  | 'ready'
  | 'close'
  | 'end'
  | 'monitoring';

const noop = (): void => {};

export interface Redis extends CommandMethods {}
/** One connection that is dialled again when it is lost, with the interface of ioredis. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the methods are made from the table of commands.
export class Redis extends Client<RedisStatus> implements SessionOwner {
  readonly isCluster: boolean = false;
  options: RedisOptions;
  status: RedisStatus = 'wait';
  readonly replyContext: ReplyContext;
  /** The socket of the current connection. */
  stream: Duplex | null = null;
  readonly #connector: Connector | SentinelConnector | null;
  readonly #subscriber: Subscriber;
  readonly #waiting: OfflineQueue;
  /** Commands unanswered when the connection ended, in order. */
  #unanswered: Waiting[] = [];
  #session: Session | null = null;
  #link: Link | null = null;
  #db: number;
  retryAttempts = 0;
  #redial: NodeJS.Timeout | undefined = undefined;
  /** The connection was closed on purpose, so no new dial follows. */
  #leaving = false;
  /** `disconnect` or `quit` was called; later commands go to the next connection. */
  #ending = false;
  #epoch = 0;
  #dials = 0;
  #silence: SilenceWatch | null = null;

  constructor(...given: unknown[]) {
    super();
    this.options = parseOptions(given);
    this.replyContext = contextOf(this.options);
    this.#db = this.options.db ?? 0;
    this.#subscriber = new Subscriber(this);
    this.#waiting = new OfflineQueue(this.options.offlineQueueBytes ?? Number.POSITIVE_INFINITY);
    this.#connector = this.#makeConnector();
    this.defineScripts();
    if (this.options.lazyConnect) this.become('wait');
    else this.connect().catch(noop);
  }

  static createClient(...given: unknown[]): Redis {
    return new Redis(...given);
  }

  #makeConnector(): Connector | SentinelConnector | null {
    const { options } = this;
    if (options.Connector) return new options.Connector(options);
    return options.sentinels ? new SentinelConnector(options, this, (own) => new Redis(own)) : null;
  }

  get commandQueue(): { readonly length: number } {
    return { length: this.#link?.statistics.requestsPending ?? 0 };
  }
  get mode(): 'normal' | 'subscriber' | 'monitor' {
    if (this.options.monitor) return 'monitor';
    return this.#listensOnly ? 'subscriber' : 'normal';
  }
  /** Whether only subscriber commands are allowed: on RESP2 with subscriptions. */
  get #listensOnly(): boolean {
    return this.options.protocol === 2 && this.#subscriber.size > 0;
  }

  /** Dials; resolves when ready. */
  connect(callback?: Callback<void>): Promise<void> {
    const dialled = traceConnect(placeOf(this.options), this.#dials++, () => this.#connect());
    return nodeify(dialled, callback);
  }

  #connect(): Promise<void> {
    if (this.status === 'connecting' || this.status === 'connect' || this.status === 'ready') {
      return Promise.reject(new Error('Redis is already connecting/connected'));
    }
    this.become('connecting');
    this.#leaving = this.#ending = false;
    const epoch = ++this.#epoch;
    return new Promise((resolve, reject) => {
      const ready = (): void => {
        this.off('close', closed);
        resolve();
      };
      const closed = (): void => {
        this.off('ready', ready);
        reject(new Error(CONNECTION_CLOSED));
      };
      this.once('ready', ready);
      this.once('close', closed);
      void this.#dial(epoch, (error) => {
        this.off('ready', ready);
        this.off('close', closed);
        reject(error);
      });
    });
  }

  async #dial(epoch: number, giveUp: (error: unknown) => void, auth = true): Promise<void> {
    let link: Link;
    try {
      link = await this.#makeLink(auth);
    } catch (error) {
      if (epoch !== this.#epoch) return;
      if (isOfNetwork(error)) {
        this.silentEmit('error', error);
        this.#closed(epoch);
        return;
      }
      this.#waiting.fail(error as Error);
      this.silentEmit('error', error);
      giveUp(error);
      this.become('end');
      return;
    }
    if (epoch !== this.#epoch || this.#leaving) return this.#closed(epoch);
    this.#link = link;
    this.stream = null;
    link.onTransport = (stream) => this.#opened(stream, epoch);
    try {
      await link.run();
    } catch (error) {
      if (epoch !== this.#epoch) return;
      const warning = auth ? warningOfRefusal(error) : null;
      if (warning !== null) {
        console.warn(warning);
        return this.#dial(epoch, giveUp, false);
      }
      this.#dialFailed(error as Error);
      return this.#closed(epoch);
    }
    void link.waitClosed().then(() => this.#closed(epoch));
    await this.#getReady(link, epoch);
  }

  async #makeLink(auth: boolean): Promise<Link> {
    const connector = this.#connector;
    const notice = (event: string, error: Error): void => void this.silentEmit(event, error);
    if (connector === null) return linkTo(this.options, auth);
    if (connector instanceof SentinelConnector) {
      return linkTo(this.options, auth, await connector.find(notice));
    }
    return linkOver(this.options, auth, () => connector.connect(notice));
  }

  #opened(stream: Duplex, epoch: number): void {
    if (epoch !== this.#epoch) return;
    this.stream = stream;
    stream.on('error', (error) => this.silentEmit('error', error));
    this.become('connect');
    if (this.#connector instanceof SentinelConnector) this.#connector.watch();
  }

  /** Reports a failed dial. An error reply also fails the waiting commands; a socket error was emitted already. */
  #dialFailed(error: Error): void {
    const told = dialError(error);
    if (isOfServer(error)) this.#waiting.fail(told);
    else if (this.stream?.errored || (this.#leaving && this.stream !== null)) return;
    // The server closed the connection after accepting it, which is an end and not an error.
    if (told === error && this.stream !== null && !isOfServer(error)) return;
    this.silentEmit('error', told);
  }

  async #getReady(link: Link, epoch: number): Promise<void> {
    const { enableReadyCheck, maxLoadingRetryTime, readOnly } = this.options;
    try {
      if (readOnly) await link.createRequest('READONLY', [], { raiseExceptions: false });
      if (enableReadyCheck) {
        const info = await serverReady(link, maxLoadingRetryTime ?? 0);
        if (epoch !== this.#epoch || !link.usable) return;
        if (this.#connector?.check?.(info) === false) {
          this.disconnect(true);
          return;
        }
      }
    } catch (error) {
      if (epoch !== this.#epoch || !link.usable) return;
      const told = isOfServer(error) ? replyErrorOf(error) : (error as Error);
      this.#waiting.fail(told);
      this.silentEmit('error', told);
      this.disconnect(true);
      return;
    }
    const fieldsets = fieldsetsOn(this.options, async (args) => link.createRequest('HIMPORT', args));
    if (fieldsets !== null) await this.prepareFieldsets(fieldsets);
    if (epoch === this.#epoch && link.usable && !this.#ending) this.#ready(link, fieldsets);
  }

  /** @internal Prepares the fieldsets of `HIMPORT`; `HIMPORT SET` tries refused ones again. */
  async prepareFieldsets(fieldsets = this.#session?.fieldsets): Promise<void> {
    if (!this.options.readOnly) await fieldsets?.prepareAll((error) => this.silentEmit('error', error));
  }

  #ready(link: Link, fieldsets: PreparedFieldsets | null): void {
    this.become('ready');
    this.retryAttempts = 0;
    const session = new Session(link, this, this.#subscriber, fieldsets);
    this.#session = session;
    const { socketTimeout } = this.options;
    if (socketTimeout !== undefined) this.#silence = new SilenceWatch(socketTimeout, link, this.stream);
    if (this.options.monitor) {
      new Monitoring(link, this).begin(() => this.become('monitoring'));
      return;
    }
    const replay = new Replay(session, this.options.db ?? 0);
    const wanted = this.#db;
    if (this.options.autoResubscribe && this.#subscriber.size > 0) {
      replay.select(wanted);
      this.#subscriber.again(link).catch((error: Error) => {
        if (link.usable) this.silentEmit('error', error);
      });
    } else this.#subscriber.clear();
    const again = this.#unanswered;
    this.#unanswered = [];
    tellResent(again, link.location.toString());
    for (const item of [...again, ...this.#waiting.take()]) replay.send(item);
    replay.select(wanted);
  }

  /** Called when the connection has closed, or could not be made. */
  #closed(epoch: number): void {
    if (epoch !== this.#epoch) return;
    this.#epoch++;
    const wasReady = this.#session !== null;
    this.#session = null;
    this.#link = null;
    this.#silence?.stop();
    this.#silence = null;
    this.become('close');
    if (wasReady && this.options.autoResendUnfulfilledCommands === false) {
      failAll(this.#unanswered, new Error(CONNECTION_CLOSED));
    } else this.#waiting.unshift(this.#unanswered);
    this.#unanswered = [];
    this.#waiting.dropFragments();
    const delay = this.#leaving ? null : this.options.retryStrategy?.(++this.retryAttempts);
    if (typeof delay !== 'number') return this.#end();
    this.become('reconnecting', delay);
    this.#redial = setTimeout(() => {
      this.#redial = undefined;
      this.connect().catch(noop);
    }, delay);
    const { maxRetriesPerRequest: limit } = this.options;
    if (typeof limit === 'number' && limit >= 0 && this.retryAttempts % (limit + 1) === 0) {
      this.#waiting.fail(new MaxRetriesPerRequestError(limit));
    }
  }

  #end(): void {
    this.#leaving = false;
    this.#subscriber.clear();
    this.become('end');
    this.#waiting.fail(new Error(CONNECTION_CLOSED));
  }

  /** Emits an event; prints an error without a listener to the console. */
  silentEmit(event: string, argument?: unknown): boolean {
    if (event === 'error') {
      if (this.status === 'end') return false;
      const { syscall, message } = argument as NodeJS.ErrnoException;
      if (this.#leaving && (message === CONNECTION_CLOSED || syscall === 'connect' || syscall === 'read'))
        return false;
    }
    if (this.listenerCount(event) > 0) return this.emit(event, argument);
    if (event === 'error') console.error('[ioredis] Unhandled error event:', (argument as Error).stack);
    return false;
  }

  /** Closes the connection; with `true` dials a new one. */
  disconnect(reconnect = false): void {
    if (!reconnect) {
      this.#leaving = true;
      clearTimeout(this.#redial);
      this.#redial = undefined;
    }
    this.#connector?.disconnect();
    if (this.status === 'wait') return this.#closed(this.#epoch);
    if (this.status === 'reconnecting' && !reconnect) {
      this.#epoch++;
      return this.#end();
    }
    const link = this.#link;
    if (link === null) return;
    this.#ending = true;
    if (!link.usable || this.stream === null) {
      link.invalidate('disconnected');
      return;
    }
    endWhenWritten(link, this.stream);
    const limit = setTimeout(() => link.invalidate('disconnected'), this.options.disconnectTimeout ?? 2_000);
    void link.waitClosed().then(() => clearTimeout(limit));
  }
  end(): void {
    this.disconnect();
  }
  duplicate(override?: RedisOptions): Redis {
    return new Redis({ ...this.options, ...override });
  }

  /** Makes another connection that emits an event `monitor` for every command the server runs. */
  monitor(callback?: Callback<Redis>): Promise<Redis> {
    return nodeify(begun<Redis>(this.duplicate({ monitor: true, lazyConnect: false })), callback);
  }

  sendCommand(command: Command): unknown {
    if (this.options.enableAutoPipelining) this.countGrouped(command);
    if (!commandsAreTraced()) return this.again(command);
    return traceCommand(command, this.#traced, async () => this.again(command));
  }

  get #traced(): TracedPlace & { database: number } {
    return { ...placeOf(this.options), database: this.#db };
  }

  /** Sends a command, for the first time or again. */
  again(command: Command): unknown {
    if (this.status === 'wait') this.connect().catch(noop);
    const session = this.#session;
    if (session !== null && session.usable && !this.#ending && !this.options.monitor && !this.#listensOnly) {
      command.select = this.#db;
      this.#silence?.arm();
      return session.send(command);
    }
    return this.#later(command, session);
  }

  /** The slow path: refuses, sends or queues a command. */
  #later(command: Command, session: Session | null): unknown {
    const refusal = this.#refusal(command);
    if (refusal !== null) command.reject(refusal);
    else if (session?.usable && !this.#ending) return session.send(command);
    else if (command.name === 'quit' && this.#waiting.length === 0) {
      this.disconnect();
      command.resolve(Buffer.from('OK'));
    } else this.#wait(command);
    return command.promise;
  }

  #refusal({ name }: Command): Error | null {
    if (this.status === 'end') return new Error(CONNECTION_CLOSED);
    if (this.options.monitor && this.#session !== null && !Command.checkFlag('VALID_IN_MONITOR_MODE', name)) {
      return new Error("Connection is in monitoring mode, can't process commands.");
    }
    if (this.#listensOnly && !Command.checkFlag('VALID_IN_SUBSCRIBER_MODE', name)) {
      return new Error('Connection in subscriber mode, only subscriber commands may be used');
    }
    if (this.options.enableOfflineQueue === false && this.#session === null) {
      return new Error("Stream isn't writeable and enableOfflineQueue options is false");
    }
    return null;
  }

  #wait(item: Waiting): void {
    item.select = this.#db;
    if (item instanceof Command) {
      if (item.name === 'select' && Number.isInteger(Number(item.args[0])))
        this.selected(Number(item.args[0]));
      item.limitWait(this.options);
    }
    try {
      this.#waiting.push(item);
    } catch (error) {
      if (item instanceof Pipeline) item.abort(error as Error);
      else item.reject(error);
    }
  }

  sendPipeline(pipeline: Pipeline): void {
    if (pipelinesAreTraced()) tracePipeline(pipeline, this.#traced);
    if (this.status === 'wait') this.connect().catch(noop);
    const session = this.#session;
    const [first] = pipeline.commands;
    const refusal = first === undefined ? null : this.#refusal(first);
    if (refusal !== null) pipeline.abort(refusal);
    else if (session?.usable && !this.#ending) {
      pipeline.select = this.#db;
      session.sendPipeline(pipeline);
    } else this.#wait(pipeline);
  }

  // Callbacks of a session.
  lost(item: Waiting): void {
    if (this.#session === null) this.#wait(item);
    else this.#unanswered.push(item);
  }
  judge(error: ReplyError, { name }: Command): boolean | 1 | 2 {
    const { reconnectOnError } = this.options;
    if (!reconnectOnError || Command.checkFlag('IGNORE_RECONNECT_ON_ERROR', name)) return false;
    const verdict = reconnectOnError(error);
    if ((verdict === 1 || verdict === 2 || verdict === true) && this.status !== 'reconnecting')
      this.disconnect(true);
    return verdict;
  }
  selected(db: number): void {
    if (this.#db === db) return;
    this.#db = db;
    this.emit('select', db);
  }
  leaving(): void {
    this.#leaving = true;
  }
}
nameClass(Redis, 'Redis');
