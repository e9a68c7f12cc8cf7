import { fnv } from '../../base/fnv.ts';
import type { MessageKind, MessageListeners } from '../../resp/decoding/message-reader.ts';
import type { Reply } from '../../resp/types.ts';
import { type CallPlace, unacknowledged } from './pubsub-call.ts';
import { ServerNames } from './server-names.ts';
import type { Holder, Subscription } from './subscription.ts';
import { commandName, KINDS, makeAck, messageKind, nameKey } from './subscription-kinds.ts';
import type { Acknowledgement, SubscriptionKind } from './subscription-kinds.ts';

/** A command that brings the server's subscriptions closer to the wanted ones. */
export interface SubscriptionCommand {
  readonly kind: SubscriptionKind;
  readonly subscribe: boolean;
  /** `SUBSCRIBE`, `SUNSUBSCRIBE`, … */
  readonly command: string;
  readonly names: readonly Buffer[];
  readonly subscriptions: readonly Subscription[];
}

/** Tells which connection serves which names. */
export interface Placement {
  /** Whether this connection should serve the name. */
  here(kind: SubscriptionKind, name: Buffer): boolean;
  /** Names of different groups never share a command. In a cluster: the slot of a shard channel. */
  group(kind: SubscriptionKind, name: Buffer): number;
}

/** The methods of the registry that its links use. */
export interface LinkOwner {
  get(kind: SubscriptionKind, key: string): Subscription | undefined;
  /** The name is subscribed, and no command in progress unsubscribes it. */
  held(link: SubscriptionLink, subscription: Subscription, count?: number): void;
  /** The server unsubscribed the name. */
  released(link: SubscriptionLink, subscription: Subscription, count?: number): void;
  refused(subscription: Subscription, subscribe: boolean, error: Error): void;
  /** The link has no record of the name any more. */
  forgotten(subscription: Subscription): void;
  /** The count for an acknowledgement; `said` is the server's. */
  count(subscription: Subscription, said: number): number;
  ended(link: SubscriptionLink, known: readonly Subscription[], from: number, reason: Error): void;
  /** There may be commands to send. */
  work(): void;
}

export interface LinkSettings {
  /** Epoch ms of the last byte from the link's connection. */
  readonly heard?: (() => number) | undefined;
  readonly server?: ServerNames | undefined;
}

/** An unanswered command for one name. */
interface Flight {
  readonly subscribe: boolean;
  /** Calls settled by this command's answer, because their name was unsubscribed meanwhile. */
  waiting: readonly CallPlace[];
}

/** The state of one name on this connection. `flights`: unanswered commands, oldest first. */
interface Remote {
  readonly flights: Flight[];
  /** The server refused to unsubscribe the name; the next unsubscribe tries again. */
  stuck: boolean;
}

const EVERYTHING_HERE: Placement = { here: () => true, group: () => 0 };
const MAX_NAMES = 512;

/**
 * The registry's view of one subscriber connection, from the moment it is usable until it is lost. It sends nothing:
 * the connection's owner writes the commands of `pending()`, reports them with `sent()`, and passes on every push.
 */
export class SubscriptionLink implements Holder, MessageListeners {
  readonly #owner: LinkOwner;
  /** The subscribed names of the connection, which records an acknowledgement before the link does. */
  readonly server: ServerNames;
  readonly #heard: () => number;
  /** Names that are subscribed here, or have a command in progress. */
  readonly #known = new Map<Subscription, Remote>();
  /** Names whose state at the server may differ from the wanted state. */
  readonly #unsettled = new Set<Subscription>();
  readonly #listeners = new ListenerCache();
  #ended = false;
  /** An acknowledgement has come, so the connection works. */
  #useful = false;

  constructor(owner: LinkOwner, { heard = Date.now, server = new ServerNames() }: LinkSettings) {
    this.#owner = owner;
    this.#heard = heard;
    this.server = server;
  }

  get ended(): boolean {
    return this.#ended;
  }
  /** Whether nothing is subscribed and no command is in progress. */
  get empty(): boolean {
    return this.#known.size === 0;
  }
  get useful(): boolean {
    return this.#useful;
  }
  get heard(): number {
    return this.#heard();
  }

  /** Called by the registry when something about the name has changed. */
  touch(subscription: Subscription): void {
    this.#unsettled.add(subscription);
  }

  /** Checks every name again, after a change of the layout. */
  review(subscriptions: Iterable<Subscription>): void {
    for (const subscription of subscriptions) this.touch(subscription);
    for (const subscription of this.#known.keys()) this.touch(subscription);
  }

  /** Whether the name is subscribed, with no command in progress. */
  has(subscription: Subscription): boolean {
    return this.#known.get(subscription)?.flights.length === 0 && this.#subscribed(subscription);
  }
  /** Every name for which `has` is true. */
  *subscribed(): Iterable<Subscription> {
    for (const subscription of this.#known.keys()) if (this.has(subscription)) yield subscription;
  }
  /** Whether the name is subscribed, or has a command in progress. */
  knows(subscription: Subscription): boolean {
    return this.#known.has(subscription);
  }

  /**
   * Called when a name is unsubscribed while calls wait for it. True if its subscription is in progress; the answer then
   * settles them.
   */
  adopt(subscription: Subscription, places: readonly CallPlace[]): boolean {
    const last = this.#known.get(subscription)?.flights.at(-1);
    if (last?.subscribe !== true) return false;
    last.waiting = [...last.waiting, ...places];
    return true;
  }

  /** Called when a name is unsubscribed: asks the server even if it has refused before. */
  leave(subscription: Subscription): void {
    const remote = this.#known.get(subscription);
    if (remote !== undefined) remote.stuck = false;
    this.touch(subscription);
  }

  /**
   * The commands that bring the server's subscriptions closer to the wanted ones; unsubscribing ones first. `limit`
   * roughly bounds the number of names; the next call returns the rest.
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
  /** The subscribing commands of `pending`. */
  missing(placement?: Placement): SubscriptionCommand[] {
    return this.pending(placement).filter(({ subscribe }) => subscribe);
  }
  /** The unsubscribing commands of `pending`. */
  surplus(placement?: Placement): SubscriptionCommand[] {
    return this.pending(placement).filter(({ subscribe }) => !subscribe);
  }

  /** Notes that a command was handed to the connection. Call it in the order of writing. */
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

  /** Routes a message, its strings as bytes; false for another push, or a name unknown to this link. */
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

  /** Handles an acknowledgement; false for a name unknown to this link. */
  acknowledged(ack: Acknowledgement): boolean {
    const { kind, subscribe, key, count } = ack;
    const subscription = key === null || this.#ended ? undefined : this.#owner.get(kind, key);
    const remote = subscription === undefined ? undefined : this.#known.get(subscription);
    if (subscription === undefined || remote === undefined) return false;
    this.#useful = true;
    // `sunsubscribe` may come unasked when a slot moves, so `finished` reports the answers to SUNSUBSCRIBE.
    const answers = remote.flights[0]?.subscribe === subscribe && !(kind === 'shard' && !subscribe);
    const answered = answers ? remote.flights.shift() : undefined;
    remote.stuck = false;
    if (!subscribe) this.#listeners.clear();
    this.touch(subscription);
    for (const place of answered?.waiting ?? []) this.#settle(place, subscription, count);
    this.#learned(subscription, subscribe, count);
    return true;
  }

  /** Called when the server has executed a SUNSUBSCRIBE. */
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
   * Handles an error instead of acknowledgements. With `retry` (`TRYAGAIN`, `LOADING`, a slot that moved) the names are
   * sent again. Otherwise names of a shared command are tried one by one, and a name refused alone is no longer wanted.
   */
  refused({ subscribe, subscriptions }: SubscriptionCommand, error: Error, retry = false): void {
    for (const subscription of subscriptions) {
      const remote = this.#known.get(subscription);
      if (remote === undefined) continue;
      const at = remote.flights.findIndex((flight) => flight.subscribe === subscribe);
      const [refused] = at < 0 ? [] : remote.flights.splice(at, 1);
      for (const { call } of refused?.waiting ?? []) call.fail(error);
      this.touch(subscription);
      // The server gave the slot away and the name with it, so the unsubscription has succeeded.
      if (!subscribe && !this.#subscribed(subscription)) this.#owner.released(this, subscription);
      else if (!retry) this.#refuse(subscription, remote, subscribe, subscriptions.length > 1, error);
      if (this.has(subscription)) this.#owner.held(this, subscription);
      this.#tidy(subscription);
    }
    this.#owner.work();
  }

  /** Called when the connection is lost. `from`: epoch ms of its last byte. */
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

  /** Fails the waiting calls, because the registry is closed. */
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

  /** Drops the record of a name that is not subscribed and has no command in progress. */
  #tidy(subscription: Subscription): void {
    if (this.#known.get(subscription)?.flights.length !== 0 || this.#subscribed(subscription)) return;
    this.#known.delete(subscription);
    this.#owner.forgotten(subscription);
  }

  /** Whether the name is subscribed according to the last acknowledgement. */
  #subscribed({ kind, key }: Subscription): boolean {
    return this.server.has(kind, key);
  }

  /** Whether the name will be in the wanted state once all commands in progress are answered. */
  #settled(subscription: Subscription, wanted: boolean): boolean {
    const remote = this.#known.get(subscription);
    const last = remote?.flights.at(-1);
    const will = remote !== undefined && (last?.subscribe ?? this.#subscribed(subscription));
    return wanted === will;
  }
}

/** Finds subscriptions by the bytes of a name, without making a string or a Buffer. */
class ListenerCache {
  readonly #byHash = new Map<number, Subscription[]>();
  /** The last subscription found; the next message is often for the same one. */
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
