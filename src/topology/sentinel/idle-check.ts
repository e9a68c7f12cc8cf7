import type { Deadline } from '../../base/deadline.ts';
import { type BaseConnection, coreOf } from '../../connection/base-connection.ts';
import { ping } from '../../connection/requests/call.ts';
import { type TimeoutError, tookTooLong } from '../../errors/errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';

/** Silence, in ms, after which a connection counts as idle. */
const IDLE = 100;
/** Longest wait for the PING's answer, in ms. */
const LONGEST = 2_000;

/** Sends PING over an idle shared connection before calls use it; calls wait in line meanwhile. */
export class IdleCheck {
  readonly #node: ConnectionNode;
  #asking: Promise<void> | null = null;

  constructor(node: ConnectionNode) {
    this.#node = node;
  }

  /** Whether calls must wait for `passed`. */
  get due(): boolean {
    return this.#asking !== null || this.#idle() !== null;
  }

  async passed(deadline: Deadline): Promise<void> {
    if (this.#asking === null) {
      const connection = this.#idle();
      if (connection === null) return;
      this.#asking = this.#ask(connection, Math.min(LONGEST, Math.max(1, deadline.remaining() / 2)));
    }
    const late = (): TimeoutError => tookTooLong('the check of a connection that has idled', deadline);
    await deadline.wait(this.#asking, late);
  }

  #idle(): BaseConnection | null {
    const connection = this.#node.tryShare();
    if (connection === null) return null;
    const { lastByteReceivedAt, requestsPending } = connection.statistics;
    return requestsPending === 0 && Date.now() - (lastByteReceivedAt ?? 0) > IDLE ? connection : null;
  }

  async #ask(connection: BaseConnection, timeout: number): Promise<void> {
    try {
      // An error reply is a sign of life as well.
      await ping(coreOf(connection), { timeout });
    } catch {
      connection.invalidate('it did not answer when it was checked after a pause');
    } finally {
      // Wait until the waiting calls have continued, so that later calls queue behind them.
      setImmediate(() => {
        this.#asking = null;
      });
    }
  }
}
