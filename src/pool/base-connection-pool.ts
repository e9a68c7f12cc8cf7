import { nameClass, refuseDirectConstruction } from '../base/classes.ts';
import { inspect } from 'node:util';
import { refuseUnknownWait, type WaitOptions } from '../base/deadline.ts';
import { type CommandInfo, resolveCommand } from '../commands/command-info.ts';
import type {
  AnyCommand,
  ByCommand,
  CallArguments,
  CallReply,
  ListedArguments,
} from '../commands/commands.ts';
import { CACHEABLE } from '../commands/flags.ts';
import type { BatchReplies, DecodingOf, ReplyByOptions, Unspecified } from '../commands/typed-command.ts';
import type { BaseConnection } from '../connection/base-connection.ts';
import type { CommandRequest } from '../connection/requests/request-options.ts';
import { AbstractPool, type AcquireOptions, type Lease } from '../interfaces/abstract-pool.ts';
import type { ChannelMap } from '../interfaces/abstract-channel.ts';
import type { TelemetryAttributeProvider } from '../interfaces/abstract-connection.ts';
import { pooledOf } from '../node/pooled-connection.ts';
import type { SubscriptionTarget } from '../pubsub/pubsub-command.ts';
import type { SubscriptionAck } from '../pubsub/subscriptions/subscription-kinds.ts';
import type { DecodesMark, Decoding, RedisValue, Reply, ReplyOf, TextOf } from '../resp/types.ts';
import type { DecodeMode, TextEncoding } from '../resp/text-modes.ts';
import { channels, observed } from '../telemetry/channels.ts';
import { traces } from '../telemetry/traces.ts';
import type { Topology } from '../topology/topology.ts';
import type { RetryLoop } from './calls/retry-loop.ts';
import type { PoolRequest, PoolRequestOptions } from './calls/call-options.ts';
import { type Executor, OptionedExecutor } from './executor.ts';
import { makeCall, thisTurn } from './calls/pool-call.ts';
import type { PoolCache } from './cache/pool-cache.ts';
import { handOver } from './leases.ts';
import { PoolEngine, type PoolSetup } from './pool-engine.ts';
import { UNUSUAL } from './calls/call-factory.ts';
import type { PoolRequests } from './calls/pool-requests.ts';
import type { ConnectionPoolStatistics } from './pool-statistics.ts';
import { type KeyScanOptions, pairsOf, type Scan, type ScanOptions, scoresOf } from './scans/scan.ts';
import type { Script } from './scripts/script.ts';
import type { TransactionOptions } from './transactions/transaction-call.ts';
import type { WatchCallOptions } from './transactions/transactions.ts';
import type { WatchFunction } from './transactions/watch-call.ts';

export type { PoolSetup };

/** Gives a `FailoverPool` access to the engines of its member pools. */
export let engineOf: (pool: BaseConnectionPool<BaseConnection, Decoding>) => PoolEngine;

/**
 * Base of all pools: calls over shared connections, leases, statistics, closing. The topology knows the servers.
 */
export abstract class BaseConnectionPool<C extends BaseConnection, D extends Decoding = boolean>
  extends AbstractPool<C>
  implements AsyncDisposable, TelemetryAttributeProvider
{
  static {
    nameClass(this, 'BaseConnectionPool');
    engineOf = (pool) => pool.engine;
  }

  /** Only in the types: lets the compiler compare pools of different `decodeResponses` member by member. */
  declare readonly decodes?: DecodesMark<D>;
  /** Only in the types: carries `D`. */
  declare readonly decoding?: D;
  /** The gauges, exact at every moment. */
  readonly statistics: ConnectionPoolStatistics;
  /** @internal */
  protected readonly engine: PoolEngine;
  readonly #topology: Topology;
  readonly #loop: RetryLoop;
  readonly #requests: PoolRequests;
  readonly #textMode: 1 | 2 | 3;
  readonly #ownMode: DecodeMode;
  readonly #streamTimeout: number | null;
  readonly #cache: PoolCache | null;
  /** No call may take the fast path, because the pool is closed or traces its calls. */
  #careful: boolean;

  /** @internal */
  constructor(setup: PoolSetup) {
    super();
    refuseDirectConstruction(new.target, BaseConnectionPool);
    const engine = new PoolEngine(setup);
    this.engine = engine;
    this.#topology = engine.topology;
    this.#loop = engine.loop;
    this.#requests = engine.requests;
    this.#textMode = engine.textMode;
    this.#ownMode = engine.ownMode;
    this.#streamTimeout = setup.settings.streamTimeout;
    this.#cache = engine.cache;
    this.#careful = engine.tracesCalls;
    this.statistics = engine.statistics;
    if (observed(channels.poolCreated))
      channels.poolCreated.publish({ poolName: engine.traces.poolName, pool: this });
  }

  get address(): string | null {
    return this.#topology.name;
  }
  get db(): number {
    return this.engine.setup.settings.db;
  }
  get encoding(): TextEncoding | null {
    return this.engine.encoding;
  }
  get closed(): boolean {
    return this.engine.closing !== null;
  }

  /** Optional: the first use opens the pool. Rejects when no server can be reached. */
  async open(options?: WaitOptions): Promise<this> {
    await this.engine.open(options);
    return this;
  }

  /** A connection for the caller alone, to be released: the most recently released one, a new one, or wait. */
  async getConnection(options?: AcquireOptions): Promise<C> {
    return handOver(await this.acquire(options));
  }
  /** A connection at once, leased, or null. */
  tryGetConnection(): C | null {
    if (this.closed) return null;
    return (this.#topology.anyNode()?.tryLease()?.value.handOver() ?? null) as C | null;
  }
  /**
   * Leases a connection; the lease ends with its scope (`using`) or with `release()`.
   *
   * @throws TimeoutError when no connection came in time.
   * @example using lease = await pool.acquire({ timeout: 1_000 });
   */
  acquire(options?: AcquireOptions): Promise<Lease<C>> {
    try {
      refuseUnknownWait(options);
      const deadline = this.engine.acquireDeadline(options);
      const take = (): Promise<Lease<BaseConnection>> =>
        this.engine.lease(this.#topology.anyNode(), deadline);
      return this.engine.acquire(take) as Promise<Lease<C>>;
    } catch (error) {
      return Promise.reject(error);
    }
  }
  /**
   * Runs `fn` with a leased connection and releases it when `fn` has settled.
   *
   * @example const role = await pool.use((connection) => connection.execute('ROLE'));
   */
  async use<R>(fn: (connection: C) => R | PromiseLike<R>, options?: AcquireOptions): Promise<Awaited<R>> {
    if (typeof fn !== 'function')
      throw new TypeError('use() needs a function, which gets the connection: pool.use((connection) => …)');
    const lease = await this.acquire(options);
    try {
      return await fn(lease.connection);
    } finally {
      lease.release();
    }
  }
  /**
   * Returns a leased connection to the pool; throws `TypeError` for a connection that this pool has not
   * leased.
   */
  release(connection: C): void {
    const pooled = pooledOf(connection);
    if (pooled?.node.owner !== this.engine.setup.owner)
      throw new TypeError('this connection was not leased out by this pool');
    pooled.releasePlain();
  }

  /**
   * One command over the shared connection; commands of one turn go out together, in call order.
   *
   * @example const name = await pool.execute('GET', 'user:1'); // string | null, where replies are decoded
   */
  execute<
    T extends ReplyOf<D> | ByCommand = ByCommand,
    const K extends AnyCommand = string | Uint8Array,
    const A extends readonly RedisValue[] = RedisValue[],
  >(command: K, ...args: CallArguments<K, A>): Promise<CallReply<T, K, A, D>>;
  execute(command: string | Uint8Array, ...args: RedisValue[]): Promise<unknown> {
    try {
      const info = resolveCommand(command, args, this.#textMode);
      if ((info.flags & UNUSUAL) !== 0 || this.#careful || traces.command.active) {
        return this.#requests.request(command, args, {});
      }
      if (this.#cache !== null) return this.#executeCached(this.#cache, command, info, args);
      const call = makeCall(this.#loop, info, args, this.#textMode, this.#ownMode);
      const promise: Promise<Reply> = call.promise;
      call.startedAt = thisTurn();
      if (this.#streamTimeout !== null) call.limit = this.#streamTimeout;
      const node = this.#topology.route(call, args);
      if (node?.submitNow(call) === true) {
        call.attempts = 1;
        call.node = node;
      } else {
        this.#loop.start(call);
      }
      return promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** `execute` of a pool with a cache; a method of its own, so that V8 inlines the whole path without one. */
  #executeCached(
    cache: PoolCache,
    command: string | Uint8Array,
    info: CommandInfo,
    args: readonly RedisValue[],
  ): Promise<unknown> {
    if (info.name === 'MGET') return this.#requests.request(command, args, {});
    if ((info.flags & CACHEABLE) !== 0) {
      const answer = cache.answer(command, info, args, null);
      if (answer !== null) return answer;
    }
    const call = makeCall(this.#loop, info, args, this.#textMode, this.#ownMode);
    const promise: Promise<Reply> = call.promise;
    call.startedAt = thisTurn();
    if (this.#streamTimeout !== null) call.limit = this.#streamTimeout;
    const node = this.#topology.route(call, args);
    cache.attach(call, promise, args, true);
    this.#loop.begin(call, node);
    return promise;
  }

  /**
   * As `execute`, with options; `timeout` (milliseconds) covers everything from waiting to the last repetition.
   *
   * @example await pool.executeRequest('GET', ['user:1'], { timeout: 500, signal });
   */
  executeRequest<
    T extends Reply | ByCommand = ByCommand,
    const K extends AnyCommand = string | Uint8Array,
    const A extends readonly RedisValue[] = RedisValue[],
    const O extends PoolRequestOptions = PoolRequestOptions & Unspecified,
  >(
    command: K,
    args?: A & ListedArguments<K, A>,
    options?: O,
  ): PoolRequest<CallReply<T, K, A, DecodingOf<O, D>> | ReplyByOptions<O>>;
  executeRequest(
    command: string | Uint8Array,
    args: readonly RedisValue[] = [],
    options: PoolRequestOptions = {},
  ): Promise<unknown> {
    return this.#requests.request(command, args, options);
  }

  /**
   * Sends commands back to back. It does not reject when a command fails: each entry is a value or an error.
   * It rejects for bad input.
   *
   * @example const [name, visits] = unwrap(await pool.executeBatch([command('GET', 'n'), command('INCR', 'v')]));
   */
  executeBatch<const B extends readonly CommandRequest[]>(
    commands: B,
    options?: WaitOptions,
  ): Promise<BatchReplies<B, D>>;
  executeBatch(commands: readonly CommandRequest[], options: WaitOptions = {}): Promise<unknown> {
    return this.#requests.batch(commands, options);
  }

  /**
   * `MULTI`, the commands and `EXEC` in one piece over the shared connection: no other command comes between them. The
   * replies in order; a command that failed while the transaction ran has its error in its place.
   *
   * @throws ExecAbortError when a command was refused before; nothing was executed, and `command` names it.
   * @throws ConnectionError with `maybeExecuted` when the connection was lost before the answer came.
   * @example
   * ```ts
   * const [left, right] = await pool.transaction([
   *   { command: 'DECRBY', args: ['account:1', 10] },
   *   { command: 'INCRBY', args: ['account:2', 10] },
   * ]);
   * ```
   */
  transaction<const B extends readonly CommandRequest[]>(
    commands: B,
    options?: TransactionOptions,
  ): Promise<BatchReplies<B, D>>;
  transaction(commands: readonly CommandRequest[], options: TransactionOptions = {}): Promise<unknown> {
    return this.engine.transact(commands, options);
  }

  /**
   * A transaction that depends on values it has read: leases a connection, watches the keys, lets `fn` read
   * on it and runs the commands that `fn` returns. If other clients change the keys meanwhile, it starts
   * again after a short random pause. `fn` may therefore run several times, and must only read.
   *
   * @returns the replies as `transaction` gives them; null when `fn` gave null, which changes nothing.
   * @throws WatchError when the keys changed in each of `attempts` (default 10).
   * @example
   * ```ts
   * await pool.watch(['account:1'], async (connection) => {
   *   const left = Number(await connection.execute('GET', 'account:1'));
   *   return left < 10 ? null : [{ command: 'DECRBY', args: ['account:1', 10] }];
   * });
   * ```
   */
  watch<const B extends readonly CommandRequest[]>(
    keys: readonly RedisValue[],
    fn: (connection: C) => B | null | PromiseLike<B | null>,
    options?: WatchCallOptions,
  ): Promise<BatchReplies<B, D> | null>;
  watch(keys: readonly RedisValue[], fn: unknown, options: WatchCallOptions = {}): Promise<unknown> {
    return this.engine.watch(keys, fn as WatchFunction, options);
  }

  /**
   * Runs a script of `defineScript` by its SHA-1. If the server does not have the script, it sends the text
   * once.
   *
   * @throws TypeError when the number of keys is not that of the script.
   * @example const left = await pool.run(take, ['tokens'], [10]); // take = defineScript<number>({ lua, keys: 1 })
   */
  run<R extends Reply>(
    script: Script<R>,
    keys: readonly RedisValue[],
    args?: readonly RedisValue[],
    options?: PoolRequestOptions,
  ): PoolRequest<R> {
    return this.#requests.run(script, keys, args, options) as PoolRequest<R>;
  }

  /**
   * Scans the keys of the server, or of every primary of a cluster in turn. It gives every key that exists
   * during the whole scan. After a failover, or when slots move, it may give a key twice.
   *
   * @throws TypeError for options that are none.
   * @example
   * ```ts
   * for await (const key of pool.scan({ match: 'user:*', count: 1_000 })) console.log(key);
   * ```
   */
  scan(options: KeyScanOptions = {}): Scan<TextOf<D>> {
    return this.engine.scans.keys(options) as Scan<TextOf<D>>;
  }
  /** The fields of a hash with their values, as pairs. */
  hscan(key: RedisValue, options: ScanOptions = {}): Scan<[field: TextOf<D>, value: TextOf<D>]> {
    return this.engine.scans.elements('HSCAN', key, options, pairsOf) as Scan<[TextOf<D>, TextOf<D>]>;
  }
  /** The members of a set. */
  sscan(key: RedisValue, options: ScanOptions = {}): Scan<TextOf<D>> {
    return this.engine.scans.elements('SSCAN', key, options, (page) => page) as Scan<TextOf<D>>;
  }
  /** The members of a sorted set with their scores, as pairs. */
  zscan(key: RedisValue, options: ScanOptions = {}): Scan<[member: TextOf<D>, score: number]> {
    return this.engine.scans.elements('ZSCAN', key, options, scoresOf) as Scan<[TextOf<D>, number]>;
  }

  /**
   * A light view with options that hold for all its calls; it owns nothing.
   *
   * @example const redis = pool.with({ timeout: 500, signal }); await redis.execute('GET', 'user:1');
   */
  with<const O extends PoolRequestOptions>(options: O): Executor<DecodingOf<O, D>, ReplyByOptions<O>> {
    const requester = {
      request: this.#requests.request.bind(this.#requests),
      batch: this.#requests.batch.bind(this.#requests),
      pubsub: this.engine.subscribe.bind(this.engine),
    };
    return new OptionedExecutor<DecodingOf<O, D>, ReplyByOptions<O>>(requester, options);
  }

  /**
   * Subscriptions of the pool, over connections of their own. Once acknowledged they are desired state: after a lost
   * connection, a failover or a moved slot they are made again, and each channel is told of the gap.
   *
   * @example await pool.executePubsub('SUBSCRIBE', new Channel('news', { encoding: 'utf-8' }));
   */
  executePubsub(command: string, ...channels: SubscriptionTarget[]): Promise<SubscriptionAck[]> {
    return this.engine.subscribe(command, channels);
  }
  get inPubsub(): number {
    return this.engine.subscriptions;
  }
  get pubsubChannels(): ChannelMap {
    return this.engine.pubsub.channels;
  }
  get pubsubPatterns(): ChannelMap {
    return this.engine.pubsub.patterns;
  }
  get pubsubShardChannels(): ChannelMap {
    return this.engine.pubsub.shardChannels;
  }

  /**
   * Names present and future connections at the server (`CLIENT SETNAME`); null: no name. A leased or blocked
   * connection is replaced after its use. Subscribers get the name when they reconnect.
   *
   * @throws TypeError for a name with spaces or control characters.
   */
  async setClientName(name: string | null): Promise<void> {
    this.engine.refuseIfOver(null);
    const { newConnections, settings } = this.engine.setup;
    await newConnections.rename(name, this.#topology.nodes(), settings.connectTimeout);
  }

  /** Drops every connection now; the pool stays usable. */
  disconnect(): void {
    this.engine.disconnect('disconnect() of the pool');
  }

  /**
   * Rejects new and waiting calls at once, unblocks blocking commands, and waits up to `timeout` ms for calls
   * in flight and leases (default 5,000; null: no limit). A second call returns the same promise and may
   * shorten the time.
   */
  close(options: { timeout?: number | null | undefined } = {}): Promise<void> {
    try {
      const closing = this.engine.close(options);
      this.#careful = true;
      return closing;
    } catch (error) {
      return Promise.reject(error);
    }
  }
  waitClosed(options?: WaitOptions): Promise<void> {
    return this.engine.waitClosed(options);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Undoes `unref`. */
  ref(): this {
    this.engine.setRef(true);
    return this;
  }
  /** An idle pool no longer keeps the process alive. */
  unref(): this {
    this.engine.setRef(false);
    return this;
  }

  telemetryAttributes(): Record<string, string | number> {
    return { 'db.client.connection.pool.name': this.engine.traces.poolName };
  }
  override toString(): string {
    return `${this.constructor.name}<${this.#topology.name}>`;
  }
  toJSON(): Record<string, unknown> {
    return { type: this.constructor.name, name: this.#topology.name, statistics: this.statistics };
  }
  [inspect.custom](): string {
    const { activeConnections, inUseConnections, waiting } = this.statistics;
    if (this.closed) return `${this.toString().slice(0, -1)}, closed>`;
    return `${this.toString().slice(0, -1)}, open=${activeConnections}, inUse=${inUseConnections}, waiting=${waiting}>`;
  }
}
