import type { Random } from '../../base/backoff.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { SLOT_COUNT } from '../../commands/key-slot.ts';
import { channels, observed } from '../../telemetry/channels.ts';
import { ClusterDownError, type RedisClusterError } from '../../errors/errors.ts';
import { type ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';
import type { ResolveAddress } from './address-map.ts';
import { ClusterLayout, type LayoutSource } from './cluster-layout.ts';
import type { Discovered, Discovery } from './discovery.ts';
import { classify, type Classification } from './redirect.ts';
import { RefreshSchedule } from './refresh-schedule.ts';
import { ReplicaHealth } from '../reads/replica-health.ts';
import { SlotMap } from './slot-map.ts';

/** Time, in ms, after which earlier errors no longer count. */
const ERROR_MEMORY = 10_000;
const DEFAULT_STEPS = 2;
const HINTS = 4;
/** A primary is down if its errors span at least this many ms; a single error may be just a lost connection. */
const OUTAGE = 100;
/** Time, in ms, that an outage lasts after its last error: as dials back off, errors become rare. */
const WATCH = 15_000;

export interface LayoutKeeperOptions {
  readonly discovery: Discovery;
  readonly resolve: ResolveAddress;
  /** Number of relevant errors before a refresh; default: 2. */
  readonly reinitializeSteps?: number | null | undefined;
  /** Interval of refreshes when nothing is wrong, in ms, ± a quarter; default: 60,000. */
  readonly refreshInterval?: number | undefined;
  readonly encoding?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** Called with the slots whose owner has changed. */
  readonly onMoved?: ((slots: ReadonlySet<number>) => void) | undefined;
  /** Called after every refresh, with the error of a failed one. */
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
 * Keeps the layout correct: applies a MOVED at once as a fact, and reads the layout again when errors add up, one
 * reading at a time with pauses. A fact outlives every answer that was requested before the fact was learned.
 */
export class LayoutKeeper implements LayoutSource {
  readonly layout: ClusterLayout;
  readonly #options: LayoutKeeperOptions;
  readonly #clock: Clock;
  readonly random: Random;
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
    this.#clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.#steps = options.reinitializeSteps ?? DEFAULT_STEPS;
    this.health = new ReplicaHealth(this.#clock, this.random);
    this.#schedule = new RefreshSchedule({
      run: (signal) => this.#refresh(signal),
      interval: options.refreshInterval ?? 60_000,
      clock: this.#clock,
      random: this.random,
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

  /** The number of successful and failed refreshes. */
  get refreshes(): { readonly succeeded: number; readonly failed: number } {
    return { succeeded: this.#schedule.succeeded, failed: this.#schedule.failed };
  }

  pickReplica(replicas: readonly ClusterNodeLocation[]): ClusterNodeLocation | null {
    return this.health.pick(replicas);
  }

  healthy(node: ClusterNodeLocation): boolean {
    return this.health.healthy(node);
  }

  /** Index of the shard whose primary serves a call without a key: random, preferably healthy. */
  anyPrimary(): number {
    const { shards } = this.#map;
    const first = Math.floor(this.random() * shards.length);
    for (let index = 0; index < shards.length; index++) {
      const at = (first + index) % shards.length;
      if (this.healthy(shards[at]!.primary)) return at;
    }
    return first;
  }

  /** Whether any primary is healthy, for a call without a key whose primary was unreachable. */
  get anotherPrimary(): boolean {
    return this.#map.shards.some(({ primary }) => this.healthy(primary));
  }

  /** Reads the layout now; concurrent callers share one reading. Rejects with its error, or the signal's reason. */
  refresh(signal?: AbortSignal): Promise<void> {
    return this.#schedule.now(signal);
  }

  /** Asks for a refresh as soon as the pause since the last one is over. */
  request(): void {
    this.#schedule.request();
  }

  /** Records that a node answered a probe after `elapsed` ms. */
  answered(node: ClusterNodeLocation, elapsed: number): void {
    this.health.report(node, elapsed);
    if (this.#avoid.size > 0) this.#avoid.delete(keyOf(node));
    // The layout calls the node failed or loading; only a new layout can correct that.
    if (this.health.unready(node)) this.#count(1);
  }

  /** Records that a node did not answer a probe. */
  unanswered(node: TCPLocation, error: Error): void {
    this.health.report(node, error);
  }

  /** Classifies an error of a node without learning from it. */
  classify(error: unknown, node: TCPLocation): Classification {
    return classify(error, node, this.#options.resolve);
  }

  /** Learns from an error reply or a failed dial of a node; call it once per error. */
  learn(error: unknown, node: TCPLocation): void {
    const found = this.classify(error, node);
    switch (found.kind) {
      case 'moved':
        // A refresh in progress needs no second one; `#accept` compares its layout with this fact.
        if (this.#learnOwner(found.slot, found.target) && !this.#refreshing) this.#count(1);
        return;
      case 'demoted':
        // READONLY from a replica is no sign of a changed layout.
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
        // CLUSTERDOWN of a primary concerns the slots, not its health; a replica may just be isolated.
        if (!(error instanceof ClusterDownError) || this.#isReplica(node))
          this.health.report(node, error as RedisClusterError);
        return;
      // An ASK confirms the layout: the slot still belongs to the node that answered.
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
    const now = this.#clock.now();
    const before = this.#outages.get(key);
    const since = before !== undefined && now - before.last < WATCH ? before.since : now;
    this.#outages.set(key, { node, since, last: now });
  }

  /**
   * True while a primary of the layout is down: only a new layout can name its successor. Forgets outages that are
   * over.
   */
  #outageGoesOn(): boolean {
    const now = this.#clock.now();
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

  /** Applies a MOVED. False: the layout has already settled it, so a late MOVED asks for no refresh. */
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

  /** Whether a layout contradicted this MOVED recently: another reading would not settle it. */
  #isDisputed(slot: number, target: TCPLocation): boolean {
    const dispute = this.#disputes.get(slot);
    return (
      dispute !== undefined && dispute.key === keyOf(target) && this.#clock.now() - dispute.at < ERROR_MEMORY
    );
  }

  #count(weight: number): void {
    const now = this.#clock.now();
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

  /** Publishes an event for every replica that has become a primary. */
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
        else this.#disputes.set(slot, { key: keyOf(target), at: this.#clock.now() });
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
