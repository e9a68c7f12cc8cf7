import { fullJitter } from '../../base/backoff.ts';
import { Deadline } from '../../base/deadline.ts';
import { PAUSE } from '../../connection/reading/subscription-pump.ts';
import { AskError, BusyLoadingError, ClusterDownError, TryAgainError } from '../../errors/errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import { Subscriber } from '../../node/subscriber.ts';
import type { SubscriptionKind } from '../../pubsub/subscriptions/subscription-kinds.ts';
import type { Holder, Subscription } from '../../pubsub/subscriptions/subscription.ts';
import { Subscriptions, type SubscriptionsSettings } from '../../pubsub/subscriptions/subscriptions.ts';
import type { Topology } from '../../topology/topology.ts';

/** Publishes a probe of `verifyDelivery` as a caller's message. */
export type PublishProbe = (
  command: string,
  channel: string,
  message: string,
  timeout: number,
) => Promise<unknown>;

/** One registry of a pool and its subscriber connections: one per node that serves some of its names. */
export class SubscriberSet {
  readonly registry: Subscriptions;
  readonly #topology: Topology;
  readonly #publish: PublishProbe;
  readonly #subscribers = new Map<ConnectionNode, Subscriber>();
  readonly #places = new WeakMap<Holder, ConnectionNode>();
  /** Aborts the search for nodes when the set is closed. */
  readonly #closing = new AbortController();
  #scheduled = false;
  #closed = false;
  #seeking = false;
  /** At the last look, some names had no known node. */
  #unplaced = false;
  #failures = 0;
  #pause: NodeJS.Timeout | null = null;
  #unref = false;

  constructor(
    topology: Topology,
    settings: Pick<SubscriptionsSettings, 'makeChannel' | 'textMode' | 'count'> & {
      readonly publish: PublishProbe;
    },
  ) {
    this.#topology = topology;
    this.#publish = settings.publish;
    this.registry = new Subscriptions({
      ...settings,
      spreads: (kind, name) => this.#topology.subscriberNodes?.(kind, name) != null,
      complete: (subscription) => this.#complete(subscription),
      onWork: () => this.#schedule(),
      onPause: (paused) => {
        for (const subscriber of this.#subscribers.values()) subscriber.setFull(paused);
      },
    });
  }

  get subscribers(): Iterable<Subscriber> {
    return this.#subscribers.values();
  }
  /** The error of a subscriber's last failed dial; undefined if none failed. */
  get lastError(): unknown {
    for (const { lastError } of this.#subscribers.values()) if (lastError !== null) return lastError;
    return undefined;
  }

  setRef(on: boolean): void {
    this.#unref = !on;
    if (on) this.#pause?.ref();
    else this.#pause?.unref();
    for (const subscriber of this.#subscribers.values()) subscriber.setRef();
  }

  /** Moves names to their present nodes after a change of the topology. */
  review(): void {
    if (this.#closed) return;
    for (const { kind, name } of this.registry.wanted) {
      for (const node of this.#nodesOf(kind, name)) this.#obtain(node);
    }
    this.registry.reviewSpread();
    for (const subscriber of this.#subscribers.values()) subscriber.review();
    this.#schedule();
  }

  async close(callError: Error): Promise<void> {
    this.#closed = true;
    this.#closing.abort(callError);
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.registry.close(undefined, callError);
    const subscribers = [...this.#subscribers.values()];
    this.#subscribers.clear();
    await Promise.all(subscribers.map((subscriber) => subscriber.close()));
  }

  /** Schedules one `#work` for all changes of this tick. */
  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      if (!this.#closed) this.#work();
    });
  }

  #work(): void {
    let unplaced = this.#pause !== null || this.#seeking;
    const names = unplaced || this.#unplaced ? this.registry.unheard : this.registry.takeUnplaced();
    this.#unplaced = false;
    for (const { kind, name } of names) {
      const nodes = this.#nodesOf(kind, name);
      if (nodes.length === 0) unplaced = true;
      for (const node of nodes) this.#obtain(node);
    }
    for (const [node, subscriber] of this.#subscribers) {
      subscriber.work();
      if (!subscriber.idle) continue;
      this.#subscribers.delete(node);
      void subscriber.close();
    }
    this.#unplaced = unplaced;
    if (unplaced) void this.#seek();
  }

  /** The nodes that should serve a name; empty if they are unknown. */
  #nodesOf(kind: SubscriptionKind, name: Buffer): readonly ConnectionNode[] {
    const all = this.#topology.subscriberNodes?.(kind, name) ?? null;
    if (all !== null) return all;
    const node = this.#nodeOf(kind, name);
    return node === null ? [] : [node];
  }

  /** Whether every node that should serve a name does. */
  #complete({ kind, name, holders }: Subscription): boolean {
    const nodes = this.#nodesOf(kind, name);
    const heard = new Set(holders.map((holder) => this.#places.get(holder)));
    return nodes.length > 0 && nodes.every((node) => heard.has(node));
  }

  #nodeOf(kind: SubscriptionKind, name: Buffer): ConnectionNode | null {
    const [holder] = this.registry.holdersOf(kind, name);
    const heard = holder === undefined ? undefined : this.#places.get(holder);
    if (heard !== undefined && this.#topology.subscriberStays?.(heard, kind) === true) return heard;
    return this.#topology.subscriberNode(kind, name);
  }

  #obtain(node: ConnectionNode): void {
    if (this.#subscribers.has(node)) return;
    const here = (kind: SubscriptionKind, name: Buffer): boolean => this.#nodesOf(kind, name).includes(node);
    const { registry } = this;
    const subscriber = new Subscriber(node, {
      registry,
      placement: { here, group: (kind, name) => this.#topology.subscriberGroup(kind, name) },
      wanted: () => {
        for (const { kind, name } of registry.unheard) if (here(kind, name)) return true;
        return false;
      },
      publish: (...probe) => this.#publish(...probe),
      attached: (link) => this.#places.set(link, node),
      again: (error) => this.#again(node, error),
      failed: (error) => this.#topology.subscriberFailed(node, error),
      unreachable: (error, final) => {
        registry.failWaiting(error, here, final);
        if (error instanceof Error) this.#topology.subscriberFailed(node, error);
      },
    });
    this.#subscribers.set(node, subscriber);
  }

  /** Whether to try again after an error: a temporary one, or a redirect to another node. */
  #again(node: ConnectionNode, error: Error): boolean {
    const moved = error instanceof AskError && this.#topology.moves === true;
    const later =
      error instanceof TryAgainError ||
      error instanceof BusyLoadingError ||
      error instanceof ClusterDownError;
    if (moved || later) this.#topology.subscriberFailed(node, error);
    return moved || later;
  }

  /** Looks for the nodes of names without a known node. */
  async #seek(): Promise<void> {
    if (this.#seeking || this.#pause !== null) return;
    this.#seeking = true;
    try {
      await this.#topology.open(new Deadline(this.#closing.signal, null));
    } catch (error) {
      this.registry.failWaiting(error, (kind, name) => this.#nodesOf(kind, name).length === 0);
    } finally {
      this.#seeking = false;
    }
    if (this.#closed) return;
    const unplaced = [...this.registry.unheard].some(
      ({ kind, name }) => this.#nodesOf(kind, name).length === 0,
    );
    if (unplaced) this.#seekLater();
    else {
      this.#failures = 0;
      this.#schedule();
    }
  }

  #seekLater(): void {
    this.#pause = setTimeout(
      () => {
        this.#pause = null;
        this.#schedule();
      },
      fullJitter(this.#failures, PAUSE.base, PAUSE.cap),
    );
    if (this.#unref) this.#pause.unref();
    this.#failures++;
  }
}
