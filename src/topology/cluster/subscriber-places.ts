import { fnv } from '../../base/fnv.ts';
import { ResponseError } from '../../errors/errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import type { SubscriptionKind } from '../../pubsub/subscriptions/subscription-kinds.ts';
import { type ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';
import type { CommandKeys } from './command-keys.ts';
import type { LayoutKeeper } from './layout-keeper.ts';
import type { Member } from './members.ts';

/** The part of the topology that places subscriptions. */
export interface SubscriberNodes {
  readonly members: {
    of(node: object): Member | undefined;
    find(location: TCPLocation): Member | undefined;
  };
}

/**
 * Picks the node to subscribe each name at. Shard channels belong to the primary of their slot. Other messages reach
 * every node, so any primary would do: rendezvous hashing picks one per name, and a node that joins or leaves moves
 * only its own names.
 */
export class SubscriberPlaces {
  onChange: (() => void) | null = null;
  readonly #nodes: SubscriberNodes;
  readonly #keeper: LayoutKeeper;
  readonly #keys: CommandKeys;
  #wanted = false;

  constructor(nodes: SubscriberNodes, keeper: LayoutKeeper, keys: CommandKeys) {
    this.#nodes = nodes;
    this.#keeper = keeper;
    this.#keys = keys;
  }

  nodeFor(kind: SubscriptionKind, name: Buffer): ConnectionNode | null {
    const primary = kind === 'shard' ? this.#ownerOf(name) : this.#chosen(name);
    const node = primary === null ? undefined : this.#nodes.members.find(primary)?.node;
    if (node === undefined) this.#want();
    return node ?? null;
  }

  /** All primaries, for names whose messages are local to each node; null for other names. */
  nodesFor(kind: SubscriptionKind, name: Buffer): readonly ConnectionNode[] | null {
    if (kind === 'shard' || !isKeyspaceName(name, kind === 'pattern')) return null;
    const found = this.#keeper.map.primaries.map((primary) => this.#nodes.members.find(primary)?.node);
    const nodes = found.filter((node) => node !== undefined);
    if (nodes.length === 0) this.#want();
    return nodes;
  }

  /** Whether a subscription may stay on `node`: never a shard channel, others while the node is in the layout. */
  keeps(node: ConnectionNode, kind: SubscriptionKind): boolean {
    return kind !== 'shard' && this.#nodes.members.of(node)?.listed === true;
  }

  groupOf(kind: SubscriptionKind, name: Buffer): number {
    return kind === 'shard' ? this.#keys.slotOfKey(name) : 0;
  }

  /** Learns from an error reply. A lost connection alone proves nothing: the next dial shows more. */
  failed(node: ConnectionNode, error: Error): void {
    const member = this.#nodes.members.of(node);
    if (member !== undefined && error instanceof ResponseError) this.#keeper.learn(error, member.location);
    this.#want();
  }

  /** The layout has changed, so names may belong to other nodes. */
  changed(): void {
    this.#wanted = false;
    this.onChange?.();
  }

  /** Asks for another refresh while a name has no node: before the first layout nothing else does. */
  refreshFailed(): void {
    if (this.#wanted) this.#keeper.request();
  }

  #ownerOf(name: Buffer): ClusterNodeLocation | null {
    return this.#keeper.map.shardOf(this.#keys.slotOfKey(name))?.primary ?? null;
  }

  #chosen(name: Buffer): ClusterNodeLocation | null {
    const { primaries } = this.#keeper.map;
    const seed = hash(name);
    let chosen: ClusterNodeLocation | null = null;
    let highest = -1;
    for (const primary of primaries) {
      // Unhealthy primaries rank below all healthy ones.
      const score = hash(Buffer.from(keyOf(primary)), seed) + (this.#keeper.healthy(primary) ? 2 ** 32 : 0);
      if (score <= highest) continue;
      highest = score;
      chosen = primary;
    }
    return chosen;
  }

  #want(): void {
    this.#wanted = true;
    this.#keeper.request();
  }
}

/**
 * Whether a name is for keyspace events (`__keyspace@0__:key`), which a node publishes to its own clients alone. A
 * pattern counts only if it matches little else: other messages reach every node and would arrive once from each.
 */
function isKeyspaceName(name: Buffer, isPattern: boolean): boolean {
  const text = name.toString('latin1');
  if (!isPattern) return text.startsWith('__keyspace@') || text.startsWith('__keyevent@');
  return text.startsWith('__key');
}

/** FNV-1a with a final mix, so that similar names get unrelated hashes. */
function hash(bytes: Uint8Array, seed?: number): number {
  let value = fnv(bytes, 0, bytes.length, seed);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
