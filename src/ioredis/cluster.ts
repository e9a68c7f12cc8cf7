import { nameClass } from '../base/classes.ts';
import { type Callback, type Command, nodeify } from './command.ts';
import { ClusterConnectionPool } from '../pool/cluster-connection-pool.ts';
import type { ClusterConnectionPoolOptions } from '../pool/options/pool-options.ts';
import type { HostAndPort } from '../transport/location.ts';
import { Client } from './client.ts';
import {
  RetryDelays,
  type ClusterNode,
  type ClusterOptions,
  DEFAULT_CLUSTER_OPTIONS,
  nodeOf,
} from './cluster-options.ts';
import { CredentialsByNode } from './cluster-link.ts';
import { ClusterNodes, type NodeRole } from './cluster-nodes.ts';
import { ClusterRunner } from './cluster-runner.ts';
import { fieldsetsOf } from './fieldsets.ts';
import type { PoolStateChange } from '../node/pool-reports.ts';
import { ClusterAllFailedError, CONNECTION_CLOSED } from './errors.ts';
import { coreSettings, tlsOf } from './link.ts';
import type { CommandMethods } from './methods.ts';
import { OfflineQueue, type Waiting } from './offline-queue.ts';
import { RedisError } from '../errors/errors.ts';
import { dialError } from './dial-error.ts';
import { Pipeline } from './pipeline.ts';
import { Redis } from './redis.ts';
import { parseOptions, reached, type RedisOptions } from './redis-options.ts';
import { startAddresses } from './start-nodes.ts';
import { Subscriber } from './subscriber.ts';
import { contextOf, type ReplyContext } from './transformers.ts';

export type ClusterStatus = 'wait' | 'connecting' | 'connect' | 'ready' | 'close' | 'reconnecting' | 'end';
export type { NodeRole } from './cluster-nodes.ts';
const noop = (): void => {};

/** The address and error of each node that gave no layout. */
function nodeFailures({ cause }: Error): [address: string, error: Error][] {
  // With a single node the cause is its own error.
  if (cause instanceof RedisError) return [[cause.endpoint ?? '', dialError(cause)]];
  if (!(cause instanceof AggregateError)) return [];
  return (cause.errors as (Error & { location?: HostAndPort })[]).map((failure) => {
    const { location } = failure;
    const reason = failure.cause instanceof Error ? failure.cause : failure;
    return [`${location?.host}:${location?.port}`, dialError(reason)];
  });
}

export interface Cluster extends Omit<CommandMethods, 'quit'> {}
/** A cluster with the interface of ioredis, over a `ClusterConnectionPool`. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the methods are made from the table of commands.
export class Cluster extends Client<ClusterStatus> {
  readonly isCluster = true;
  options: ClusterOptions;
  status: ClusterStatus = 'wait';
  readonly replyContext: ReplyContext;
  startupNodes: ClusterNode[];
  readonly #subscriber: Subscriber;
  readonly #waiting: OfflineQueue;
  readonly #nodes: ClusterNodes;
  readonly #credentials: CredentialsByNode;
  #pool: ClusterConnectionPool<'lenient'> | null = null;
  #runner: ClusterRunner | null = null;
  #retries = 0;
  /** Identifies the current attempt to connect. */
  #round: object = {};
  #redial: NodeJS.Timeout | undefined = undefined;
  #refresh: NodeJS.Timeout | undefined = undefined;
  #leaving = false;

  constructor(startupNodes: ClusterNode[] | null | undefined, options: ClusterOptions = {}) {
    super();
    this.startupNodes = startupNodes ?? [];
    this.options = { ...DEFAULT_CLUSTER_OPTIONS, ...options };
    this.replyContext = contextOf(options.redisOptions ?? {});
    if (options.keyPrefix === undefined) this.options.keyPrefix = options.redisOptions?.keyPrefix;
    const { scaleReads } = this.options;
    if (typeof scaleReads !== 'function' && !['all', 'master', 'slave'].includes(String(scaleReads))) {
      throw new Error(
        `Unsupported option scaleReads "${String(scaleReads)}". Expected "all", "master", "slave" or a custom function`,
      );
    }
    const fieldsets = fieldsetsOf(options.himportFieldsets);
    if (fieldsets !== null) this.options.himportFieldsets = fieldsets;
    this.#credentials = new CredentialsByNode(this.startupNodes);
    this.#nodes = new ClusterNodes({
      emit: (event, ...details) => this.emit(event, ...details),
      makeNode: (host, port, readOnly) => this.#client(host, port, readOnly),
      preparesPrimaries: fieldsets !== null,
    });
    this.#subscriber = new Subscriber(this);
    this.#waiting = new OfflineQueue(this.options.offlineQueueBytes ?? Number.POSITIVE_INFINITY);
    this.defineScripts();
    if (this.options.lazyConnect) this.become('wait');
    else this.connect().catch(noop);
  }

  connect(callback?: Callback<void>): Promise<void> {
    return nodeify(this.#connect(), callback);
  }

  async #connect(): Promise<void> {
    if (this.status === 'connecting' || this.status === 'connect' || this.status === 'ready') {
      throw new Error('Redis is already connecting/connected');
    }
    this.#leaving = false;
    this.become('connecting');
    const round = {};
    this.#round = round;
    let pool: ClusterConnectionPool<'lenient'> | null = null;
    let failure: Error | null = null;
    try {
      if (this.startupNodes.length === 0) {
        throw new Error('`startupNodes` should contain at least one node.');
      }
      const named = this.startupNodes.map(nodeOf);
      const addresses = await startAddresses(named, this.options);
      if (addresses.length === named.length) {
        for (const [at, node] of named.entries()) this.#credentials.alias(node, addresses[at]!);
      }
      if (round !== this.#round || this.#leaving) throw new Error(CONNECTION_CLOSED);
      this.#pool = pool = new ClusterConnectionPool<'lenient'>(this.#poolOptions(addresses));
      await pool.open({ timeout: this.#openTimeout() });
      this.become('connect');
      if (this.options.enableReadyCheck) await this.#check(pool);
    } catch (error) {
      failure = error as Error;
    }
    if (round !== this.#round || this.#leaving) {
      void pool?.close({ timeout: 0 });
      if (round === this.#round) this.#closed();
      throw new Error(CONNECTION_CLOSED);
    }
    if (failure !== null || pool === null) throw this.#failed(failure, pool);
    this.#ready(pool);
  }

  /** Handles a failed connect: reports each node that gave no layout. */
  #failed(failure: Error | null, pool: ClusterConnectionPool<'lenient'> | null): Error {
    void pool?.close({ timeout: 0 });
    // The look-up of a name failed; that error is returned as it is.
    if (pool === null && failure !== null) {
      this.#closed(failure);
      return failure;
    }
    const failures = failure === null ? [] : nodeFailures(failure);
    for (const [address, error] of failures) this.emit('node error', error, address);
    const told = new ClusterAllFailedError(
      ClusterAllFailedError.defaultMessage,
      failures.at(-1)?.[1] ?? failure,
    );
    if (this.listenerCount('error') > 0) this.emit('error', told);
    this.#closed(told);
    return new Error('None of startup nodes is available', { cause: told });
  }

  #openTimeout(): number {
    const { redisOptions, slotsRefreshTimeout = 1_000 } = this.options;
    return Math.max(slotsRefreshTimeout, Math.min(redisOptions?.connectTimeout ?? 10_000, 10_000));
  }

  /** Throws unless `cluster_state` is ok. */
  async #check(pool: ClusterConnectionPool<'lenient'>): Promise<void> {
    const [node] = pool.clusterLayout.primaries;
    if (node === undefined) throw new Error('the layout names no node');
    const [info] = (await pool.executeOn(node, 'cluster', ['INFO'])).values();
    const state = /cluster_state:(\w+)/.exec(String(info))?.[1];
    if (state !== undefined && state !== 'ok') throw new Error(`the state of the cluster is "${state}"`);
  }

  #poolOptions(addresses: HostAndPort[]): ClusterConnectionPoolOptions<'lenient'> {
    const { natMap, scaleReads, redisOptions, clusterNodeRetryStrategy } = this.options;
    const first = this.startupNodes[0] === undefined ? undefined : nodeOf(this.startupNodes[0]);
    const own: RedisOptions = { ...redisOptions };
    for (const key of ['username', 'password', 'tls'] as const) {
      if (own[key] === undefined && first?.[key] !== undefined) Object.assign(own, { [key]: first[key] });
    }
    const options = parseOptions([own]);
    const tls = tlsOf(options);
    return {
      ...coreSettings(options, true),
      ...(tls === null ? {} : { sslContext: tls }),
      ...(this.#credentials.differFrom(options)
        ? { connectionClass: this.#credentials.connectionClass() }
        : {}),
      startupNodes: addresses,
      // A function is called for each read instead (`ClusterReads`).
      readFrom: scaleReads === 'slave' ? 'replica' : scaleReads === 'all' ? 'any' : 'primary',
      maxConnectionsPerNode: true,
      retryPolicy: new RetryDelays(this.options),
      keepConnected: typeof clusterNodeRetryStrategy === 'function',
      onState: (change) => this.#nodeChanged(change),
      ...(natMap
        ? { addressMap: (host: string, port: number): HostAndPort => reached({ host, port }, natMap) }
        : {}),
    };
  }

  #ready(pool: ClusterConnectionPool<'lenient'>): void {
    this.#retries = 0;
    this.#runner = new ClusterRunner(pool, this.#subscriber, this.#nodes, this.options);
    this.become('ready');
    this.#nodes.meet(pool.clusterLayout.nodes);
    const { slotsRefreshInterval: interval } = this.options;
    if (typeof interval === 'number' && interval > 0) {
      this.#refresh = setInterval(() => {
        this.refreshSlotsCache();
      }, interval);
      this.#refresh.unref();
    }
    if (this.#subscriber.size > 0) this.#subscriber.again(pool).catch(noop);
    for (const item of this.#waiting.take()) this.#go(this.#runner, item);
  }

  #go(runner: ClusterRunner, item: Waiting): void {
    if (item instanceof Pipeline) void runner.sendPipeline(item);
    else {
      runner.send(item).then(
        (value) => item.settle(value),
        (error: unknown) => item.reject(error),
      );
    }
  }

  /** Reads the layout of the cluster again. */
  refreshSlotsCache(callback?: Callback<void>): void {
    const pool = this.#pool;
    const read = pool === null ? Promise.reject(new Error(CONNECTION_CLOSED)) : pool.refreshLayout();
    const met = read.then(() => {
      if (pool !== null && pool === this.#pool) this.#nodes.meet(pool.clusterLayout.nodes);
    });
    if (callback === undefined) met.catch(noop);
    else void nodeify(met, callback);
  }

  /** Called when the pool has its first connection to a node, or has lost its last one. */
  #nodeChanged({ state, address, error }: PoolStateChange): void {
    const node = this.#pool?.clusterLayout.nodes.find((one) => one.toString() === address);
    if (node === undefined || this.#leaving) return;
    if (state === 'up') this.#nodes.reached(node);
    else if (error !== undefined && typeof this.options.clusterNodeRetryStrategy !== 'function') {
      this.#nodes.lost(node);
    }
  }

  #client(host: string, port: number, readOnly: boolean): Redis {
    const { redisOptions, himportFieldsets, clusterNodeRetryStrategy = null } = this.options;
    const own = this.#credentials.of({ host, port });
    const redis = new Redis({
      ...redisOptions,
      ...(own === undefined ? {} : { username: own.username ?? null, password: own.password ?? null }),
      host,
      port,
      readOnly,
      himportFieldsets,
      lazyConnect: redisOptions?.lazyConnect ?? true,
      enableOfflineQueue: true,
      retryStrategy: clusterNodeRetryStrategy,
    });
    redis.on('error', (error) => this.emit('node error', error, `${host}:${port}`));
    return redis;
  }

  /** Calls back when the cluster is ready, or with an error when it has ended. */
  delayUntilReady(callback: Callback<void>): void {
    if (this.status === 'ready') return void process.nextTick(callback, null);
    const ready = (): void => {
      this.off('end', ended);
      callback(null);
    };
    const ended = (): void => {
      this.off('ready', ready);
      callback(new Error(CONNECTION_CLOSED));
    };
    this.once('ready', ready);
    this.once('end', ended);
  }

  /** One client per node of a role; each is dialled at its first command. */
  nodes(role: NodeRole = 'all'): Redis[] {
    if (role !== 'all' && role !== 'master' && role !== 'slave') {
      throw new Error(`Invalid role "${String(role)}". Expected "all", "master" or "slave"`);
    }
    if (this.status === 'ready' && this.#pool !== null) this.#nodes.meet(this.#pool.clusterLayout.nodes);
    else if (this.#nodes.size === 0 && this.status === 'connecting') {
      this.#nodes.meet(this.startupNodes.map((node) => ({ ...nodeOf(node), serverType: 'primary' })));
    }
    return this.#nodes.list(role);
  }

  #closed(reason?: Error): void {
    this.#nodes.drop();
    if (this.#refresh !== undefined) clearInterval(this.#refresh);
    this.#refresh = undefined;
    this.#round = {};
    this.#pool = this.#runner = null;
    this.become('close');
    const delay = this.#leaving
      ? null
      : this.options.clusterRetryStrategy?.call(this, ++this.#retries, reason);
    if (typeof delay !== 'number') return this.#end(reason);
    this.become('reconnecting', delay);
    this.#redial = setTimeout(() => {
      this.#redial = undefined;
      this.connect().catch(noop);
    }, delay);
  }

  #end(reason?: Error): void {
    this.become('end');
    const text = reason === undefined ? CONNECTION_CLOSED : 'None of startup nodes is available';
    this.#waiting.fail(new Error(text, { cause: reason }));
  }

  sendCommand(command: Command): unknown {
    if (this.options.enableAutoPipelining) this.countGrouped(command);
    const runner = this.#prepare();
    if (command.name === 'quit') return this.quit();
    if (runner !== null) return runner.send(command);
    const refusal = this.#refusal();
    if (refusal !== null) command.reject(refusal);
    else this.#wait(command);
    return command.promise;
  }

  sendPipeline(pipeline: Pipeline): void {
    const runner = this.#prepare();
    const refusal = this.#refusal();
    if (runner !== null) void runner.sendPipeline(pipeline);
    else if (refusal !== null) pipeline.reject(refusal);
    else this.#wait(pipeline);
  }

  #prepare(): ClusterRunner | null {
    if (this.status === 'wait') this.connect().catch(noop);
    return this.#leaving ? null : this.#runner;
  }
  #refusal(): Error | null {
    if (this.status === 'end' || this.#leaving) return new Error(CONNECTION_CLOSED);
    if (this.options.enableOfflineQueue !== false) return null;
    return new Error("Cluster isn't ready and enableOfflineQueue options is false");
  }
  #wait(item: Waiting): void {
    try {
      this.#waiting.push(item);
    } catch (error) {
      item.reject(error);
    }
  }

  /** Closes every connection; with `true` connects again. */
  disconnect(reconnect = false): void {
    const pool = this.#pool;
    clearTimeout(this.#redial);
    this.#redial = undefined;
    this.#leaving = !reconnect;
    if (this.status === 'connecting') {
      pool?.disconnect();
      void pool?.close({ timeout: 0 });
      return;
    }
    if (this.status === 'end') return;
    if (pool === null) return this.status === 'reconnecting' && !reconnect ? this.#end() : this.#closed();
    if (this.#runner !== null) this.#runner.left = true;
    this.#runner = null;
    // Outstanding commands still get their replies, within 2 s.
    void pool.close({ timeout: 2_000 }).then(() => this.#closed());
  }

  /** Waits for outstanding commands, then closes. */
  async quit(callback?: Callback<'OK'>): Promise<'OK'> {
    return nodeify(this.#quit(), callback);
  }
  async #quit(): Promise<'OK'> {
    const pool = this.#pool;
    if (pool === null || this.status !== 'ready') {
      // The promise resolves before the events are emitted.
      setImmediate(() => this.disconnect());
      return 'OK';
    }
    this.#leaving = true;
    this.#runner = null;
    await pool.close();
    this.#closed();
    return 'OK';
  }

  duplicate(override?: ClusterNode[] | ClusterOptions, options: ClusterOptions = {}): Cluster {
    const nodes = Array.isArray(override) && override.length > 0 ? override : this.startupNodes;
    const more = Array.isArray(override) ? options : { ...override, ...options };
    return new Cluster([...nodes], { ...this.options, ...more });
  }
}
nameClass(Cluster, 'Cluster');
