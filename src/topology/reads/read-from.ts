import type { TCPLocation } from '../../transport/location.ts';
import type { ReplicaHealth } from './replica-health.ts';
import type { Zones } from './zones.ts';

/**
 * Where commands that only read go, the best that is healthy first:
 * - `primary`: the primary, always.
 * - `replica`: a replica, by latency; else the primary.
 * - `any`: the primary or a replica, each as likely as another.
 * - `nearest-zone`: a replica in `clientZone`, else the primary if it is there, else another replica, else the primary.
 * - `lowest-latency`: the quickest of the primary and its replicas; those that are about as quick share the work.
 */
export type ReadFrom = 'primary' | 'replica' | 'any' | 'nearest-zone' | 'lowest-latency';

const NAMES: readonly unknown[] = ['primary', 'replica', 'any', 'nearest-zone', 'lowest-latency'];

/** Throws a `TypeError` that names the option. */
export function checkReadFrom(name: string, value: unknown): ReadFrom {
  if (NAMES.includes(value)) return value as ReadFrom;
  throw new TypeError(`${name} must be one of ${NAMES.join(', ')}`);
}

/** Picks one of a primary and its replicas for a read. */
export class ReadChoice {
  readonly #health: ReplicaHealth;
  readonly #zones: Zones;
  readonly #random: () => number;

  constructor(health: ReplicaHealth, zones: Zones, random: () => number) {
    this.#health = health;
    this.#zones = zones;
    this.#random = random;
  }

  /** A healthy replica; null: the primary, whose location may not be known. */
  choose(from: ReadFrom, primary: TCPLocation | null, replicas: readonly TCPLocation[]): TCPLocation | null {
    switch (from) {
      case 'primary':
        return null;
      case 'replica':
        return this.#health.pick(replicas);
      case 'any':
        return this.#anyOf(replicas);
      case 'nearest-zone':
        return this.#near(primary, replicas);
      case 'lowest-latency': {
        const quickest = this.#health.pick(primary === null ? replicas : [primary, ...replicas]);
        return quickest === primary ? null : quickest;
      }
    }
  }

  #anyOf(replicas: readonly TCPLocation[]): TCPLocation | null {
    const healthy = replicas.filter((replica) => this.#health.healthy(replica));
    return healthy[Math.floor(this.#random() * (healthy.length + 1))] ?? null;
  }

  #near(primary: TCPLocation | null, replicas: readonly TCPLocation[]): TCPLocation | null {
    const near = this.#health.pick(replicas.filter((replica) => this.#zones.isNear(replica)));
    if (near !== null) return near;
    return primary !== null && this.#zones.isNear(primary) ? null : this.#health.pick(replicas);
  }
}
