import { callAfter, type Clock } from '../../base/clock.ts';
import { jittered, type Random } from '../../base/backoff.ts';
import { reportCallbackError } from '../../base/callback-errors.ts';
import type { TCPConnection } from '../../connection/tcp-connection.ts';
import { RedisError } from '../../errors/errors.ts';
import { keyOf, type TCPLocation } from '../../transport/location.ts';
import type { SentinelList } from './sentinel-list.ts';
import { type SwitchListener, SwitchWatch } from './switch-watch.ts';

/** Limit of the sentinels that are listened to. */
const MAX_WATCHED = 16;
/** Interval, in ms, of the questions who is primary: while a sentinel is listened to, and while none is. */
const POLL = { heard: 5_000, unheard: 1_000 };

/** `announced`: a sentinel announced it or a dial proved it. Otherwise it is an answer that must be verified. */
export type PrimaryListener = (location: TCPLocation, announced: boolean) => void;

export interface PrimaryFollowersParts {
  readonly list: SentinelList;
  readonly clock: Clock;
  readonly random?: Random | undefined;
  readonly connect: (sentinel: TCPLocation) => TCPConnection;
  readonly lookUp: (service: string) => Promise<TCPLocation>;
  readonly switched: SwitchListener['switched'];
}

/** Tells followers of a service about its primary: from announcements of all sentinels and from regular questions. */
export class PrimaryFollowers {
  readonly #parts: PrimaryFollowersParts;
  readonly #followers = new Map<string, Set<PrimaryListener>>();
  readonly #watches = new Map<string, SwitchWatch>();
  #cancelPoll: (() => void) | null = null;
  #polling = false;
  #closed = false;

  constructor(parts: PrimaryFollowersParts) {
    this.#parts = parts;
  }

  /** Adds a follower; the returned function removes it. */
  add(service: string, listener: PrimaryListener): () => void {
    const listeners = this.#followers.get(service) ?? new Set();
    this.#followers.set(service, listeners.add(listener));
    this.#watch();
    this.#schedule();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#followers.get(service) === listeners) this.#followers.delete(service);
      if (this.#followers.size === 0) this.#stop();
    };
  }

  tell(service: string, location: TCPLocation, announced: boolean): void {
    for (const listener of [...(this.#followers.get(service) ?? [])]) {
      try {
        listener(location, announced);
      } catch (error) {
        this.#report(service, error);
      }
    }
  }

  /** Asks who is primary now. */
  hurry(): void {
    void this.#poll();
  }
  renew(): void {
    for (const watch of this.#watches.values()) watch.renew();
  }
  close(): void {
    this.#closed = true;
    this.#stop();
  }

  #report(service: string, error: unknown): void {
    reportCallbackError(this, `following the primary of '${service}'`, error);
  }

  #stop(): void {
    this.#cancelPoll?.();
    this.#cancelPoll = null;
    for (const watch of this.#watches.values()) watch.stop();
    this.#watches.clear();
  }

  /** Listens to the sentinels known now, and stops listening to forgotten ones. */
  #watch(): void {
    const { list, connect, switched } = this.#parts;
    const known = new Set(list.locations.map(keyOf));
    for (const [address, watch] of this.#watches) {
      if (known.has(address)) continue;
      watch.stop();
      this.#watches.delete(address);
    }
    const listener: SwitchListener = { switched, listening: () => this.hurry() };
    for (const location of list.locations) {
      const address = keyOf(location);
      if (this.#watches.has(address) || this.#watches.size >= MAX_WATCHED) continue;
      this.#watches.set(address, new SwitchWatch(location, () => connect(location), listener));
    }
  }

  #schedule(): void {
    this.#cancelPoll?.();
    this.#cancelPoll = null;
    if (this.#followers.size === 0 || this.#closed) return;
    const { clock, random } = this.#parts;
    const live = [...this.#watches.values()].some((watch) => watch.live);
    const pause = jittered(live ? POLL.heard : POLL.unheard, random);
    this.#cancelPoll = callAfter(clock, pause, () => void this.#poll());
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    for (const service of [...this.#followers.keys()]) {
      try {
        this.tell(service, await this.#parts.lookUp(service), false);
      } catch (error) {
        // No sentinel gave an answer: keep the known primary and ask again later.
        if (!(error instanceof RedisError)) this.#report(service, error);
      }
    }
    this.#polling = false;
    if (this.#followers.size > 0 && !this.#closed) this.#watch();
    this.#schedule();
  }
}
