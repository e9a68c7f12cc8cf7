import { inspect } from 'node:util';
import { nameClass } from '../../base/classes.ts';
import { RedisClusterError } from '../../errors/errors.ts';
import type { ClusterNodeLocation, HostAndPort, TCPLocation } from '../../transport/location.ts';
import { keySlot, SLOT_COUNT } from '../../commands/key-slot.ts';
import type { Shard, SlotMap } from './slot-map.ts';

/** The live source of the public layout. */
export interface LayoutSource {
  readonly map: SlotMap;
  /** A replica that is worth asking, or null. */
  pickReplica(replicas: readonly ClusterNodeLocation[]): ClusterNodeLocation | null;
  healthy(node: ClusterNodeLocation): boolean;
  random(): number;
}

/**
 * The nodes of a cluster and who owns which slot, as last heard.
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

  /** Primaries that own slots, and replicas. */
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
   * The slot's primary; with `primary: false` a healthy, quick replica, and the primary when there is none.
   * Throws `RedisClusterError` for a slot without a primary.
   */
  nodeForSlot(slot: number, primary = true): ClusterNodeLocation {
    const shard = this.#source.map.shardOf(slot);
    if (shard === undefined) {
      throw new RedisClusterError(`Unable to map slot ${slot} to a ${primary ? 'primary' : 'replica'} node`);
    }
    if (primary || shard.replicas.length === 0) return shard.primary;
    return this.#source.pickReplica(shard.replicas) ?? shard.primary;
  }

  /** @internal The primary of a slot and its replicas; undefined: no node serves it. */
  shardForSlot(slot: number): Shard | undefined {
    return this.#source.map.shardOf(slot);
  }

  /** As `nodeForSlot`, for the slot of a key (`CLUSTER KEYSLOT`). */
  nodeForKey(key: string | Uint8Array, primary = true): ClusterNodeLocation {
    return this.nodeForSlot(keySlot(key, this.#encoding), primary);
  }

  /** The node that lives at an address, if the layout has one there. */
  nodeForLocation(location: TCPLocation | HostAndPort): ClusterNodeLocation | undefined {
    return this.#source.map.nodeAt(location.host, location.port);
  }

  /** Any primary; without `primary` any healthy replica, and any node when there is none. */
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
