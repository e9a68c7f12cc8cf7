import type { OwnWrites } from '../cache/own-writes.ts';
import { type Entry, follow } from '../connection/requests/entry.ts';
import type { SessionState } from '../connection/session/session-state.ts';
import type { RedisValue } from '../resp/types.ts';

type Drop = () => void;

/**
 * Drops cached replies for keys written directly on one connection (a lease): when the write is queued, when it has
 * settled, and again with the EXEC that runs it.
 */
export class LeaseWrites {
  readonly #session: SessionState;
  readonly #writes: OwnWrites;
  /** Drops for the writes of the open transaction; its EXEC repeats them. */
  #held: Drop[] = [];

  constructor(session: SessionState, writes: OwnWrites) {
    this.#session = session;
    this.#writes = writes;
  }

  requested(entry: Entry, args: readonly RedisValue[]): void {
    const { inTransaction } = this.#session;
    const held = this.#held;
    if (held.length > 0 && (!inTransaction || entry.info.name === 'EXEC')) this.#held = [];
    if (inTransaction && entry.info.name === 'EXEC') return dropWith(entry, held);
    const drop = this.#writes.dropOf(entry.info, args);
    if (drop === null) return;
    if (inTransaction) this.#held.push(drop);
    dropWith(entry, [drop]);
  }
}

function dropWith(entry: Entry, drops: readonly Drop[]): void {
  if (drops.length === 0) return;
  const drop = (): void => {
    for (const each of drops) each();
  };
  drop();
  follow(entry, drop);
}
