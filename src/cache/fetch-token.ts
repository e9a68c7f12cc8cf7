import type { Reply } from '../resp/types.ts';
import { recall, store, type Stored } from './stored-reply.ts';

/** A pending read, from the moment its request is queued. Callers of the same read may share its reply. */
export class FetchToken {
  readonly key: string;
  /** Command and arguments. */
  readonly field: string;
  /** The pool that reads; only its own calls may join. */
  readonly scope: unknown;
  /** How many connections had ended when the read began. */
  readonly born: number;
  /** When the read began; monotonic ms. */
  readonly at: number;
  /** True while nothing has happened to the key. */
  valid = true;
  /** The next pending read of the same key. */
  next: FetchToken | null = null;
  /** The pending reply; null if no other caller may join. */
  promise: Promise<Reply> | null = null;
  /** The request that carries the read. */
  carrier: { readonly maybeExecuted: boolean } | null = null;
  #joined = false;
  /** A copy of the reply, made before its first caller could change it. */
  #copy: Stored = null;

  constructor(key: string, field: string, scope: unknown, born: number, at: number) {
    this.key = key;
    this.field = field;
    this.scope = scope;
    this.born = born;
    this.at = at;
  }

  /** Takes the reply; call it before any caller gets it. */
  arrived(value: Reply): void {
    if (this.#joined) this.#copy = store(value);
  }

  /** The reply for one more caller, as a private copy. */
  async join(): Promise<Reply> {
    this.#joined = true;
    await this.promise;
    return recall(this.#copy);
  }
}
