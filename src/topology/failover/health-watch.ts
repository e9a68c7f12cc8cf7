import { jittered } from '../../base/backoff.ts';
import { Deadline } from '../../base/deadline.ts';
import { type BaseConnection, coreOf } from '../../connection/base-connection.ts';
import { call } from '../../connection/requests/call.ts';
import { AuthorizationError, TimeoutError } from '../../errors/errors.ts';
import type { Topology } from '../topology.ts';

/** After a failed check the next one comes in this part of the usual pause. */
const HASTE = 4;

export interface HealthSettings {
  /** Between two checks, in ms. */
  readonly checkInterval: number;
  /** Longest time of one check, its dial included, in ms. */
  readonly checkTimeout: number;
  /** Failed checks in a row that make a pool count as down. */
  readonly failureThreshold: number;
  /** Before a pool that is down is probed again, in ms. */
  readonly openTime: number;
}

export interface HealthEvents {
  /** Instead of a PING: the user's own check. */
  readonly check: (() => unknown) | null;
  /** Called after every check. */
  readonly checked: () => void;
  readonly changed: (state: 'up' | 'down', error: unknown) => void;
}

/**
 * The circuit breaker of one pool. It is closed (up), open (down), or half-open while one probe of a pool that is down
 * is under way. Its checks go over a connection of their own, so that neither a queue nor a large reply of the callers
 * delays them.
 */
export class HealthWatch {
  state: 'up' | 'down' = 'up';
  /** Monotonic ms of the last change to up; -Infinity: it was never seen down. */
  upSince = -Infinity;
  /** Checks that were passed. */
  passed = 0;
  readonly #topology: Topology;
  readonly #settings: HealthSettings;
  readonly #events: HealthEvents;
  #failures = 0;
  #running: Promise<boolean> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #connection: BaseConnection | null = null;
  /** The next check dials anew. */
  #outdated = false;
  #stopped = false;

  constructor(topology: Topology, settings: HealthSettings, events: HealthEvents) {
    this.#topology = topology;
    this.#settings = settings;
    this.#events = events;
  }

  /** Why it is down, or the last check failed. */
  lastError: unknown = null;

  start(): void {
    this.#plan(this.#settings.checkInterval);
  }

  /** A caller had trouble: the next check is now. */
  suspect(): void {
    if (this.state === 'up' && this.#failures === 0) void this.check();
  }

  /** It counts as up, and a check that may change that is under way or due. */
  get undecided(): boolean {
    return this.state === 'up' && (this.#running !== null || this.#failures > 0);
  }

  /** One check, or the one that is under way; whether it was passed. Never rejects. */
  check(): Promise<boolean> {
    if (this.#stopped) return Promise.resolve(false);
    this.#running ??= this.#check().finally(() => {
      this.#running = null;
      this.#events.checked();
    });
    return this.#running;
  }

  /** It counts as down from now on, whatever the threshold says. */
  trip(error: unknown): void {
    if (this.state === 'down') return;
    this.state = 'down';
    this.lastError = error;
    this.#plan(this.#settings.openTime);
    this.#events.changed('down', error);
  }

  /** The next check goes over a new connection. */
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
      // A refusal is an answer: the server is up.
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
