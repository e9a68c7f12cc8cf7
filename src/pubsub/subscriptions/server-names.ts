import { KINDS, type Acknowledgement, type SubscriptionKind } from './subscription-kinds.ts';

/** The names that the server has for one connection, as its acknowledgements tell. */
export class ServerNames {
  /** How many there are: asked for with every command of a pool, so it is counted when they change. */
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

  /** Books one acknowledgement, also an unrequested one. */
  book({ kind, subscribe, key }: Acknowledgement): void {
    // `UNSUBSCRIBE` without names and without subscriptions names none.
    if (key === null) return;
    if (subscribe) this.#kinds[kind].add(key);
    else this.#kinds[kind].delete(key);
    this.#recount();
  }

  /** RESET: the server has forgotten all of them. */
  clear(): void {
    for (const kind of KINDS) this.#kinds[kind].clear();
    this.size = 0;
  }

  #recount(): void {
    const { channel, pattern, shard } = this.#kinds;
    this.size = channel.size + pattern.size + shard.size;
  }
}
