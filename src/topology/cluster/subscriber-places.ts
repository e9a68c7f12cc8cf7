import type { BaseConnection } from '../../connection/base-connection.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import type { SubscriptionKind } from '../../pubsub/subscription-kinds.ts';
import type { TCPLocation } from '../../transport/location.ts';
import type { CommandKeys } from './command-keys.ts';
import type { LayoutKeeper } from './layout-keeper.ts';
import type { Member } from './members.ts';

/** What subscribers need of the topology. */
export interface SubscriberNodes<C extends BaseConnection> {
  readonly members: { of(node: object): Member<C> | undefined; find(location: TCPLocation): Member<C> | undefined };
  anyNode(): ConnectionNode<C> | null;
}

/**
 * Where names are heard: shard channels at the primary of their slot, all others at one node, for every node of a
 * cluster hears what is published at any.
 */
export class SubscriberPlaces<C extends BaseConnection> {
  onChange: (() => void) | null = null;
  readonly #nodes: SubscriberNodes<C>;
  readonly #keeper: LayoutKeeper;
  readonly #keys: CommandKeys;
  #home: ConnectionNode<C> | null = null;
  #wanted = false;

  constructor(nodes: SubscriberNodes<C>, keeper: LayoutKeeper, keys: CommandKeys) {
    this.#nodes = nodes;
    this.#keeper = keeper;
    this.#keys = keys;
  }

  nodeFor(kind: SubscriptionKind, name: Buffer): ConnectionNode<C> | null {
    const node = kind === 'shard' ? this.#ownerOf(name) : this.#common();
    if (node === null) this.#want();
    return node;
  }

  groupOf(kind: SubscriptionKind, name: Buffer): number {
    return kind === 'shard' ? this.#keys.slotOfKey(name) : 0;
  }

  failed(node: ConnectionNode<C>, error: Error): void {
    const member = this.#nodes.members.of(node);
    if (member !== undefined) this.#keeper.report(error, member.location);
    if (node === this.#home) this.#home = null;
    this.#want();
  }

  /** The layout is another one. */
  changed(): void {
    if (this.#home !== null && this.#nodes.members.of(this.#home)?.listed !== true) this.#home = null;
    this.#wanted = false;
    this.onChange?.();
  }

  /** Without a first layout nobody else tries again. */
  refreshFailed(): void {
    if (this.#wanted) this.#keeper.request();
  }

  #ownerOf(name: Buffer): ConnectionNode<C> | null {
    const shard = this.#keeper.map.shardOf(this.#keys.slotOfKey(name));
    return shard === undefined ? null : (this.#nodes.members.find(shard.primary)?.node ?? null);
  }

  #common(): ConnectionNode<C> | null {
    this.#home ??= this.#nodes.anyNode();
    return this.#home;
  }

  #want(): void {
    this.#wanted = true;
    this.#keeper.request();
  }
}
