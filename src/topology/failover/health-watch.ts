import { jittered } from '../../base/backoff.ts';
import { Deadline } from '../../base/deadline.ts';
import { type BaseConnection, coreOf } from '../../connection/base-connection.ts';
import { call } from '../../connection/requests/call.ts';
import { AuthorizationError, TimeoutError } from '../../errors/errors.ts';
import type { Topology } from '../topology.ts';

/** After a failed check the interval is divided by this. */
const HASTE = 4;

export interface HealthSettings {
  /** Pause between two checks, in ms. */
  readonly checkInterval: number;
  /** Time limit of one check including its dial, in ms. */
  readonly checkTimeout: number;
  /** Number of failed checks in a row after which the pool is down. */
  readonly failureThreshold: number;
  /** Pause before a pool that is down is checked again, in ms. */
  readonly openTime: number;
}

export interface HealthEvents {
  /** The user's health check; null: PING. */
  readonly check: (() => unknown) | null;
  /** Called after every check. */
  readonly checked: () => void;
  readonly changed: (state: 'up' | 'down', error: unknown) => void;
}

/**
 * The circuit breaker of one pool: closed (up), open (down), or half-open while one check probes a pool that is down.
 * Checks use their own connection, so that no caller's queue or large reply delays them.
 */
export class HealthWatch {
  state: 'up' | 'down' = 'up';
  /** When the pool last came up, in monotonic ms; -Infinity: it was never down. */
  upSince = -Infinity;
  /** Number of passed checks. */
  passed = 0;
  readonly #topology: Topology;
  readonly #settings: HealthSettings;
  readonly #events: HealthEvents;
  #failures = 0;
  #running: Promise<boolean> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #connection: BaseConnection | null = null;
  /** True: the next check dials a new connection. */
  #outdated = false;
  #stopped = false;

  constructor(topology: Topology, settings: HealthSettings, events: HealthEvents) {
    this.#topology = topology;
    this.#settings = settings;
    this.#events = events;
  }

  /** Why the pool is down or the last check failed. */
  lastError: unknown = null;

  start(): void {
    this.#plan(this.#settings.checkInterval);
  }

  /** Checks now, because a caller lost its connection; does nothing if the last check failed. */
  suspect(): void {
    if (this.state === 'up' && this.#failures === 0) void this.check();
  }

  /** True while the pool counts as up, but a check that runs or is due may change that. */
  get undecided(): boolean {
    return this.state === 'up' && (this.#running !== null || this.#failures > 0);
  }

  /** Runs a check, or joins the running one; resolves with whether it passed. Never rejects. */
  check(): Promise<boolean> {
    if (this.#stopped) return Promise.resolve(false);
    this.#running ??= this.#check().finally(() => {
      this.#running = null;
      this.#events.checked();
    });
    return this.#running;
  }

  /** Marks the pool as down at once, without waiting for the threshold. */
  trip(error: unknown): void {
    if (this.state === 'down') return;
    this.state = 'down';
    this.lastError = error;
    this.#plan(this.#settings.openTime);
    this.#events.changed('down', error);
  }

  /** Makes the next check use a new connection. */
  redial(): void {
    this.#outdated = true;
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#drop('the pool is closed');
  }

  async #check(): Promise<boolean> {
    const { checkInterval, checkTimeout, failureThreshold, openTime } = this.#settings;
    const late = (): Error =>
      new TimeoutError(`no answer to a health check within ${checkTimeout} ms`, { phase: 'reply' });
    try {
      await new Deadline(null, checkTimeout).run((signal) => this.#ask(signal), late);
    } catch (error) {
      this.#drop('a health check failed');
      if (this.#stopped) return false;
      this.#failures++;
      this.lastError = error;
      if (this.state === 'down') this.#plan(openTime);
      else if (this.#failures >= failureThreshold) this.trip(error);
      else this.#plan(checkInterval / HASTE);
      return false;
    }
    if (this.#stopped) return false;
    this.#failures = 0;
    this.passed++;
    this.#plan(checkInterval);
    if (this.state === 'down') {
      this.state = 'up';
      this.lastError = null;
      this.upSince = performance.now();
      this.#events.changed('up', undefined);
    }
    return true;
  }

  async #ask(signal: AbortSignal): Promise<void> {
    if (this.#events.check !== null) return void (await this.#events.check());
    if (this.#outdated) this.#drop('its credentials have changed');
    this.#outdated = false;
    let connection = this.#connection;
    if (connection === null || !connection.usable) {
      const node = this.#topology.anyNode() ?? (await this.#topology.resolveAny(Deadline.ofSignal(signal)));
      connection = await node.extra(signal);
      if (this.#stopped || signal.aborted) return connection.invalidate('the check is over');
      this.#connection = connection;
    }
    try {
      await call(coreOf(connection), 'PING', [], { signal });
    } catch (error) {
      // NOPERM and the like are answers too: the server is up.
      if (!(error instanceof AuthorizationError)) throw error;
    }
  }

  #drop(reason: string): void {
    this.#connection?.invalidate(reason);
    this.#connection = null;
  }

  #plan(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.check(), jittered(ms));
    this.#timer.unref();
  }
}
