import { Deadline, refuseUnknownWait } from '../base/deadline.ts';
import type { BaseConnection } from '../connection/base-connection.ts';
import type { NormalizedConnectionOptions } from '../connection/connection-options.ts';
import { PoolClosedError } from '../errors/errors.ts';
import type { Lease } from '../interfaces/abstract-pool.ts';
import type { WaitOptions } from '../interfaces/wait-options.ts';
import type { ConnectionNode } from '../node/connection-node.ts';
import type { TrackingSettings } from '../node/tracking-settings.ts';
import { type DecodeMode, replyMode, type TextEncoding, type TextMode, textMode } from '../resp/types.ts';
import type { Topology } from '../topology/topology.ts';
import { RetryLoop } from './calls/retry-loop.ts';
import { CredentialWatch } from './credential-watch.ts';
import { ConnectionLease } from './leases.ts';
import { PoolCache } from './cache/pool-cache.ts';
import { PoolPubsub } from './pubsub/pool-pubsub.ts';
import { PoolRequests } from './calls/pool-requests.ts';
import { PoolStatistics } from './pool-statistics.ts';
import { ExponentialBackoffRetryPolicy, type RetryPolicy } from './calls/retry-policy.ts';

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

/** The parts behind a pool of any kind, made acquainted, and their common end. */
export class PoolEngine<C extends BaseConnection> {
  readonly setup: PoolSetup<C>;
  readonly topology: Topology<C>;
  readonly textMode: TextMode;
  readonly ownMode: DecodeMode;
  readonly runner: RetryLoop<C>;
  readonly requests: PoolRequests<C>;
  readonly pubsub: PoolPubsub<C>;
  readonly cache: PoolCache | null;
  readonly statistics: PoolStatistics;
  readonly #credentials: CredentialWatch<C>;
  #closing: Promise<void> | null = null;

  constructor(setup: PoolSetup<C>) {
    const { settings, topology } = setup;
    const { streamTimeout } = settings;
    this.setup = setup;
    this.topology = topology;
    this.textMode = textMode(settings.encoding);
    this.ownMode = replyMode(this.textMode, settings.decodeResponses);
    const retryPolicy = setup.retryPolicy ?? new ExponentialBackoffRetryPolicy();
    this.runner = new RetryLoop(topology, { retryPolicy, acquireTimeout: setup.timeout, streamTimeout });
    const { textMode: text, ownMode } = this;
    this.requests = new PoolRequests(this.runner, topology, { textMode: text, ownMode, streamTimeout });
    this.cache = this.#makeCache(setup);
    this.requests.cache = this.cache;
    this.pubsub = new PoolPubsub(topology, {
      encoding: this.encoding,
      textMode: text,
      timeout: setup.timeout,
    });
    this.#credentials = new CredentialWatch(settings.credentialProvider, topology, (ask) =>
      this.pubsub.authenticate(ask),
    );
    this.statistics = new PoolStatistics(
      () => this.#figures(),
      setup.maxConnections,
      () => this.#services(),
      () => topology.waiting ?? 0,
    );
  }

  get encoding(): TextEncoding | null {
    const { decodeResponses, encoding } = this.setup.settings;
    return decodeResponses ? encoding : null;
  }
  get closing(): Promise<void> | null {
    return this.#closing;
  }

  /** What opening needs to know before it waits: `connect` says what it means once the topology is known. */
  async open(
    options: WaitOptions | undefined,
    connect: (deadline: Deadline) => Promise<void>,
  ): Promise<void> {
    // A pool whose callers do not wait is opened all the same.
    const fallback = this.setup.timeout === 0 ? null : this.setup.timeout;
    refuseUnknownWait(options);
    const deadline = Deadline.of(options, { fallback });
    this.refuseIfOver(deadline);
    await this.topology.open(deadline);
    await connect(deadline);
  }

  async anyNode(deadline: Deadline): Promise<ConnectionNode<C>> {
    return this.topology.anyNode() ?? (await this.topology.resolveAny(deadline));
  }

  /** On the node that is known nothing is awaited first, so that the line is kept. */
  lease(node: ConnectionNode<C> | null, deadline: Deadline): Promise<Lease<C>> {
    try {
      this.refuseIfOver(deadline);
      const connection = node?.tryLease() ?? null;
      if (connection === null) return this.#leaseLater(node, deadline);
      return Promise.resolve(new ConnectionLease(connection, node as ConnectionNode<C>));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #leaseLater(node: ConnectionNode<C> | null, deadline: Deadline): Promise<Lease<C>> {
    const place = node ?? (await this.topology.resolveAny(deadline));
    return new ConnectionLease(await place.lease(deadline), place);
  }

  refuseIfOver(deadline: Deadline | null): void {
    if (this.#closing !== null) throw closedError();
    if (deadline?.aborted === true) throw deadline.reason;
  }

  disconnect(reason: string): void {
    for (const node of this.topology.nodes()) node.disconnect(reason);
    this.pubsub.disconnect(reason);
  }

  setRef(on: boolean): void {
    for (const node of this.topology.nodes()) {
      if (on) node.ref();
      else node.unref();
    }
    this.pubsub.setRef(on);
  }

  close(timeout: number | null, closeServices: () => Promise<void>): Promise<void> {
    const first = this.#closing === null;
    if (first) {
      this.requests.close(closedError());
      this.runner.close(closedError());
      this.#credentials.stop();
      this.topology.close();
    }
    const nodes = Promise.all([...this.topology.nodes()].map((node) => node.close(timeout)));
    if (first) {
      const all = [nodes, this.pubsub.close(closedError()), closeServices()];
      this.#closing = Promise.all(all).then(() => this.#socketsGone());
    }
    return this.#closing as Promise<void>;
  }

  async #socketsGone(): Promise<void> {
    await Promise.all([...this.topology.nodes()].map((node) => node.socketsGone()));
  }

  #makeCache({ tracking, settings, topology }: PoolSetup<C>): PoolCache | null {
    if (tracking === null) return null;
    const { textMode: text, ownMode } = this;
    const place = topology.name;
    return new PoolCache({
      ...tracking,
      place,
      db: settings.db,
      textMode: text,
      ownMode,
      streamTimeout: settings.streamTimeout,
      again: (command, args, options, since) => this.requests.request(command, args, options, null, since),
    });
  }

  #services(): number {
    let listeners = 0;
    for (const node of this.topology.nodes()) listeners += node.listeners;
    return this.pubsub.connections + listeners;
  }

  *#figures(): Iterable<ConnectionNode<C>['figures']> {
    for (const node of this.topology.nodes()) yield node.figures;
  }
}

export function closedError(): PoolClosedError {
  return new PoolClosedError('the pool is closed');
}
