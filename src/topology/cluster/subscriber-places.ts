import { fnv } from '../../base/fnv.ts';
import { ResponseError } from '../../errors/errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import type { SubscriptionKind } from '../../pubsub/subscriptions/subscription-kinds.ts';
import { type ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';
import type { CommandKeys } from './command-keys.ts';
import type { LayoutKeeper } from './layout-keeper.ts';
import type { Member } from './members.ts';

/** The parts of the topology that subscriptions use. */
export interface SubscriberNodes {
  readonly members: {
    of(node: object): Member | undefined;
    find(location: TCPLocation): Member | undefined;
  };
}

/**
 * Where names are heard: shard channels at the primary of their slot. Every node of a cluster hears what is
 * published at any: each of the other names has one of its own, by the highest of the hashes of name and node, so
 * that a node that comes or goes moves only the names that were or will be there.
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

  /** Every primary, for names whose messages are local to each node; null for every other name. */
  nodesFor(kind: SubscriptionKind, name: Buffer): readonly ConnectionNode[] | null {
    if (kind === 'shard' || !isKeyspaceName(name, kind === 'pattern')) return null;
    const found = this.#keeper.map.primaries.map((primary) => this.#nodes.members.find(primary)?.node);
    const nodes = found.filter((node) => node !== undefined);
    if (nodes.length === 0) this.#want();
    return nodes;
  }

  /** Whether a subscription may stay on `node`: never a sharded one, others while the node belongs to the cluster. */
  keeps(node: ConnectionNode, kind: SubscriptionKind): boolean {
    return kind !== 'shard' && this.#nodes.members.of(node)?.listed === true;
  }

  groupOf(kind: SubscriptionKind, name: Buffer): number {
    return kind === 'shard' ? this.#keys.slotOfKey(name) : 0;
  }

  /** A lost connection proves nothing by itself; the next dial shows whether the node can be reached. */
  failed(node: ConnectionNode, error: Error): void {
    const member = this.#nodes.members.of(node);
    if (member !== undefined && error instanceof ResponseError) this.#keeper.learn(error, member.location);
    this.#want();
  }

  /** The layout is another one. */
  changed(): void {
    this.#wanted = false;
    this.onChange?.();
  }

  /** Without a first layout there is no other retry. */
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
      // One that cannot be reached comes after all others.
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
 * Keyspace events (`__keyspace@0__:key`, `__keyevent@0__:set`), which a node publishes to its own clients alone. A
 * pattern is one when it can match nothing else of use: other messages reach every node, and would come once from each.
 */
function isKeyspaceName(name: Buffer, isPattern: boolean): boolean {
  const text = name.toString('latin1');
  if (!isPattern) return text.startsWith('__keyspace@') || text.startsWith('__keyevent@');
  return text.startsWith('__key');
}

/** FNV-1a with a last mix: neighbours in name are no neighbours in hash. */
function hash(bytes: Uint8Array, seed?: number): number {
  let value = fnv(bytes, 0, bytes.length, seed);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
