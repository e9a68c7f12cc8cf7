import type { Reply } from '../resp/types.ts';
import { recall, store, type Stored } from './stored-reply.ts';

/** One read under way, from the moment its request is queued; others who miss the same may wait for its reply. */
export class FetchToken {
  readonly key: string;
  /** Command and arguments. */
  readonly field: string;
  /** The pool that asked: only its own calls join. */
  readonly scope: unknown;
  /** How many connections had ended when it began. */
  readonly born: number;
  /** When it began; monotonic ms. */
  readonly at: number;
  /** Nothing happened to the key since. */
  valid = true;
  /** Another read of the same key. */
  next: FetchToken | null = null;
  /** The pending reply; null if no other caller may join. */
  promise: Promise<Reply> | null = null;
  /** The request that carries the read. */
  carrier: { readonly maybeExecuted: boolean } | null = null;
  #joined = false;
  /** The reply before its first taker could change it. */
  #copy: Stored = null;

  constructor(key: string, field: string, scope: unknown, born: number, at: number) {
    this.key = key;
    this.field = field;
    this.scope = scope;
    this.born = born;
    this.at = at;
  }

  /** Call it before anybody gets the reply. */
  arrived(value: Reply): void {
    if (this.#joined) this.#copy = store(value);
  }

  /** The same reply for one more caller, as a private copy. */
  async join(): Promise<Reply> {
    this.#joined = true;
    await this.promise;
    return recall(this.#copy);
  }
}
