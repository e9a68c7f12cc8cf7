import { jittered } from '../base/backoff.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { RESERVED } from '../connection/connection-core.ts';

/** The pause before tracking is asked for again (ms); it doubles up to the second figure. */
const PAUSE = { first: 50, longest: 2_000 };

/** The tracking of one node, as its retries see it. */
export interface RetryOwner {
  /** False: a connection that is refused is replaced, because its listener has to be looked for again. */
  readonly inPlace: boolean;
  /** Asks again. Nothing is outstanding on the connection, and it gets no work until this resolves. */
  again(connection: BaseConnection): Promise<void>;
  retire(connection: BaseConnection): void;
  /** Whether the connection may get work has changed. */
  changed(connection: BaseConnection): void;
}

/**
 * Connections where tracking was refused only for the moment (`BUSY`, `LOADING`): each asks again after a pause, as soon
 * as nothing is outstanding on it.
 */
export class TrackingRetries {
  readonly #owner: RetryOwner;
  /** The timer of the pause; null: the pause is over, and the connection has to run empty. */
  readonly #waiting = new Map<BaseConnection, NodeJS.Timeout | null>();
  /** In a row, on all connections of the node. */
  #refusals = 0;

  constructor(owner: RetryOwner) {
    this.#owner = owner;
  }

  refused(connection: BaseConnection): void {
    this.#refusals++;
    this.#pause(connection);
  }

  /** The server tracks again. */
  accepted(): void {
    this.#refusals = 0;
  }

  /** Nothing is outstanding on the connection. */
  drained(connection: BaseConnection): void {
    if (this.#waiting.size === 0 || this.#waiting.get(connection) !== null) return;
    const core = coreOf(connection);
    if (core.outstanding > 0) return;
    this.#waiting.delete(connection);
    // A connection that was left in another state gets no more work.
    if (core.session.clean) void this.#ask(connection);
    else this.#release(connection);
  }

  /** The connection has ended. */
  forget(connection: BaseConnection): void {
    clearTimeout(this.#waiting.get(connection) ?? undefined);
    this.#waiting.delete(connection);
  }

  close(): void {
    for (const connection of [...this.#waiting.keys()]) this.forget(connection);
  }

  #pause(connection: BaseConnection): void {
    const pause = Math.min(PAUSE.longest, PAUSE.first * 2 ** (this.#refusals - 1));
    const timer = setTimeout(() => this.#due(connection), jittered(pause));
    timer.unref();
    this.#waiting.set(connection, timer);
  }

  #due(connection: BaseConnection): void {
    const core = coreOf(connection);
    this.#waiting.delete(connection);
    if (core.state !== 'ready') return;
    if (!this.#owner.inPlace) return this.#owner.retire(connection);
    // A lease or a blocking command keeps it for as long as it likes.
    if (core.leaseId !== 0 || core.session.blocking > 0) return this.#pause(connection);
    this.#waiting.set(connection, null);
    core.reserved |= RESERVED.tracking;
    this.#owner.changed(connection);
    this.drained(connection);
  }

  async #ask(connection: BaseConnection): Promise<void> {
    await this.#owner.again(connection);
    this.#release(connection);
  }

  #release(connection: BaseConnection): void {
    coreOf(connection).reserved &= ~RESERVED.tracking;
    this.#owner.changed(connection);
  }
}
