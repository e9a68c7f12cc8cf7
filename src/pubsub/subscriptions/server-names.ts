import type { SubscriptionKind } from './subscription-kinds.ts';
import type { CallPlace } from './wish.ts';

/** Calls whose subscription is under way, of a name that nobody wants any more: they wait for its answer alone. */
export interface Orphans {
  readonly places: readonly CallPlace[];
  /** Answers to subscriptions up to theirs. */
  left: number;
}

/** What one connection's server side knows of one name. */
export interface ServerName {
  readonly name: Buffer;
  /** By the newest acknowledgement. */
  subscribed: boolean;
  /** Commands sent and not answered, oldest first; true: a subscription. */
  inFlight: boolean[];
  /** The server refused to let go of it: asking again would not end. */
  stuck: boolean;
  orphans: Orphans[];
}

const NOBODY: readonly CallPlace[] = [];

/** The server's set of one connection, as far as acknowledgements and commands under way tell it. */
export class ServerNames {
  readonly #kinds: Record<SubscriptionKind, Map<string, ServerName>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };

  /** Nothing is subscribed, and nothing is under way. */
  get empty(): boolean {
    const { channel, pattern, shard } = this.#kinds;
    return channel.size === 0 && pattern.size === 0 && shard.size === 0;
  }

  get(kind: SubscriptionKind, key: string): ServerName | undefined {
    return this.#kinds[kind].get(key);
  }

  obtain(kind: SubscriptionKind, key: string, name: Buffer): ServerName {
    let known = this.#kinds[kind].get(key);
    if (known === undefined) {
      known = { name: Buffer.from(name), subscribed: false, inFlight: [], stuck: false, orphans: [] };
      this.#kinds[kind].set(key, known);
    }
    return known;
  }

  /** Takes charge of calls where the last command under way is the subscription that they wait for. */
  adopt(kind: SubscriptionKind, key: string, places: readonly CallPlace[]): boolean {
    const known = this.get(kind, key);
    if (known?.inFlight.at(-1) !== true) return false;
    known.orphans.push({ places, left: known.inFlight.filter((subscribe) => subscribe).length });
    return true;
  }

  /** A subscription was answered: whose it was. */
  answered(known: ServerName): readonly CallPlace[] {
    if (known.orphans.length === 0) return NOBODY;
    for (const orphans of known.orphans) orphans.left--;
    // A name may have been left more than once while one and the same subscription was under way.
    const settled = known.orphans.filter(({ left }) => left === 0);
    known.orphans.splice(0, settled.length);
    return settled.flatMap(({ places }) => places);
  }

  /** Everybody who waits for an answer that will not come. */
  takeOrphans(): readonly CallPlace[] {
    const all: CallPlace[] = [];
    for (const names of Object.values(this.#kinds)) {
      for (const known of names.values())
        all.push(...known.orphans.splice(0).flatMap(({ places }) => places));
    }
    return all;
  }

  /** Forgets a name that is neither subscribed nor about to be. */
  tidy(kind: SubscriptionKind, key: string): void {
    const known = this.get(kind, key);
    if (known !== undefined && !known.subscribed && known.inFlight.length === 0)
      this.#kinds[kind].delete(key);
  }

  /** Whether it will be subscribed once everything under way has been answered. */
  willHave(kind: SubscriptionKind, key: string): boolean {
    const known = this.get(kind, key);
    return known !== undefined && (known.inFlight.at(-1) ?? known.subscribed);
  }

  /** Subscribed, with nothing under way that could change it. */
  has(kind: SubscriptionKind, key: string): boolean {
    const known = this.get(kind, key);
    return known !== undefined && known.subscribed && known.inFlight.length === 0;
  }

  *[Symbol.iterator](): IterableIterator<[kind: SubscriptionKind, key: string]> {
    for (const kind of ['channel', 'pattern', 'shard'] as const) {
      for (const key of this.#kinds[kind].keys()) yield [kind, key];
    }
  }

  clear(): void {
    for (const names of Object.values(this.#kinds)) names.clear();
  }
}
