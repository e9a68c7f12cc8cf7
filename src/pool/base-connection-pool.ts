import { inspect } from 'node:util';
import { checkDuration, Deadline } from '../base/deadline.ts';
import { ExponentialBackoffRetryPolicy, type RetryPolicy } from '../base/retry-policy.ts';
import { resolveCommand } from '../commands/command-info.ts';
import {
  BLOCKING,
  CACHEABLE,
  CLIENT_REPLY,
  MAY_BLOCK,
  MONITOR,
  NEEDS_EXECUTE_ON,
  STATEFUL,
  SUBSCRIBE_FAMILY,
} from '../commands/flags.ts';
import type { BaseConnection } from '../connection/base-connection.ts';
import type { NormalizedConnectionOptions } from '../connection/connection-options.ts';
import { sizeOf } from '../connection/outbox.ts';
import type { CommandRequest } from '../connection/request-options.ts';
import { PoolClosedError, type RedisError } from '../errors/errors.ts';
import { refuseDirectConstruction } from '../interfaces/abstract.ts';
import { AbstractPool, type AcquireOptions, type Lease } from '../interfaces/abstract-pool.ts';
import type { ChannelMap } from '../interfaces/channel-map.ts';
import type { TelemetryAttributeProvider } from '../interfaces/telemetry-attribute-provider.ts';
import type { WaitOptions } from '../interfaces/wait-options.ts';
import { type ConnectionNode, nodeOf } from '../node/connection-node.ts';
import type { TrackingSettings } from '../node/tracking-settings.ts';
import type { SubscriptionTarget } from '../pubsub/subscription-target.ts';
import { encodeCommand } from '../resp/encoder.ts';
import {
  BYTES,
  type DecodeMode,
  type RedisValue,
  type Reply,
  type ReplyOf,
  type TextEncoding,
  textMode,
} from '../resp/types.ts';
import type { Topology } from '../topology/topology.ts';
import { CallRunner } from './call-runner.ts';
import { CredentialWatch } from './credential-watch.ts';
import { type Executor, OptionedExecutor, type PoolRequest, type PoolRequestOptions } from './executor.ts';
import { ConnectionLease } from './lease.ts';
import { lastPromise, makeCall, thisTurn } from './pool-call.ts';
import { PoolCache } from './pool-cache.ts';
import { PoolPubsub } from './pool-pubsub.ts';
import { PoolRequests } from './pool-requests.ts';
import { type ConnectionPoolStatistics, PoolStatistics } from './pool-statistics.ts';

const UNUSUAL =
  BLOCKING | MAY_BLOCK | STATEFUL | SUBSCRIBE_FAMILY | CLIENT_REPLY | MONITOR | NEEDS_EXECUTE_ON;

/** What a kind of pool hands to the base: its topology, and what was said about all pools. */
export interface PoolSetup<C extends BaseConnection> {
  readonly topology: Topology<C>;
  readonly owner: object;
  readonly settings: NormalizedConnectionOptions;
  readonly maxConnections: () => number;
  readonly timeout: number | null;
  readonly retryPolicy: RetryPolicy | null;
  /** Of the pool's cache; null: none. */
  readonly tracking: TrackingSettings<C> | null;
}

/**
 * What all pools do: calls over shared connections, leases, figures, closing. Which servers there are is the
 * topology's business.
 */
export abstract class BaseConnectionPool<C extends BaseConnection, D extends boolean = boolean>
  extends AbstractPool<C>
  implements AsyncDisposable, TelemetryAttributeProvider
{
  /** The gauges, exact at every moment. */
  readonly statistics: ConnectionPoolStatistics;
  readonly #setup: PoolSetup<C>;
  readonly #topology: Topology<C>;
  readonly #runner: CallRunner<C>;
  readonly #requests: PoolRequests<C>;
  readonly #pubsub: PoolPubsub<C>;
  readonly #credentials: CredentialWatch<C>;
  readonly #textMode: 1 | 2 | 3;
  readonly #ownMode: DecodeMode;
  readonly #streamTimeout: number | null;
  readonly #cache: PoolCache | null;
  #closing: Promise<void> | null = null;

  constructor(setup: PoolSetup<C>) {
    super();
    refuseDirectConstruction(new.target, BaseConnectionPool);
    const { settings, topology } = setup;
    this.#setup = setup;
    this.#topology = topology;
    this.#textMode = textMode(settings.encoding);
    this.#ownMode = settings.decodeResponses ? this.#textMode : BYTES;
    this.#streamTimeout = settings.streamTimeout;
    this.#runner = new CallRunner(topology, {
      retryPolicy: setup.retryPolicy ?? new ExponentialBackoffRetryPolicy(),
      acquireTimeout: setup.timeout,
      streamTimeout: settings.streamTimeout,
    });
    this.#requests = new PoolRequests(this.#runner, topology, {
      textMode: this.#textMode,
      ownMode: this.#ownMode,
      streamTimeout: settings.streamTimeout,
    });
    this.#cache = this.#makeCache(setup);
    this.#requests.cache = this.#cache;
    this.#pubsub = new PoolPubsub(topology, { encoding: this.encoding, timeout: setup.timeout });
    this.#credentials = new CredentialWatch(settings.credentialProvider, topology, (ask) =>
      this.#pubsub.authenticate(ask),
    );
    this.statistics = new PoolStatistics(
      () => this.#figures(),
      setup.maxConnections,
      () => this.serviceConnections,
    );
  }

  get address(): string | null {
    return this.#topology.name;
  }
  get db(): number {
    return this.#setup.settings.db;
  }
  get encoding(): TextEncoding | null {
    return this.#setup.settings.decodeResponses ? this.#setup.settings.encoding : null;
  }
  get closed(): boolean {
    return this.#closing !== null;
  }

  /** Optional: the first use opens the pool. Rejects when no server can be reached. */
  async open(options?: WaitOptions): Promise<this> {
    // A pool whose callers do not wait is opened all the same.
    const fallback = this.#setup.timeout === 0 ? null : this.#setup.timeout;
    const deadline = Deadline.of(options, { fallback, allowZero: true });
    if (this.#closing !== null) throw closedError();
    if (deadline.aborted) throw deadline.reason;
    await this.#topology.open(deadline);
    await this.connect(deadline);
    return this;
  }

  /** A connection for the caller alone, to be released: the most recently released one, a new one, or wait. */
  async getConnection(options?: AcquireOptions): Promise<C> {
    return (await this.#lease(options)).connection;
  }
  /** A connection at once, leased, or null. */
  tryGetConnection(): C | null {
    if (this.#closing !== null) return null;
    return this.#topology.anyNode()?.tryLease() ?? null;
  }
  /** As `getConnection`, with the release bound to the scope. */
  acquire(options?: AcquireOptions): Promise<Lease<C>> {
    return this.#lease(options);
  }
  /** Runs `fn` with a leased connection and gives it back when `fn` has settled. */
  async use<R>(fn: (connection: C) => R | Promise<R>, options?: AcquireOptions): Promise<Awaited<R>> {
    const lease = await this.#lease(options);
    try {
      return await fn(lease.connection);
    } finally {
      lease.release();
    }
  }
  /** Gives a leased connection back; `TypeError` for one that this pool has not leased out. */
  release(connection: C): void {
    const node = nodeOf(connection);
    if (node?.owner !== this.#setup.owner)
      throw new TypeError('this connection was not leased out by this pool');
    node.release(connection);
  }

  /** One command over the shared connection; commands of one turn go out in one write, in call order. */
  execute<T extends ReplyOf<D> = ReplyOf<D>>(
    command: string | Uint8Array,
    ...args: RedisValue[]
  ): Promise<NoInfer<T>> {
    try {
      const info = resolveCommand(command, args);
      if ((info.flags & UNUSUAL) !== 0 || this.#closing !== null) {
        return this.#requests.request(command, args, {}) as unknown as Promise<NoInfer<T>>;
      }
      const cache = this.#cache;
      if (cache !== null && (info.flags & CACHEABLE) !== 0) {
        const answer = cache.answer(command, info, args, null);
        if (answer !== null) return answer as unknown as Promise<NoInfer<T>>;
      }
      const wire = encodeCommand(info, args, this.#textMode);
      const call = makeCall(this.#runner, info, wire, sizeOf(wire), this.#ownMode);
      const promise = lastPromise as Promise<T>;
      call.startedAt = thisTurn();
      if (this.#streamTimeout !== null) call.limit = this.#streamTimeout;
      const node = this.#topology.route(call, args);
      if (cache !== null) cache.attach(call, promise as Promise<Reply>, args, true);
      if (node !== null && call.prelude === null && node.submitNow(call)) {
        call.attempts = 1;
        call.node = node as unknown as ConnectionNode<BaseConnection>;
      } else {
        this.#runner.start(call);
      }
      return promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `execute`, with options; `timeout` covers everything from waiting to the last repetition. */
  executeRequest<T extends Reply = ReplyOf<D>>(
    command: string | Uint8Array,
    args: readonly RedisValue[] = [],
    options: PoolRequestOptions = {},
  ): PoolRequest<NoInfer<T>> {
    return this.#requests.request(command, args, options) as PoolRequest<NoInfer<T>>;
  }

  /** Commands back to back; never rejects for their fate: each entry is a value or an error. Bad input rejects. */
  executeBatch(
    commands: readonly CommandRequest[],
    options: WaitOptions = {},
  ): Promise<(Reply | RedisError)[]> {
    return this.#requests.batch(commands, options);
  }

  /** A light view with options that hold for all its calls; it owns nothing. */
  with(options: PoolRequestOptions): Executor<D> {
    const requester = {
      request: this.#requests.request.bind(this.#requests),
      batch: this.#requests.batch.bind(this.#requests),
      pubsub: this.#pubsub.execute.bind(this.#pubsub),
    };
    return new OptionedExecutor<D>(requester, options) as unknown as Executor<D>;
  }

  /**
   * Subscriptions of the pool, over connections of their own. Once acknowledged they are desired state: after a lost
   * connection, a failover or a moved slot they are made again, and each channel learns of the hole by a gap.
   */
  executePubsub(command: string, ...channels: SubscriptionTarget[]): Promise<Reply[]> {
    return this.#pubsub.execute(command, channels);
  }
  get inPubsub(): number {
    return this.#pubsub.size;
  }
  get pubsubChannels(): ChannelMap {
    return this.#pubsub.channels;
  }
  get pubsubPatterns(): ChannelMap {
    return this.#pubsub.patterns;
  }
  get pubsubShardChannels(): ChannelMap {
    return this.#pubsub.shardChannels;
  }

  /** Every connection is dropped now; the pool stays usable. */
  disconnect(): void {
    for (const node of this.#topology.nodes()) node.disconnect('disconnect() of the pool');
    this.#pubsub.disconnect('disconnect() of the pool');
  }

  /**
   * New calls and waiters reject at once, blocking commands are unblocked, what is in flight or leased gets `timeout`
   * (default 5,000 ms; null: for ever). A second call returns the same promise and may shorten the time.
   */
  close(options: { timeout?: number | null } = {}): Promise<void> {
    let timeout: number | null;
    try {
      timeout = checkDuration('timeout', options.timeout === undefined ? 5_000 : options.timeout, true);
    } catch (error) {
      return Promise.reject(error);
    }
    const first = this.#closing === null;
    if (first) {
      this.#requests.close(closedError());
      this.#runner.close(closedError());
      this.#credentials.stop();
      this.#topology.close();
    }
    const nodes = Promise.all([...this.#topology.nodes()].map((node) => node.close(timeout)));
    if (first)
      this.#closing = Promise.all([nodes, this.#pubsub.close(closedError()), this.closeServices()]).then(
        () => undefined,
      );
    return this.#closing as Promise<void>;
  }
  async waitClosed(options?: WaitOptions): Promise<void> {
    await this.#requests.waitFor(options, () => this.#closing);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Undoes `unref`. */
  ref(): this {
    for (const node of this.#topology.nodes()) node.ref();
    this.#pubsub.setRef(true);
    return this;
  }
  /** An idle pool no longer keeps the process alive. */
  unref(): this {
    for (const node of this.#topology.nodes()) node.unref();
    this.#pubsub.setRef(false);
    return this;
  }

  telemetryAttributes(): Record<string, string | number> {
    return { 'db.client.connection.pool.name': this.#topology.name };
  }
  override toString(): string {
    return `${this.constructor.name}<${this.#topology.name}>`;
  }
  toJSON(): Record<string, unknown> {
    return { type: this.constructor.name, name: this.#topology.name, statistics: this.statistics };
  }
  [inspect.custom](): string {
    const { activeConnections, inUseConnections, waiting } = this.statistics;
    return `${this.toString().slice(0, -1)}, open=${activeConnections}, inUse=${inUseConnections}, waiting=${waiting}>`;
  }

  /** Connections outside `maxConnections`. */
  protected get serviceConnections(): number {
    let listeners = 0;
    for (const node of this.#topology.nodes()) listeners += node.listeners;
    return this.#pubsub.connections + listeners;
  }
  protected closeServices(): Promise<void> {
    return Promise.resolve();
  }
  /** To that node, whatever routing would say. */
  protected requestOn(
    node: ConnectionNode<C>,
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
  ): PoolRequest<Reply> {
    return this.#requests.request(command, args, options, node);
  }
  protected refuseIfClosed(): void {
    if (this.#closing !== null) throw closedError();
  }
  protected get topology(): Topology<C> {
    return this.#topology;
  }

  /** Waiting plus dialling: the call's own limit, else the pool's. */
  protected acquireDeadline(options: AcquireOptions | undefined): Deadline {
    return Deadline.of(options, { fallback: this.#setup.timeout, allowZero: true });
  }
  protected async leaseOn(node: ConnectionNode<C>, deadline: Deadline): Promise<Lease<C>> {
    if (this.#closing !== null) throw closedError();
    if (deadline.aborted) throw deadline.reason;
    return new ConnectionLease(await node.lease(deadline), node);
  }

  async #lease(options?: AcquireOptions): Promise<Lease<C>> {
    const deadline = this.acquireDeadline(options);
    if (this.#closing !== null) throw closedError();
    if (deadline.aborted) throw deadline.reason;
    const node = this.#topology.anyNode() ?? (await this.#topology.resolveAny(deadline));
    return this.leaseOn(node, deadline);
  }

  /** What opening means once the topology is known. */
  protected async connect(deadline: Deadline): Promise<void> {
    const node = this.#topology.anyNode() ?? (await this.#topology.resolveAny(deadline));
    await node.pool.share(() => undefined, deadline);
  }

  #makeCache({ tracking, settings }: PoolSetup<C>): PoolCache | null {
    if (tracking === null) return null;
    return new PoolCache({
      ...tracking,
      place: this.#topology.name,
      db: settings.db,
      textMode: this.#textMode,
      ownMode: this.#ownMode,
      again: (command, args, options) => this.#requests.request(command, args, options),
    });
  }

  *#figures(): Iterable<ConnectionNode<C>['figures']> {
    for (const node of this.#topology.nodes()) yield node.figures;
  }
}

function closedError(): PoolClosedError {
  return new PoolClosedError('the pool is closed');
}
