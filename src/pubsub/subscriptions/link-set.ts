import { nameKey, type SubscriptionKind } from './subscription-kinds.ts';
import type { SubscriptionLink } from './subscription-link.ts';
import type { CallPlace } from './wish.ts';

/** The links there are: what is to change is told to all of them, each finds out whether it is concerned. */
export class LinkSet {
  readonly #links = new Set<SubscriptionLink>();

  add(link: SubscriptionLink): void {
    this.#links.add(link);
  }
  remove(link: SubscriptionLink): void {
    this.#links.delete(link);
  }
  clear(error: unknown): void {
    for (const link of this.#links) link.giveUp(error);
    this.#links.clear();
  }

  /** The one whose server has the name. */
  having(kind: SubscriptionKind, key: string): SubscriptionLink | null {
    for (const link of this.#links) if (link.has(kind, key)) return link;
    return null;
  }

  /** Some link's server has the name, or is being told about it. */
  know(kind: SubscriptionKind, key: string): boolean {
    for (const link of this.#links) if (link.knows(kind, key)) return true;
    return false;
  }

  /** Whether a server was told of the name at `index`. */
  told(kind: SubscriptionKind, names: readonly Buffer[]): (index: number) => boolean {
    return (index) => this.know(kind, nameKey(names[index] as Buffer));
  }

  /** True: the calls' subscription is under way, and its answer will settle them. */
  adopt(kind: SubscriptionKind, key: string, places: readonly CallPlace[]): boolean {
    for (const link of this.#links) if (link.adopt(kind, key, places)) return true;
    return false;
  }

  touch(kind: SubscriptionKind, key: string, name: Buffer): void {
    for (const link of this.#links) link.touch(kind, key, name);
  }
}
