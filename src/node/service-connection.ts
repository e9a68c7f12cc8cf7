import { fullJitter } from '../base/backoff.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import type { CoreObserver } from '../connection/connection-core.ts';
import { ConnectionError } from '../errors/errors.ts';
import type { AddressDials, DialCandidate, DialGovernor, DialPermit } from '../pooling/dial-governor.ts';
import { PeerWatch } from './peer-watch.ts';
import { setRef } from './pooled-connection.ts';

/**
 *     idle ─▶ dialling ─▶ up        `start()` when the address may be dialled
 *      │ ▲       │        │
 *      ▼ │       ▼        ▼
 *     pausing ◀──┴────────┘         a dial failed, or the connection was lost before it did anything useful
 *
 *     any → closed
 */
export type ServiceState = 'idle' | 'dialling' | 'up' | 'pausing' | 'closed';

const MOVES: Readonly<Record<ServiceState, readonly ServiceState[]>> = {
  idle: ['dialling', 'pausing', 'closed'],
  dialling: ['up', 'idle', 'pausing', 'closed'],
  up: ['idle', 'pausing', 'closed'],
  pausing: ['idle', 'closed'],
  closed: [],
};

/** Bounds of the pause after useless connections: the same for every service. */
const PAUSE = { base: 50, cap: 2_000 };

/** What differs between the owners of a service connection. */
export interface ServiceSettings<C extends BaseConnection> {
  readonly address: string;
  readonly governor: DialGovernor;
  readonly deadPeerTimeout: number | null;
  /** Gives a connection that has run. */
  dial(signal: AbortSignal): Promise<C>;
  /** Whether there is work for it; asked before it is dialled again. */
  wanted(): boolean;
  /** It is there. A throw ends it as a failed dial. */
  up(connection: C): void;
  /** A dial failed; told before the address learns of it. */
  failed(error: unknown): void;
  /** It was lost, not ended by `drop` or `close`. */
  lost(error: Error, connection: C): void;
  /** It did its work before it was lost: the next dial need not pause. Absent: it did. */
  useful?(): boolean;
  /** True: neither a pause nor the connection keeps the process alive. */
  unref(): boolean;
}

/**
 * One connection outside the pool and its bound, for the package's own purposes: dialled when there is work for it, in
 * turn with everything else that dials its address, watched while it is up, dialled again after a loss, and ended when
 * nobody needs it.
 */
export class ServiceConnection<C extends BaseConnection> implements DialCandidate, CoreObserver {
  connection: C | null = null;
  /** Why the last dial failed; null once one has succeeded. */
  lastError: unknown = null;
  readonly #settings: ServiceSettings<C>;
  readonly #dials: AddressDials;
  #state: ServiceState = 'idle';
  #abort: AbortController | null = null;
  /** The last dial; it never rejects. */
  #dialled: Promise<void> = Promise.resolve();
  #watch: PeerWatch | null = null;
  #leaving = false;
  /** Connections in a row that were lost before they did anything useful. */
  #useless = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(settings: ServiceSettings<C>) {
    this.#settings = settings;
    this.#dials = settings.governor.attach(settings.address);
  }

  get state(): ServiceState {
    return this.#state;
  }
  get unref(): boolean {
    return this.#settings.unref();
  }

  /** Dials, unless it is up, under way, pausing or closed. May be called often. */
  start(): void {
    if (this.#state !== 'idle') return;
    const permit = this.#dials.tryStart(this);
    // Without a permit the address pauses or enough dials are under way: `dialsAllowed` follows.
    if (permit !== null) this.#dial(permit);
  }

  /** Nobody needs it any more. */
  drop(reason: string): void {
    this.#dials.withdraw(this);
    if (this.#state === 'pausing') this.#move('idle');
    this.#abort?.abort(new ConnectionError(reason, { endpoint: this.#settings.address }));
    if (this.connection === null) return;
    this.#leaving = true;
    this.connection.invalidate(reason);
  }

  /** Resolves when the socket is gone. */
  async close(reason = 'closed'): Promise<void> {
    const { connection } = this;
    if (this.#state === 'closed') return;
    this.#dials.detach(this);
    this.#abort?.abort(new ConnectionError(reason, { endpoint: this.#settings.address }));
    this.#move('closed');
    this.#watch?.stop();
    connection?.invalidate(reason);
    await Promise.all([connection?.waitClosed(), this.#dialled]);
  }

  /** Whether it keeps the process alive has changed. */
  refresh(): void {
    const on = !this.unref;
    if (this.connection !== null) setRef(this.connection, on);
    if (on) this.#timer?.ref();
    else this.#timer?.unref();
    this.#dials.rearm();
  }

  dialsAllowed(): void {
    if (this.#state === 'idle' && this.#settings.wanted()) this.start();
  }

  closed(error: Error): void {
    const { connection } = this;
    this.#watch?.stop();
    this.#watch = null;
    if (connection === null || this.#state === 'closed') return;
    const leaving = this.#leaving;
    const useful = leaving || (this.#settings.useful?.() ?? true);
    this.#useless = useful ? 0 : this.#useless + 1;
    this.#move(useful ? 'idle' : 'pausing');
    if (!leaving) this.#settings.lost(error, connection);
    this.dialsAllowed();
  }
  drained(): void {}
  changed(): void {}
  refused(): void {}
  sparesOthers(): boolean {
    return false;
  }

  /** The one mover. */
  #move(to: ServiceState): void {
    if (!MOVES[this.#state].includes(to))
      throw new Error(`illegal move of a service connection from ${this.#state} to ${to}`);
    this.#state = to;
    if (to !== 'up') this.connection = null;
    if (to !== 'dialling') this.#abort = null;
    this.#leaving = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (to === 'pausing') this.#pause();
  }

  /** A server that takes connections and drops them is not to be stormed. */
  #pause(): void {
    const pause = fullJitter(this.#useless - 1, PAUSE.base, PAUSE.cap);
    this.#timer = setTimeout(() => {
      this.#move('idle');
      this.dialsAllowed();
    }, pause);
    if (this.unref) this.#timer.unref();
  }

  #dial(permit: DialPermit): void {
    const controller = new AbortController();
    this.#move('dialling');
    this.#abort = controller;
    this.#dialled = this.#run(controller, permit);
  }

  async #run({ signal }: AbortController, permit: DialPermit): Promise<void> {
    let connection: C | null = null;
    try {
      connection = await this.#settings.dial(signal);
      if (signal.aborted) throw signal.reason;
      this.#attach(connection);
    } catch (error) {
      connection?.invalidate('not needed');
      if (signal.aborted || this.#state === 'closed') return this.#givenUp(permit);
      this.#move('idle');
      this.lastError = error;
      this.#settings.failed(error);
      permit.failed(error);
      return this.dialsAllowed();
    }
    this.lastError = null;
    permit.succeeded();
  }

  #attach(connection: C): void {
    const core = coreOf(connection);
    if (core.state === 'closed') throw core.failure ?? new ConnectionError('lost as soon as it was made');
    const { deadPeerTimeout } = this.#settings;
    this.#move('up');
    this.connection = connection;
    core.observer = this;
    this.#watch = deadPeerTimeout === null ? null : new PeerWatch(core, deadPeerTimeout);
    if (this.unref) setRef(connection, false);
    this.#settings.up(connection);
  }

  #givenUp(permit: DialPermit): void {
    permit.abandoned();
    if (this.#state === 'dialling') this.#move('idle');
    if (this.#state === 'idle') this.dialsAllowed();
  }
}
