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
 *     idle ─▶ dialling ─▶ up        `start()`, if the governor permits the dial
 *      │ ▲       │        │
 *      ▼ │       ▼        ▼
 *     pausing ◀──┴────────┘         the address answered but the dial failed, or the connection was not useful
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

/** Bounds, in ms, of the back-off after useless connections. */
const PAUSE = { base: 50, cap: 2_000 };

/** The number of service connections that are open, and that are being dialled. */
export interface ServiceGauge {
  readonly open: number;
  readonly connecting: number;
}

/** Settings of one service connection, given by its owner. */
export interface ServiceSettings {
  readonly address: string;
  readonly governor: DialGovernor;
  readonly deadPeerTimeout: number | null;
  /**
   * True: dial at once, even during a back-off. Several servers are asked in a race, and one address's pause must not
   * delay the first answer. The outcome still counts for the address.
   */
  readonly atOnce?: boolean;
  /** Dials and returns a connection that has run. It may call `reached` as soon as the address has answered. */
  dial(signal: AbortSignal, reached: () => void): Promise<BaseConnection>;
  /** Whether the owner needs the connection; asked before a redial. Absent: only `ready()` and `start()` dial. */
  wanted?(): boolean;
  /** The connection is up. */
  up?(connection: BaseConnection): void;
  /** A dial failed. Called before the governor learns of the failure. */
  failed?(error: unknown): void;
  /** The connection was lost; not called after `drop` or `close`. */
  lost?(error: Error, connection: BaseConnection): void;
  /** Whether the lost connection had been useful; if not, the next dial backs off. Absent: always useful. */
  useful?(): boolean;
  /** `close()` was called, so the owner can forget the service. */
  ended?(service: ServiceConnection): void;
  /** True: neither the connection nor a pause keeps the process alive. */
  unref(): boolean;
}

/**
 * One connection for the package's own use, outside the pool and its `max`. It is dialled on demand through the
 * governor, watched while up, dialled again after a loss, and closed when nobody needs it.
 */
export class ServiceConnection extends CoreObserver implements DialCandidate {
  connection: BaseConnection | null = null;
  /** Why the last dial failed; null after a success. */
  lastError: unknown = null;
  readonly #settings: ServiceSettings;
  readonly #dials: AddressDials;
  #state: ServiceState = 'idle';
  #abort: AbortController | null = null;
  /** The last dial; it never rejects. */
  #dialled: Promise<void> = Promise.resolve();
  #watch: PeerWatch | null = null;
  #leaving = false;
  /** Useless connections, and dials that failed after the address had answered, in a row. */
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

  /** Dials if the state is `idle`; otherwise does nothing. Cheap to repeat. */
  start(): void {
    if (this.#state !== 'idle') return;
    const permit = this.#settings.atOnce === true ? this.#dials.startNow() : this.#dials.tryStart(this);
    // Without a permit (back-off, or too many dials in progress) the governor calls `dialsAllowed` later.
    if (permit !== null) this.#dial(permit);
  }

  /** Resolves with the connection once it is up; rejects on a dial failure, `drop`, `close` or the signal. */
  ready(signal: AbortSignal | null): Promise<BaseConnection> {
    if (this.connection !== null) return Promise.resolve(this.connection);
    if (this.#state === 'closed') return Promise.reject(this.#error('closed'));
    if (this.#next === null) {
      this.#next = withResolvers<BaseConnection>();
      // All waiters may have given up before the rejection.
      this.#next.promise.catch(() => {});
    }
    const { promise } = this.#next;
    this.start();
    return Deadline.ofSignal(signal).wait(promise);
  }

  /** Ends the connection or the dial; `start()` or `ready()` can dial again. */
  drop(reason: string): void {
    this.#dials.withdraw(this);
    this.#abort?.abort(this.#error(reason));
    this.#settle((next) => next.reject(this.#error(reason)));
    if (this.connection === null) return;
    this.#leaving = true;
    this.connection.invalidate(reason);
  }

  /** Closes for good. Resolves when the socket has closed. */
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

  /** Applies a changed `unref` to the connection and the timers. */
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

  /** Changes the state; the only place that does. */
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

  /** Backs off, so that a server that accepts and drops connections is not flooded with dials. */
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

  /** Settles the promise that the callers of `ready()` wait for. */
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
    // The address answered, so only this connection backs off; other dials of the address go on.
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

  /** Ends a dial that was aborted, and dials again if the connection is wanted by now. */
  #givenUp(permit: DialPermit): void {
    permit.abandoned();
    if (this.#state === 'dialling') this.#move('idle');
    this.dialsAllowed();
  }
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
