import type { Duplex } from 'node:stream';
import { ConnectionError } from '../../errors/errors.ts';
import type { ConnectionCore } from '../connection-core.ts';

export const THIS_TURN = 1;
export const THIS_TICK = 2;
/** This many commands get their own write: the server starts on them while the caller makes more. */
const EARLY = 256;
/** After this many ms of silence the socket is read before it is written: its end may have arrived unseen. */
const STALE = 1_000;

/**
 * When what is queued goes to the transport: once per tick, when every continuation has queued what it wants; sooner
 * where much is queued in one go, or where replies are handed out in slices.
 */
export class Writing {
  #planned: 0 | typeof THIS_TURN | typeof THIS_TICK = 0;
  /** Nothing more leaves before the end of the tick. */
  #patient = false;
  /** Nothing leaves before the sockets were polled. */
  #polling = false;
  /** The error of a write in the middle of a tick; null: none. */
  #broken: unknown = null;
  /** The queue is being handed over: it must not change under that. */
  busy = false;
  /** Input waits until the output has been handed over: a transport may answer during a write. */
  holding = false;
  readonly #held: Buffer[] = [];
  /** Why the connection ends once the output has been handed over. */
  #ending: Error | null = null;
  readonly #core: ConnectionCore;

  constructor(core: ConnectionCore) {
    this.#core = core;
  }

  /**
   * Commands of leases wait until every readable socket has been read: a caller that gets its reply there may share
   * this connection and join the write.
   */
  plan(when: typeof THIS_TURN | typeof THIS_TICK): void {
    if (this.#planned < when) this.#schedule(when);
    else if (when === THIS_TICK && this.#core.outbox.queued >= EARLY && !this.#patient) this.#begin();
  }

  #schedule(when: typeof THIS_TURN | typeof THIS_TICK): void {
    if (this.#planned === 0) {
      const { counters } = this.#core;
      const now = Date.now();
      counters.lastRequestCreatedAt = now;
      if (now - (counters.lastByteReceivedAt ?? now) >= STALE)
        this.#pollFirst(now - counters.lastByteReceivedAt!);
    }
    this.#planned = when;
    if (when === THIS_TICK) process.nextTick(flush, this.#core);
    else setImmediate(flush, this.#core);
  }

  /**
   * The process, or its loop, may have stood still, and the end of the connection may wait in the kernel. What is queued
   * then fails unsent and moves to another connection. Two turns: the first may come right after a poll that began before.
   */
  #pollFirst(silence: number): void {
    const core = this.#core;
    if (core.state !== 'ready' || core.muted || core.reserved !== 0 || this.#polling) return;
    this.#polling = true;
    setImmediate(() =>
      setImmediate(() => {
        this.#polling = false;
        core.flush();
      }),
    );
    core.observer?.woke(silence);
  }

  /** Hands over what would go at the end of this tick; whatever is queued from here on goes then. */
  early(): void {
    const { outbox } = this.#core;
    if (this.#planned === THIS_TICK && outbox.length > outbox.written) this.now();
  }

  /** Nothing is planned any more. */
  done(): void {
    this.#planned = 0;
    this.#patient = false;
  }

  now(): void {
    this.#send();
    if (this.holding && !this.busy) this.#release();
  }

  hold(bytes: Buffer): void {
    this.#held.push(Buffer.from(bytes));
  }

  /** The transport failed during a write: send nothing more. */
  end(reason: Error): void {
    this.#ending ??= reason;
    this.holding = true;
    this.#core.outbox.blocked = true;
  }

  /** Bytes that arrive during the loop are held as well, so that all bytes are read in order. */
  #release(): void {
    const core = this.#core;
    for (let bytes = this.#held.shift(); bytes !== undefined; bytes = this.#held.shift())
      if (core.state !== 'closed') core.reception.receive(bytes, bytes.length);
    this.holding = false;
    if (this.#ending !== null) core.close(this.#ending);
  }

  #send(): void {
    const core = this.#core;
    if (core.state === 'closed' || core.outbox.blocked || this.busy || this.#polling) return;
    if (!this.#handOver()) return;
    if (core.crowded) core.observer?.room();
    if (core.outbox.complete !== null) core.complete();
    if (core.outbox.length === 0) core.observer?.drained();
    core.idleWatch?.wrote();
  }

  /**
   * Writes in the middle of a caller's loop, and calls no observer. Requests without a reply wait, because writing them
   * would make the queue look empty too early.
   */
  #begin(): void {
    const { outbox, transport, state } = this.#core;
    // Asked once: a queue that cannot leave now grows by as much as there is room for.
    this.#patient =
      transport === null ||
      state === 'closed' ||
      outbox.blocked ||
      this.busy ||
      this.#polling ||
      outbox.expectsSilence();
    if (transport === null || this.#patient) return;
    try {
      this.#write(transport);
    } catch (cause) {
      this.#broken = cause;
      this.#patient = true;
    }
  }

  #handOver(): boolean {
    const core = this.#core;
    try {
      if (this.#broken !== null) throw this.#broken;
      if (core.transport === null) return false;
      this.#write(core.transport);
      return this.#ending === null;
    } catch (cause) {
      core.close(core.error(ConnectionError, 'writing to its transport failed', { cause }));
      return false;
    }
  }

  #write(transport: Duplex): void {
    const { counters, outbox } = this.#core;
    const { bytesWritten } = counters;
    this.busy = true;
    this.holding = true;
    try {
      outbox.flush(transport);
    } finally {
      this.busy = false;
    }
    if (counters.bytesWritten !== bytesWritten) counters.lastByteWrittenAt = Date.now();
  }
}

function flush(core: ConnectionCore): void {
  core.flush();
}
