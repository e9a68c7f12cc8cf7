import { nameClass } from '../base/classes.ts';
import type { Deadline, WaitOptions } from '../base/deadline.ts';
import { demandKnown, demandObject } from '../base/known-options.ts';
import type { AnyCommand, ByCommand, ListedArguments } from '../commands/commands.ts';
import type { NodesReply } from '../commands/typed-command.ts';
import type { Unspecified } from '../commands/typed-command.ts';
import { ClusterConnection } from '../connection/cluster-connection.ts';
import { tcpRules } from '../connection/connection-options.ts';
import { ReadOnlyError, RedisClusterError, RedisError } from '../errors/errors.ts';
import type { Lease } from '../interfaces/abstract-pool.ts';
import type { ConnectionNode } from '../node/connection-node.ts';
import { kept } from '../resp/decoding/native-slices.ts';
import type { Decoding, RedisValue, Reply } from '../resp/types.ts';
import type { ClusterLayout } from '../topology/cluster/cluster-layout.ts';
import type { ClusterTopology } from '../topology/cluster/cluster-topology.ts';
import type { LayoutKeeper } from '../topology/cluster/layout-keeper.ts';
import {
  ClusterNodeLocation,
  type HostAndPort,
  locationFrom,
  type TCPLocation,
} from '../transport/location.ts';
import { BaseConnectionPool } from './base-connection-pool.ts';
import { candidates, leaseAny } from './leases.ts';
import { makeCluster } from './options/cluster-parts.ts';
import type { FromUrlOptions } from './connection-pool.ts';
import { mergePolicy, mergeReplies } from './calls/merged-replies.ts';
import type { ExecuteOnOptions, PoolRequestOptions } from './calls/call-options.ts';
import type {
  ClusterAcquireOptions,
  ClusterConnectionPoolOptions,
  DecodeOfUrl,
  Misspelt,
  WithOwnOptions,
} from './options/pool-options.ts';
import { splitPoolOptions } from './options/pool-rules.ts';
import { type ConnectionPoolStatistics, PoolStatistics } from './pool-statistics.ts';
import { resolveUrl } from './urls/resolve-url.ts';

/** How often, and with which pause in ms, a layout is read again that still lists a demoted node as a primary. */
const ROUNDS = 20;
const DEMOTED_PAUSE = 50;
const DEMOTED = Symbol('demoted');

const ACQUIRE_OPTIONS: ReadonlySet<string> = new Set(['signal', 'timeout', 'node', 'primary']);

/** Gives options inside a call of `fromUrl` their types. */
export interface ClusterOptionHints extends Partial<ClusterConnectionPoolOptions>, FromUrlOptions {}

/** A pool of connections to the nodes of a cluster. It follows the changes of the cluster. */
export interface ClusterConnectionPool<D extends Decoding = false> extends ClusterPool<D> {}

/** The type of the class: its options follow from the `connectionClass`. */
export interface ClusterConnectionPoolClass {
  /** `D`: how replies are decoded, `O`: the options of a connection class of your own. Both follow from the options. */
  new <D extends Decoding = false, O = never>(
    options: WithOwnOptions<ClusterConnectionPoolOptions<D, O>, O>,
  ): ClusterConnectionPool<D>;
  /** `redis://` or `rediss://`: the host is the one start node unless `startupNodes` are given. */
  fromUrl<
    P extends abstract new (
      options: never,
    ) => unknown = ClusterConnectionPoolClass,
    const O extends Partial<ClusterConnectionPoolOptions> & FromUrlOptions = Record<never, never>,
    const U extends string = string,
  >(
    this: P,
    url: U,
    options?: O & ClusterOptionHints & Misspelt<O, ClusterOptionHints>,
  ): ClusterPoolOf<P, O, U>;
}

/** The members of a `ClusterConnectionPool`. */
export class ClusterPool<D extends Decoding> extends BaseConnectionPool<ClusterConnection, D> {
  static {
    nameClass(this, 'ClusterConnectionPool');
  }

  readonly #topology: ClusterTopology;
  readonly #keeper: LayoutKeeper;

  constructor(options: ClusterConnectionPoolOptions<D>) {
    const given = options as { connectionClass?: unknown };
    const own = given.connectionClass === undefined || given.connectionClass === ClusterConnection;
    const split = splitPoolOptions('cluster', options, { custom: !own, connectionRules: tcpRules });
    const { setup, topology, keeper } = makeCluster(split);
    super(setup);
    this.#topology = topology;
    this.#keeper = keeper;
  }

  /** @internal `ClusterConnectionPoolClass` says what it gives. */
  static fromUrl(this: new (options: object) => unknown, url: string, options?: object): unknown {
    return new this(resolveUrl(url, options, 'cluster').options);
  }

  /** The nodes and their slots, as in the last layout; empty before the first use. */
  get clusterLayout(): ClusterLayout {
    return this.#topology.layout;
  }
  /**
   * Reads the layout now; concurrent calls share one reading. The pool also reads it after several errors.
   */
  async refreshLayout(options?: WaitOptions): Promise<void> {
    this.engine.refuseIfOver(null);
    await this.#topology.refresh(this.engine.acquireDeadline(options));
  }
  /** How often the layout was read, and how often that failed. */
  get layoutRefreshes(): { readonly succeeded: number; readonly failed: number } {
    return this.#keeper.refreshes;
  }
  /** A cluster has no single address. */
  override get address(): null {
    return null;
  }

  /** A connection to that node; else to a random primary, or with `primary: false` to a replica. */
  override getConnection(options?: ClusterAcquireOptions): Promise<ClusterConnection> {
    return super.getConnection(options);
  }
  override async acquire(options?: ClusterAcquireOptions): Promise<Lease<ClusterConnection>> {
    const wanted = wantedNode(options);
    const deadline = this.engine.acquireDeadline(options);
    this.engine.refuseIfOver(deadline);
    const maker = {
      nodes: () => candidates(this.#topology.members, this.#keeper, wanted === true),
      lease: (one: ConnectionNode, within: Deadline) => this.engine.lease(one, within),
    };
    const lease = await this.engine.acquire(async () => {
      const node = await this.#topology.resolveNode(wanted, deadline);
      return typeof wanted === 'boolean' ? leaseAny(maker, deadline) : this.engine.lease(node, deadline);
    });
    return lease as Lease<ClusterConnection>;
  }
  override use<R>(
    fn: (connection: ClusterConnection) => R | PromiseLike<R>,
    options?: ClusterAcquireOptions,
  ): Promise<Awaited<R>> {
    return super.use(fn, options);
  }
  override tryGetConnection(): ClusterConnection | null {
    if (this.closed) return null;
    const { primaries } = this.clusterLayout;
    const first = Math.floor(Math.random() * primaries.length);
    for (let index = 0; index < primaries.length; index++) {
      const location = primaries[(first + index) % primaries.length];
      const slot = location === undefined ? null : this.#topology.memberNode(location).tryLease();
      if (slot !== null) return slot.value.handOver() as ClusterConnection;
    }
    return null;
  }

  /**
   * Sends one command to several nodes and returns an answer for each: a value or an error. With `merge:
   * true` it returns one answer, combined by the tips of the command: sums, least values, joined lists. It
   * then rejects with the first error, unless one success is enough for the command.
   *
   * @throws TypeError with `merge` for a command whose answers cannot be merged (`INFO`); nothing is sent.
   * @example
   * ```ts
   * const keys = await pool.executeOn('primaries', 'DBSIZE', [], { merge: true }); // number
   * const times = await pool.executeOn('all', 'TIME'); // Map<ClusterNodeLocation, [string, string] | RedisError>
   * ```
   */
  executeOn<T extends Reply = never>(
    target: NodeTarget,
    command: string | Uint8Array,
    args: readonly RedisValue[] | undefined,
    options: [T] extends [never] ? never : ExecuteOnOptions & { merge: true },
  ): Promise<NoInfer<T>>;
  executeOn<
    T extends Reply | ByCommand = ByCommand,
    const K extends AnyCommand = string | Uint8Array,
    const A extends readonly RedisValue[] = RedisValue[],
    const O extends ExecuteOnOptions = ExecuteOnOptions & Unspecified,
  >(
    target: NodeTarget,
    command: K,
    args?: A & ListedArguments<K, A>,
    options?: O,
  ): Promise<NodesReply<ClusterNodeLocation, T, K, A, O, D>>;
  async executeOn(
    target: NodeTarget,
    command: string | Uint8Array,
    args: readonly RedisValue[] = [],
    options: ExecuteOnOptions = {},
  ): Promise<unknown> {
    demandObject(options);
    const { merge = false, ...own } = options;
    if (typeof merge !== 'boolean') throw new TypeError('merge must be true or false');
    if (!merge) return this.#answersOf(target, command, args, own);
    const { requests } = this.engine;
    this.engine.refuseIfOver(null);
    requests.checkPinned(command, args, own);
    const name = await requests.learnedName(command, args, own);
    const policy = mergePolicy(name);
    const answers = await this.#answersOf(target, command, args, own);
    return this.#isSilent(own) ? null : mergeReplies(name, policy, [...answers.values()]);
  }

  async #answersOf(
    target: NodeTarget,
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
  ): Promise<Map<ClusterNodeLocation, Reply | RedisError>> {
    this.engine.refuseIfOver(null);
    this.engine.requests.checkPinned(command, args, options);
    const since = performance.now();
    const acquire = this.engine.acquireDeadline(options);
    // Copy the arguments, because the caller may change them while the layout is read.
    const words = typeof command === 'string' ? command : Buffer.from(command);
    const values = args.map(kept);
    const own: PoolRequestOptions = { ...options, raiseExceptions: true };
    const ask = (location: ClusterNodeLocation, one = words, given: readonly RedisValue[] = values) => {
      const pin = { node: this.#topology.memberNode(location), since, acquire };
      return this.engine.requests
        .request(one, given, own, pin)
        .catch((error: unknown) => asAnswer(error, own.signal));
    };
    const isDemoted = async (location: ClusterNodeLocation): Promise<boolean> =>
      target === 'primaries' && !this.#isSilent(options) && saysReplica(await ask(location, 'ROLE', []));
    const result = new Map<ClusterNodeLocation, Reply | RedisError>();
    for (let round = 1; ; round++) {
      const locations = (await this.#targets(target, acquire)).filter((one) => !result.has(one));
      const settled = await Promise.allSettled(
        locations.map(async (one) => ((await isDemoted(one)) ? DEMOTED : await ask(one))),
      );
      let demoted = 0;
      for (const [index, answer] of settled.entries()) {
        if (answer.status === 'rejected') throw answer.reason;
        const isStale =
          answer.value === DEMOTED || (target === 'primaries' && refusedByReplica(answer.value));
        if (isStale) demoted++;
        const location = locations[index] as ClusterNodeLocation;
        if (isStale && round < ROUNDS && !acquire.expired) continue;
        result.set(location, answer.value === DEMOTED ? demotedError(location) : answer.value);
      }
      if (demoted === 0 || round === ROUNDS || acquire.expired) return result;
      // The layout is out of date: read it again, and ask only primaries that were not asked before.
      await new Promise((resolve) => setTimeout(resolve, DEMOTED_PAUSE));
      await this.#topology.refresh(acquire);
    }
  }

  /** Whether the servers send no replies. */
  #isSilent({ noreply }: PoolRequestOptions): boolean {
    return noreply === true || this.engine.setup.settings.noreply;
  }

  /** The gauges of each node. */
  get nodeStatistics(): Map<ClusterNodeLocation, ConnectionPoolStatistics> {
    const statistics = new Map<ClusterNodeLocation, ConnectionPoolStatistics>();
    for (const { location, node } of this.#topology.members) {
      const one = new PoolStatistics(
        () => [node],
        () => node.pool.max,
        () => 0,
      );
      statistics.set(location, one.toJSON());
    }
    return statistics;
  }

  override ref(): this {
    this.#topology.members.setUnref(false);
    return super.ref();
  }
  override unref(): this {
    this.#topology.members.setUnref(true);
    return super.unref();
  }

  async #targets(target: NodeTarget, deadline: Deadline): Promise<readonly ClusterNodeLocation[]> {
    const all = ['primaries', 'replicas', 'all'].includes(target as string);
    const location = all ? null : locationFrom(target);
    if (!all && location === null) {
      throw new TypeError("executeOn needs 'primaries', 'replicas', 'all' or a node of clusterLayout");
    }
    await this.#topology.resolveNode(location ?? true, deadline);
    const { layout } = this.#topology;
    if (target === 'primaries') return layout.primaries;
    if (target === 'replicas') return layout.replicas;
    if (target === 'all') return layout.nodes;
    // Return the caller's own object, so that it works as a key of the result.
    if (target instanceof ClusterNodeLocation) return [target];
    return [layout.nodeForLocation(location as TCPLocation) as ClusterNodeLocation];
  }
}

/** Nodes by their part in the cluster, or one of them. */
export type NodeTarget = 'primaries' | 'replicas' | 'all' | ClusterNodeLocation | HostAndPort;

/**
 * A pool of connections to the nodes of a cluster. It follows the changes of the cluster.
 *
 * @example
 * await using pool = new ClusterConnectionPool({ startupNodes: [{ host: '127.0.0.1', port: 7000 }] });
 * await pool.execute('SET', 'greeting', 'hello');
 */
export const ClusterConnectionPool: ClusterConnectionPoolClass = ClusterPool as ClusterConnectionPoolClass;

export type ClusterPoolOf<
  P extends abstract new (
    options: never,
  ) => unknown,
  O,
  U extends string,
> = ClusterConnectionPoolClass extends P ? ClusterConnectionPool<DecodeOfUrl<U, O>> : InstanceType<P>;

/** The wanted node, or true for any primary and false for any replica. */
function wantedNode(options: ClusterAcquireOptions = {}): TCPLocation | boolean {
  demandKnown(options, ACQUIRE_OPTIONS);
  const { node, primary = true } = options;
  if (typeof primary !== 'boolean') throw new TypeError('primary must be true or false');
  if (node === undefined) return primary;
  const location = locationFrom(node);
  if (location === null) throw new TypeError('node must be a node of clusterLayout or { host, port }');
  return location;
}

function asAnswer(error: unknown, signal: AbortSignal | undefined): RedisError {
  const aborted = signal?.aborted === true && error === signal.reason;
  if (error instanceof RedisError && !aborted) return error;
  throw error;
}

function refusedByReplica(answer: Reply | symbol): boolean {
  return answer instanceof ReadOnlyError;
}

/** Whether the reply to ROLE names a replica. Any other reply leaves the layout's role in force. */
function saysReplica(role: Reply): boolean {
  return Array.isArray(role) && String(role[0]) === 'slave';
}

function demotedError(node: ClusterNodeLocation): RedisClusterError {
  const text = `${node.toString()} is a replica now, and the layout names no successor yet`;
  return new RedisClusterError(text, { code: 'RESPOOL_DEMOTED', endpoint: node.toString() });
}
