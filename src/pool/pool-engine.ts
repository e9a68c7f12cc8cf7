import { checkDuration, Deadline, refuseUnknownWait, type WaitOptions } from '../base/deadline.ts';
import type { BaseConnection } from '../connection/base-connection.ts';
import type { NormalizedConnectionOptions } from '../connection/connection-options.ts';
import type { CommandRequest } from '../connection/requests/request-options.ts';
import { commandWordOf, type SanitizeArguments } from '../connection/requests/request-traces.ts';
import { PoolClosedError, type RedisError, TimeoutError } from '../errors/errors.ts';
import type { AcquireOptions, Lease } from '../interfaces/abstract-pool.ts';
import type { Credentials } from '../interfaces/credential-provider.ts';
import type { ConnectionNode } from '../node/connection-node.ts';
import type { CacheSettings } from './cache/cache-setup.ts';
import type { SubscriptionTarget } from '../pubsub/pubsub-command.ts';
import type { SubscriptionAck } from '../pubsub/subscriptions/subscription-kinds.ts';
import type { RedisValue, Reply } from '../resp/types.ts';
import type { DecodeMode, TextEncoding, TextMode } from '../resp/text-modes.ts';
import { channels, observed } from '../telemetry/channels.ts';
import { startDebugLog } from '../telemetry/debug.ts';
import { tracesCalls, withCallStack, withCallStacks } from '../errors/call-stacks.ts';
import { traces } from '../telemetry/traces.ts';
import type { Topology } from '../topology/topology.ts';
import { RetryLoop } from './calls/retry-loop.ts';
import { CredentialWatch } from './credentials.ts';
import { Leases } from './leases.ts';
import type { NewConnections } from './new-connections.ts';
import { PoolCache } from './cache/pool-cache.ts';
import { PoolPubsub } from './pubsub/pool-pubsub.ts';
import { callDefaults, CallFactory } from './calls/call-factory.ts';
import { PoolRequests } from './calls/pool-requests.ts';
import type { TransactionOptions } from './transactions/transaction-call.ts';
import { Transactions, type WatchCallOptions } from './transactions/transactions.ts';
import type { WatchFunction } from './transactions/watch-call.ts';
import { PoolTraces } from './pool-traces.ts';
import type { KeySpace } from './scans/cluster-scan.ts';
import { Scans } from './scans/scans.ts';
import type { AcquireSettings } from './options/pool-rules.ts';
import { PoolStatistics } from './pool-statistics.ts';
import { ExponentialBackoffRetryPolicy, type RetryPolicy } from './calls/retry-policy.ts';

/** The parts that make up a pool of some kind: its topology, and the options that all pools share. */
export interface PoolSetup {
  readonly topology: Topology;
  readonly owner: object;
  readonly settings: NormalizedConnectionOptions;
  readonly maxConnections: () => number;
  readonly acquire: AcquireSettings;
  readonly retryPolicy: RetryPolicy | null;
  /** Settings of the pool's cache; null without a cache. */
  readonly tracking: CacheSettings | null;
  readonly newConnections: NewConnections;
  /** For scans of a cluster; null for other pools. */
  readonly keySpace: KeySpace | null;
  /** Whether `open()` makes a connection; false: it only finds the nodes. */
  readonly dialsWhenOpened: boolean;
  /** Whether an idle connection is checked with PING before it is leased. */
  readonly checksLeases: boolean;
  readonly sanitizeArguments: SanitizeArguments | null;
}

/** Builds the parts of a pool of any kind, connects them and closes them. */
export class PoolEngine {
  readonly setup: PoolSetup;
  readonly topology: Topology;
  readonly textMode: TextMode;
  readonly ownMode: DecodeMode;
  /** Whether errors carry the stack of their call (`traceCalls`). */
  readonly tracesCalls: boolean;
  readonly loop: RetryLoop;
  readonly requests: PoolRequests;
  readonly transactions: Transactions;
  readonly scans: Scans;
  readonly leases: Leases;
  readonly traces: PoolTraces;
  readonly cache: PoolCache | null;
  readonly statistics: PoolStatistics;
  /** Tells a `FailoverPool` with this member about new credentials. */
  onCredentials: ((credentials: () => Promise<Credentials>) => void) | null = null;
  readonly #credentials: CredentialWatch;
  readonly #closeWaiters: (() => void)[] = [];
  #closing: Promise<void> | null = null;
  #unref = false;
  #pubsub: PoolPubsub | null = null;

  constructor(setup: PoolSetup) {
    startDebugLog();
    const { settings, topology } = setup;
    this.setup = setup;
    this.topology = topology;
    const defaults = callDefaults(settings);
    this.textMode = defaults.textMode;
    this.ownMode = defaults.ownMode;
    this.tracesCalls = tracesCalls(settings);
    this.traces = new PoolTraces(topology.name, settings.db, setup.sanitizeArguments);
    this.loop = new RetryLoop(topology, {
      poolName: this.traces.poolName,
      retryPolicy: setup.retryPolicy ?? new ExponentialBackoffRetryPolicy(),
      acquire: setup.acquire,
      ownPolicy: setup.retryPolicy !== null,
      streamTimeout: settings.streamTimeout,
    });
    const factory = new CallFactory(this.loop, topology, defaults);
    this.requests = new PoolRequests(this.loop, topology, factory, this.traces, this.tracesCalls);
    this.transactions = new Transactions(this.loop, topology, factory, settings.noreply);
    this.scans = new Scans({
      loop: this.loop,
      topology,
      factory,
      traces: this.traces,
      keySpace: setup.keySpace,
      encoding: settings.encoding,
      muted: settings.noreply,
      refuseIfClosed: () => this.refuseIfOver(null),
    });
    this.leases = new Leases(topology, setup.checksLeases);
    this.cache = this.#makeCache(setup);
    this.requests.cache = this.cache;
    this.transactions.cache = this.cache;
    this.#credentials = new CredentialWatch(settings.credentialProvider, topology, (ask) => {
      this.authenticateSubscribers(ask, null);
      this.onCredentials?.(ask);
    });
    this.statistics = new PoolStatistics(
      () => topology.nodes(),
      setup.maxConnections,
      () => topology.waiting ?? 0,
    );
  }

  get encoding(): TextEncoding | null {
    const { decodeResponses, encoding } = this.setup.settings;
    return decodeResponses ? encoding : null;
  }
  /** Made on first use, because most pools never subscribe. */
  get pubsub(): PoolPubsub {
    this.#pubsub ??= this.#makePubsub();
    return this.#pubsub;
  }
  get subscriptions(): number {
    return this.#pubsub?.size ?? 0;
  }
  get closing(): Promise<void> | null {
    return this.#closing;
  }

  async open(options: WaitOptions | undefined): Promise<void> {
    // `acquireTimeout: 0` means that calls do not wait; `open()` does.
    const { timeout, given, waitForServer } = this.setup.acquire;
    refuseUnknownWait(options);
    const deadline = Deadline.of(options, {
      fallback: timeout === 0 ? null : timeout,
      patient: given || waitForServer,
    });
    this.refuseIfOver(deadline);
    await this.topology.open(deadline);
    if (!this.setup.dialsWhenOpened) return;
    const node = this.topology.anyNode() ?? (await this.topology.resolveAny(deadline));
    await node.pool.share(() => undefined, deadline);
    await deadline.wait(node.fill());
  }

  /** Bounds waiting and dialling by the call's own limit, otherwise by the pool's. */
  acquireDeadline(options: AcquireOptions | undefined): Deadline {
    const { timeout, given, waitForServer } = this.setup.acquire;
    return Deadline.of(options, { fallback: timeout, patient: given || waitForServer, allowZero: true });
  }

  /** Leases a connection of `node`; null for any node that the topology finds. */
  lease(node: ConnectionNode | null, deadline: Deadline): Promise<Lease<BaseConnection>> {
    this.refuseIfOver(deadline);
    return this.leases.take(node, deadline);
  }

  /** Adds traces to a lease; every lease of a caller comes through here. */
  acquire(take: () => Promise<Lease<BaseConnection>>): Promise<Lease<BaseConnection>> {
    const found = observed(channels.poolWait) ? this.traces.timeWait(take) : take;
    const traced = traces.acquire.active ? () => this.traces.acquire(found) : found;
    return this.tracesCalls ? withCallStack(traced, null) : traced();
  }

  transact(
    commands: readonly CommandRequest[],
    options: TransactionOptions,
  ): Promise<(Reply | RedisError)[]> {
    const traced = (): Promise<(Reply | RedisError)[]> =>
      !traces.transaction.active || !Array.isArray(commands)
        ? this.transactions.run(commands, options, null)
        : this.traces.batch('transaction', commands.map(commandWordOf), (watch) =>
            this.transactions.run(commands, options, watch),
          );
    return this.tracesCalls ? withCallStacks(traced, options) : traced();
  }

  watch(
    keys: readonly RedisValue[],
    fn: WatchFunction,
    options: WatchCallOptions,
  ): Promise<(Reply | RedisError)[] | null> {
    const run = (): Promise<(Reply | RedisError)[] | null> =>
      this.transactions.watch(keys, fn, options, this);
    return this.tracesCalls ? withCallStacks<Reply | RedisError, null>(run, options) : run();
  }

  subscribe(
    command: string | Uint8Array,
    targets: readonly SubscriptionTarget[],
    limits?: WaitOptions,
  ): Promise<SubscriptionAck[]> {
    const call = (): Promise<SubscriptionAck[]> => this.pubsub.execute(command, targets, limits);
    const traced = traces.subscribe.active
      ? () => this.traces.subscribe(String(command), targets.length, call)
      : call;
    return this.tracesCalls ? withCallStack(traced, limits) : traced();
  }

  refuseIfOver(deadline: Deadline | null): void {
    if (this.#closing !== null) throw closedError();
    if (deadline?.aborted === true) throw deadline.reason;
  }

  /** Authenticates the subscribers at the nodes of `owner`; all of them if null. */
  authenticateSubscribers(...given: Parameters<PoolPubsub['authenticate']>): void {
    this.#pubsub?.authenticate(...given);
  }

  disconnectSubscribers(reason: string): void {
    this.#pubsub?.disconnect(reason);
  }

  disconnect(reason: string): void {
    for (const node of this.topology.nodes()) node.disconnect(reason);
    this.disconnectSubscribers(reason);
  }

  setRef(on: boolean): void {
    for (const node of this.topology.nodes()) {
      node.setRef(on);
    }
    this.#unref = !on;
    this.#pubsub?.setRef(on);
  }

  close(options: { timeout?: number | null | undefined }): Promise<void> {
    refuseUnknownWait(options);
    const timeout = checkDuration('timeout', options.timeout === undefined ? 5_000 : options.timeout, true);
    const first = this.#closing === null;
    if (first) {
      this.requests.close(closedError());
      this.transactions.close(closedError());
      this.loop.close(closedError());
      this.#credentials.stop();
      this.topology.close();
    }
    const nodes = Promise.all([...this.topology.nodes()].map((node) => node.close(timeout)));
    if (first) {
      const all = [nodes, this.#pubsub?.close(closedError()) ?? Promise.resolve()];
      this.#closing = Promise.all(all).then(() => this.#socketsGone());
      for (const wake of this.#closeWaiters.splice(0)) wake();
    }
    return this.#closing as Promise<void>;
  }

  /** Waits until `close()` has finished, within the limits of the options. */
  async waitClosed(options: WaitOptions | undefined): Promise<void> {
    refuseUnknownWait(options);
    const deadline = Deadline.of(options);
    if (deadline.aborted) throw deadline.reason;
    await deadline.wait(this.#closed(), () => new TimeoutError('the pool is still open', { phase: 'reply' }));
  }

  async #closed(): Promise<void> {
    if (this.#closing === null) await new Promise<void>((resolve) => this.#closeWaiters.push(resolve));
    await this.#closing;
  }

  async #socketsGone(): Promise<void> {
    await Promise.all([...this.topology.nodes()].map((node) => node.socketsGone()));
  }

  #makeCache({ tracking, settings, topology }: PoolSetup): PoolCache | null {
    if (tracking === null) return null;
    const { textMode: text, ownMode } = this;
    const place = topology.name;
    return new PoolCache({
      ...tracking,
      place,
      db: settings.db,
      textMode: text,
      ownMode,
      resp2Replies: settings.resp2Replies,
      streamTimeout: settings.streamTimeout,
      again: (command, args, options, since) => this.requests.request(command, args, options, null, since),
    });
  }

  #makePubsub(): PoolPubsub {
    const { acquire, topology } = this.setup;
    const pubsub = new PoolPubsub(topology, {
      encoding: this.encoding,
      textMode: this.textMode,
      timeout: acquire.timeout,
      patient: acquire.given || acquire.waitForServer,
      publish: (command, channel, message, timeout) =>
        this.requests.request(command, [channel, message], { timeout }, null, null),
    });
    if (this.#unref) pubsub.setRef(false);
    if (this.#closing !== null) void pubsub.close(closedError());
    return pubsub;
  }
}

export function closedError(): PoolClosedError {
  return new PoolClosedError('the pool is closed');
}
