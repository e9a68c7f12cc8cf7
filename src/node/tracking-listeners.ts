import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { call } from '../connection/requests/call.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import { ConnectionError, ResponseError } from '../errors/errors.ts';
import { isPassing } from '../errors/reply-errors.ts';
import type { Reply } from '../resp/types.ts';
import { hasSaid, serverOf } from './server-identity.ts';
import type { ServiceConnection, ServiceSettings } from './service-connection.ts';

/** The settings of the tracking that concern its listeners. */
export interface ListenerSettings {
  readonly mode: 'default' | 'optin' | 'optout' | 'bcast';
  readonly prefixes: readonly string[];
  readonly timeout: number | null;
  /** A connection, not yet run, to where this one leads. */
  readonly near: (connection: BaseConnection) => BaseConnection;
}

export interface ListenerHooks {
  service(settings: Pick<ServiceSettings, 'dial' | 'wanted' | 'up' | 'failed' | 'lost'>): ServiceConnection;
  invalidated(core: ConnectionCore, frame: readonly Reply[]): boolean;
  /** A connection that was there already is guarded by this listener from now on. */
  started(connection: BaseConnection, listener: BaseConnection): void;
  /** A listener is gone, and with it everything that it guarded. */
  ended(core: ConnectionCore): void;
  retire(connection: BaseConnection): void;
  refused(reason: string): void;
  /** The server cannot say who it is for the moment: the connection has to ask again. */
  later(connection: BaseConnection): void;
}

/** One server, as it names itself: a name or an address may stand for several. */
interface Place {
  readonly key: string;
  readonly data: Set<BaseConnection>;
  /** Data connections that wait for the listener, to be guarded by it from the start. */
  readonly waiting: Set<BaseConnection>;
  readonly service: ServiceConnection;
  /** There are connections that do without the listener they should have. */
  missed: boolean;
}

/** A listener at another server would guard nothing. */
const NAMELESS =
  'the server does not tell its run_id (INFO server), and a listener has to be at the same server';
/** How often a name that stands for several servers is dialled for one of them. */
const TRIES = 4;

/** The listeners of one node: one for each server that data connections lead to, made with the first of them. */
export class TrackingListeners {
  readonly #settings: ListenerSettings;
  readonly #hooks: ListenerHooks;
  readonly #places = new Map<string, Place>();
  readonly #placeOf = new WeakMap<BaseConnection, Place>();
  #closed = false;

  constructor(settings: ListenerSettings, hooks: ListenerHooks) {
    this.#settings = settings;
    this.#hooks = hooks;
  }

  /** The listener at the server of this connection; null when there is none and the cache has to do without. */
  async near(connection: BaseConnection, signal: AbortSignal): Promise<BaseConnection | null> {
    const core = coreOf(connection);
    const name = await serverOf(core);
    if (connection.closed) return null;
    if (name === null) {
      if (hasSaid(core)) this.#hooks.refused(NAMELESS);
      else this.#hooks.later(connection);
      return null;
    }
    const place = this.#placeAt(name);
    this.#placeOf.set(connection, place);
    place.data.add(connection);
    place.waiting.add(connection);
    try {
      return await place.service.ready(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      return null;
    } finally {
      place.waiting.delete(connection);
    }
  }

  leave(connection: BaseConnection): void {
    const place = this.#placeOf.get(connection);
    if (place === undefined || !place.data.delete(connection) || place.data.size > 0) return;
    this.#places.delete(place.key);
    void place.service.close('no connection needs the listener any more');
  }

  close(): void {
    this.#closed = true;
    for (const { service } of this.#places.values()) void service.close('the pool is closed');
    this.#places.clear();
  }

  #placeAt(key: string): Place {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place: Place = {
      key,
      data: new Set(),
      waiting: new Set(),
      missed: false,
      service: this.#hooks.service({
        dial: (signal, reached) => this.#dial(place, signal, reached),
        wanted: () => !this.#closed && place.missed && place.data.size > 0,
        up: (listener) => this.#opened(place, listener),
        failed: (error) => this.#failed(place, error),
        lost: (_, listener) => this.#lost(place, listener),
      }),
    };
    this.#places.set(key, place);
    return place;
  }

  async #dial({ key, data }: Place, signal: AbortSignal, reached: () => void): Promise<BaseConnection> {
    for (let tries = 1; ; tries++) {
      const [near] = data;
      if (near === undefined) throw new ConnectionError('no connection needs the listener any more');
      const listener = this.#settings.near(near);
      await listener.run({ signal });
      // Whatever follows says nothing about the address.
      reached();
      if ((await serverOf(coreOf(listener))) === key) return this.#listen(listener, signal);
      listener.invalidate('it leads to another server');
      if (tries === TRIES) throw new ConnectionError(`no listener could be connected to ${key}`);
    }
  }

  async #listen(listener: BaseConnection, signal: AbortSignal): Promise<BaseConnection> {
    const { mode, prefixes, timeout } = this.#settings;
    const core = coreOf(listener);
    core.inbox.invalidations = (frame) => this.#hooks.invalidated(core, frame);
    if (mode !== 'bcast') return listener;
    const args = ['ON', 'BCAST', ...prefixes.flatMap((prefix) => ['PREFIX', prefix])];
    try {
      await call(core, 'CLIENT TRACKING', args, { timeout, signal });
      return listener;
    } catch (error) {
      listener.invalidate('it could not track');
      throw error;
    }
  }

  /** Connections that have lost their listener, or do without one, get this one or are replaced. */
  #opened(place: Place, listener: BaseConnection): void {
    place.missed = false;
    for (const connection of [...place.data]) {
      if (place.waiting.has(connection)) continue;
      if (this.#settings.mode === 'bcast') this.#hooks.started(connection, listener);
      else this.#hooks.retire(connection);
    }
  }

  #failed(place: Place, error: unknown): void {
    // A server that refuses listeners is asked again by the next data connection only.
    place.missed = !(error instanceof ResponseError) || isPassing(error);
    if (error instanceof ResponseError && !place.missed) this.#hooks.refused(error.message);
  }

  #lost(place: Place, listener: BaseConnection): void {
    this.#hooks.ended(coreOf(listener));
    // Connections that redirect to it are replaced by others that redirect to the next one.
    if (this.#settings.mode === 'bcast') place.missed = true;
    else for (const connection of [...place.data]) this.#hooks.retire(connection);
  }
}
