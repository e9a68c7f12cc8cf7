import { jittered } from '../base/backoff.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { RESERVED } from '../connection/connection-core.ts';

/** Pause, in ms, before tracking is requested again; it doubles from `first` up to `longest`. */
const PAUSE = { first: 50, longest: 2_000 };

/** The part of a node's tracking that its retries use. */
export interface RetryOwner {
  /** True: retry on the same connection. False: replace the connection, because it needs a listener. */
  readonly inPlace: boolean;
  /** Requests tracking again, with nothing outstanding; the connection gets no work until this resolves. */
  again(connection: BaseConnection): Promise<void>;
  retire(connection: BaseConnection): void;
  /** The connection became fit or unfit for work. */
  changed(connection: BaseConnection): void;
}

/**
 * Retries tracking on connections where the server refused it for the moment (`BUSY`): after a pause, once nothing is
 * outstanding on the connection.
 */
export class TrackingRetries {
  readonly #owner: RetryOwner;
  /** The pause's timer per connection; null: the pause is over, and the retry waits for outstanding replies. */
  readonly #waiting = new Map<BaseConnection, NodeJS.Timeout | null>();
  /** Refusals in a row, over all connections of the node. */
  #refusals = 0;

  constructor(owner: RetryOwner) {
    this.#owner = owner;
  }

  refused(connection: BaseConnection): void {
    this.#refusals++;
    this.#pause(connection);
  }

  /** The server accepted CLIENT TRACKING, so the next pause is short again. */
  accepted(): void {
    this.#refusals = 0;
  }

  /** Called when nothing is outstanding on the connection: retries if its pause is over. */
  drained(connection: BaseConnection): void {
    if (this.#waiting.size === 0 || this.#waiting.get(connection) !== null) return;
    const core = coreOf(connection);
    if (core.outstanding > 0) return;
    this.#waiting.delete(connection);
    // Do not ask on an unclean session; the pool closes such a connection.
    if (core.session.clean) void this.#ask(connection);
    else this.#release(connection);
  }

  /** Called when the connection has ended. */
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
    // A lease or a blocking command may hold the connection for long: pause again.
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
