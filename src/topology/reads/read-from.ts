import type { TCPLocation } from '../../transport/location.ts';
import type { ReplicaHealth } from './replica-health.ts';
import type { Zones } from './zones.ts';

/**
 * Where read-only commands go; unhealthy servers are passed over:
 * - `primary`: the primary, always.
 * - `replica`: a replica, by latency; else the primary.
 * - `any`: the primary or a replica, all equally likely.
 * - `nearest-zone`: a replica in `clientZone`, else the primary if it is there, else another replica, else the primary.
 * - `lowest-latency`: the fastest of the primary and its replicas; servers about as fast share the reads.
 */
export type ReadFrom = 'primary' | 'replica' | 'any' | 'nearest-zone' | 'lowest-latency';

const NAMES: readonly unknown[] = ['primary', 'replica', 'any', 'nearest-zone', 'lowest-latency'];

/** Checks the option. @throws TypeError that names the option. */
export function checkReadFrom(name: string, value: unknown): ReadFrom {
  if (NAMES.includes(value)) return value as ReadFrom;
  throw new TypeError(`${name} must be one of ${NAMES.join(', ')}`);
}

/** Picks the server of a read among a primary and its replicas. */
export class ReadChoice {
  readonly #health: ReplicaHealth;
  readonly #zones: Zones;
  readonly #random: () => number;

  constructor(health: ReplicaHealth, zones: Zones, random: () => number) {
    this.#health = health;
    this.#zones = zones;
    this.#random = random;
  }

  /** Returns a healthy replica, or null for the primary, whose location may be unknown. */
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
