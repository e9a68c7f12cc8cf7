import type { CacheGuard } from '../cache/cache-guard.ts';
import { Heartbeat } from '../cache/heartbeat.ts';
import type { OwnWrites } from '../cache/own-writes.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { call, mayPing, ping } from '../connection/requests/call.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import { bytesOf } from '../connection/reading/push-frames.ts';
import type { Effect } from '../connection/session/session-effect.ts';
import { ResponseError } from '../errors/errors.ts';
import { isPassing } from '../errors/reply-errors.ts';
import type { Reply } from '../resp/types.ts';
import { type DecodeMode, UTF8 } from '../resp/text-modes.ts';
import { channels, observed } from '../telemetry/channels.ts';
import type { ServiceConnection, ServiceSettings } from './service-connection.ts';
import { TrackingListeners } from './tracking-listeners.ts';
import { TrackingRetries } from './tracking-retries.ts';

/** How the server is to tell of changes. */
export interface TrackingChoice {
  /** `default`: of keys that were read; `optin`: of keys that a cached call has read; `optout`: of every key that was not read only past the cache; `bcast`: of every key with a prefix. */
  readonly mode: 'default' | 'optin' | 'optout' | 'bcast';
  /** The prefixes of mode `bcast`; none: every key. */
  readonly prefixes: readonly string[];
  /** To one listener per server instead of to the connections themselves. */
  readonly redirect: boolean;
}

export interface TrackingSettings extends TrackingChoice {
  readonly guard: CacheGuard;
  readonly writes: OwnWrites;
  /** A connection, not yet run, to where this one leads. */
  readonly near: (connection: BaseConnection) => BaseConnection;
  readonly timeout: number | null;
}

/** The node, as its tracking sees it. */
export interface TrackingOwner {
  readonly address: string;
  retire(connection: BaseConnection): void;
  /** Whether the connection may get work has changed. */
  changed(connection: BaseConnection): void;
  /** Nothing that listens keeps the process alive by itself. */
  service(settings: Pick<ServiceSettings, 'dial' | 'wanted' | 'up' | 'failed' | 'lost'>): ServiceConnection;
}

/** Effects that end the tracking of a connection, whether the server says yes or no: looked at when queued. */
const ENDING: ReadonlySet<Effect['kind']> = new Set(['tracking', 'reset', 'hello', 'quit', 'replication']);

/** The answer to `REDIRECT` to a client that has ended. */
const NO_LISTENER = /redirect to does not exist/i;
/** How many listeners may end while one connection is prepared. */
const TRIES = 3;

/**
 * Keeps the promise of a cache for the connections to one address: switches tracking on before a connection is
 * used, hands invalidations to the guard as they are read, and tells it when a connection has ended.
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
   * Before the connection is used. Rejects when it is lost meanwhile; a refusal only keeps its replies uncached, and is
   * asked about again if it holds for the moment.
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
      // Without a signal it is asked again, which happens only where no listener is needed.
      if (signal !== null) listener = (await this.#listeners?.near(connection, signal)) ?? null;
      if (this.#listeners !== null && listener === null) return;
      const refused = await this.#switchOn(core, listener, signal);
      // The listener may have ended meanwhile, and the server knows of that first.
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

  /** Never rejects: a connection where that fails ends. */
  async #again(connection: BaseConnection): Promise<void> {
    try {
      await this.#track(connection, null);
    } catch {
      connection.invalidate('its tracking could not be switched on');
    }
  }

  /** Null, or why the server did not want to. */
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

  /** The connection has ended. */
  ended(connection: BaseConnection): void {
    this.#end(coreOf(connection));
    this.#listeners?.leave(connection);
    this.#retries.forget(connection);
  }

  /** Nothing is outstanding on the connection. */
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

  /** A lease has changed what its connection tracks: nothing that was read over it is guarded any more. */
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

/** Keys as they went over the wire, whatever pushes are decoded with; the cache takes UTF-8 for the bytes it is. */
function keysIn(named: readonly Reply[], mode: DecodeMode): (string | Buffer)[] {
  const keys: (string | Buffer)[] = [];
  for (const key of named) {
    const exact = typeof key === 'string' && mode === UTF8 ? key : bytesOf(key, mode);
    if (exact !== null) keys.push(exact);
  }
  return keys;
}

/** Checks with PING, unless a transaction that another user has begun there would take it. */
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
