import { fullJitter } from '../base/backoff.ts';
import { SingleFlight } from '../base/single-flight.ts';
import { untilAborted } from '../base/until-aborted.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { call } from '../connection/requests/call.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import { ConnectionError, ResponseError } from '../errors/errors.ts';
import type { Reply } from '../resp/types.ts';
import type { PeerWatch } from './peer-watch.ts';
import { setRef } from './pooled-connection.ts';
import type { TrackingSettings } from './tracking.ts';

export interface ListenerHooks<C> {
  invalidated(core: ConnectionCore, frame: readonly Reply[]): boolean;
  /** A connection that was there already is guarded by this listener from now on. */
  started(connection: C, listener: C): void;
  /** A listener is gone, and with it everything that it guarded. */
  ended(core: ConnectionCore): void;
  retire(connection: C): void;
  watchPeer(connection: C): PeerWatch | null;
  refused(reason: string): void;
}

/** One server, as the address of its connections tells it: a name may stand for several. */
interface Place<C> {
  readonly key: string;
  readonly data: Set<C>;
  listener: C | null;
  readonly opening: SingleFlight<C | null>;
  timer: NodeJS.Timeout | null;
  attempts: number;
}

const RETRY = { base: 50, cap: 8_000 };
/** How often a name that stands for several servers is dialled for one of them. */
const TRIES = 4;

/** The listeners of one node: one for each server that data connections lead to, made with the first of them. */
export class TrackingListeners<C extends BaseConnection> {
  readonly #settings: TrackingSettings<C>;
  readonly #hooks: ListenerHooks<C>;
  readonly #places = new Map<string, Place<C>>();
  readonly #closed = new AbortController();

  constructor(settings: TrackingSettings<C>, hooks: ListenerHooks<C>) {
    this.#settings = settings;
    this.#hooks = hooks;
  }

  get size(): number {
    let size = 0;
    for (const { listener } of this.#places.values()) if (listener !== null) size++;
    return size;
  }

  /** The listener at the server of this connection; null when there is none and the cache has to do without. */
  async near(connection: C, signal: AbortSignal): Promise<C | null> {
    const key = connection.address ?? '';
    let place = this.#places.get(key);
    if (place === undefined) {
      place = { key, data: new Set(), listener: null, opening: new SingleFlight(), timer: null, attempts: 0 };
      this.#places.set(key, place);
    }
    place.data.add(connection);
    return place.listener ?? (await untilAborted(this.#open(place, connection), signal));
  }

  leave(connection: C): void {
    const place = this.#places.get(connection.address ?? '');
    if (place === undefined || !place.data.delete(connection) || place.data.size > 0) return;
    this.#places.delete(place.key);
    if (place.timer !== null) clearTimeout(place.timer);
    place.listener?.invalidate('nobody needs it any more');
  }

  close(): void {
    this.#closed.abort(new ConnectionError('the pool is closed'));
    for (const place of this.#places.values()) {
      if (place.timer !== null) clearTimeout(place.timer);
      place.listener?.invalidate('the pool is closed');
    }
    this.#places.clear();
  }

  #open(place: Place<C>, near: C): Promise<C | null> {
    return place.opening.run(() =>
      this.#dial(place, near).then(
        (listener) => this.#opened(place, listener),
        (error: unknown) => this.#failed(place, error),
      ),
    );
  }

  async #dial({ key }: Place<C>, near: C): Promise<C> {
    const { signal } = this.#closed;
    for (let tries = 1; ; tries++) {
      const listener = this.#settings.near(near);
      await listener.run({ signal });
      if (listener.address === key) return this.#listen(listener);
      listener.invalidate('it leads to another server');
      if (tries === TRIES) throw new ConnectionError(`no listener could be connected to ${key}`);
    }
  }

  async #listen(listener: C): Promise<C> {
    const { mode, prefixes, timeout } = this.#settings;
    const core = coreOf(listener);
    core.inbox.invalidations = (frame) => this.#hooks.invalidated(core, frame);
    if (mode !== 'bcast') return listener;
    const args = ['ON', 'BCAST', ...prefixes.flatMap((prefix) => ['PREFIX', prefix])];
    try {
      await call(core, 'CLIENT TRACKING', args, { timeout, signal: this.#closed.signal });
      return listener;
    } catch (error) {
      listener.invalidate('it could not track');
      throw error;
    }
  }

  #opened(place: Place<C>, listener: C): C | null {
    const core = coreOf(listener);
    if (core.state === 'closed' || this.#places.get(place.key) !== place) {
      listener.invalidate('nobody needs it any more');
      return null;
    }
    place.listener = listener;
    place.attempts = 0;
    const watch = this.#hooks.watchPeer(listener);
    core.observer = {
      drained() {},
      changed() {},
      refused() {},
      sparesOthers: () => false,
      closed: () => {
        watch?.stop();
        this.#lost(place, listener);
      },
    };
    // What is guarded by it keeps the process alive, or nothing does.
    setRef(listener, false);
    return listener;
  }

  #failed(place: Place<C>, error: unknown): null {
    if (error instanceof ResponseError) this.#hooks.refused(error.message);
    else this.#again(place);
    return null;
  }

  #lost(place: Place<C>, listener: C): void {
    place.listener = null;
    this.#hooks.ended(coreOf(listener));
    if (this.#settings.mode === 'bcast') this.#again(place);
    // What redirects to it is replaced by what redirects to the next one.
    else for (const connection of [...place.data]) this.#hooks.retire(connection);
  }

  #again(place: Place<C>): void {
    if (this.#closed.signal.aborted || this.#places.get(place.key) !== place || place.timer !== null) return;
    const pause = fullJitter(place.attempts, RETRY.base, RETRY.cap);
    place.attempts++;
    place.timer = setTimeout(() => {
      place.timer = null;
      void this.#replace(place);
    }, pause);
    place.timer.unref();
  }

  /** A new listener for the connections that have lost theirs. */
  async #replace(place: Place<C>): Promise<void> {
    const [near] = place.data;
    if (near === undefined) return;
    const before = new Set(place.data);
    const listener = await this.#open(place, near);
    if (listener === null) return;
    for (const connection of before) {
      // A connection that does without tracking is replaced by one that redirects.
      if (this.#settings.mode === 'bcast') this.#hooks.started(connection, listener);
      else this.#hooks.retire(connection);
    }
  }
}
