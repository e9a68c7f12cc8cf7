import { ConnectionError } from '../errors/errors.ts';
import type { ConnectionCore } from './connection-core.ts';

export const THIS_TURN = 1;
export const THIS_TICK = 2;
/** So many commands are worth a write of their own: the server begins with them while the caller makes more. */
const EARLY = 256;

/**
 * When what is queued goes to the transport: once per tick, when every continuation has queued what it wants; sooner
 * where much is queued in one go, or where replies are handed out in slices.
 */
export class Writing {
  #planned: 0 | typeof THIS_TURN | typeof THIS_TICK = 0;
  readonly #core: ConnectionCore;

  constructor(core: ConnectionCore) {
    this.#core = core;
  }

  /**
   * What leases ask for waits until all sockets that are readable now were read: whoever is answered there may get
   * this connection and join the write.
   */
  plan(when: typeof THIS_TURN | typeof THIS_TICK): void {
    if (this.#planned < when) {
      if (this.#planned === 0) this.#core.counters.lastRequestCreatedAt = Date.now();
      this.#planned = when;
      if (when === THIS_TICK) process.nextTick(flush, this.#core);
      else setImmediate(flush, this.#core);
    } else if (when === THIS_TICK) {
      const { outbox } = this.#core;
      if (outbox.length - outbox.written >= EARLY) this.now();
    }
  }

  /** Hands over what would go at the end of this tick; whatever is queued from here on goes then. */
  early(): void {
    const { outbox } = this.#core;
    if (this.#planned === THIS_TICK && outbox.length > outbox.written) this.now();
  }

  /** Nothing is planned any more. */
  done(): void {
    this.#planned = 0;
  }

  now(): void {
    const core = this.#core;
    const { transport, counters, outbox } = core;
    if (transport === null || core.state === 'closed' || outbox.blocked) return;
    const { bytesWritten } = counters;
    try {
      outbox.flush(transport);
    } catch (cause) {
      core.close(new ConnectionError(core.text('its transport could not be written to'), { cause }));
      return;
    }
    if (counters.bytesWritten !== bytesWritten) counters.lastByteWrittenAt = Date.now();
    if (core.onRoom !== null) core.onRoom();
    if (outbox.complete !== null) core.complete();
    if (outbox.length === 0) core.observer?.drained();
    core.idleWatch?.wrote();
  }
}

function flush(core: ConnectionCore): void {
  core.flush();
}
