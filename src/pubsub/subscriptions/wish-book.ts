import type { TextMode } from '../../resp/types.ts';
import { ChannelView } from '../channels/channel-view.ts';
import { KINDS, nameKey } from './subscription-kinds.ts';
import type { SubscriptionKind } from './subscription-kinds.ts';
import type { SubscriptionLink } from './subscription-link.ts';
import { Wish } from './wish.ts';

type ByKind<T> = Record<SubscriptionKind, Map<string, T>>;
const byKind = <T>(): ByKind<T> => ({ channel: new Map(), pattern: new Map(), shard: new Map() });

/** Every wish there is, and which of them are heard. */
export class WishBook {
  readonly #wishes = byKind<Wish>();
  /** Those that were acknowledged at least once. */
  readonly #established = byKind<Wish>();
  readonly #unheld = new Set<Wish>();

  /** Acknowledged names. */
  view(kind: SubscriptionKind, text: TextMode): ChannelView {
    return new ChannelView([this.#established[kind]], text);
  }
  /** As the server counts: channels and patterns together, shard channels for themselves. */
  count(kind: SubscriptionKind): number {
    const { channel, pattern, shard } = this.#established;
    return kind === 'shard' ? shard.size : channel.size + pattern.size;
  }
  get empty(): boolean {
    return KINDS.every((kind) => this.#wishes[kind].size === 0);
  }
  /** What nobody hears now, and somebody wants to. */
  get unheld(): ReadonlySet<Wish> {
    return this.#unheld;
  }

  get(kind: SubscriptionKind, key: string): Wish | undefined {
    return this.#wishes[kind].get(key);
  }
  of(kind: SubscriptionKind): Iterable<Wish> {
    return this.#wishes[kind].values();
  }
  *[Symbol.iterator](): IterableIterator<Wish> {
    for (const kind of KINDS) yield* [...this.#wishes[kind].values()];
  }

  obtain(kind: SubscriptionKind, name: Buffer): Wish {
    const key = nameKey(name);
    let wish = this.#wishes[kind].get(key);
    if (wish === undefined) {
      wish = new Wish(kind, key, name);
      this.#wishes[kind].set(key, wish);
      this.#unheld.add(wish);
    }
    return wish;
  }

  /** Heard by `link` from `now` on. */
  hold(wish: Wish, link: SubscriptionLink, now: number): void {
    this.#unheld.delete(wish);
    this.#established[wish.kind].set(wish.key, wish);
    if (wish.holder !== link) wish.hold(link, now);
  }
  /** Nobody hears it from now on. */
  unhold(wish: Wish, reason: Error, from: number): void {
    wish.openHole(reason, from);
    this.#unheld.add(wish);
  }

  remove(wish: Wish): void {
    const { kind, key } = wish;
    wish.dropped = true;
    wish.holder = null;
    this.#wishes[kind].delete(key);
    this.#established[kind].delete(key);
    this.#unheld.delete(wish);
  }
}
