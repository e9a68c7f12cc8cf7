import { call } from '../connection/requests/call.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import { ConnectionError, TimeoutError } from '../errors/errors.ts';

/**
 * Finds peers that are gone without a word: while something is awaited that ought to make the server speak, half
 * of the limit in silence is answered with a PING, all of it ends the connection. What blocks by design is no
 * reason to expect anything.
 */
export class PeerWatch {
  readonly #core: ConnectionCore;
  readonly #limit: number;
  readonly #timer: NodeJS.Timeout;
  #heard = -1;
  #since = 0;
  #asked = false;

  constructor(core: ConnectionCore, limit: number) {
    this.#core = core;
    this.#limit = limit;
    this.#timer = setInterval(() => this.#check(), Math.max(1, Math.ceil(limit / 10)));
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const core = this.#core;
    const { session, outbox } = core;
    const expecting = outbox.length > session.blocking || session.subscribed > 0 || session.tracking;
    const now = performance.now();
    if (!expecting || core.muted || core.inbox.paused || outbox.heard !== this.#heard) {
      this.#heard = outbox.heard;
      this.#since = now;
      this.#asked = false;
      return;
    }
    const silence = now - this.#since;
    if (silence >= this.#limit) {
      const cause = new TimeoutError(`nothing heard for ${this.#limit} ms (deadPeerTimeout)`, {
        phase: 'reply',
      });
      core.close(new ConnectionError(core.text(cause.message), { cause, endpoint: core.settings.endpoint }));
    } else if (!this.#asked && silence >= this.#limit / 2) {
      this.#asked = true;
      // Its answer is what counts, not its outcome.
      if (!session.inTransaction) call(core, 'PING', [], { ledger: false }).catch(() => {});
    }
  }
}
