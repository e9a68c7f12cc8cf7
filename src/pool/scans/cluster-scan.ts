import type { Deadline } from '../../base/deadline.ts';
import { RedisClusterError } from '../../errors/errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import type { Reply } from '../../resp/types.ts';
import type { TextEncoding } from '../../resp/text-modes.ts';
import { keySlot, SLOT_COUNT } from '../../commands/key-slot.ts';
import type { SlotMap } from '../../topology/cluster/slot-map.ts';
import { type ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';
import { passes, type ServerScan } from './server-scan.ts';

/** The parts of a cluster that a scan uses. */
export interface KeySpace {
  readonly map: SlotMap;
  refresh(deadline: Deadline): Promise<void>;
  memberNode(location: TCPLocation): ConnectionNode;
}

/** Most scans of single nodes, per primary; if the layout keeps changing, the scan ends with an error. */
const ROUNDS = 20;
const PAUSE = 100;

/** The address of each slot's primary; null without an owner. */
type Owners = readonly (string | null)[];

/**
 * Scans every primary in turn. A slot counts as scanned if one primary owned it throughout its scan and still owns it
 * when all are done. Other slots are scanned again at their present owner, and only their keys are returned twice.
 */
export class ClusterScan {
  readonly #space: KeySpace;
  readonly #scan: ServerScan;
  readonly #encoding: TextEncoding;
  readonly #deadline: () => Deadline;
  readonly #signal: AbortSignal | null;
  /** The address of the primary at which each slot was scanned; null if it was not. */
  readonly #scanned: (string | null)[] = new Array<string | null>(SLOT_COUNT).fill(null);

  constructor(
    space: KeySpace,
    scan: ServerScan,
    encoding: TextEncoding,
    deadline: () => Deadline,
    signal: AbortSignal | null,
  ) {
    this.#space = space;
    this.#scan = scan;
    this.#encoding = encoding;
    this.#deadline = deadline;
    this.#signal = signal;
  }

  async *pages(): AsyncGenerator<Reply[], void, undefined> {
    const visited = new Set<string>();
    await this.#space.refresh(this.#deadline());
    let failure: unknown = null;
    const most = ROUNDS * Math.max(1, this.#space.map.primaries.length);
    for (let round = 0; round < most; round++) {
      const before = this.#owners();
      const next = this.#next(before);
      if (next === null) return;
      const { location, slots } = next;
      const address = keyOf(location);
      const again = visited.has(address);
      visited.add(address);
      try {
        for await (const page of this.#scan.pages(this.#space.memberNode(location))) {
          // A primary scanned before has already returned its other keys.
          yield again ? page.filter((key) => slots.has(this.#slotOf(key))) : page;
        }
        await this.#space.refresh(this.#deadline());
      } catch (error) {
        if (!passes(error)) throw error;
        failure = error;
        await this.#settle();
        continue;
      }
      const after = this.#owners();
      for (const slot of slots) if (after[slot] === before[slot]) this.#scanned[slot] = address;
    }
    throw new RedisClusterError('the slots of the cluster moved faster than they could be scanned', {
      cause: failure,
    });
  }

  /** A primary with unscanned slots; null if there is none. */
  #next(owners: Owners): { location: ClusterNodeLocation; slots: ReadonlySet<number> } | null {
    const missing = new Map<string, Set<number>>();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const owner = owners[slot] ?? null;
      if (owner === null || this.#isScanned(slot, owner)) continue;
      const slots = missing.get(owner) ?? new Set();
      missing.set(owner, slots.add(slot));
    }
    for (const location of this.#space.map.primaries) {
      const slots = missing.get(keyOf(location));
      if (slots !== undefined) return { location, slots };
    }
    return null;
  }

  #isScanned(slot: number, owner: string): boolean {
    const scanned = this.#scanned[slot] ?? null;
    if (scanned === null || scanned === owner) return scanned !== null;
    // After a failover the scanned node is a replica of the new primary: it has returned the shard's keys.
    return this.#space.map.shardOf(slot)?.replicas.some((replica) => keyOf(replica) === scanned) === true;
  }

  #owners(): Owners {
    const { map } = this.#space;
    const names = map.shards.map(({ primary }) => keyOf(primary));
    return Array.from({ length: SLOT_COUNT }, (_, slot) => names[map.shardIndexOf(slot)] ?? null);
  }

  #slotOf(key: Reply): number {
    return keySlot(typeof key === 'string' ? key : (key as Buffer), this.#encoding);
  }

  /** After a failure: pauses, then reads the layout again. */
  async #settle(): Promise<void> {
    this.#signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    await this.#space.refresh(this.#deadline()).catch((error: unknown) => {
      if (!passes(error)) throw error;
    });
  }
}
