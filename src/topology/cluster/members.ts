import { ConnectionError, RedisClusterError, type RedisError } from '../../errors/errors.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import { ConnectionNode, type NodeSettings } from '../../node/connection-node.ts';
import { ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';
import { MAX_NODES, type SlotMap } from './slot-map.ts';

/** Connections to every node, as far as they have nothing to do with which node it is. */
export type MemberNodeSettings = Omit<NodeSettings, 'address' | 'make' | 'max' | 'dialFailed'>;

export interface MembersOptions {
  readonly node: MemberNodeSettings;
  /** A connection not yet run; asked at every dial with what the layout says of the node then. */
  readonly make: (location: ClusterNodeLocation) => BaseConnection;
  readonly maxConnections: number;
  readonly perNode: boolean;
  readonly dialFailed: (member: Member, error: unknown) => void;
  /** Called for every error reply of every connection to the node. */
  readonly refused: (member: Member, error: RedisError) => void;
  readonly warn: (message: string) => void;
}

/** One address of the cluster with its connections. */
export class Member {
  readonly node: ConnectionNode;
  location: ClusterNodeLocation;
  /** The layout has it. */
  listed = false;
  /** Why its last dial failed. */
  failure: Error | null = null;
  /** A replica that has been connected, or could not be: reads need not wait for it. */
  met = false;
  /** When its connections were last made anew because it redirected to itself. */
  redialledAt = -Infinity;

  constructor(location: ClusterNodeLocation, settings: MembersOptions, max: number) {
    this.location = location;
    this.node = new ConnectionNode({
      ...settings.node,
      address: location.toString(),
      max,
      make: () => settings.make(this.location),
      dialFailed: (error) => {
        this.failure = error instanceof Error ? error : null;
        settings.dialFailed(this, error);
      },
    });
    this.node.onRefusal = (error) => settings.refused(this, error);
  }

  get replica(): boolean {
    return this.location.serverType === 'replica';
  }
}

/** The nodes that there are connections to: those of the layout, those a redirect named, and those on their way out. */
export class Members {
  readonly #options: MembersOptions;
  readonly #byKey = new Map<string, Member>();
  readonly #byNode = new WeakMap<object, Member>();
  readonly #leaving = new Set<ConnectionNode>();
  #listed = 0;
  #warned = false;
  #unref = false;

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  /** The bound over all nodes. */
  get maxConnections(): number {
    const { maxConnections, perNode } = this.#options;
    return perNode ? maxConnections * Math.max(1, this.#listed) : Math.max(maxConnections, this.#listed);
  }

  /** The node at an address; an unknown one counts as a primary. */
  at(location: TCPLocation): Member {
    const known = this.#byKey.get(keyOf(location));
    if (known !== undefined) return known;
    const member = this.#add(location);
    // The others give up their part of what it may have.
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

  /** Every node of the layout is there, knows its part in it and has its share of the connections. */
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

  /** New connections instead of those it has, which end after what runs on them. */
  renew(member: Member): void {
    for (const connection of [...member.node.connections]) member.node.retire(connection);
  }

  /** Calls that wait for a connection to a node without any look for their node again. */
  sendAwayWaiting(): void {
    for (const member of [...this.#byKey.values()]) this.sendAwayFrom(member);
  }
  sendAwayFrom(member: Member): void {
    const { node } = member;
    if (node.pool.hasWaiters && node.figures.open === 0) node.sendAway(() => routeAgain(member));
  }

  /** Nodes that the layout no longer has end, each connection after what runs on it. */
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
    const member = new Member(known, this.#options, this.#limit());
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

/** No node serves the slot of a call, as far as the layout tells. */
export class SlotUnservedError extends RedisClusterError {}
SlotUnservedError.prototype.name = 'RedisClusterError';

/** Nothing is wrong with the call: its node may be another one by now. */
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
