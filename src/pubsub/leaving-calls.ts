import { KINDS, makeAck } from './subscription-kinds.ts';
import type { SubscriptionKind } from './subscription-kinds.ts';
import type { CallPlace } from './wish.ts';

/** Calls that wait for the end of a name's subscription. */
export class LeavingCalls {
  readonly #places: Record<SubscriptionKind, Map<string, CallPlace[]>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };

  add(kind: SubscriptionKind, key: string, place: CallPlace): void {
    const places = this.#places[kind].get(key);
    if (places === undefined) this.#places[kind].set(key, [place]);
    else places.push(place);
  }

  done(kind: SubscriptionKind, key: string, count: number): void {
    const name = Buffer.from(key, 'latin1');
    for (const { call, index } of this.#take(kind, key)) call.done(index, makeAck(kind, false, name, count));
  }

  fail(kind: SubscriptionKind, key: string, error: Error): void {
    for (const { call } of this.#take(kind, key)) call.fail(error);
  }

  failAll(error: Error): void {
    for (const kind of KINDS) {
      for (const key of [...this.#places[kind].keys()]) this.fail(kind, key, error);
    }
  }

  #take(kind: SubscriptionKind, key: string): readonly CallPlace[] {
    const places = this.#places[kind].get(key);
    if (places === undefined) return [];
    this.#places[kind].delete(key);
    return places;
  }
}
