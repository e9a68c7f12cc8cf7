import { KINDS, type Acknowledgement, type SubscriptionKind } from './subscription-kinds.ts';

/** The names subscribed at the server over one connection, according to its acknowledgements. */
export class ServerNames {
  /** Number of names. Kept up to date, because every command of a pool reads it. */
  size = 0;
  readonly #kinds: Record<SubscriptionKind, Set<string>> = {
    channel: new Set(),
    pattern: new Set(),
    shard: new Set(),
  };

  has(kind: SubscriptionKind, key: string): boolean {
    return this.#kinds[kind].has(key);
  }
  count(kind: SubscriptionKind): number {
    return this.#kinds[kind].size;
  }

  /** Records an acknowledgement, requested or not. */
  book({ kind, subscribe, key }: Acknowledgement): void {
    // The reply to `UNSUBSCRIBE` without names has no name if nothing was subscribed.
    if (key === null) return;
    if (subscribe) this.#kinds[kind].add(key);
    else this.#kinds[kind].delete(key);
    this.#recount();
  }

  /** Removes all names after RESET. */
  clear(): void {
    for (const kind of KINDS) this.#kinds[kind].clear();
    this.size = 0;
  }

  #recount(): void {
    const { channel, pattern, shard } = this.#kinds;
    this.size = channel.size + pattern.size + shard.size;
  }
}
