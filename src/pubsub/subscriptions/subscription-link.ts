import { fnv } from '../../base/fnv.ts';
import type { MessageKind, MessageListeners } from '../../resp/decoding/message-reader.ts';
import type { Reply } from '../../resp/types.ts';
import { type CallPlace, unacknowledged } from './pubsub-call.ts';
import { ServerNames } from './server-names.ts';
import type { Holder, Subscription } from './subscription.ts';
import { commandName, KINDS, makeAck, messageKind, nameKey } from './subscription-kinds.ts';
import type { Acknowledgement, SubscriptionKind } from './subscription-kinds.ts';

/** A command that brings the server's set nearer to the wanted one. */
export interface SubscriptionCommand {
  readonly kind: SubscriptionKind;
  readonly subscribe: boolean;
  /** `SUBSCRIBE`, `SUNSUBSCRIBE`, … */
  readonly command: string;
  readonly names: readonly Buffer[];
  readonly subscriptions: readonly Subscription[];
}

/** Where names belong, when there are several connections. */
export interface Placement {
  /** Whether this connection is one for the name. */
  here(kind: SubscriptionKind, name: Buffer): boolean;
  /** Names of different groups never share a command: in a cluster the slot of a shard channel. */
  group(kind: SubscriptionKind, name: Buffer): number;
}

/** The part of the registry that its links use. */
export interface LinkOwner {
  get(kind: SubscriptionKind, key: string): Subscription | undefined;
  /** The server has the name, and nothing under way takes it away again. */
  held(link: SubscriptionLink, subscription: Subscription, count?: number): void;
  /** The server unsubscribed the name. */
  released(link: SubscriptionLink, subscription: Subscription, count?: number): void;
  refused(subscription: Subscription, subscribe: boolean, error: Error): void;
  /** The link knows nothing of the name any more. */
  forgotten(subscription: Subscription): void;
  /** How many names an acknowledgement tells of, where the server said `said`. */
  count(subscription: Subscription, said: number): number;
  ended(link: SubscriptionLink, known: readonly Subscription[], from: number, reason: Error): void;
  /** There may be something to send. */
  work(): void;
}

export interface LinkSettings {
  /** Epoch ms of the last byte that came over its connection. */
  readonly heard?: (() => number) | undefined;
  readonly server?: ServerNames | undefined;
}

/** A command about one name that was sent and not answered. */
interface Flight {
  readonly subscribe: boolean;
  /** Calls that wait for this very answer, because their name was left meanwhile. */
  waiting: readonly CallPlace[];
}

/** The part of one name that belongs to this connection: commands under way, oldest first. */
interface Remote {
  readonly flights: Flight[];
  /** The server refused to unsubscribe it: ask again at the next unsubscribe. */
  stuck: boolean;
}

const EVERYTHING_HERE: Placement = { here: () => true, group: () => 0 };
const MAX_NAMES = 512;

/**
 * The registry's view of one subscriber connection, from the moment it is usable until it is lost. It sends
 * nothing itself: the connection's owner writes what `pending()` returns, tells `sent()`, and
 * hands over every push.
 */
export class SubscriptionLink implements Holder, MessageListeners {
  readonly #owner: LinkOwner;
  /** The state of its connection, which books an acknowledgement before the link does. */
  readonly server: ServerNames;
  readonly #heard: () => number;
  /** Names that are subscribed here, or about to be. */
  readonly #known = new Map<Subscription, Remote>();
  /** Names whose state on the server may differ from the wanted one. */
  readonly #unsettled = new Set<Subscription>();
  readonly #listeners = new ListenerCache();
  #ended = false;
  /** An acknowledgement has come: the connection was of use. */
  #useful = false;

  constructor(owner: LinkOwner, { heard = Date.now, server = new ServerNames() }: LinkSettings) {
    this.#owner = owner;
    this.#heard = heard;
    this.server = server;
  }

  get ended(): boolean {
    return this.#ended;
  }
  /** Nothing is subscribed on it, and nothing is under way. */
  get empty(): boolean {
    return this.#known.size === 0;
  }
  get useful(): boolean {
    return this.#useful;
  }
  get heard(): number {
    return this.#heard();
  }

  /** Something about this name changed; called by the registry. */
  touch(subscription: Subscription): void {
    this.#unsettled.add(subscription);
  }

  /** Looks at every name again: after a change of the cluster's layout. */
  review(subscriptions: Iterable<Subscription>): void {
    for (const subscription of subscriptions) this.touch(subscription);
    for (const subscription of this.#known.keys()) this.touch(subscription);
  }

  /** Subscribed, with nothing under way that could change it. */
  has(subscription: Subscription): boolean {
    return this.#known.get(subscription)?.flights.length === 0 && this.#subscribed(subscription);
  }
  /** Every name that is subscribed on it. */
  *subscribed(): Iterable<Subscription> {
    for (const subscription of this.#known.keys()) if (this.has(subscription)) yield subscription;
  }
  /** Subscribed, or something about it is under way. */
  knows(subscription: Subscription): boolean {
    return this.#known.has(subscription);
  }

  /**
   * The name is left while these calls wait for it. True: their subscription is under way, and its answer will settle
   * them.
   */
  adopt(subscription: Subscription, places: readonly CallPlace[]): boolean {
    const last = this.#known.get(subscription)?.flights.at(-1);
    if (last?.subscribe !== true) return false;
    last.waiting = [...last.waiting, ...places];
    return true;
  }

  /** The name is being unsubscribed: ask the server even if it refused before. */
  leave(subscription: Subscription): void {
    const remote = this.#known.get(subscription);
    if (remote !== undefined) remote.stuck = false;
    this.touch(subscription);
  }

  /**
   * The commands that bring the server's set nearer to the wanted one: first those that end what is not wanted here,
   * then those that subscribe. `limit` bounds the number of names, roughly; the rest follows with the next call.
   */
  pending(placement: Placement = EVERYTHING_HERE, limit = Number.POSITIVE_INFINITY): SubscriptionCommand[] {
    const commands: SubscriptionCommand[] = [];
    if (this.#ended) return commands;
    const groups = new Map<string, Subscription[]>();
    let names = 0;
    for (const subscription of this.#unsettled) {
      const { kind, name } = subscription;
      const wanted = subscription.wanted && placement.here(kind, name);
      if (this.#settled(subscription, wanted)) {
        this.#unsettled.delete(subscription);
        continue;
      }
      if (!wanted && this.#known.get(subscription)?.stuck === true) continue;
      if (subscription.alone) commands.push(makeCommand(wanted, [subscription]));
      else addTo(groups, `${wanted} ${kind} ${placement.group(kind, name)}`, subscription);
      if (++names >= limit) break;
    }
    for (const [group, subscriptions] of groups) {
      const subscribe = group.startsWith('true');
      for (let start = 0; start < subscriptions.length; start += MAX_NAMES)
        commands.push(makeCommand(subscribe, subscriptions.slice(start, start + MAX_NAMES)));
    }
    return commands.sort((a, b) => rank(a) - rank(b));
  }
  /** Calls that subscribe. */
  missing(placement?: Placement): SubscriptionCommand[] {
    return this.pending(placement).filter(({ subscribe }) => subscribe);
  }
  /** Calls that end names which are not wanted here. */
  surplus(placement?: Placement): SubscriptionCommand[] {
    return this.pending(placement).filter(({ subscribe }) => !subscribe);
  }

  /** The command was handed to the connection. Call it in the order of writing. */
  sent({ subscribe, subscriptions }: SubscriptionCommand): void {
    if (this.#ended) return;
    for (const subscription of subscriptions) {
      let remote = this.#known.get(subscription);
      if (remote === undefined) this.#known.set(subscription, (remote = { flights: [], stuck: false }));
      remote.flights.push({ subscribe, waiting: [] });
    }
  }

  find(bytes: Buffer, start: number, end: number, kind: MessageKind): Subscription | null {
    const cached = this.#listeners.find(bytes, start, end, kind);
    if (cached?.holders.includes(this) === true) return cached;
    const key = bytes.toString('latin1', start, end);
    const subscription = this.#owner.get(kind, key);
    if (subscription?.holders.includes(this) !== true) return null;
    if (cached !== null) this.#listeners.clear();
    this.#listeners.add(subscription);
    return subscription;
  }

  /** Routes a message, its strings as bytes; false when it is none, or of a name that was never asked for here. */
  message(push: readonly Reply[]): boolean {
    const kind = messageKind(push[0]);
    if (kind === null) return false;
    const subscription = this.#owner.get(kind, nameKey(push[1] as Buffer));
    if (subscription === undefined) return false;
    if (!subscription.holders.includes(this)) return this.knows(subscription);
    if (kind === 'pattern') subscription.deliver([push[2] as Buffer, push[3] as Buffer]);
    else subscription.deliver(push[2] as Buffer);
    return true;
  }

  /** Takes note of an acknowledgement; false: of a name that was never asked for here. */
  acknowledged(ack: Acknowledgement): boolean {
    const { kind, subscribe, key, count } = ack;
    const subscription = key === null || this.#ended ? undefined : this.#owner.get(kind, key);
    const remote = subscription === undefined ? undefined : this.#known.get(subscription);
    if (subscription === undefined || remote === undefined) return false;
    this.#useful = true;
    // A `sunsubscribe` may come unasked, from a slot that moved: `finished` tells when a command was carried out.
    const answers = remote.flights[0]?.subscribe === subscribe && !(kind === 'shard' && !subscribe);
    const answered = answers ? remote.flights.shift() : undefined;
    remote.stuck = false;
    if (!subscribe) this.#listeners.clear();
    this.touch(subscription);
    for (const place of answered?.waiting ?? []) this.#settle(place, subscription, count);
    this.#learned(subscription, subscribe, count);
    return true;
  }

  /** A SUNSUBSCRIBE was carried out. */
  finished({ subscriptions }: SubscriptionCommand): void {
    for (const subscription of subscriptions) {
      const remote = this.#known.get(subscription);
      if (remote?.flights[0]?.subscribe !== false) continue;
      remote.flights.shift();
      this.touch(subscription);
      this.#tidy(subscription);
    }
    this.#owner.work();
  }

  /**
   * An error came instead of acknowledgements. With `retry` the names are missing again (`TRYAGAIN`,
   * `LOADING`, a slot that moved); else the names of a command of several are tried one by one, and one that
   * is refused alone is no longer wanted.
   */
  refused({ subscribe, subscriptions }: SubscriptionCommand, error: Error, retry = false): void {
    for (const subscription of subscriptions) {
      const remote = this.#known.get(subscription);
      if (remote === undefined) continue;
      const at = remote.flights.findIndex((flight) => flight.subscribe === subscribe);
      const [refused] = at < 0 ? [] : remote.flights.splice(at, 1);
      for (const { call } of refused?.waiting ?? []) call.fail(error);
      this.touch(subscription);
      // The server has given its slot away, and the name with it: that is what was asked.
      if (!subscribe && !this.#subscribed(subscription)) this.#owner.released(this, subscription);
      else if (!retry) this.#refuse(subscription, remote, subscribe, subscriptions.length > 1, error);
      if (this.has(subscription)) this.#owner.held(this, subscription);
      this.#tidy(subscription);
    }
    this.#owner.work();
  }

  /** The connection is gone. `from`: epoch ms of the last byte that came over it. */
  lost(from: number, reason: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    const known = [...this.#known];
    this.#known.clear();
    this.#unsettled.clear();
    this.#listeners.clear();
    this.#owner.ended(
      this,
      known.map(([subscription]) => subscription),
      from,
      reason,
    );
    giveUp(known, unacknowledged(reason));
  }

  /** The registry is closed: nothing of it will be answered. */
  giveUp(error: unknown): void {
    giveUp(this.#known, error);
  }

  #settle({ call, index }: CallPlace, subscription: Subscription, said: number): void {
    const { kind, name } = subscription;
    call.done(index, makeAck(kind, true, name, this.#owner.count(subscription, said)));
  }

  #refuse(
    subscription: Subscription,
    remote: Remote,
    subscribe: boolean,
    inCompany: boolean,
    error: Error,
  ): void {
    if (subscribe && inCompany && subscription.wanted) {
      subscription.alone = true;
      return;
    }
    if (!subscribe) remote.stuck = true;
    this.#owner.refused(subscription, subscribe, error);
  }

  #learned(subscription: Subscription, subscribe: boolean, count: number): void {
    if (!subscribe) this.#owner.released(this, subscription, count);
    else if (this.#known.get(subscription)?.flights.every((flight) => flight.subscribe) === true) {
      this.#owner.held(this, subscription, count);
    }
    this.#tidy(subscription);
    if (this.#settled(subscription, subscription.wanted)) this.#unsettled.delete(subscription);
    else return this.#owner.work();
    if (this.empty) this.#owner.work();
  }

  /** Forgets a name that is neither subscribed nor about to be. */
  #tidy(subscription: Subscription): void {
    if (this.#known.get(subscription)?.flights.length !== 0 || this.#subscribed(subscription)) return;
    this.#known.delete(subscription);
    this.#owner.forgotten(subscription);
  }

  /** By the newest acknowledgement. */
  #subscribed({ kind, key }: Subscription): boolean {
    return this.server.has(kind, key);
  }

  /** Whether the server will have it as wanted once everything under way has been answered. */
  #settled(subscription: Subscription, wanted: boolean): boolean {
    const remote = this.#known.get(subscription);
    const last = remote?.flights.at(-1);
    const will = remote !== undefined && (last?.subscribe ?? this.#subscribed(subscription));
    return wanted === will;
  }
}

/** Subscriptions by the bytes of their names, without making a string or a Buffer of them. */
class ListenerCache {
  readonly #byHash = new Map<number, Subscription[]>();
  /** Most messages follow one of their like. */
  #last: Subscription | null = null;

  find(bytes: Buffer, start: number, end: number, kind: MessageKind): Subscription | null {
    const last = this.#last;
    if (last !== null && isNamed(last, bytes, start, end, kind)) return last;
    const found = this.#byHash
      .get(fnv(bytes, start, end))
      ?.find((subscription) => isNamed(subscription, bytes, start, end, kind));
    if (found === undefined) return null;
    this.#last = found;
    return found;
  }

  add(subscription: Subscription): void {
    const at = fnv(subscription.name);
    const same = this.#byHash.get(at);
    if (same === undefined) this.#byHash.set(at, [subscription]);
    else same.push(subscription);
    this.#last = subscription;
  }

  clear(): void {
    this.#byHash.clear();
    this.#last = null;
  }
}

function isNamed(
  { name, kind: own }: Subscription,
  bytes: Buffer,
  start: number,
  end: number,
  kind: MessageKind,
): boolean {
  if (name.length !== end - start || own !== kind) return false;
  for (let at = 0; at < name.length; at++) if (name[at] !== bytes[start + at]) return false;
  return true;
}

function giveUp(known: Iterable<readonly [Subscription, Remote]>, error: unknown): void {
  for (const [, { flights }] of known) {
    for (const flight of flights) {
      for (const { call } of flight.waiting) call.fail(error);
    }
  }
}

function makeCommand(subscribe: boolean, subscriptions: readonly Subscription[]): SubscriptionCommand {
  const kind = (subscriptions[0] as Subscription).kind;
  const names = subscriptions.map(({ name }) => name);
  return { kind, subscribe, command: commandName(kind, subscribe), names, subscriptions };
}

function addTo(groups: Map<string, Subscription[]>, group: string, subscription: Subscription): void {
  const same = groups.get(group);
  if (same === undefined) groups.set(group, [subscription]);
  else same.push(subscription);
}

function rank({ subscribe, kind }: SubscriptionCommand): number {
  return (subscribe ? KINDS.length : 0) + KINDS.indexOf(kind);
}
