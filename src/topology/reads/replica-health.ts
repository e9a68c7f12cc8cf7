import { type Clock, systemClock } from '../../base/clock.ts';
import { jittered, type Random } from '../../base/backoff.ts';
import { ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';

const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 8_000;
/** Age, in ms, after which a measurement is dropped and the node counts as unmeasured. */
const MEASURE_AGE = 5_000;
/** Nodes share the reads if their round trip is within this factor, or these ms, of the fastest. */
const NEAR_FACTOR = 1.5;
const NEAR_MARGIN = 0.5;
const SMOOTHING = 0.2;

interface Condition {
  rtt: number;
  measuredAt: number;
  failures: number;
  badUntil: number;
}

/** Picks replicas for reads: failed or loading ones are left out for a while, and fast ones are preferred. */
export class ReplicaHealth {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #byKey = new Map<string, Condition>();
  #byLocation = new WeakMap<TCPLocation, Condition>();
  #unready: ReadonlySet<string> = new Set();

  constructor(clock: Clock = systemClock, random: Random = Math.random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Records the round trip of a node in ms, or its failure. */
  report(node: TCPLocation, outcome: number | Error): void {
    const condition = this.#of(node);
    const now = this.#clock.now();
    if (typeof outcome === 'number') {
      const old = condition.rtt;
      const stale = Number.isNaN(old) || now - condition.measuredAt > MEASURE_AGE;
      // Never 0, which stands for "unmeasured".
      condition.rtt = Math.max(1e-6, stale ? outcome : old + SMOOTHING * (outcome - old));
      condition.measuredAt = now;
      condition.failures = 0;
      condition.badUntil = 0;
      return;
    }
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(condition.failures, 10));
    condition.failures++;
    condition.badUntil = now + jittered(pause, this.#random);
  }

  /** Takes the nodes of a new layout, and the ids of those that are failed or loading. */
  update(nodes: readonly TCPLocation[], unready: ReadonlySet<string>): void {
    this.#unready = unready;
    const left = new Set(nodes.map(keyOf));
    for (const key of this.#byKey.keys()) {
      if (!left.has(key)) this.#byKey.delete(key);
    }
    this.#byLocation = new WeakMap();
  }

  /** Whether the layout reports the node as failed or loading. */
  unready(node: TCPLocation): boolean {
    return node instanceof ClusterNodeLocation && node.nodeId !== '' && this.#unready.has(node.nodeId);
  }

  healthy(node: TCPLocation): boolean {
    return this.#healthyAt(node, this.#clock.now());
  }

  /** A random one of the fastest healthy nodes; null if none is healthy. */
  pick<L extends TCPLocation>(replicas: readonly L[]): L | null {
    if (replicas.length === 0) return null;
    const now = this.#clock.now();
    let quickest = Infinity;
    for (const node of replicas) {
      if (this.#healthyAt(node, now)) quickest = Math.min(quickest, this.#rttAt(node, now));
    }
    if (quickest === Infinity) return null;
    const limit = this.#limit(replicas, quickest, now);
    let near = 0;
    let chosen: L | null = null;
    for (const node of replicas) {
      if (!this.#healthyAt(node, now) || this.#rttAt(node, now) > limit) continue;
      // The n-th candidate replaces the chosen one with a chance of 1 in n, which makes all equally likely.
      near++;
      if (near === 1 || this.#random() * near < 1) chosen = node;
    }
    return chosen;
  }

  /** The slowest round trip that still shares the reads. Unmeasured nodes (0) join the fastest measured ones. */
  #limit(replicas: readonly TCPLocation[], quickest: number, now: number): number {
    let best = quickest;
    if (quickest === 0) {
      best = Infinity;
      for (const node of replicas) {
        const rtt = this.#rttAt(node, now);
        if (rtt > 0 && rtt < best && this.#healthyAt(node, now)) best = rtt;
      }
      if (best === Infinity) return 0;
    }
    return Math.max(best * NEAR_FACTOR, best + NEAR_MARGIN);
  }

  #rttAt(node: TCPLocation, now: number): number {
    const { rtt, measuredAt } = this.#of(node);
    return Number.isNaN(rtt) || now - measuredAt > MEASURE_AGE ? 0 : rtt;
  }

  #healthyAt(node: TCPLocation, now: number): boolean {
    return now >= this.#of(node).badUntil && !this.unready(node);
  }

  #of(node: TCPLocation): Condition {
    let condition = this.#byLocation.get(node);
    if (condition !== undefined) return condition;
    const key = keyOf(node);
    condition = this.#byKey.get(key);
    if (condition === undefined) {
      condition = { rtt: NaN, measuredAt: 0, failures: 0, badUntil: -Infinity };
      this.#byKey.set(key, condition);
    }
    this.#byLocation.set(node, condition);
    return condition;
  }
}
