import { ConnectionError, RedisClusterError, type RedisError } from '../../errors/errors.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import { ConnectionNode, type NodeSettings } from '../../node/connection-node.ts';
import { ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';
import { MAX_NODES, type SlotMap } from './slot-map.ts';

/** The node settings that all members share. */
export type MemberNodeSettings = Omit<NodeSettings, 'address' | 'make' | 'max' | 'dialFailed'>;

export interface MembersOptions {
  readonly node: MemberNodeSettings;
  /** Makes a connection, not yet run; called at every dial with the node's current location from the layout. */
  readonly make: (location: ClusterNodeLocation) => BaseConnection;
  readonly maxConnections: number;
  readonly perNode: boolean;
  readonly warn: (message: string) => void;
}

/** Is told what happens on the connections to the members. */
export interface MemberObserver {
  dialFailed(member: Member, error: unknown): void;
  /** Called for every error reply on every connection to the member. */
  refused(member: Member, error: RedisError): void;
}

/** One node of the cluster with its connections. */
export class Member {
  readonly node: ConnectionNode;
  location: ClusterNodeLocation;
  /** True if the layout contains the node. */
  listed = false;
  /** Why the last dial failed. */
  failure: Error | null = null;
  /** For replicas: a first connection was made or failed, so no read waits for a connection any more. */
  met = false;
  /** When its connections were last replaced because they led to another node or its role changed. */
  redialledAt = -Infinity;

  constructor(
    location: ClusterNodeLocation,
    settings: MembersOptions,
    max: number,
    observer: MemberObserver,
  ) {
    this.location = location;
    this.node = new ConnectionNode({
      ...settings.node,
      address: location.toString(),
      max,
      make: () => settings.make(this.location),
      dialFailed: (error) => {
        this.failure = error instanceof Error ? error : null;
        observer.dialFailed(this, error);
      },
    });
    this.node.onRefusal = (error) => observer.refused(this, error);
  }

  get replica(): boolean {
    return this.location.serverType === 'replica';
  }
}

/** The nodes with connections: those of the layout, those that a redirect named, and retired ones that still close. */
export class Members {
  readonly #options: MembersOptions;
  #observer!: MemberObserver;
  readonly #byKey = new Map<string, Member>();
  readonly #byNode = new WeakMap<object, Member>();
  readonly #leaving = new Set<ConnectionNode>();
  #listed = 0;
  #warned = false;
  #unref = false;

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  /** Sets the observer; call it before the first member is made. */
  observe(observer: MemberObserver): void {
    this.#observer = observer;
  }

  /** The limit of connections over all nodes. */
  get maxConnections(): number {
    const { maxConnections, perNode } = this.#options;
    return perNode ? maxConnections * Math.max(1, this.#listed) : Math.max(maxConnections, this.#listed);
  }

  /** The member at an address; makes one for an unknown address, as a primary. */
  at(location: TCPLocation): Member {
    const known = this.#byKey.get(keyOf(location));
    if (known !== undefined) return known;
    const member = this.#add(location);
    // A new member lowers the share of the others.
    if (this.#listed > 0) this.#share();
    return member;
  }
  find(location: TCPLocation): Member | undefined {
    return this.#byKey.get(keyOf(location));
  }
  of(node: object): Member | undefined {
    return this.#byNode.get(node);
  }
  [Symbol.iterator](): Iterator<Member> {
    return this.#byKey.values();
  }
  *nodes(): Iterable<ConnectionNode> {
    for (const { node } of this.#byKey.values()) yield node;
    yield* this.#leaving;
  }

  /** Takes a new layout: adds its nodes, updates their roles, and divides the connections among them. */
  follow(map: SlotMap): void {
    const gone = new Set(this.#byKey.values());
    for (const location of map.nodes) {
      const member = this.#byKey.get(keyOf(location)) ?? this.#add(location);
      gone.delete(member);
      const demoted = !member.replica && location.serverType === 'replica';
      member.location = location;
      member.listed = true;
      // Connections opened while it was a primary are not in READONLY mode.
      if (demoted) this.renew(member);
    }
    for (const member of gone) member.listed = false;
    this.#listed = map.nodes.length;
    this.#share();
  }

  /** Retires the member's connections, which finish their work first; new work gets new ones. */
  renew(member: Member): void {
    for (const connection of [...member.node.connections]) member.node.retire(connection);
  }

  /** Routes the waiters again of every node that has no connection. */
  sendAwayWaiting(): void {
    for (const member of [...this.#byKey.values()]) this.sendAwayFrom(member);
  }
  sendAwayFrom(member: Member): void {
    const { node } = member;
    if (node.pool.hasWaiters && node.figures.open === 0) node.sendAway(() => routeAgain(member));
  }

  /** Dissolves the nodes that the layout no longer has; their connections finish their work first. */
  collect(): void {
    for (const [key, member] of [...this.#byKey]) {
      if (member.listed) continue;
      this.#byKey.delete(key);
      const { node } = member;
      this.#leaving.add(node);
      void node
        .dissolve(
          () => routeAgain(member),
          () => noMember(member.location),
        )
        .then(() => this.#leaving.delete(node));
    }
    if (this.#listed > 0) this.#share();
  }

  setUnref(unref: boolean): void {
    this.#unref = unref;
  }

  #add(location: TCPLocation): Member {
    if (this.#byKey.size >= 2 * MAX_NODES)
      throw new RedisClusterError('the answer names more nodes than a cluster can have');
    const known =
      location instanceof ClusterNodeLocation
        ? location
        : new ClusterNodeLocation(location.host, location.port, { nodeId: '', serverType: 'primary' });
    const member = new Member(known, this.#options, this.#limit(), this.#observer);
    this.#byKey.set(keyOf(location), member);
    this.#byNode.set(member.node, member);
    if (this.#unref) member.node.setRef(false);
    return member;
  }

  #limit(): number {
    const { maxConnections, perNode } = this.#options;
    if (perNode) return maxConnections;
    return Math.max(1, Math.floor(maxConnections / Math.max(1, this.#byKey.size, this.#listed)));
  }

  #share(): void {
    const { maxConnections, perNode, warn } = this.#options;
    const limit = this.#limit();
    for (const { node } of this.#byKey.values()) node.pool.resize(limit);
    if (perNode || this.#warned || this.#listed <= maxConnections) return;
    this.#warned = true;
    warn(
      `maxConnections (${maxConnections}) is less than the ${this.#listed} nodes of the cluster: ` +
        'it is raised to one connection per node',
    );
  }
}

export function noMember(location: TCPLocation): RedisClusterError {
  const endpoint = keyOf(location);
  return new RedisClusterError(`${endpoint} is not a node of the cluster`, { endpoint });
}

/** The layout has no node for the slot of a call. */
export class SlotUnservedError extends RedisClusterError {}
SlotUnservedError.prototype.name = 'RedisClusterError';

/** Rejects a waiting call so that the retry loop routes it again: its node may have changed. */
export class RouteAgain extends ConnectionError {}
RouteAgain.prototype.name = 'ConnectionError';

export function routeAgain({
  node,
  failure,
}: {
  readonly node: { readonly address: string };
  readonly failure: Error | null;
}): RouteAgain {
  const why = failure === null ? '' : `: ${failure.message}`;
  return new RouteAgain(`No connection to ${node.address} while the cluster was looked at again${why}`, {
    endpoint: node.address,
    ...(failure === null ? {} : { cause: failure }),
  });
}
