import { inspect } from 'node:util';
import { nameClass } from '../../base/classes.ts';
import { RedisClusterError } from '../../errors/errors.ts';
import type { ClusterNodeLocation, HostAndPort, TCPLocation } from '../../transport/location.ts';
import { keySlot, SLOT_COUNT } from '../../commands/key-slot.ts';
import type { Shard, SlotMap } from './slot-map.ts';

/** The current state behind the public layout object. */
export interface LayoutSource {
  readonly map: SlotMap;
  /** A healthy, fast replica, or null. */
  pickReplica(replicas: readonly ClusterNodeLocation[]): ClusterNodeLocation | null;
  healthy(node: ClusterNodeLocation): boolean;
  random(): number;
}

/**
 * The last known nodes of a cluster, and the owner of each slot.
 *
 * @example pool.clusterLayout.nodeForKey('user:7').toString() // '10.0.0.2:6379'
 */
export class ClusterLayout {
  static {
    nameClass(this, 'ClusterLayout');
  }

  readonly #source: LayoutSource;
  readonly #encoding: string;

  /** @internal */
  constructor(source: LayoutSource, encoding = 'utf-8') {
    this.#source = source;
    this.#encoding = encoding;
  }

  /** The primaries that own slots, and the replicas. */
  get nodes(): readonly ClusterNodeLocation[] {
    return this.#source.map.nodes;
  }

  get primaries(): readonly ClusterNodeLocation[] {
    return this.#source.map.primaries;
  }

  get replicas(): readonly ClusterNodeLocation[] {
    return this.#source.map.replicas;
  }

  /**
   * The primary of a slot; with `primary` false a healthy, fast replica, or the primary if there is none.
   * @throws RedisClusterError if no node serves the slot.
   */
  nodeForSlot(slot: number, primary = true): ClusterNodeLocation {
    const shard = this.#source.map.shardOf(slot);
    if (shard === undefined) {
      throw new RedisClusterError(`Unable to map slot ${slot} to a ${primary ? 'primary' : 'replica'} node`);
    }
    if (primary || shard.replicas.length === 0) return shard.primary;
    return this.#source.pickReplica(shard.replicas) ?? shard.primary;
  }

  /** @internal The primary of a slot and its replicas; undefined if no node serves it. */
  shardForSlot(slot: number): Shard | undefined {
    return this.#source.map.shardOf(slot);
  }

  /** Like `nodeForSlot`, for the slot of a key (`CLUSTER KEYSLOT`). */
  nodeForKey(key: string | Uint8Array, primary = true): ClusterNodeLocation {
    return this.nodeForSlot(keySlot(key, this.#encoding), primary);
  }

  /** The node at an address; undefined if the layout has none there. */
  nodeForLocation(location: TCPLocation | HostAndPort): ClusterNodeLocation | undefined {
    return this.#source.map.nodeAt(location.host, location.port);
  }

  /** A random primary; with `primary` false a random healthy replica, or any node if there is none. */
  randomNode(primary = true): ClusterNodeLocation {
    const { map } = this.#source;
    if (primary) return this.#any(map.primaries);
    const { replicas } = map;
    const first = Math.floor(this.#source.random() * replicas.length);
    for (let index = 0; index < replicas.length; index++) {
      const node = replicas[(first + index) % replicas.length]!;
      if (this.#source.healthy(node)) return node;
    }
    return this.#any(map.nodes);
  }

  toString(): string {
    const { primaries, replicas } = this;
    const count = `${primaries.length} primaries, ${replicas.length} replicas`;
    return `ClusterLayout<${count}, ${this.#source.map.covered} of ${SLOT_COUNT} slots covered>`;
  }
  toJSON(): Record<string, unknown> {
    const nodes = this.nodes.map((node) => ({ address: node.toString(), role: node.serverType }));
    return { type: 'ClusterLayout', nodes, coveredSlots: this.#source.map.covered };
  }
  [inspect.custom](): string {
    return this.toString();
  }

  #any(nodes: readonly ClusterNodeLocation[]): ClusterNodeLocation {
    const node = nodes[Math.floor(this.#source.random() * nodes.length)];
    if (node === undefined)
      throw new RedisClusterError('The cluster layout is empty: nothing has been discovered yet');
    return node;
  }
}
