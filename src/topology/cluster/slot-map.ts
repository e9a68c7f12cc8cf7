import type { RedisClusterError } from '../../errors/errors.ts';
import { addressKey, ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';
import { SLOT_COUNT } from '../../commands/key-slot.ts';

/** Limit of the nodes that this process takes from an answer; above the size of any sensible cluster. */
export const MAX_NODES = 1_000;
const PAGE_BITS = 8;
const PAGE_SIZE = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_SIZE - 1;

/** One primary with the replicas that serve the same slots. */
export interface Shard {
  readonly primary: ClusterNodeLocation;
  readonly replicas: readonly ClusterNodeLocation[];
}
/** The slots `start` to `end`, both included, belong to `shards[shard]`. */
export interface SlotRange {
  readonly start: number;
  readonly end: number;
  readonly shard: number;
}

/** Slots whose primary must not be dialled, with the reason. */
export interface RefusedRange {
  readonly start: number;
  readonly end: number;
  readonly error: RedisClusterError;
}

/**
 * The owner of every slot, as an immutable value. Each slot stores the index of its shard plus one (0: no owner). Slots
 * are kept in pages, so that a map with one moved slot shares all other pages with its predecessor.
 */
export class SlotMap {
  static readonly empty: SlotMap = SlotMap.of([], []);

  readonly shards: readonly Shard[];
  readonly nodes: readonly ClusterNodeLocation[];
  readonly primaries: readonly ClusterNodeLocation[];
  readonly replicas: readonly ClusterNodeLocation[];
  /** Number of slots with an owner. */
  readonly covered: number;
  readonly refused: readonly RefusedRange[];
  private readonly pages: readonly Uint16Array[];
  readonly #byAddress: ReadonlyMap<string, ClusterNodeLocation>;
  readonly #byPrimary: ReadonlyMap<string, number>;

  private constructor(
    shards: readonly Shard[],
    pages: readonly Uint16Array[],
    covered: number,
    refused: readonly RefusedRange[],
    like?: SlotMap,
  ) {
    this.refused = refused;
    this.shards = shards;
    this.pages = pages;
    this.covered = covered;
    if (like !== undefined && like.shards === shards) {
      this.nodes = like.nodes;
      this.primaries = like.primaries;
      this.replicas = like.replicas;
      this.#byAddress = like.#byAddress;
      this.#byPrimary = like.#byPrimary;
      return;
    }
    this.#byPrimary = new Map(shards.map((shard, index) => [keyOf(shard.primary), index]));
    const byAddress = new Map(shards.map((shard) => [keyOf(shard.primary), shard.primary]));
    for (const replica of shards.flatMap((shard) => shard.replicas)) {
      if (!byAddress.has(keyOf(replica))) byAddress.set(keyOf(replica), replica);
    }
    this.#byAddress = byAddress;
    this.nodes = Object.freeze([...byAddress.values()]);
    this.primaries = Object.freeze(this.nodes.filter((node) => node.serverType === 'primary'));
    this.replicas = Object.freeze(this.nodes.filter((node) => node.serverType === 'replica'));
  }

  /** Makes a map from ranges; where ranges overlap, the first wins. */
  static of(
    shards: readonly Shard[],
    ranges: readonly SlotRange[],
    refused: readonly RefusedRange[] = [],
  ): SlotMap {
    const slots = new Uint16Array(SLOT_COUNT);
    let covered = 0;
    for (const { start, end, shard } of ranges) {
      for (let slot = start; slot <= end; slot++) {
        if (slots[slot] !== 0) continue;
        slots[slot] = shard + 1;
        covered++;
      }
    }
    const pages: Uint16Array[] = [];
    for (let from = 0; from < SLOT_COUNT; from += PAGE_SIZE)
      pages.push(slots.subarray(from, from + PAGE_SIZE));
    return new SlotMap(shards, pages, covered, refused);
  }

  shardOf(slot: number): Shard | undefined {
    if ((slot & (SLOT_COUNT - 1)) !== slot) return undefined;
    return this.shards[this.pages[slot >> PAGE_BITS]![slot & PAGE_MASK]! - 1];
  }

  /** Index into `shards` of a valid slot's owner; -1: no owner. */
  shardIndexOf(slot: number): number {
    return this.pages[slot >> PAGE_BITS]![slot & PAGE_MASK]! - 1;
  }

  /** Why a slot without an owner has none, where that was decided on this side. */
  refusalOf(slot: number): RedisClusterError | undefined {
    return this.refused.find(({ start, end }) => slot >= start && slot <= end)?.error;
  }

  nodeAt(host: string, port: number): ClusterNodeLocation | undefined {
    return this.#byAddress.get(addressKey(host, port));
  }

  /** Whether the map already has this primary for the slot. */
  owns(slot: number, location: TCPLocation): boolean {
    const primary = this.shardOf(slot)?.primary;
    return primary !== undefined && primary.port === location.port && keyOf(primary) === keyOf(location);
  }

  /** A map with one slot at another node; the same map if nothing changes or there is no room for a new node. */
  withMoved(slot: number, target: TCPLocation): SlotMap {
    if (!Number.isInteger(slot) || slot < 0 || slot >= SLOT_COUNT || this.owns(slot, target)) return this;
    const shards = this.#withPrimary(slot, target);
    if (shards === null) return this;
    const number = (shards === this.shards ? this.#byPrimary.get(keyOf(target))! : shards.length - 1) + 1;
    const pages = this.pages.slice();
    const page = pages[slot >> PAGE_BITS]!.slice();
    const covered = this.covered + (page[slot & PAGE_MASK] === 0 ? 1 : 0);
    page[slot & PAGE_MASK] = number;
    pages[slot >> PAGE_BITS] = page;
    return new SlotMap(shards, pages, covered, this.refused, this);
  }

  /** The shards with the target as a primary: unchanged, or with a new shard at the end; null: no room for a node. */
  #withPrimary(slot: number, target: TCPLocation): readonly Shard[] | null {
    const key = keyOf(target);
    if (this.#byPrimary.has(key)) return this.shards;
    const known = this.#byAddress.get(key);
    if (known === undefined && this.nodes.length >= MAX_NODES) return null;
    const primary = new ClusterNodeLocation(target.host, target.port, {
      nodeId: known?.nodeId ?? '',
      serverType: 'primary',
      hostname: known?.hostname ?? (target instanceof ClusterNodeLocation ? target.hostname : null),
      zone: known?.zone,
    });
    if (known === undefined) return [...this.shards, { primary, replicas: [] }];
    const siblings = this.shardOf(slot)?.replicas ?? [];
    const others = this.shards.map((shard) =>
      shard.replicas.includes(known)
        ? { primary: shard.primary, replicas: shard.replicas.filter((node) => node !== known) }
        : shard,
    );
    return [...others, { primary, replicas: siblings.filter((node) => node !== known) }];
  }

  /** The owned slots whose owner differs, or is missing, in the next map. */
  movedTo(next: SlotMap): Set<number> {
    const moved = new Set<number>();
    for (const [number, page] of this.pages.entries()) {
      // A map made by `withMoved` shares its unchanged pages.
      if (page === next.pages[number]) continue;
      for (let at = 0; at < PAGE_SIZE; at++) {
        const slot = (number << PAGE_BITS) | at;
        const before = this.shardOf(slot)?.primary;
        const after = next.shardOf(slot)?.primary;
        if (before === undefined || before === after) continue;
        if (after === undefined || keyOf(before) !== keyOf(after)) moved.add(slot);
      }
    }
    return moved;
  }
}
