import type { ConnectionCore } from '../connection-core.ts';

/**
 * `maxIdleTime`: closes a connection if the server sends nothing for that long while no reply is due. Uses one
 * timer, which is set again only if it fires too early. With CLIENT REPLY OFF writes count as activity.
 */
export class IdleWatch {
  readonly #core: ConnectionCore;
  readonly limit: number;
  readonly #expired: () => void;
  #timer: NodeJS.Timeout | null = null;
  #seenChunks = 0;
  #quietSince = performance.now();
  #wrote = false;

  constructor(core: ConnectionCore, limit: number, expired: () => void) {
    this.#core = core;
    this.limit = limit;
    this.#expired = expired;
    this.#wait(limit);
  }

  wrote(): void {
    this.#wrote = true;
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#check(), Math.min(Math.max(1, Math.ceil(ms)), 2 ** 31 - 1));
    this.#timer.unref();
  }

  #check(): void {
    const now = performance.now();
    const heard = this.#core.outbox.heard;
    const last = this.#core.counters.lastByteReceivedAt;
    const lastWrite = this.#core.counters.lastByteWrittenAt;
    if (heard !== this.#seenChunks && last !== null) {
      this.#seenChunks = heard;
      this.#quietSince = Math.max(this.#quietSince, now - (Date.now() - last));
    }
    if (this.#core.muted && this.#wrote && lastWrite !== null) {
      this.#wrote = false;
      this.#quietSince = Math.max(this.#quietSince, now - (Date.now() - lastWrite));
    }
    // A paused socket is not a silent server: the client has stopped reading.
    if (this.#core.outstanding > 0 || this.#core.inbox.paused) this.#quietSince = now;
    const left = this.#quietSince + this.limit - now;
    if (left <= 0) this.#expired();
    else this.#wait(left);
  }
}
