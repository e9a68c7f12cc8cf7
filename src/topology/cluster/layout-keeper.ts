import { SLOT_COUNT } from '../../commands/key-slot.ts';
import { channels, observed } from '../../telemetry/channels.ts';
import { ClusterDownError, type RedisClusterError } from '../../errors/errors.ts';
import { type ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';
import { systemTiming, type Timing } from '../timing.ts';
import type { ResolveAddress } from './address-map.ts';
import { ClusterLayout, type LayoutSource } from './cluster-layout.ts';
import type { Discovered, Discovery } from './discovery.ts';
import { classify, type Classification } from './redirect.ts';
import { RefreshSchedule } from './refresh-schedule.ts';
import { ReplicaHealth } from '../reads/replica-health.ts';
import { SlotMap } from './slot-map.ts';

/** Errors that are further apart than this do not add up. */
const ERROR_MEMORY = 10_000;
const DEFAULT_STEPS = 2;
const HINTS = 4;
/** A primary that failed for at least so long is out of order; one error may be a lost connection only. */
const OUTAGE = 100;
/** An outage is watched for so long after its last error: pauses between dials grow, so errors become rare. */
const WATCH = 15_000;

export interface LayoutKeeperOptions {
  readonly discovery: Discovery;
  readonly resolve: ResolveAddress;
  /** Relevant errors before a refresh (2). */
  readonly reinitializeSteps?: number | null | undefined;
  /** Milliseconds between refreshes when nothing is wrong, give or take a quarter (60,000). */
  readonly refreshInterval?: number | undefined;
  readonly encoding?: string | undefined;
  readonly timing?: Timing | undefined;
  /** Slots have other owners than before. */
  readonly onMoved?: ((slots: ReadonlySet<number>) => void) | undefined;
  /** Every finished refresh; with its error when it failed. */
  readonly onRefresh?: ((error: Error | null) => void) | undefined;
}

interface Fact {
  readonly target: TCPLocation;
  readonly version: number;
}

interface Outage {
  readonly node: TCPLocation;
  readonly since: number;
  readonly last: number;
}

interface Dispute {
  readonly key: string;
  readonly at: number;
}

/**
 * Keeps the layout true: takes the facts that redirects tell at once, and asks the cluster again when errors add
 * up, in single flight and never in a storm. A fact survives every answer that was asked for before it was learned.
 */
export class LayoutKeeper implements LayoutSource {
  readonly layout: ClusterLayout;
  readonly #options: LayoutKeeperOptions;
  readonly #timing: Timing;
  readonly #steps: number;
  readonly health: ReplicaHealth;
  readonly #schedule: RefreshSchedule;
  readonly #facts = new Map<number, Fact>();
  readonly #disputes = new Map<number, Dispute>();
  readonly #hints = new Map<string, TCPLocation>();
  readonly #avoid = new Set<string>();
  readonly #outages = new Map<string, Outage>();
  #map = SlotMap.empty;
  #version = 0;
  #errors = 0;
  #lastError = -Infinity;
  #refreshing = false;

  constructor(options: LayoutKeeperOptions) {
    this.#options = options;
    this.#timing = options.timing ?? systemTiming;
    this.#steps = options.reinitializeSteps ?? DEFAULT_STEPS;
    this.health = new ReplicaHealth(this.#timing);
    this.#schedule = new RefreshSchedule({
      run: (signal) => this.#refresh(signal),
      interval: options.refreshInterval ?? 60_000,
      timing: this.#timing,
      done: (error) => {
        if (this.#outageGoesOn()) this.#schedule.request();
        options.onRefresh?.(error);
      },
    });
    this.layout = new ClusterLayout(this, options.encoding);
  }

  get map(): SlotMap {
    return this.#map;
  }

  /** Refreshes that succeeded, and that failed. */
  get refreshes(): { readonly succeeded: number; readonly failed: number } {
    return { succeeded: this.#schedule.succeeded, failed: this.#schedule.failed };
  }

  random(): number {
    return this.#timing.random();
  }

  pickReplica(replicas: readonly ClusterNodeLocation[]): ClusterNodeLocation | null {
    return this.health.pick(replicas);
  }

  healthy(node: ClusterNodeLocation): boolean {
    return this.health.healthy(node);
  }

  /** The shard whose primary serves a call without a key: a random one, a healthy one if there is one. */
  anyPrimary(): number {
    const { shards } = this.#map;
    const first = Math.floor(this.random() * shards.length);
    for (let index = 0; index < shards.length; index++) {
      const at = (first + index) % shards.length;
      if (this.healthy(shards[at]!.primary)) return at;
    }
    return first;
  }

  /** A healthy primary is left for a call without a key, after one was unreachable. */
  get anotherPrimary(): boolean {
    return this.#map.shards.some(({ primary }) => this.healthy(primary));
  }

  /** Asks now; callers at the same time share one asking. Rejects with why it failed, or the signal's reason. */
  refresh(signal?: AbortSignal): Promise<void> {
    return this.#schedule.now(signal);
  }

  /** A refresh is wanted, as soon as the pause since the last one is over. */
  request(): void {
    this.#schedule.request();
  }

  /** A node answered after `elapsed` milliseconds. */
  answered(node: ClusterNodeLocation, elapsed: number): void {
    this.health.report(node, elapsed);
    if (this.#avoid.size > 0) this.#avoid.delete(keyOf(node));
    // The layout says that it is failed or loading: only a new one says that it is so no more.
    if (this.health.unready(node)) this.#count(1);
  }

  /** A node that was only asked how it does did not answer. */
  unanswered(node: TCPLocation, error: Error): void {
    this.health.report(node, error);
  }

  /** Classifies an error of a node, and learns nothing from it. */
  classify(error: unknown, node: TCPLocation): Classification {
    return classify(error, node, this.#options.resolve);
  }

  /** Learns from an error of a node, or of a dial to it; call it once for each error. */
  learn(error: unknown, node: TCPLocation): void {
    const found = this.classify(error, node);
    switch (found.kind) {
      case 'moved':
        // A refresh under way will tell; its layout is compared when it arrives.
        if (this.#learnOwner(found.slot, found.target) && !this.#refreshing) this.#count(1);
        return;
      case 'demoted':
        // A replica that refuses writes is right.
        if (!this.#isReplica(node)) this.#count(this.#steps);
        return;
      case 'unreachable':
        this.health.report(node, error as Error);
        this.#avoid.add(keyOf(node));
        this.#noteOutage(node);
        this.#count(1);
        return;
      case 'wait':
        if (error instanceof ClusterDownError) this.#count(1);
        // The cluster is down for a primary's slots, wherever else they are looked for; a replica may stand alone.
        if (!(error instanceof ClusterDownError) || this.#isReplica(node))
          this.health.report(node, error as RedisClusterError);
        return;
      // An ASK proves that the layout is right; a new one would say the same.
      case 'ask':
      case 'final':
    }
  }

  close(): void {
    this.#schedule.close();
    this.#facts.clear();
    this.#disputes.clear();
    this.#hints.clear();
    this.#outages.clear();
  }

  #noteOutage(node: TCPLocation): void {
    const key = keyOf(node);
    const now = this.#timing.now();
    const before = this.#outages.get(key);
    const since = before !== undefined && now - before.last < WATCH ? before.since : now;
    this.#outages.set(key, { node, since, last: now });
  }

  /**
   * True while a primary of the layout is out of order: only another layout tells who takes its slots over. Outages that
   * are over are forgotten.
   */
  #outageGoesOn(): boolean {
    const now = this.#timing.now();
    let watching = false;
    for (const [key, { node, since, last }] of this.#outages) {
      const primary = this.#map.nodeAt(node.host, node.port)?.serverType === 'primary';
      if (!primary || now - last >= WATCH) this.#outages.delete(key);
      else if (last - since >= OUTAGE) watching = true;
    }
    return watching;
  }

  #isReplica({ host, port }: TCPLocation): boolean {
    return this.#map.nodeAt(host, port)?.serverType === 'replica';
  }

  /** False for what a whole layout has said already: a late MOVED asks for nothing. */
  #learnOwner(slot: number, target: TCPLocation): boolean {
    const disputed = this.#isDisputed(slot, target);
    if (this.#map.owns(slot, target)) return !disputed && this.#facts.has(slot);
    const next = this.#map.withMoved(slot, target);
    if (next === this.#map) return false;
    this.#version++;
    this.#facts.set(slot, { target, version: this.#version });
    if (this.#hints.size < HINTS) this.#hints.set(keyOf(target), target);
    this.#install(next);
    return !disputed;
  }

  /** A layout has contradicted it a moment ago: reading another one would not settle it. */
  #isDisputed(slot: number, target: TCPLocation): boolean {
    const dispute = this.#disputes.get(slot);
    return (
      dispute !== undefined && dispute.key === keyOf(target) && this.#timing.now() - dispute.at < ERROR_MEMORY
    );
  }

  #count(weight: number): void {
    const now = this.#timing.now();
    if (now - this.#lastError > ERROR_MEMORY) this.#errors = 0;
    this.#lastError = now;
    this.#errors += weight;
    if (this.#errors >= this.#steps) this.#schedule.request();
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    this.#refreshing = true;
    try {
      await this.#ask(signal);
    } finally {
      this.#refreshing = false;
    }
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const hints = [...this.#hints.values()];
    const avoid = new Set(this.#avoid);
    this.#hints.clear();
    this.#avoid.clear();
    this.#errors = 0;
    const [before, begun] = [this.#map, performance.now()];
    const found = await this.#options.discovery.discover({
      before: this.#map,
      prefer: hints,
      avoid,
      stamp: () => this.#version,
      signal,
    });
    signal.throwIfAborted();
    this.#accept(found);
    if (observed(channels.layout)) this.#reportLayout(before, performance.now() - begun);
  }

  get #name(): string {
    return this.#options.discovery.startNodes.map(keyOf).join(',');
  }

  #reportLayout(before: SlotMap, duration: number): void {
    const { primaries, replicas, covered } = this.#map;
    channels.layout.publish({
      name: this.#name,
      primaries: primaries.length,
      replicas: replicas.length,
      uncovered: SLOT_COUNT - covered,
      changed: before !== this.#map && !sameLayout(before, this.#map),
      duration,
    });
  }

  /** Tells of every replica that has become a primary. */
  #reportFailovers(before: SlotMap, now: SlotMap): void {
    for (const primary of now.primaries) {
      if (before.nodeAt(primary.host, primary.port)?.serverType !== 'replica') continue;
      const to = keyOf(primary);
      const shard = before.shards.find(({ replicas }) => replicas.some((one) => keyOf(one) === to));
      const from = shard === undefined ? null : keyOf(shard.primary);
      channels.failover.publish({ name: this.#name, from, to, at: Date.now() });
    }
  }

  #accept({ map, unready, stamp }: Discovered): void {
    let next = map;
    let open = 0;
    for (const [slot, { target, version }] of this.#facts) {
      const confirmed = next.owns(slot, target);
      if (version <= stamp || confirmed) {
        this.#facts.delete(slot);
        if (confirmed) this.#disputes.delete(slot);
        else this.#disputes.set(slot, { key: keyOf(target), at: this.#timing.now() });
        continue;
      }
      next = next.withMoved(slot, target);
      open++;
    }
    this.#errors = 0;
    this.#install(next);
    this.health.update(next.nodes, unready);
    if (open > 0) this.#count(open);
  }

  #install(next: SlotMap): void {
    const before = this.#map;
    if (before === next) return;
    this.#map = next;
    if (observed(channels.failover)) this.#reportFailovers(before, next);
    const { onMoved } = this.#options;
    if (onMoved === undefined) return;
    const moved = before.movedTo(next);
    if (moved.size > 0) onMoved(moved);
  }
}

function sameLayout(one: SlotMap, other: SlotMap): boolean {
  const addresses = ({ nodes }: SlotMap): string =>
    nodes
      .map((node) => `${keyOf(node)} ${node.serverType}`)
      .sort()
      .join();
  return (
    one.covered === other.covered && addresses(one) === addresses(other) && one.movedTo(other).size === 0
  );
}
