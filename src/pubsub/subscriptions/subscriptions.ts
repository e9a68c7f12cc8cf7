import { RedisClusterError } from '../../errors/errors.ts';
import { AbstractChannel } from '../../interfaces/abstract-channel.ts';
import { type TextMode, UTF8 } from '../../resp/types.ts';
import type { ChannelView } from '../channels/channel-view.ts';
import { FlowGate } from '../channels/flow-gate.ts';
import type { ServerNames } from './server-names.ts';
import { LeavingCalls } from './leaving-calls.ts';
import { LinkSet } from './link-set.ts';
import { KINDS, makeAck, nameKey } from './subscription-kinds.ts';
import type { SubscriptionKind } from './subscription-kinds.ts';
import { SubscriptionLink } from './subscription-link.ts';
import type { LinkOwner } from './subscription-link.ts';
import { type SubscriptionTarget, targetName } from './subscription-target.ts';
import type { SubscriptionsSettings } from './subscriptions-settings.ts';
import { PubsubCall, unacknowledged } from './wish.ts';
import type { CallPlace, Wish } from './wish.ts';
import { WishBook } from './wish-book.ts';

/**
 * What is to be heard, by whom: desired state that outlives every socket. Links stand for the sockets;
 * whoever owns one asks it what to send until the server's set equals the wanted one. No I/O, no timers.
 *
 *     want / unwant ─▶ wishes ─▶ link.missing(), link.surplus() ─▶ (written) ─▶ link.sent()
 *     channels ◀─ held, released, messages ◀─ link.receive(push)
 */
export class Subscriptions {
  readonly channels: ChannelView;
  readonly patterns: ChannelView;
  readonly shardChannels: ChannelView;
  readonly #settings: SubscriptionsSettings;
  readonly #text: TextMode;
  readonly #book = new WishBook();
  readonly #leaving = new LeavingCalls();
  readonly #links = new LinkSet();
  readonly #gate: FlowGate;
  readonly #owner: LinkOwner;

  constructor(settings: SubscriptionsSettings) {
    this.#settings = settings;
    this.#text = settings.textMode ?? UTF8;
    this.channels = this.#book.view('channel', this.#text);
    this.patterns = this.#book.view('pattern', this.#text);
    this.shardChannels = this.#book.view('shard', this.#text);
    this.#gate = new FlowGate(
      (paused) => settings.onPause?.(paused),
      (channel) => this.#channelClosed(channel),
    );
    this.#owner = {
      wish: (kind, key) => this.#book.get(kind, key),
      held: (link, kind, key, count) => this.#held(link, kind, key, count),
      released: (link, kind, key, count) => this.#released(link, kind, key, count),
      refused: (kind, key, subscribe, error) => this.#refused(kind, key, subscribe, error),
      // The name is subscribed, though nobody may want it any more.
      count: (kind, key, said) =>
        this.#count(kind, said) + (settings.count && !this.#book.get(kind, key)?.established ? 1 : 0),
      ended: (link, names, from, reason) => this.#ended(link, names, from, reason),
      work: () => settings.onWork(),
    };
  }

  /** Acknowledged names of all kinds, those of a connection being replaced included. */
  get size(): number {
    return this.#book.count('channel') + this.#book.count('shard');
  }
  /** Nothing is wanted: no subscriber connection is needed. */
  get idle(): boolean {
    return this.#book.empty;
  }
  get paused(): boolean {
    return this.#gate.paused;
  }
  /** What nobody hears now, and somebody wants to. */
  get unheld(): Iterable<Wish> {
    return this.#book.unheld;
  }
  get wanted(): Iterable<Wish> {
    return this.#book;
  }
  names(kind: SubscriptionKind): Buffer[] {
    return Array.from(this.#book.of(kind), (wish) => wish.name);
  }
  /** The link over which a name is heard now. */
  holderOf(kind: SubscriptionKind, name: Buffer): SubscriptionLink | null {
    return this.#book.get(kind, nameKey(name))?.holder ?? null;
  }
  wants(kind: SubscriptionKind, name: Buffer): boolean {
    return this.#book.get(kind, nameKey(name)) !== undefined;
  }

  /**
   * A new subscriber connection is usable: everything is missing on it. `heard`: epoch ms of the last byte that
   * came over it.
   */
  attach(heard: () => number = () => this.#now()): SubscriptionLink {
    const link = new SubscriptionLink(this.#owner, heard);
    this.#links.add(link);
    this.review(link);
    return link;
  }

  /** Which connection a name belongs to may have changed. */
  review(link: SubscriptionLink): void {
    link.review(this.#book);
  }

  /**
   * Throws `TypeError` for a bad target, before anything changes. `patient`: `failWaiting` passes the call by.
   */
  want(kind: SubscriptionKind, targets: readonly SubscriptionTarget[], patient = false): PubsubCall {
    const names = targets.map((target) => targetName(kind, target, true, this.#text));
    const told = this.#links.told(kind, names);
    const call = new PubsubCall(names.length, patient, told, (failed, why) => this.#undo(failed, why));
    for (const [index, name] of names.entries()) this.#wantOne(kind, name, targets[index], { call, index });
    this.#settings.onWork();
    return call;
  }

  /** A name ends for all its channels, a channel object only for itself. They are closed at once. */
  unwant(kind: SubscriptionKind, targets: readonly SubscriptionTarget[]): PubsubCall {
    const names = targets.map((target) => targetName(kind, target, false, this.#text));
    const call = new PubsubCall(names.length, true, this.#links.told(kind, names), () => {});
    for (const [index, name] of names.entries()) this.#unwantOne(kind, name, targets[index], { call, index });
    this.#settings.onWork();
    return call;
  }

  /** There is no way to `here`'s names now: calls that have no limit of their own are told so. */
  failWaiting(error: unknown, here: (kind: SubscriptionKind, name: Buffer) => boolean, all = false): void {
    for (const wish of [...this.#book.unheld]) {
      if (wish.waiting.length === 0 || !here(wish.kind, wish.name)) continue;
      for (const { call } of [...wish.waiting]) if (all || !call.patient) call.fail(error);
    }
  }

  /** Everything ends. `callError`: what calls that wait get. */
  close(channelError: Error | undefined, callError: Error): void {
    for (const wish of this.#book) this.#dropWish(wish, channelError, callError);
    this.#leaving.failAll(callError);
    this.#links.clear(callError);
  }

  #wantOne(
    kind: SubscriptionKind,
    name: Buffer,
    target: SubscriptionTarget | undefined,
    place: CallPlace,
  ): void {
    const wish = this.#book.obtain(kind, name);
    const { key } = wish;
    const given = target instanceof AbstractChannel ? target : null;
    if (given !== null ? !wish.channels.includes(given) : wish.channels.length === 0) {
      const channel = given ?? this.#settings.makeChannel(kind, name);
      wish.channels = [...wish.channels, channel];
      place.call.added.push([wish, channel]);
      this.#gate.add(channel);
    }
    wish.waiting.push(place);
    if (wish.holder?.has(kind, key) === true) return this.#acknowledge(wish);
    const having = this.#links.having(kind, key);
    // An unsubscription that was not sent yet is not sent any more.
    if (having !== null) return this.#held(having, kind, key);
    this.#links.touch(kind, key, name);
  }

  #unwantOne(
    kind: SubscriptionKind,
    name: Buffer,
    target: SubscriptionTarget | undefined,
    place: CallPlace,
  ): void {
    const key = nameKey(name);
    const wish = this.#book.get(kind, key);
    if (wish !== undefined) {
      const ending =
        target instanceof AbstractChannel ? wish.channels.filter((c) => c === target) : wish.channels;
      if (ending.length === wish.channels.length) {
        // Whose subscription is under way hears of its end; nobody will acknowledge what was not sent.
        if (this.#links.adopt(kind, key, wish.waiting)) wish.waiting = [];
        this.#dropWish(wish, undefined);
      } else {
        this.#removeChannels(wish, ending);
      }
    }
    const stays = this.#book.get(kind, key) !== undefined;
    if (stays || !this.#links.know(kind, key)) {
      place.call.done(place.index, makeAck(kind, false, name, this.#count(kind)));
      return;
    }
    this.#leaving.add(kind, key, place, this.#settings.count?.(kind) ?? null);
  }

  #held(link: SubscriptionLink, kind: SubscriptionKind, key: string, count?: number): void {
    const wish = this.#book.get(kind, key);
    if (wish === undefined) return;
    const now = this.#now();
    if (wish.holder !== null && wish.holder !== link) wish.openHole(movedError(), wish.holder.heard);
    this.#book.hold(wish, link, now);
    this.#leaving.done(kind, key, this.#count(kind));
    // A channel that heard of a gap may have ended the wish.
    this.#acknowledge(wish, count);
  }

  #released(link: SubscriptionLink, kind: SubscriptionKind, key: string, count?: number): void {
    this.#leaving.done(kind, key, this.#count(kind, count));
    const wish = this.#book.get(kind, key);
    if (wish === undefined) return;
    if (wish.holder === link) this.#book.unhold(wish, movedError(), this.#now());
    this.#links.touch(kind, key, wish.name);
  }

  #refused(kind: SubscriptionKind, key: string, subscribe: boolean, error: Error): void {
    if (!subscribe) return this.#leaving.fail(kind, key, error);
    const wish = this.#book.get(kind, key);
    if (wish !== undefined) this.#dropWish(wish, error, error);
  }

  #ended(link: SubscriptionLink, names: ServerNames, from: number, reason: Error): void {
    this.#links.remove(link);
    for (const [kind, key] of names) {
      const wish = this.#book.get(kind, key);
      if (wish?.holder === link) this.#book.unhold(wish, reason, from);
      if (wish !== undefined) this.#links.touch(kind, key, wish.name);
      if (!this.#links.know(kind, key)) this.#leaving.done(kind, key, this.#count(kind));
    }
    this.#settings.onWork();
  }

  #acknowledge(wish: Wish, count?: number): void {
    wish.acknowledge(() => makeAck(wish.kind, true, wish.name, this.#count(wish.kind, count)));
  }

  #count(kind: SubscriptionKind, said?: number): number {
    if (this.#settings.count !== undefined) return this.#settings.count(kind);
    if (said !== undefined) return said;
    return this.#book.count(kind);
  }

  #undo(call: PubsubCall, reason: unknown): void {
    const error = reason instanceof Error ? reason : undefined;
    for (const added of call.added) {
      const [wish, channel] = added;
      if (wish.dropped || !wish.channels.includes(channel)) continue;
      const heir = wish.waiting.find((place) => !place.call.settled)?.call;
      const last = wish.channels.length === 1;
      if (last && heir !== undefined) {
        heir.added.push(added);
        continue;
      }
      // What was never heard by it may be asked for once more with the same object.
      if (wish.waiting.some((place) => place.call === call)) this.#takeOut(wish, [channel]);
      else this.#removeChannels(wish, [channel], error);
      if (last) this.#dropWish(wish, error);
    }
    this.#settings.onWork();
  }

  #takeOut(wish: Wish, channels: readonly AbstractChannel[]): void {
    wish.channels = wish.channels.filter((channel) => !channels.includes(channel));
    for (const channel of channels) this.#gate.remove(channel);
  }

  #removeChannels(wish: Wish, channels: readonly AbstractChannel[], error?: Error): void {
    this.#takeOut(wish, channels);
    wish.closeChannels(channels, error);
  }

  #dropWish(wish: Wish, error: Error | undefined, callError: Error = error ?? unacknowledged()): void {
    this.#book.remove(wish);
    this.#links.touch(wish.kind, wish.key, wish.name);
    this.#removeChannels(wish, wish.channels, error);
    wish.failWaiting(callError);
  }

  /** Closed by its owner or by its overflow policy: nobody needs to hear it any more. */
  #channelClosed(channel: AbstractChannel): void {
    const key = nameKey(channel.name);
    for (const kind of KINDS) {
      const wish = this.#book.get(kind, key);
      if (wish?.channels.includes(channel) !== true) continue;
      if (wish.channels.length > 1) this.#removeChannels(wish, [channel]);
      else this.#dropWish(wish, undefined);
    }
    this.#settings.onWork();
  }

  #now(): number {
    return this.#settings.now?.() ?? Date.now();
  }
}

function movedError(): Error {
  return new RedisClusterError('the subscription moved to another node');
}
