import type { MessageListeners } from '../../resp/decoding/message-reader.ts';
import type { Reply } from '../../resp/types.ts';
import { ListenerTable } from './listener-table.ts';
import { type ServerName, ServerNames } from './server-names.ts';
import { commandName, makeAck, messageKind, nameKey, pubsubAction } from './subscription-kinds.ts';
import type { SubscriptionCommand, SubscriptionKind } from './subscription-kinds.ts';
import { type CallPlace, unacknowledged, type Wish } from './wish.ts';

/** Where names belong, when there are several connections. */
export interface Placement {
  /** Whether this connection is the one for the name. */
  here(kind: SubscriptionKind, name: Buffer): boolean;
  /** Names of different groups never share a command: in a cluster the slot of a shard channel. */
  group(kind: SubscriptionKind, name: Buffer): number;
}

/** What the registry is to its links. */
export interface LinkOwner {
  wish(kind: SubscriptionKind, key: string): Wish | undefined;
  /** The server has the name, and nothing under way takes it away again. */
  held(link: SubscriptionLink, kind: SubscriptionKind, key: string, count?: number): void;
  /** The server let go of the name. */
  released(link: SubscriptionLink, kind: SubscriptionKind, key: string, count?: number): void;
  refused(kind: SubscriptionKind, key: string, subscribe: boolean, error: Error): void;
  /** How many names an acknowledgement tells of, where the server said `said`. */
  count(kind: SubscriptionKind, key: string, said: number): number;
  ended(link: SubscriptionLink, names: ServerNames, from: number, reason: Error): void;
  /** There may be something to send. */
  work(): void;
}

const EVERYTHING_HERE: Placement = { here: () => true, group: () => 0 };
const MAX_NAMES = 512;

/**
 * The registry's view of one subscriber connection, from the moment it is usable until it is lost. It sends
 * nothing itself: the connection's owner writes what `missing()` and `surplus()` return, tells `sent()`, and
 * hands over every push.
 */
export class SubscriptionLink implements MessageListeners {
  readonly #owner: LinkOwner;
  readonly #names = new ServerNames();
  /** What may differ between the server's set and the wanted one. */
  readonly #unsettled: Record<SubscriptionKind, Map<string, Buffer>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };
  readonly #heard: () => number;
  #ended = false;
  /** An acknowledgement has come: the connection was of use. */
  #useful = false;
  readonly #table = new ListenerTable();

  constructor(owner: LinkOwner, heard: () => number) {
    this.#owner = owner;
    this.#heard = heard;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Nothing is subscribed on it, and nothing is under way. */
  get empty(): boolean {
    return this.#names.empty;
  }
  get useful(): boolean {
    return this.#useful;
  }
  /** Epoch ms of the last byte that came over its connection. */
  get heard(): number {
    return this.#heard();
  }

  /** Something about this name changed; called by the registry. */
  touch(kind: SubscriptionKind, key: string, name: Buffer): void {
    this.#unsettled[kind].set(key, name);
  }

  /** Looks at every name again: after a change of the cluster's layout. */
  review(wishes: Iterable<Wish>): void {
    for (const wish of wishes) this.touch(wish.kind, wish.key, wish.name);
    for (const [kind, key] of this.#names) {
      this.touch(kind, key, this.#names.get(kind, key)?.name as Buffer);
    }
  }

  has(kind: SubscriptionKind, key: string): boolean {
    return this.#names.has(kind, key);
  }

  /** Subscribed, or something about it is under way. */
  knows(kind: SubscriptionKind, key: string): boolean {
    return this.#names.get(kind, key) !== undefined;
  }

  /**
   * The name is left while these calls wait for it. True: their subscription is under way, and its answer will settle
   * them.
   */
  adopt(kind: SubscriptionKind, key: string, places: readonly CallPlace[]): boolean {
    return this.#names.adopt(kind, key, places);
  }
  /** Nothing of it will be answered. */
  giveUp(error: unknown): void {
    for (const { call } of this.#names.takeOrphans()) call.fail(error);
  }

  /** The commands that subscribe to what is wanted here, and neither subscribed nor about to be. */
  missing(placement: Placement = EVERYTHING_HERE): SubscriptionCommand[] {
    return this.#commands(true, placement);
  }

  /** The commands that end what is subscribed, or about to be, and not wanted here. */
  surplus(placement: Placement = EVERYTHING_HERE): SubscriptionCommand[] {
    return this.#commands(false, placement);
  }

  /** The command was handed to the connection. To be called in the order of writing. */
  sent(command: SubscriptionCommand): void {
    if (this.#ended) return;
    for (const name of command.names) {
      this.#names.obtain(command.kind, nameKey(name), name).inFlight.push(command.subscribe);
    }
  }

  find(bytes: Buffer, start: number, end: number, shard: boolean): Wish | null {
    const known = this.#table.find(bytes, start, end, shard);
    if (known !== null && known.holder === this && !known.dropped) return known;
    const key = bytes.toString('latin1', start, end);
    const wish = this.#owner.wish(shard ? 'shard' : 'channel', key);
    if (wish === undefined || wish.holder !== this) return null;
    if (known !== null) this.#table.clear();
    this.#table.add(wish);
    return wish;
  }

  /** Routes a message, its strings as bytes; false when it is none, or of a name that was never asked for here. */
  message(push: readonly Reply[]): boolean {
    const kind = messageKind(push[0]);
    if (kind === null) return false;
    const name = push[1] as Buffer;
    const key = nameKey(name);
    const wish = this.#owner.wish(kind, key);
    if (wish === undefined || wish.holder !== this) return this.knows(kind, key);
    if (kind === 'pattern') wish.deliver([push[2] as Buffer, push[3] as Buffer]);
    else wish.deliver(push[2] as Buffer);
    return true;
  }

  /** Takes note of an acknowledgement; false as for `message`. */
  acknowledged(push: readonly Reply[]): boolean {
    const word = push[0];
    const action = typeof word === 'string' || Buffer.isBuffer(word) ? pubsubAction(word.toString()) : null;
    const name = push[1];
    // `UNSUBSCRIBE` without names and without subscriptions names none.
    if (action === null || this.#ended || !Buffer.isBuffer(name)) return false;
    const { kind, subscribe } = action;
    const key = nameKey(name);
    const known = this.#names.get(kind, key);
    if (known === undefined) return false;
    this.#useful = true;
    // A `sunsubscribe` of a moved slot comes unasked and answers no command.
    const asked = known.inFlight[0] === subscribe;
    if (asked) known.inFlight.shift();
    known.subscribed = subscribe;
    known.stuck = false;
    if (!subscribe) this.#table.clear();
    this.touch(kind, key, known.name);
    if (asked && subscribe) this.#tellOrphans(kind, key, known, Number(push[2]));
    this.#learned(kind, key, subscribe && !known.inFlight.includes(false), subscribe, Number(push[2]));
    return true;
  }

  /**
   * An error came instead of acknowledgements. With `retry` the names are missing again (`TRYAGAIN`,
   * `LOADING`, a slot that moved); else the names of a command of several are tried one by one, and one that
   * is refused alone is no longer wanted.
   */
  refused(command: SubscriptionCommand, error: Error, retry = false): void {
    const { kind, subscribe, names } = command;
    for (const name of names) {
      const key = nameKey(name);
      const known = this.#names.get(kind, key);
      if (known === undefined) continue;
      const place = known.inFlight.indexOf(subscribe);
      if (place >= 0) known.inFlight.splice(place, 1);
      if (place >= 0 && subscribe) for (const { call } of this.#names.answered(known)) call.fail(error);
      this.touch(kind, key, name);
      if (!retry) this.#judge(kind, key, subscribe, names.length > 1, error);
      if (this.#names.has(kind, key)) this.#owner.held(this, kind, key);
      this.#names.tidy(kind, key);
    }
    this.#owner.work();
  }

  /** The connection is gone. `from`: epoch ms of the last byte that came over it. */
  lost(from: number, reason: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#table.clear();
    this.#owner.ended(this, this.#names, from, reason);
    this.giveUp(unacknowledged(reason));
    this.#names.clear();
  }

  #tellOrphans(kind: SubscriptionKind, key: string, known: ServerName, said: number): void {
    for (const { call, index } of this.#names.answered(known))
      call.done(index, makeAck(kind, true, known.name, this.#owner.count(kind, key, said)));
  }

  #judge(kind: SubscriptionKind, key: string, subscribe: boolean, inCompany: boolean, error: Error): void {
    if (!subscribe) {
      const known = this.#names.get(kind, key);
      if (known !== undefined) known.stuck = true;
      this.#owner.refused(kind, key, false, error);
      return;
    }
    const wish = this.#owner.wish(kind, key);
    if (inCompany && wish !== undefined) wish.alone = true;
    else this.#owner.refused(kind, key, true, error);
  }

  #learned(kind: SubscriptionKind, key: string, held: boolean, subscribe: boolean, count: number): void {
    if (!subscribe) this.#owner.released(this, kind, key, count);
    else if (held) this.#owner.held(this, kind, key, count);
    this.#names.tidy(kind, key);
    if (this.#unsettledNow(kind, key) || this.#names.empty) this.#owner.work();
  }

  #unsettledNow(kind: SubscriptionKind, key: string): boolean {
    const wanted = this.#owner.wish(kind, key) !== undefined;
    if (wanted !== this.#names.willHave(kind, key)) return true;
    this.#unsettled[kind].delete(key);
    return false;
  }

  #commands(subscribe: boolean, placement: Placement): SubscriptionCommand[] {
    const commands: SubscriptionCommand[] = [];
    if (this.#ended) return commands;
    for (const kind of ['channel', 'pattern', 'shard'] as const) {
      const groups = new Map<number, Buffer[]>();
      for (const [key, name] of this.#unsettled[kind]) {
        const wish = this.#owner.wish(kind, key);
        const wanted = wish !== undefined && placement.here(kind, name);
        const settled = wanted === this.#names.willHave(kind, key);
        if (settled) this.#unsettled[kind].delete(key);
        if (settled || wanted !== subscribe) continue;
        if (!subscribe && this.#names.get(kind, key)?.stuck === true) continue;
        if (wish?.alone === true) commands.push(makeCommand(kind, subscribe, [name]));
        else addTo(groups, placement.group(kind, name), name);
      }
      for (const names of groups.values()) commands.push(...inChunks(kind, subscribe, names));
    }
    return commands;
  }
}

function makeCommand(
  kind: SubscriptionKind,
  subscribe: boolean,
  names: readonly Buffer[],
): SubscriptionCommand {
  return { kind, subscribe, command: commandName(kind, subscribe), names };
}

function addTo(groups: Map<number, Buffer[]>, group: number, name: Buffer): void {
  const names = groups.get(group);
  if (names === undefined) groups.set(group, [name]);
  else names.push(name);
}

function inChunks(
  kind: SubscriptionKind,
  subscribe: boolean,
  names: readonly Buffer[],
): SubscriptionCommand[] {
  const commands: SubscriptionCommand[] = [];
  for (let start = 0; start < names.length; start += MAX_NAMES) {
    commands.push(makeCommand(kind, subscribe, names.slice(start, start + MAX_NAMES)));
  }
  return commands;
}
