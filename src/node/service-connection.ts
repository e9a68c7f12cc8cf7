import { fullJitter } from '../base/backoff.ts';
import { Deadline } from '../base/deadline.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { CoreObserver } from '../connection/connection-core.ts';
import { ConnectionError } from '../errors/errors.ts';
import type { AddressDials, DialCandidate, DialGovernor, DialPermit } from '../pooling/dial-governor.ts';
import { addressAnswered } from './dials.ts';
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

/** How many of them are open, and how many are being made. */
export interface ServiceGauge {
  readonly open: number;
  readonly connecting: number;
}

/** Settings in which the owners of a service connection differ. */
export interface ServiceSettings {
  readonly address: string;
  readonly governor: DialGovernor;
  readonly deadPeerTimeout: number | null;
  /**
   * Questions are asked of several servers in a race: such a dial waits out no pause, because the pause of an address
   * that was down would hold back the first answer. Its outcome counts for the address like any other.
   */
  readonly atOnce?: boolean;
  /** Gives a connection that has run. `reached` may be called once the address has answered. */
  dial(signal: AbortSignal, reached: () => void): Promise<BaseConnection>;
  /** Whether there is work for it; asked before it is dialled again. Absent: it is dialled for `ready()` alone. */
  wanted?(): boolean;
  /** It is there. */
  up?(connection: BaseConnection): void;
  /** A dial failed; told before the address learns of it. */
  failed?(error: unknown): void;
  /** It was lost, not ended by `drop` or `close`. */
  lost?(error: Error, connection: BaseConnection): void;
  /** It did its work before it was lost: the next dial need not pause. Absent: it did. */
  useful?(): boolean;
  /** It was closed, and counts no more. */
  ended?(service: ServiceConnection): void;
  /** True: neither a pause nor the connection keeps the process alive. */
  unref(): boolean;
}

/**
 * One connection outside the pool and its bound, for the package's own purposes: dialled when there is work for it, in
 * turn with everything else that dials its address, watched while it is up, dialled again after a loss, and ended when
 * it has no user.
 */
export class ServiceConnection extends CoreObserver implements DialCandidate {
  connection: BaseConnection | null = null;
  /** Why the last dial failed; null once one has succeeded. */
  lastError: unknown = null;
  readonly #settings: ServiceSettings;
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
  #next: Settler<BaseConnection> | null = null;

  constructor(settings: ServiceSettings) {
    super();
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
    const permit = this.#settings.atOnce === true ? this.#dials.startNow() : this.#dials.tryStart(this);
    // Without a permit the address pauses or enough dials are under way: `dialsAllowed` follows.
    if (permit !== null) this.#dial(permit);
  }

  /** The connection, once it is up. Rejects with the next failure to dial it, when it is closed, or with the signal's reason. */
  ready(signal: AbortSignal | null): Promise<BaseConnection> {
    if (this.connection !== null) return Promise.resolve(this.connection);
    if (this.#state === 'closed') return Promise.reject(this.#error('closed'));
    if (this.#next === null) {
      this.#next = withResolvers<BaseConnection>();
      // There may be no waiter left to get the error.
      this.#next.promise.catch(() => {});
    }
    const { promise } = this.#next;
    this.start();
    return Deadline.ofSignal(signal).wait(promise);
  }

  /** The connection is no longer needed. */
  drop(reason: string): void {
    this.#dials.withdraw(this);
    this.#abort?.abort(this.#error(reason));
    this.#settle((next) => next.reject(this.#error(reason)));
    if (this.connection === null) return;
    this.#leaving = true;
    this.connection.invalidate(reason);
  }

  /** Resolves when the socket is gone. */
  async close(reason = 'closed'): Promise<void> {
    const { connection } = this;
    if (this.#state === 'closed') return;
    this.#dials.detach(this);
    this.#abort?.abort(this.#error(reason));
    this.#move('closed');
    this.#settings.ended?.(this);
    this.#settle((next) => next.reject(this.#error(reason)));
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
    if (this.#state === 'idle' && (this.#next !== null || this.#settings.wanted?.() === true)) this.start();
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
    if (!leaving) this.#settings.lost?.(error, connection);
    this.dialsAllowed();
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

  #error(reason: string): ConnectionError {
    const { address } = this.#settings;
    return new ConnectionError(`no connection to ${address}: ${reason}`, { endpoint: address });
  }

  /** Answers those that wait for it. */
  #settle(answer: (next: Settler<BaseConnection>) => void): void {
    const next = this.#next;
    this.#next = null;
    if (next !== null) answer(next);
  }

  async #run({ signal }: AbortController, permit: DialPermit): Promise<void> {
    let connection: BaseConnection;
    try {
      connection = await this.#settings.dial(signal, () => permit.succeeded());
      const { state, failure } = coreOf(connection);
      if (state === 'closed') throw failure;
    } catch (error) {
      if (signal.aborted) this.#givenUp(permit);
      else this.#failed(error, permit);
      return;
    }
    permit.succeeded();
    if (!signal.aborted) return this.#attach(connection);
    connection.invalidate('it is not needed any more');
    this.#givenUp(permit);
  }

  #failed(error: unknown, permit: DialPermit): void {
    const own = permit.over || addressAnswered(error);
    this.lastError = error;
    // The pause of an address that is well holds for this connection alone.
    const pausing = own && this.#settings.atOnce !== true;
    if (pausing) this.#useless++;
    this.#move(pausing ? 'pausing' : 'idle');
    this.#settle((next) => next.reject(error));
    this.#settings.failed?.(error);
    if (own) permit.succeeded();
    else permit.failed(error);
    this.dialsAllowed();
  }

  #attach(connection: BaseConnection): void {
    const core = coreOf(connection);
    const { deadPeerTimeout } = this.#settings;
    this.lastError = null;
    this.#move('up');
    this.connection = connection;
    core.observe(this);
    this.#watch = new PeerWatch(core, { limit: deadPeerTimeout });
    if (this.unref) setRef(connection, false);
    this.#settle((next) => next.resolve(connection));
    this.#settings.up?.(connection);
  }

  /** The dial was no longer needed; it may be needed again by now. */
  #givenUp(permit: DialPermit): void {
    permit.abandoned();
    if (this.#state === 'dialling') this.#move('idle');
    this.dialsAllowed();
  }
}

/** A connection that has been run, for `dial`. */
export async function runConnection(
  connection: BaseConnection,
  signal: AbortSignal,
): Promise<BaseConnection> {
  await connection.run({ signal });
  return connection;
}

interface Settler<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

function withResolvers<T>(): Settler<T> {
  let resolve!: Settler<T>['resolve'];
  let reject!: Settler<T>['reject'];
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
