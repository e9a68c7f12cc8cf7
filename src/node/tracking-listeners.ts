import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { call } from '../connection/requests/call.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import { ConnectionError, ResponseError } from '../errors/errors.ts';
import { isPassing } from '../errors/reply-errors.ts';
import type { Reply } from '../resp/types.ts';
import { runConnection } from './dials.ts';
import { hasSaid, serverOf } from './server-identity.ts';
import type { ServiceConnection, ServiceSettings } from './service-connection.ts';

/** The tracking settings that listeners need. */
export interface ListenerSettings {
  readonly mode: 'default' | 'optin' | 'optout' | 'bcast';
  readonly prefixes: readonly string[];
  readonly timeout: number | null;
  /** Makes a connection, not yet run, to the location of the given one. */
  readonly near: (connection: BaseConnection) => BaseConnection;
}

export interface ListenerHooks {
  service(settings: Pick<ServiceSettings, 'dial' | 'wanted' | 'up' | 'failed' | 'lost'>): ServiceConnection;
  invalidated(core: ConnectionCore, frame: readonly Reply[]): boolean;
  /** From now on this listener receives the invalidations of an existing connection. */
  started(connection: BaseConnection, listener: BaseConnection): void;
  /** A listener ended: replies that it guarded must leave the cache. */
  ended(core: ConnectionCore): void;
  retire(connection: BaseConnection): void;
  refused(reason: string): void;
  /** The server refused to give its run id for the moment (BUSY); ask again for this connection later. */
  later(connection: BaseConnection): void;
}

/** One server, identified by its run id because one address may lead to several. */
interface Place {
  readonly key: string;
  readonly data: Set<BaseConnection>;
  /** Data connections that wait for the listener before they get their first command. */
  readonly waiting: Set<BaseConnection>;
  readonly service: ServiceConnection;
  /** Connections run uncached because their listener is missing; it is dialled again for them. */
  missed: boolean;
}

/** Reason given when no listener can be placed: at another server it would get no invalidations. */
const NAMELESS =
  'the server does not tell its run_id (INFO server), and a listener has to be at the same server';
/** Number of dials to reach one particular server behind an address that leads to several. */
const TRIES = 4;

/** The invalidation listeners of one node: one per server, dialled with the first data connection to it. */
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

  /** Gives the listener at this connection's server; null if there is none, so that the connection stays uncached. */
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
      await runConnection(listener, signal);
      // The address answered; a failure below concerns the listener, not the address.
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

  /** Connections without a listener get this one (`bcast`) or are replaced (`redirect`). */
  #opened(place: Place, listener: BaseConnection): void {
    place.missed = false;
    for (const connection of [...place.data]) {
      if (place.waiting.has(connection)) continue;
      if (this.#settings.mode === 'bcast') this.#hooks.started(connection, listener);
      else this.#hooks.retire(connection);
    }
  }

  #failed(place: Place, error: unknown): void {
    // If the server refuses listeners for good, only the next data connection asks again.
    place.missed = !(error instanceof ResponseError) || isPassing(error);
    if (error instanceof ResponseError && !place.missed) this.#hooks.refused(error.message);
  }

  #lost(place: Place, listener: BaseConnection): void {
    this.#hooks.ended(coreOf(listener));
    // Connections that redirect to the lost listener are replaced: new ones redirect to its successor.
    if (this.#settings.mode === 'bcast') place.missed = true;
    else for (const connection of [...place.data]) this.#hooks.retire(connection);
  }
}
