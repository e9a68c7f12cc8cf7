import { systemClock } from '../../base/clock.ts';
import { isUint8Array } from 'node:util/types';
import { jittered } from '../../base/backoff.ts';
import { Deadline } from '../../base/deadline.ts';
import { wordAt } from '../../commands/arguments.ts';
import type { CommandInfo } from '../../commands/command-info.ts';
import { NEEDS_EXECUTE_ON } from '../../commands/flags.ts';
import { clusterRefusal } from '../../commands/refusals.ts';
import {
  isOfServer,
  RedisClusterError,
  type RedisError,
  TimeoutError,
  TryAgainError,
} from '../../errors/errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import type { SubscriptionKind } from '../../pubsub/subscriptions/subscription-kinds.ts';
import { kept } from '../../resp/decoding/native-slices.ts';
import type { RedisValue } from '../../resp/types.ts';
import { keyOf, type TCPLocation } from '../../transport/location.ts';
import type { CommandPart, RoutedCall, Topology, Next } from '../topology.ts';
import { refusedFor } from './address-map.ts';
import { type CommandKeys, NO_SLOT, SLOT_UNKNOWN, splitBySlot } from './command-keys.ts';
import type { ClusterLayout } from './cluster-layout.ts';
import { LayoutWaits } from './layout-waits.ts';
import type { LayoutKeeper } from './layout-keeper.ts';
import {
  type Member,
  type MemberObserver,
  type Members,
  noMember,
  RouteAgain,
  routeAgain,
  SlotUnservedError,
} from './members.ts';
import { MAX_REDIRECTS, RedirectTrails } from './redirect.ts';
import { ReadChoice, type ReadFrom } from '../reads/read-from.ts';
import { ReplicaReads } from '../reads/replica-reads.ts';
import type { Zones } from '../reads/zones.ts';
import type { Questions } from './questions.ts';
import type { Shard } from './slot-map.ts';
import { SubscriberPlaces } from './subscriber-places.ts';

const AGAIN: Next = { kind: 'again' };
const WAIT: Next = { kind: 'wait' };
/** Shortest time, in ms, between two replacements of a node's connections, for nodes that redirect to themselves. */
const REDIAL_PAUSE = 1_000;
/** Pauses, in ms and jittered, before a retry after TRYAGAIN, and after a demotion. */
const TRY_AGAIN_PAUSE = 60;
const DEMOTED_PAUSE = 100;
const LEARN_TIME = 5_000;

export interface ClusterTopologyOptions {
  readonly keeper: LayoutKeeper;
  readonly members: Members;
  readonly questions: Questions;
  readonly keys: CommandKeys;
  readonly startNodes: readonly TCPLocation[];
  readonly readFrom: ReadFrom;
  readonly zones: Zones;
  readonly gcInterval: number;
  readonly maxWaiting: number | null;
}

/** The topology of a cluster: routes each call by its slot, with the layout that the `LayoutKeeper` keeps. */
export class ClusterTopology implements Topology, MemberObserver {
  readonly layout: ClusterLayout;
  readonly members: Members;
  readonly #keeper: LayoutKeeper;
  readonly #options: ClusterTopologyOptions;
  readonly #keys: CommandKeys;
  readonly #waits: LayoutWaits;
  readonly #readFrom: ReadFrom;
  readonly #reads: ReplicaReads<Member>;
  readonly #zones: Zones;
  readonly #subscribers: SubscriberPlaces;
  /** The primary's node of each shard in `#shards`, in the same order. */
  #primaries: ConnectionNode[] = [];
  #shards: readonly Shard[] | null = null;
  readonly #trails = new RedirectTrails();
  /** The arguments of calls whose keys only a server can tell. */
  readonly #unread = new WeakMap<RoutedCall, readonly RedisValue[]>();
  /** The channel of each PUBLISH call, for routing later attempts. */
  readonly #published = new WeakMap<RoutedCall, Buffer>();
  #collector: NodeJS.Timeout | null = null;
  /** True once a read asked for `lowest-latency`, so primaries are measured too. */
  #measuresPrimaries = false;
  #closed = false;

  constructor(options: ClusterTopologyOptions) {
    const { keeper, members } = options;
    this.#options = options;
    this.#keeper = keeper;
    this.#keys = options.keys;
    this.layout = keeper.layout;
    this.members = members;
    members.observe(this);
    this.#waits = new LayoutWaits(keeper, options.maxWaiting);
    this.#readFrom = options.readFrom;
    this.#zones = options.zones;
    this.#reads = new ReplicaReads<Member>({
      choice: new ReadChoice(keeper.health, options.zones, Math.random),
      at: (replica) => members.at(replica),
      // Primaries are measured only if reads compare them with replicas.
      targets: () =>
        [...members].filter(({ listed, replica }) => listed && (replica || this.#measuresPrimaries)),
      answered: ({ location }, elapsed) => keeper.answered(location, elapsed),
      failed: ({ location, replica }, error) => {
        if (replica) keeper.unanswered(location, error);
      },
      routeAgain,
    });
    this.#subscribers = new SubscriberPlaces(this, keeper, options.keys);
  }

  get name(): string {
    const { nodes } = this.layout;
    return (nodes.length > 0 ? nodes : this.#options.startNodes).map(keyOf).join(',');
  }

  route(call: RoutedCall, args: readonly RedisValue[] | null): ConnectionNode | null {
    if (args !== null) this.#read(call, args);
    const { map } = this.#keeper;
    if (map.shards !== this.#shards) this.#follow();
    const { slot } = call;
    if (slot < 0) return slot === NO_SLOT ? this.#keyless(call, args) : null;
    const index = map.shardIndexOf(slot);
    if (index < 0) return null;
    const from = call.readFrom ?? this.#readFrom;
    this.#measuresPrimaries ||= from === 'lowest-latency';
    if (from === 'primary' || !this.#keys.reads(call.info)) return this.#primaries[index]!;
    const { primary, replicas } = map.shards[index]!;
    return this.#reads.choose(from, primary, replicas)?.node ?? this.#primaries[index]!;
  }

  async resolve(call: RoutedCall, deadline: Deadline): Promise<ConnectionNode> {
    await this.#known(deadline);
    const args = this.#unread.get(call);
    if (args !== undefined) {
      call.slot = await this.#waits.together(deadline, this.#learn(call.info, args));
      this.#unread.delete(call);
    }
    const node = this.route(call, null);
    if (node !== null) return node;
    await this.#waits.again(deadline);
    const found = this.route(call, null);
    if (found !== null) return found;
    const text = `Unable to map slot ${call.slot} to a primary node`;
    const refusal = this.#keeper.map.refusalOf(call.slot);
    if (refusal !== undefined) throw refusedFor(text, refusal, call.info.name);
    throw new SlotUnservedError(text, { command: call.info.name });
  }

  /** A random primary, preferably a healthy one; null before the first layout. */
  anyNode(): ConnectionNode | null {
    const { map } = this.#keeper;
    if (map.shards !== this.#shards) this.#follow();
    return this.#primaries[this.#keeper.anyPrimary()] ?? null;
  }

  async resolveAny(deadline: Deadline): Promise<ConnectionNode> {
    await this.#known(deadline);
    const node = this.anyNode();
    if (node === null) throw new RedisClusterError('The cluster has no primary');
    return node;
  }

  /** The node for a lease: at a location, any primary (`true`), or any replica (`false`). */
  async resolveNode(wanted: TCPLocation | boolean, deadline: Deadline): Promise<ConnectionNode> {
    await this.#known(deadline);
    if (wanted === true) return this.resolveAny(deadline);
    if (wanted === false) return this.members.at(this.layout.randomNode(false)).node;
    if (this.layout.nodeForLocation(wanted) === undefined) await this.#waits.again(deadline);
    return this.memberNode(wanted);
  }

  memberNode(location: TCPLocation): ConnectionNode {
    const node = this.layout.nodeForLocation(location);
    if (node !== undefined) return this.members.at(node).node;
    throw noMember(location);
  }

  next(call: RoutedCall, error: Error): Next | null {
    if (error instanceof RouteAgain) return AGAIN;
    if (error instanceof SlotUnservedError) return WAIT;
    const member = call.node === null ? undefined : this.members.of(call.node);
    if (member === undefined) return null;
    try {
      return this.#next(call, error, member);
    } catch (thrown) {
      return { kind: 'fail', error: thrown as Error };
    }
  }

  nodes(): Iterable<ConnectionNode> {
    return this.members.nodes();
  }
  get waiting(): number {
    return this.#waits.waiting;
  }

  refuse(info: CommandInfo): TypeError | null {
    return (info.flags & NEEDS_EXECUTE_ON) === 0 ? null : new TypeError(clusterRefusal(info));
  }

  split(info: CommandInfo, args: readonly RedisValue[]): readonly CommandPart[] | null {
    return splitBySlot(info, args, (key) => this.#keys.slotOfKey(key));
  }

  readonly moves = true;
  get onChange(): (() => void) | null {
    return this.#subscribers.onChange;
  }
  set onChange(listener: (() => void) | null) {
    this.#subscribers.onChange = listener;
  }
  subscriberNode(kind: SubscriptionKind, name: Buffer): ConnectionNode | null {
    return this.#subscribers.nodeFor(kind, name);
  }
  subscriberNodes(kind: SubscriptionKind, name: Buffer): readonly ConnectionNode[] | null {
    return this.#subscribers.nodesFor(kind, name);
  }
  subscriberStays(node: ConnectionNode, kind: SubscriptionKind): boolean {
    return this.#subscribers.keeps(node, kind);
  }
  subscriberGroup(kind: SubscriptionKind, name: Buffer): number {
    return this.#subscribers.groupOf(kind, name);
  }
  subscriberFailed(node: ConnectionNode, error: Error): void {
    this.#subscribers.failed(node, error);
  }

  /** Reads the first layout. Unlike a call, it rejects at once if no node can be reached. */
  async open(deadline: Deadline): Promise<void> {
    if (this.#keeper.map.covered === 0) await this.#waits.refresh(deadline);
  }

  /** Reads the layout now. */
  refresh(deadline: Deadline): Promise<void> {
    return this.#waits.refresh(deadline);
  }

  close(): void {
    this.#closed = true;
    if (this.#collector !== null) clearInterval(this.#collector);
    this.#reads.close();
    this.#waits.close();
    this.#keeper.close();
    this.#options.questions.close();
  }

  /** Called after each refresh: follows the new layout, and routes the waiters of unreachable nodes again. */
  refreshed(error: Error | null): void {
    if (this.#closed) return;
    if (error !== null) return this.#subscribers.refreshFailed();
    this.#follow();
    void this.#zones.learn(this.layout.nodes);
    this.members.sendAwayWaiting();
    if (this.#collector !== null) return;
    this.#collector = setInterval(() => this.members.collect(), this.#options.gcInterval);
    this.#collector.unref();
  }

  /** Learns from every error reply of every node, whether a call, lease, transaction or batch gets it. */
  refused(member: Member, error: RedisError): void {
    if (this.#closed) return;
    try {
      this.#keeper.learn(error, member.location);
      const found = this.#keeper.classify(error, member.location);
      const stale = found.kind === 'moved' ? found.redial : found.kind === 'demoted' && !member.replica;
      if (stale) this.#redial(member);
    } catch {
      // The redirect names an address that must not be dialled; the call itself reports that.
    }
  }

  dialFailed(member: Member, error: unknown): void {
    if (this.#closed) return;
    this.#keeper.learn(error, member.location);
    if (member.replica) return this.#reads.passBy(member);
    // Wait until callers without a time limit got the error; then route the others again, keyless ones elsewhere.
    setImmediate(() => this.#closed || this.members.sendAwayFrom(member));
  }

  /** Routes a call without a key. PUBLISH to one channel always uses one node, so awaited messages arrive in order. */
  #keyless(call: RoutedCall, args: readonly RedisValue[] | null): ConnectionNode | null {
    const { info } = call;
    if (info.name !== 'PUBLISH') return this.anyNode();
    if (args !== null) {
      const word = wordAt(info, args, info.nameLength);
      if (typeof word === 'string' || isUint8Array(word))
        this.#published.set(call, Buffer.from(word as string));
    }
    const name = this.#published.get(call);
    return (name === undefined ? null : this.#subscribers.nodeFor('channel', name)) ?? this.anyNode();
  }

  #read(call: RoutedCall, args: readonly RedisValue[]): void {
    call.slot = this.#keys.slotOf(call.info, args);
    if (call.slot === SLOT_UNKNOWN) this.#unread.set(call, args.map(kept));
  }

  #follow(): void {
    const { map } = this.#keeper;
    this.members.follow(map);
    this.#shards = map.shards;
    this.#primaries = map.shards.map(({ primary }) => this.members.at(primary).node);
    this.#subscribers.changed();
  }

  async #known(deadline: Deadline): Promise<void> {
    if (this.#keeper.map.covered === 0) await this.#waits.find(deadline);
  }

  #learn(info: CommandInfo, args: readonly RedisValue[]): Promise<number> {
    const { questions } = this.#options;
    const node = this.anyNode();
    const location =
      (node === null ? undefined : this.members.of(node)?.location) ?? this.layout.randomNode();
    return this.#keys.learn(info, args, (words) =>
      new Deadline(null, LEARN_TIME).run(
        (signal) => questions.ask(location, 'COMMAND', words, { signal, timeout: LEARN_TIME }),
        () =>
          new TimeoutError('the server took too long to name the keys of the command', { phase: 'connect' }),
      ),
    );
  }

  #next(call: RoutedCall, error: Error, member: Member): Next | null {
    const replicaRead = member.replica && this.#keys.reads(call.info);
    // Error replies were learned on arrival; learn from lost connections here.
    if (!isOfServer(error)) this.#keeper.learn(error, member.location);
    const found = this.#keeper.classify(error, member.location);
    switch (found.kind) {
      case 'moved':
      case 'ask':
        call.redirects++;
        this.#trails.of(call).follow(found.kind, member.location, found.target, error);
        return {
          kind: 'node',
          node: this.members.at(found.target).node as never,
          asking: found.kind === 'ask',
        };
      case 'wait':
        if (replicaRead && ++call.redirects <= MAX_REDIRECTS) return AGAIN;
        if (!(error instanceof TryAgainError) || !call.bounded) return null;
        // While a slot moves, a transaction alternates between its nodes: these redirects are no loop.
        this.#trails.forget(call);
        return { kind: 'pause', ms: jittered(TRY_AGAIN_PAUSE, () => this.#keeper.random()) };
      case 'demoted':
        if (!call.bounded && ++call.redirects > MAX_REDIRECTS) return null;
        return { kind: 'pause', ms: jittered(DEMOTED_PAUSE, () => this.#keeper.random()) };
      case 'unreachable':
        if (replicaRead && ++call.redirects <= MAX_REDIRECTS) return AGAIN;
        return call.slot === NO_SLOT && ++call.redirects <= MAX_REDIRECTS && this.#keeper.anotherPrimary
          ? AGAIN
          : null;
      default:
        return null;
    }
  }

  /** Replaces the connections of a member: they lead to another node, or the node changed its role. */
  #redial(member: Member): void {
    const now = systemClock.now();
    if (now - member.redialledAt < REDIAL_PAUSE) return;
    member.redialledAt = now;
    this.members.renew(member);
  }
}
