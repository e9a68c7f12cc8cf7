import { AbstractChannel } from '../../interfaces/abstract-channel.ts';
import { type TextMode, UTF8 } from '../../resp/text-modes.ts';
import { ChannelView, type NameSource } from '../channels/channel-view.ts';
import { FlowGate } from '../channels/flow.ts';
import { type SubscriptionTarget, targetName } from '../pubsub-command.ts';
import { type CallPlace, PubsubCall, unacknowledged } from './pubsub-call.ts';
import { KINDS, makeAck, nameKey, type SubscriptionKind } from './subscription-kinds.ts';
import { type LinkOwner, type LinkSettings, SubscriptionLink } from './subscription-link.ts';
import { type Holder, movedError, Subscription, type SubscriptionState } from './subscription.ts';

export interface SubscriptionsSettings {
  /** Makes the channel object for a name given as text or bytes. */
  readonly makeChannel: (kind: SubscriptionKind, name: Buffer) => AbstractChannel;
  /** The encoding of names given as strings; default UTF-8. */
  readonly textMode?: TextMode | undefined;
  /** The count in acknowledgements; default: the server's. */
  readonly count?: ((kind: SubscriptionKind) => number) | undefined;
  /** Called when a link's `pending()` may return commands; often, and also within calls. */
  readonly onWork: () => void;
  /** Called when a channel is full, and when none is any more: stop or resume reading the subscriber's socket. */
  readonly onPause?: ((paused: boolean) => void) | undefined;
  /** Whether the messages of a name are local to each node; default: never. */
  readonly spreads?: ((kind: SubscriptionKind, name: Buffer) => boolean) | undefined;
  /** Whether every node that should serve a spread name does. */
  readonly complete?: ((subscription: Subscription) => boolean) | undefined;
  /** Epoch ms. */
  readonly now?: (() => number) | undefined;
}

/** A channel that a call added, removed again if the call fails. */
interface Added {
  readonly subscription: Subscription;
  readonly channel: AbstractChannel;
  readonly era: number;
}

/**
 * The wanted subscriptions and their channels: state that outlives every socket. A link stands for one socket; its
 * owner sends the commands of the link until the server's subscriptions equal the wanted ones. No I/O, no timers.
 *
 *     want / unwant ─▶ subscription ─▶ link.pending() ─▶ (written) ─▶ link.sent()
 *     channels ◀─ held, released, messages ◀─ link.acknowledged(), link.message()
 */
export class Subscriptions {
  readonly channels: ChannelView;
  readonly patterns: ChannelView;
  readonly shardChannels: ChannelView;
  readonly #settings: SubscriptionsSettings;
  readonly #text: TextMode;
  readonly #names: Record<SubscriptionKind, Map<string, Subscription>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };
  /** The number of acknowledged names of each kind. */
  readonly #established: Record<SubscriptionKind, number> = { channel: 0, pattern: 0, shard: 0 };
  #wanted = 0;
  readonly #unheard = new Set<Subscription>();
  /** Unheard names not yet assigned to a node. */
  readonly #unplaced = new Set<Subscription>();
  readonly #links = new Set<SubscriptionLink>();
  readonly #added = new WeakMap<PubsubCall, Added[]>();
  readonly #gate: FlowGate;
  readonly #owner: LinkOwner;

  constructor(settings: SubscriptionsSettings) {
    this.#settings = settings;
    this.#text = settings.textMode ?? UTF8;
    this.channels = this.#view('channel');
    this.patterns = this.#view('pattern');
    this.shardChannels = this.#view('shard');
    this.#gate = new FlowGate(
      (paused) => settings.onPause?.(paused),
      (channel) => this.#channelClosed(channel),
    );
    this.#owner = {
      get: (kind, key) => this.#names[kind].get(key),
      held: (link, subscription, count) => this.#held(link, subscription, count),
      released: (link, subscription, count) => this.#released(link, subscription, count),
      refused: (subscription, subscribe, error) => this.#refused(subscription, subscribe, error),
      forgotten: (subscription) => this.#forgotten(subscription),
      // The name is subscribed but may no longer be wanted, so it is counted in addition.
      count: ({ kind, established }, said) =>
        this.#count(kind, said) + (settings.count && !established ? 1 : 0),
      ended: (link, known, from, reason) => this.#ended(link, known, from, reason),
      work: () => settings.onWork(),
    };
  }

  /** Number of acknowledged names of all kinds, including those of a connection being replaced. */
  get size(): number {
    const { channel, pattern, shard } = this.#established;
    return channel + pattern + shard;
  }
  /** Whether nothing is wanted, so that no subscriber connection is needed. */
  get idle(): boolean {
    return this.#wanted === 0;
  }
  get paused(): boolean {
    return this.#gate.paused;
  }
  /** Wanted names without a live subscription. */
  get unheard(): ReadonlySet<Subscription> {
    return this.#unheard;
  }
  /** Names that became unheard since the last call. */
  takeUnplaced(): Subscription[] {
    const unplaced = [...this.#unplaced];
    this.#unplaced.clear();
    return unplaced;
  }
  get wanted(): readonly Subscription[] {
    return KINDS.flatMap((kind) => this.#wantedOf(kind));
  }
  names(kind: SubscriptionKind): Buffer[] {
    return this.#wantedOf(kind).map(({ name }) => name);
  }
  /** The links over which a name is heard now. */
  holdersOf(kind: SubscriptionKind, name: Buffer): readonly Holder[] {
    return this.#names[kind].get(nameKey(name))?.holders ?? [];
  }
  wants(kind: SubscriptionKind, name: Buffer): boolean {
    return this.#names[kind].get(nameKey(name))?.wanted === true;
  }

  /** Adds a link for a new subscriber connection, on which every wanted name is missing. */
  attach(settings: LinkSettings = {}): SubscriptionLink {
    const link = new SubscriptionLink(this.#owner, { heard: () => this.#now(), ...settings });
    this.#links.add(link);
    this.review(link);
    return link;
  }

  /** Checks every name again, because the placement may have changed. */
  review(link: SubscriptionLink): void {
    link.review(this.wanted);
  }

  /** Checks the spread names after a change of the nodes. */
  reviewSpread(): void {
    for (const subscription of this.wanted) {
      if (!subscription.spread) continue;
      if (!this.#complete(subscription)) subscription.miss(movedError(), this.#now());
      else if (subscription.state !== 'heard') this.#settle(subscription);
    }
  }

  /**
   * Subscribes to targets; throws `TypeError` for a bad one before anything changes. `patient`: `failWaiting` does not
   * fail the call.
   */
  want(kind: SubscriptionKind, targets: readonly SubscriptionTarget[], patient = false): PubsubCall {
    const names = targets.map((target) => targetName(kind, target, true, this.#text));
    const added: Added[] = [];
    const call = new PubsubCall(names.length, patient, {
      told: (index) => this.#told(kind, names[index] as Buffer),
      failed: (failed, reason) => this.#undo(failed, added, reason),
    });
    this.#added.set(call, added);
    for (const [index, name] of names.entries())
      this.#wantOne(this.#obtain(kind, name), targets[index], { call, index }, added);
    this.#settings.onWork();
    return call;
  }

  /** Unsubscribes: a name with all its channels, or a single channel object. The channels are closed at once. */
  unwant(kind: SubscriptionKind, targets: readonly SubscriptionTarget[]): PubsubCall {
    const names = targets.map((target) => targetName(kind, target, false, this.#text));
    const call = new PubsubCall(names.length, true, {
      told: (index) => this.#told(kind, names[index] as Buffer),
    });
    for (const [index, name] of names.entries()) this.#unwantOne(kind, name, targets[index], { call, index });
    this.#settings.onWork();
    return call;
  }

  /** Fails calls waiting for names in `here`, whose server cannot be reached, unless they have their own limit. */
  failWaiting(error: unknown, here: (kind: SubscriptionKind, name: Buffer) => boolean, all = false): void {
    for (const { kind, name, waiting } of [...this.#unheard]) {
      if (waiting.length === 0 || !here(kind, name)) continue;
      for (const { call } of [...waiting]) if (all || !call.patient) call.fail(error);
    }
  }

  /** Ends all subscriptions. Calls waiting to subscribe fail with `callError`; calls waiting to unsubscribe succeed. */
  close(channelError: Error | undefined, callError: Error): void {
    for (const subscription of this.wanted) this.#leave(subscription, channelError, callError);
    for (const subscription of this.#all()) this.#acknowledgeLeaving(subscription);
    for (const link of this.#links) link.giveUp(callError);
  }

  #wantOne(
    subscription: Subscription,
    target: SubscriptionTarget | undefined,
    place: CallPlace,
    added: Added[],
  ): void {
    subscription.want();
    const given = target instanceof AbstractChannel ? target : null;
    const { channels, kind, name, era } = subscription;
    if (given !== null ? !channels.includes(given) : channels.length === 0) {
      const channel = given ?? this.#settings.makeChannel(kind, name);
      subscription.channels = [...channels, channel];
      added.push({ subscription, channel, era });
      this.#gate.add(channel);
    }
    subscription.waiting.push(place);
    // This withdraws an unsubscription that was not sent yet.
    if (subscription.spread) {
      for (const link of this.#links) {
        if (link.has(subscription)) this.#held(link, subscription);
        else link.touch(subscription);
      }
      return;
    }
    const having = [...this.#links].filter((link) => link.has(subscription));
    const holder = having.find((link) => subscription.holders.includes(link)) ?? having[0];
    if (holder !== undefined) this.#held(holder, subscription);
    else for (const link of this.#links) link.touch(subscription);
  }

  #unwantOne(
    kind: SubscriptionKind,
    name: Buffer,
    target: SubscriptionTarget | undefined,
    place: CallPlace,
  ): void {
    const subscription = this.#names[kind].get(nameKey(name));
    if (subscription?.wanted === true) {
      const { channels } = subscription;
      const ending = target instanceof AbstractChannel ? channels.filter((one) => one === target) : channels;
      if (ending.length === channels.length) {
        // If the subscription is in progress, its answer settles the waiting calls. Unsent, they get no answer.
        if (this.#adopt(subscription)) subscription.waiting = [];
        this.#leave(subscription, undefined);
      } else {
        this.#removeChannels(subscription, ending);
      }
    }
    if (subscription === undefined || subscription.wanted || !this.#known(subscription)) {
      place.call.done(place.index, makeAck(kind, false, name, this.#count(kind)));
      return;
    }
    subscription.leaving.push({ place, count: this.#settings.count?.(kind) ?? null });
    for (const link of this.#links) link.leave(subscription);
  }

  #held(link: SubscriptionLink, subscription: Subscription, count?: number): void {
    if (!subscription.wanted) return;
    subscription.hold(link);
    this.#acknowledgeLeaving(subscription);
    this.#settle(subscription, count);
  }

  /** If every node that should serve the name does, marks it as heard and resolves the waiting calls. */
  #settle(subscription: Subscription, count?: number): void {
    if (this.#complete(subscription)) subscription.complete(this.#now());
    // The channel's gap() callback may have unsubscribed.
    if (subscription.state !== 'heard') return;
    const { kind, name } = subscription;
    subscription.acknowledge(() => makeAck(kind, true, name, this.#count(kind, count)));
  }

  #released(link: SubscriptionLink, subscription: Subscription, count?: number): void {
    this.#acknowledgeLeaving(subscription, count);
    if (!subscription.wanted) return;
    subscription.unhold(link, movedError(), this.#now(), () => this.#complete(subscription));
    for (const other of this.#links) other.touch(subscription);
  }

  #refused(subscription: Subscription, subscribe: boolean, error: Error): void {
    if (!subscribe) subscription.failLeaving(error);
    else if (subscription.wanted) this.#leave(subscription, error, error);
  }

  #ended(ended: SubscriptionLink, known: readonly Subscription[], from: number, reason: Error): void {
    this.#links.delete(ended);
    for (const subscription of known) {
      subscription.unhold(ended, reason, from, () => this.#complete(subscription));
      for (const link of this.#links) link.touch(subscription);
      this.#forgotten(subscription);
    }
    this.#settings.onWork();
  }

  /** Called when a link has dropped the name. Without another link no acknowledgement will come. */
  #forgotten(subscription: Subscription): void {
    if (this.#known(subscription)) return;
    this.#acknowledgeLeaving(subscription);
    this.#tidy(subscription);
  }

  /** Whether every node that should serve the name does. */
  #complete(subscription: Subscription): boolean {
    if (!subscription.spread) return subscription.holders.length > 0;
    return this.#settings.complete?.(subscription) ?? subscription.holders.length > 0;
  }

  #acknowledgeLeaving(subscription: Subscription, said?: number): void {
    const { kind, name } = subscription;
    subscription.acknowledgeLeaving((count) => makeAck(kind, false, name, count ?? this.#count(kind, said)));
  }

  /** The count as servers give it: channels and patterns together, shard channels separately. */
  #count(kind: SubscriptionKind, said?: number): number {
    if (this.#settings.count !== undefined) return this.#settings.count(kind);
    if (said !== undefined) return said;
    const { channel, pattern, shard } = this.#established;
    return kind === 'shard' ? shard : channel + pattern;
  }

  /** Removes the channels that a failed call added, unless another call waits for the name. */
  #undo(call: PubsubCall, added: readonly Added[], reason: unknown): void {
    const error = reason instanceof Error ? reason : undefined;
    for (const one of added) {
      const { subscription, channel, era } = one;
      const { channels, waiting } = subscription;
      if (era !== subscription.era || !channels.includes(channel)) continue;
      const heir = waiting.find((place) => !place.call.settled)?.call;
      const last = channels.length === 1;
      if (last && heir !== undefined) {
        this.#added.get(heir)?.push(one);
        continue;
      }
      // The channel was never subscribed, so do not close it: the caller may use it again.
      if (waiting.some((place) => place.call === call)) this.#takeOut(subscription, [channel]);
      else this.#removeChannels(subscription, [channel], error);
      if (last) this.#leave(subscription, error);
    }
    this.#settings.onWork();
  }

  #takeOut(subscription: Subscription, channels: readonly AbstractChannel[]): void {
    subscription.channels = subscription.channels.filter((channel) => !channels.includes(channel));
    for (const channel of channels) this.#gate.remove(channel);
  }

  #removeChannels(subscription: Subscription, channels: readonly AbstractChannel[], error?: Error): void {
    this.#takeOut(subscription, channels);
    subscription.closeChannels(channels, error);
  }

  #leave(
    subscription: Subscription,
    error: Error | undefined,
    callError: Error = error ?? unacknowledged(),
  ): void {
    subscription.leave();
    for (const link of this.#links) link.touch(subscription);
    const { waiting } = subscription;
    subscription.waiting = [];
    this.#removeChannels(subscription, subscription.channels, error);
    for (const { call } of waiting) call.fail(callError);
    this.#tidy(subscription);
  }

  /** Drops the subscription of a channel that its owner or its overflow policy has closed. */
  #channelClosed(channel: AbstractChannel): void {
    const key = nameKey(channel.name);
    for (const kind of KINDS) {
      const subscription = this.#names[kind].get(key);
      if (subscription?.channels.includes(channel) !== true) continue;
      if (subscription.channels.length > 1) this.#removeChannels(subscription, [channel]);
      else this.#leave(subscription, undefined);
    }
    this.#settings.onWork();
  }

  #obtain(kind: SubscriptionKind, name: Buffer): Subscription {
    const key = nameKey(name);
    let subscription = this.#names[kind].get(key);
    if (subscription === undefined) {
      const spread = this.#settings.spreads?.(kind, name) ?? false;
      subscription = new Subscription(kind, key, name, spread, (moved, from) => this.#moved(moved, from));
      this.#names[kind].set(key, subscription);
    }
    return subscription;
  }

  /** Drops the record of an unwanted name that no server has. */
  #tidy(subscription: Subscription): void {
    const { kind, key, wanted } = subscription;
    if (!wanted && !this.#known(subscription)) this.#names[kind].delete(key);
  }

  #moved(subscription: Subscription, from: SubscriptionState): void {
    const { kind, state, established } = subscription;
    const was = from === 'heard' || from === 'lost';
    if (was !== established) this.#established[kind] += established ? 1 : -1;
    if (from === 'left') this.#wanted++;
    if (state === 'left') this.#wanted--;
    if (state === 'wanted' || state === 'lost') {
      this.#unheard.add(subscription);
      this.#unplaced.add(subscription);
    } else {
      this.#unheard.delete(subscription);
      this.#unplaced.delete(subscription);
    }
  }

  #wantedOf(kind: SubscriptionKind): Subscription[] {
    return [...this.#names[kind].values()].filter(({ wanted }) => wanted);
  }
  *#all(): Iterable<Subscription> {
    for (const kind of KINDS) yield* [...this.#names[kind].values()];
  }

  /** Whether any link knows the name. */
  #known(subscription: Subscription): boolean {
    for (const link of this.#links) if (link.knows(subscription)) return true;
    return false;
  }
  #told(kind: SubscriptionKind, name: Buffer): boolean {
    const subscription = this.#names[kind].get(nameKey(name));
    return subscription !== undefined && this.#known(subscription);
  }

  /** True if the subscription is in progress; its answer then settles the waiting calls. */
  #adopt(subscription: Subscription): boolean {
    for (const link of this.#links) if (link.adopt(subscription, subscription.waiting)) return true;
    return false;
  }

  #view(kind: SubscriptionKind): ChannelView {
    const names = this.#names[kind];
    const established = this.#established;
    const source: NameSource = {
      get size() {
        return established[kind];
      },
      get: (key) => {
        const subscription = names.get(key);
        return subscription?.established === true ? subscription.channels : undefined;
      },
      *keys() {
        for (const [key, subscription] of names) if (subscription.established) yield key;
      },
    };
    return new ChannelView([source], this.#text);
  }

  #now(): number {
    return this.#settings.now?.() ?? Date.now();
  }
}
