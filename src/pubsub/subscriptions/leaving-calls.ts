import { KINDS, makeAck } from './subscription-kinds.ts';
import type { SubscriptionKind } from './subscription-kinds.ts';
import type { CallPlace } from './wish.ts';

interface Leaving {
  readonly place: CallPlace;
  /** How many names were left when this one was given up; null: the server says. */
  readonly count: number | null;
}

/** Calls that wait for the end of a name's subscription. */
export class LeavingCalls {
  readonly #places: Record<SubscriptionKind, Map<string, Leaving[]>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };

  add(kind: SubscriptionKind, key: string, place: CallPlace, count: number | null): void {
    const leaving = { place, count };
    const places = this.#places[kind].get(key);
    if (places === undefined) this.#places[kind].set(key, [leaving]);
    else places.push(leaving);
  }

  done(kind: SubscriptionKind, key: string, said: number): void {
    const name = Buffer.from(key, 'latin1');
    for (const { place, count } of this.#take(kind, key))
      place.call.done(place.index, makeAck(kind, false, name, count ?? said));
  }

  fail(kind: SubscriptionKind, key: string, error: Error): void {
    for (const { place } of this.#take(kind, key)) place.call.fail(error);
  }

  failAll(error: Error): void {
    for (const kind of KINDS) {
      for (const key of [...this.#places[kind].keys()]) this.fail(kind, key, error);
    }
  }

  #take(kind: SubscriptionKind, key: string): readonly Leaving[] {
    const places = this.#places[kind].get(key);
    if (places === undefined) return [];
    this.#places[kind].delete(key);
    return places;
  }
}
