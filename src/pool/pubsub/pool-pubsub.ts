import { Deadline, type WaitOptions } from '../../base/deadline.ts';
import { AbstractChannel } from '../../interfaces/abstract-channel.ts';
import type { Credentials } from '../../interfaces/credential-provider.ts';
import { Channel } from '../../pubsub/channels/channel.ts';
import { ChannelView } from '../../pubsub/channels/channel-view.ts';
import { flowOf } from '../../pubsub/channels/flow.ts';
import { readPubsubCommand, type SubscriptionTarget, targetName } from '../../pubsub/pubsub-command.ts';
import { settleCalls } from '../../pubsub/subscriptions/pubsub-call.ts';
import {
  commandName,
  type SubscriptionAck,
  type SubscriptionKind,
} from '../../pubsub/subscriptions/subscription-kinds.ts';
import type { TextEncoding, TextMode } from '../../resp/text-modes.ts';
import type { Topology } from '../../topology/topology.ts';
import { type PublishProbe, SubscriberSet } from './subscriber-set.ts';

/** The longest delay of a timer, in ms. */
const FOR_EVER = 2 ** 31 - 1;

export interface PoolPubsubSettings {
  /** How messages of channels given by name are decoded. */
  readonly encoding: TextEncoding | null;
  /** The encoding of names given as strings. */
  readonly textMode: TextMode;
  /** The pool's limit for a call. */
  readonly timeout: number | null;
  readonly publish: PublishProbe;
  /** Whether failed dials are repeated within `timeout`. */
  readonly patient: boolean;
}

/** The targets of a call that go to one registry, and their positions in the call. */
interface Share {
  readonly targets: SubscriptionTarget[];
  readonly places: number[];
}

/**
 * The subscriptions of a pool: desired state, restored after every loss. Channels that ask for pauses use separate
 * connections, so that a slow reader delays only channels of that kind.
 */
export class PoolPubsub {
  readonly channels: ChannelView;
  readonly patterns: ChannelView;
  readonly shardChannels: ChannelView;
  readonly #settings: PoolPubsubSettings;
  readonly #pausing: SubscriberSet;
  readonly #others: SubscriberSet;
  readonly #sets: readonly SubscriberSet[];
  #closed: Error | null = null;

  constructor(topology: Topology, settings: PoolPubsubSettings) {
    this.#settings = settings;
    const shared = {
      publish: settings.publish,
      makeChannel: (kind: SubscriptionKind, name: Buffer) =>
        new Channel<unknown>(name, { isPattern: kind === 'pattern', encoding: settings.encoding }),
      textMode: settings.textMode,
      count: (kind: SubscriptionKind) =>
        kind === 'shard' ? this.shardChannels.size : this.channels.size + this.patterns.size,
    };
    this.#pausing = new SubscriberSet(topology, shared);
    this.#others = new SubscriberSet(topology, shared);
    this.#sets = [this.#pausing, this.#others];
    const registries = this.#sets.map(({ registry }) => registry);
    const join = (views: readonly ChannelView[]): ChannelView => ChannelView.join(views, settings.textMode);
    this.channels = join(registries.map(({ channels }) => channels));
    this.patterns = join(registries.map(({ patterns }) => patterns));
    this.shardChannels = join(registries.map(({ shardChannels }) => shardChannels));
    const told = topology.onChange;
    topology.onChange = () => {
      told?.();
      for (const set of this.#sets) set.review();
    };
  }

  /** Number of wanted names, including those being restored. */
  get size(): number {
    return this.channels.size + this.patterns.size + this.shardChannels.size;
  }

  async execute(
    command: string | Uint8Array,
    targets: readonly SubscriptionTarget[],
    limits?: WaitOptions,
  ): Promise<SubscriptionAck[]> {
    const { kind, subscribe } = readPubsubCommand(command, targets);
    // Check all targets before anything changes.
    const { textMode } = this.#settings;
    const names = targets.map((target) => targetName(kind, target, subscribe, textMode));
    const fallback = this.#settings.timeout === 0 ? null : this.#settings.timeout;
    const deadline = Deadline.of(limits, { fallback, patient: this.#settings.patient });
    if (this.#closed !== null) throw this.#closed;
    if (deadline.aborted) throw deadline.reason;
    const shares = new Map<SubscriberSet, Share>();
    for (const [place, target] of targets.entries()) {
      for (const set of this.#setsOf(kind, subscribe, target, names[place] as Buffer))
        give(shares, set, target, place);
    }
    if (targets.length === 0) {
      for (const set of this.#sets) {
        for (const name of set.registry.names(kind))
          give(shares, set, name, shares.get(set)?.places.length ?? 0);
      }
    }
    const { patient } = deadline;
    const calls = Array.from(shares, ([{ registry }, share]) =>
      subscribe ? registry.want(kind, share.targets, patient) : registry.unwant(kind, share.targets),
    );
    const lastError = (): unknown => this.#pausing.lastError ?? this.#others.lastError;
    // A waiting caller keeps the process alive, even if the pool is unref'd or has no socket yet.
    const hold = setInterval(() => {}, FOR_EVER);
    const what = { command: commandName(kind, subscribe), lastError };
    const acks = await settleCalls(calls, deadline, what).finally(() => clearInterval(hold));
    if (targets.length === 0) return acks.flat();
    const answer = new Array<SubscriptionAck>(targets.length);
    for (const [index, { places }] of [...shares.values()].entries()) {
      for (const [at, place] of places.entries()) answer[place] = acks[index]?.[at] as SubscriptionAck;
    }
    return answer;
  }

  disconnect(reason: string): void {
    for (const subscriber of this.#subscribers()) subscriber.disconnect(reason);
  }
  setRef(on: boolean): void {
    for (const set of this.#sets) set.setRef(on);
  }
  /** Authenticates the subscribers at the nodes of `owner`; all of them if null. */
  authenticate(credentials: () => Promise<Credentials | null>, owner: object | null): void {
    for (const subscriber of this.#subscribers()) {
      if (owner === null || subscriber.node.owner === owner) void subscriber.authenticate(credentials);
    }
  }

  async close(error: Error): Promise<void> {
    this.#closed ??= error;
    await Promise.all(this.#sets.map((set) => set.close(error)));
  }

  *#subscribers(): Iterable<SubscriberSet['subscribers'] extends Iterable<infer S> ? S : never> {
    for (const set of this.#sets) yield* set.subscribers;
  }

  #setsOf(
    kind: SubscriptionKind,
    subscribe: boolean,
    target: SubscriptionTarget,
    name: Buffer,
  ): readonly SubscriberSet[] {
    if (target instanceof AbstractChannel) {
      return [flowOf(target)?.pauses === true ? this.#pausing : this.#others];
    }
    const having = this.#sets.filter(({ registry }) => registry.wants(kind, name));
    // No set has the name: subscribe in `pausing`; unsubscribe in `others`, to get the acknowledgement.
    if (having.length === 0) return [subscribe ? this.#pausing : this.#others];
    // A subscribed name keeps its channel. Unsubscribing ends it in every set.
    return subscribe ? having.slice(0, 1) : having;
  }
}

function give(
  shares: Map<SubscriberSet, Share>,
  set: SubscriberSet,
  target: SubscriptionTarget,
  place: number,
): void {
  const share = shares.get(set);
  if (share === undefined) shares.set(set, { targets: [target], places: [place] });
  else {
    share.targets.push(target);
    share.places.push(place);
  }
}
