import type { CacheGuard } from '../cache/cache-guard.ts';
import { Heartbeat } from '../cache/heartbeat.ts';
import type { OwnWrites } from '../cache/own-writes.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { call, mayPing, ping } from '../connection/requests/call.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import { bytesOf } from '../resp/recoding.ts';
import type { Effect } from '../connection/session/session-effect.ts';
import { ResponseError } from '../errors/errors.ts';
import { isPassing } from '../errors/reply-errors.ts';
import type { Reply } from '../resp/types.ts';
import { type DecodeMode, UTF8 } from '../resp/text-modes.ts';
import { channels, observed } from '../telemetry/channels.ts';
import type { ServiceConnection, ServiceSettings } from './service-connection.ts';
import { TrackingListeners } from './tracking-listeners.ts';
import { TrackingRetries } from './tracking-retries.ts';

/** The mode of CLIENT TRACKING. */
export interface TrackingChoice {
  /**
   * Which changes the server reports. `default`: of every key that was read; `optin`: of keys read by cached calls;
   * `optout`: of every key except those read by uncached calls alone; `bcast`: of every key with a prefix.
   */
  readonly mode: 'default' | 'optin' | 'optout' | 'bcast';
  /** Prefixes for mode `bcast`; empty: every key. */
  readonly prefixes: readonly string[];
  /** True: invalidations go to one listener per server instead of to each connection. */
  readonly redirect: boolean;
}

export interface TrackingSettings extends TrackingChoice {
  readonly guard: CacheGuard;
  readonly writes: OwnWrites;
  /** Makes a connection, not yet run, to the location of the given one. */
  readonly near: (connection: BaseConnection) => BaseConnection;
  readonly timeout: number | null;
}

/** The part of the node that tracking uses. */
export interface TrackingOwner {
  readonly address: string;
  retire(connection: BaseConnection): void;
  /** The connection became fit or unfit for work. */
  changed(connection: BaseConnection): void;
  /** Makes the service connection of a listener; it does not keep the process alive. */
  service(settings: Pick<ServiceSettings, 'dial' | 'wanted' | 'up' | 'failed' | 'lost'>): ServiceConnection;
}

/** Effects that end tracking. They count when the command is queued, whatever the server replies. */
const ENDING: ReadonlySet<Effect['kind']> = new Set(['tracking', 'reset', 'hello', 'quit', 'replication']);

/** Error reply to `REDIRECT` when the target client has disconnected. */
const NO_LISTENER = /redirect to does not exist/i;
/** Number of listeners tried while one connection is prepared; each may end meanwhile. */
const TRIES = 3;

/**
 * Keeps the cache correct for the connections to one address: turns tracking on before a connection is used, passes
 * invalidations to the guard as they are read, and tells the guard when a connection ends.
 */
export class Tracking {
  readonly #settings: TrackingSettings;
  readonly #owner: TrackingOwner;
  readonly #listeners: TrackingListeners | null;
  readonly #retries: TrackingRetries;
  readonly #heartbeats = new WeakMap<ConnectionCore, Heartbeat>();
  #warned = false;

  constructor(settings: TrackingSettings, owner: TrackingOwner) {
    this.#settings = settings;
    this.#owner = owner;
    this.#listeners =
      settings.mode === 'bcast' || settings.redirect
        ? new TrackingListeners(settings, {
            invalidated: (core, frame) => this.#invalidated(core, frame),
            started: (connection, listener) => this.#start(connection, listener),
            ended: (core) => this.#end(core),
            retire: (connection) => owner.retire(connection),
            service: (given) => owner.service(given),
            refused: (reason) => this.#off(reason),
            later: (connection) => this.#retries.refused(connection),
          })
        : null;
    this.#retries = new TrackingRetries({
      inPlace: this.#listeners === null,
      again: (connection) => this.#again(connection),
      retire: (connection) => owner.retire(connection),
      changed: (connection) => owner.changed(connection),
    });
  }

  /**
   * Turns tracking on before the connection is used; rejects if the connection is lost. After a refusal its replies
   * stay uncached, and a passing refusal (BUSY) is retried.
   */
  async prepare(connection: BaseConnection, signal: AbortSignal): Promise<void> {
    await this.#track(connection, signal);
  }

  async #track(connection: BaseConnection, signal: AbortSignal | null): Promise<void> {
    const core = coreOf(connection);
    if (core.muted || core.state !== 'ready') return;
    if (core.session.resp === 2) return this.#off('the server speaks RESP2 only');
    let listener: BaseConnection | null = null;
    for (let tries = 1; ; tries++) {
      // A retry has no signal, and happens only in modes that need no listener.
      if (signal !== null) listener = (await this.#listeners?.near(connection, signal)) ?? null;
      if (this.#listeners !== null && listener === null) return;
      const refused = await this.#switchOn(core, listener, signal);
      // The listener may have ended meanwhile; the server may notice before this process does.
      const lost =
        listener !== null && (listener.closed || (refused !== null && NO_LISTENER.test(refused.message)));
      if (!lost && refused === null) break;
      if (refused !== null && isPassing(refused)) return this.#retries.refused(connection);
      if (!lost || tries === TRIES) return refused === null ? undefined : this.#off(refused.message);
      listener?.invalidate('the server does not know it any more');
    }
    core.inbox.invalidations = (frame) => this.#invalidated(core, frame);
    core.session.onEffect = (effect) => this.#affected(connection, effect);
    this.#retries.accepted();
    this.#start(connection, listener);
  }

  /** Retries tracking after a passing refusal. Never rejects: on failure it closes the connection. */
  async #again(connection: BaseConnection): Promise<void> {
    try {
      await this.#track(connection, null);
    } catch {
      connection.invalidate('its tracking could not be switched on');
    }
  }

  /** Sends CLIENT TRACKING ON. Returns the server's refusal, or null on success. */
  async #switchOn(
    core: ConnectionCore,
    listener: BaseConnection | null,
    signal: AbortSignal | null,
  ): Promise<ResponseError | null> {
    const { mode, redirect, timeout } = this.#settings;
    if (mode === 'bcast') return null;
    const args = ['ON'];
    if (redirect && listener !== null) args.push('REDIRECT', String(listener.clientId));
    if (mode === 'optin') args.push('OPTIN');
    if (mode === 'optout') args.push('OPTOUT');
    try {
      await call(core, 'CLIENT TRACKING', args, { timeout, signal });
    } catch (error) {
      if (!(error instanceof ResponseError)) throw error;
      return error;
    }
    core.session.settleBaseline();
    return null;
  }

  /** Called when the connection has ended. */
  ended(connection: BaseConnection): void {
    this.#end(coreOf(connection));
    this.#listeners?.leave(connection);
    this.#retries.forget(connection);
  }

  /** Called when nothing is outstanding on the connection. */
  drained(connection: BaseConnection): void {
    this.#retries.drained(connection);
  }

  close(): void {
    this.#retries.close();
    this.#listeners?.close();
  }

  #start(connection: BaseConnection, listener: BaseConnection | null): void {
    const core = coreOf(connection);
    const guardian = listener === null ? core : coreOf(listener);
    if (core.state !== 'ready' || guardian.state !== 'ready') return;
    this.#settings.guard.connectionStarted(
      core,
      listener === null ? null : guardian,
      this.#heartbeatOf(guardian),
    );
    this.#tell('on', 0);
  }

  #end(core: ConnectionCore): void {
    const { guard } = this.#settings;
    const tracked = guard.isTracked(core);
    guard.connectionEnded(core);
    if (tracked) this.#tell('off', 0);
  }

  /** A lease changed the connection's tracking: drop the replies it guarded and retire it. */
  #affected(connection: BaseConnection, { kind }: Effect): void {
    if (!ENDING.has(kind) || !this.#settings.guard.isTracked(coreOf(connection))) return;
    this.#end(coreOf(connection));
    this.#owner.retire(connection);
  }

  #invalidated(core: ConnectionCore, frame: readonly Reply[]): boolean {
    const [first, named] = frame;
    const kind = typeof first === 'string' ? first : Buffer.isBuffer(first) ? first.toString('latin1') : '';
    if (kind === 'tracking-redir-broken') {
      this.#end(core);
      return true;
    }
    if (kind !== 'invalidate') return false;
    const keys = Array.isArray(named) ? keysIn(named, core.settings.ownMode) : null;
    this.#settings.guard.invalidate(keys);
    if (keys === null) this.#tell('flush', 0);
    else this.#tell('invalidation', keys.length);
    return true;
  }

  #heartbeatOf(core: ConnectionCore): Heartbeat {
    let heartbeat = this.#heartbeats.get(core);
    if (heartbeat === undefined) this.#heartbeats.set(core, (heartbeat = makeHeartbeat(core)));
    return heartbeat;
  }

  #off(reason: string): void {
    if (this.#warned) return;
    this.#warned = true;
    process.emitWarning(`the cache stays off at ${this.#owner.address}: ${reason}`, {
      code: 'RESPOOL_CACHE',
    });
  }

  #tell(kind: 'on' | 'off' | 'invalidation' | 'flush', keys: number): void {
    if (!observed(channels.cache)) return;
    channels.cache.publish({ address: this.#owner.address, kind, keys, at: Date.now() });
  }
}

/** The keys as bytes, whatever encoding pushes are decoded with; UTF-8 text stays text, and stands for its bytes. */
function keysIn(named: readonly Reply[], mode: DecodeMode): (string | Buffer)[] {
  const keys: (string | Buffer)[] = [];
  for (const key of named) {
    const exact = typeof key === 'string' && mode === UTF8 ? key : bytesOf(key, mode);
    if (exact !== null) keys.push(exact);
  }
  return keys;
}

/** Checks the connection with PING, unless PING would be queued in a transaction or behind a blocking command. */
function makeHeartbeat(core: ConnectionCore): Heartbeat {
  const heartbeat: Heartbeat = new Heartbeat(() => {
    if (!mayPing(core) || core.session.blocking > 0) return false;
    ping(core).then(
      () => heartbeat.answered(),
      () => {},
    );
    return true;
  });
  return heartbeat;
}
