import { systemClock } from '../../base/clock.ts';
import type { Deadline } from '../../base/deadline.ts';
import type { CommandInfo } from '../../commands/command-info.ts';
import { READONLY } from '../../commands/flags.ts';
import { ConnectionError, type RedisError } from '../../errors/errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import { keyOf, type TCPLocation } from '../../transport/location.ts';
import type { Next, RoutedCall, Topology } from '../topology.ts';
import { ReadChoice, type ReadFrom } from './read-from.ts';
import { ReplicaHealth } from './replica-health.ts';
import type { ReadTarget } from './replica-probe.ts';
import { ReplicaReads } from './replica-reads.ts';
import type { Zones } from './zones.ts';

/** Interval, in ms, at which the replicas are looked up while reads go to them. */
const REFRESH = 5_000;
/** Number of replicas that one read tries before it goes to the primary. */
const MOST_TRIES = 4;

export interface ReadSplitOptions {
  /** Serves everything but replica reads. */
  readonly primary: Topology;
  readonly primaryNode: ConnectionNode;
  /** The primary's location; null while unknown. */
  readonly primaryAt: () => TCPLocation | null;
  /** Looks up the replicas. */
  readonly find: () => Promise<readonly TCPLocation[]>;
  readonly makeNode: (replica: TCPLocation, dialFailed: (error: unknown) => void) => ConnectionNode;
  /** Limit over all nodes; each gets an equal share. */
  readonly maxConnections: number;
  readonly readFrom: ReadFrom;
  readonly zones: Zones;
}

/** One replica with its connections. */
class Replica implements ReadTarget {
  readonly location: TCPLocation;
  readonly node: ConnectionNode;
  met = false;

  constructor(location: TCPLocation, node: ConnectionNode) {
    this.location = location;
    this.node = node;
  }
}

/** Rejects a read that waited for a connection to a replica, so that the retry loop routes it again. */
class ReadAgain extends ConnectionError {}
ReadAgain.prototype.name = 'ConnectionError';

/** A topology of one primary whose replicas may serve reads, without a cluster. */
export class ReadSplit implements Topology {
  readonly name: string;
  readonly #options: ReadSplitOptions;
  readonly #health = new ReplicaHealth();
  readonly #reads: ReplicaReads<Replica>;
  readonly #byKey = new Map<string, Replica>();
  readonly #byNode = new Map<object, Replica>();
  readonly #leaving = new Set<ConnectionNode>();
  #locations: readonly TCPLocation[] = [];
  #foundAt = -Infinity;
  #finding: Promise<void> | null = null;
  #closed = false;

  constructor(options: ReadSplitOptions) {
    const { zones, primary } = options;
    this.name = primary.name;
    this.#options = options;
    this.#reads = new ReplicaReads<Replica>({
      choice: new ReadChoice(this.#health, zones, Math.random),
      at: (location) => this.#at(location),
      targets: () => this.#byKey.values(),
      answered: ({ location }, elapsed) => this.#health.report(location, elapsed),
      failed: ({ location }, error) => this.#health.report(location, error),
      routeAgain: ({ location }) =>
        new ReadAgain(`No connection to the replica ${location.toString()}`, {
          endpoint: location.toString(),
        }),
    });
  }

  route(call: RoutedCall, args: Parameters<Topology['route']>[1]): ConnectionNode | null {
    const { primary, primaryAt, readFrom } = this.#options;
    const from = call.readFrom ?? readFrom;
    if (from === 'primary' || (call.info.flags & READONLY) === 0 || call.redirects > MOST_TRIES)
      return primary.route(call, args);
    if (systemClock.now() - this.#foundAt > REFRESH) void this.#find();
    const replica = this.#reads.choose(from, primaryAt(), this.#locations);
    return replica === null ? primary.route(call, args) : replica.node;
  }
  resolve(call: RoutedCall, deadline: Deadline): Promise<ConnectionNode> {
    return this.#options.primary.resolve(call, deadline);
  }
  anyNode(): ConnectionNode | null {
    return this.#options.primary.anyNode();
  }
  resolveAny(deadline: Deadline): Promise<ConnectionNode> {
    return this.#options.primary.resolveAny(deadline);
  }

  next(call: RoutedCall, error: Error): Next | null {
    const replica = call.node === null ? undefined : this.#byNode.get(call.node);
    if (replica === undefined) return this.#options.primary.next(call, error);
    const lost = error instanceof ConnectionError || (error as RedisError).code === 'MASTERDOWN';
    if (!lost) return null;
    if (!(error instanceof ReadAgain)) this.#health.report(replica.location, error);
    call.redirects++;
    return { kind: 'again' };
  }

  *nodes(): Iterable<ConnectionNode> {
    yield* this.#options.primary.nodes();
    for (const { node } of this.#byKey.values()) yield node;
    yield* this.#leaving;
  }
  get waiting(): number {
    return this.#options.primary.waiting ?? 0;
  }
  refuse(info: CommandInfo): TypeError | null {
    return this.#options.primary.refuse(info);
  }
  async open(deadline: Deadline): Promise<void> {
    await this.#options.primary.open(deadline);
    if (this.#options.readFrom !== 'primary') await deadline.wait(this.#find(), () => new Error('late'));
  }
  get onChange(): (() => void) | null {
    return this.#options.primary.onChange;
  }
  set onChange(listener: (() => void) | null) {
    this.#options.primary.onChange = listener;
  }
  subscriberNode(...args: Parameters<Topology['subscriberNode']>): ConnectionNode | null {
    return this.#options.primary.subscriberNode(...args);
  }
  subscriberGroup(...args: Parameters<Topology['subscriberGroup']>): number {
    return this.#options.primary.subscriberGroup(...args);
  }
  subscriberFailed(node: ConnectionNode, error: Error): void {
    this.#options.primary.subscriberFailed(node, error);
  }
  close(): void {
    this.#closed = true;
    this.#reads.close();
    this.#options.primary.close();
  }

  #at(location: TCPLocation): Replica {
    const known = this.#byKey.get(keyOf(location));
    if (known !== undefined) return known;
    const replica: Replica = new Replica(
      location,
      this.#options.makeNode(location, (error) => this.#failed(replica, error)),
    );
    replica.node.onRefusal = (error) => {
      if (error.code === 'MASTERDOWN' || error.code === 'LOADING') this.#health.report(location, error);
    };
    this.#byKey.set(keyOf(location), replica);
    this.#byNode.set(replica.node, replica);
    this.#share();
    return replica;
  }

  #failed(replica: Replica, error: unknown): void {
    this.#health.report(replica.location, error as Error);
    this.#reads.passBy(replica);
  }

  /** Looks up the replicas. A failure keeps the known ones, which can serve reads while the primary is down. */
  #find(): Promise<void> {
    this.#finding ??= this.#options
      .find()
      .then(
        (found) => this.#follow(found),
        () => {},
      )
      .finally(() => {
        this.#foundAt = systemClock.now();
        this.#finding = null;
      });
    return this.#finding;
  }

  #follow(found: readonly TCPLocation[]): void {
    if (this.#closed) return;
    this.#locations = found;
    void this.#options.zones.learn(found);
    const listed = new Set(found.map(keyOf));
    for (const [key, replica] of this.#byKey) {
      if (listed.has(key)) continue;
      this.#byKey.delete(key);
      this.#byNode.delete(replica.node);
      const gone = (): ReadAgain => new ReadAgain('the replica is gone');
      this.#leaving.add(replica.node);
      void replica.node.dissolve(gone, gone).then(() => this.#leaving.delete(replica.node));
    }
    this.#share();
  }

  #share(): void {
    const { maxConnections, primaryNode } = this.#options;
    const limit = Math.max(1, Math.floor(maxConnections / (this.#byKey.size + 1)));
    for (const { node } of this.#byKey.values()) node.pool.resize(limit);
    primaryNode.pool.resize(limit);
  }
}
