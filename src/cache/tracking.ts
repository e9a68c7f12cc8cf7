import type { AbstractCache } from '../interfaces/abstract-cache.ts';
import type { RedisValue, Reply } from '../resp/types.ts';
import { cacheField, cacheKey, keyOfForm } from './cache-key.ts';
import { recall, store } from './stored-reply.ts';
import type { Stored } from './stored-reply.ts';

/** Whatever stands for one connection's life: entries fetched over it go when it ends. */
export type Epoch = object;
type Key = string | Uint8Array;

/** One read under way, from the moment its request is queued. */
export class FetchToken {
  readonly key: string;
  /** How many connections had ended when it began. */
  readonly born: number;
  /** Nothing happened to the key since. */
  valid = true;
  constructor(key: string, born: number) {
    this.key = key;
    this.born = born;
  }
}

/** A tracked connection and the keys whose entries came over it. */
interface Tenure {
  readonly guardedBy: Epoch | null;
  /**
   * Reads that began before are not its own: 0, or for one that was tracked before the count of ends by then.
   */
  readonly since: number;
  readonly keys: Set<string>;
  /** There are more keys than the set tells. */
  overflowed: boolean;
}

/** A request that several calls share. */
interface Flight {
  readonly token: FetchToken;
  reply: Promise<Reply>;
  joined: boolean;
  /** The reply before its first taker could change it; for those who joined. */
  copy: Stored;
}

/**
 * Beyond this many keys a connection's end empties the cache: a longer list would cost more than it saves.
 */
const MAX_OWNED = 262_144;

/**
 * Keeps a cache true: what the server, this process and the network do to a key between a read's request and
 * its reply decides whether the reply may be kept. No I/O.
 *
 *     begin(key) ── request queued ── reply ── store(token, epoch, …)
 *                        ▲ invalidate, wrote, flush, connectionEnded: the token is spent
 */
export class CacheGuard {
  static readonly #guards = new WeakMap<AbstractCache, CacheGuard>();
  readonly cache: AbstractCache;
  readonly #tenures = new Map<Epoch, Tenure>();
  readonly #fetching = new Map<string, Set<FetchToken>>();
  readonly #flights = new Map<string, Flight>();
  readonly #endedBefore = new WeakSet<Epoch>();
  readonly #maxOwned: number;
  #ends = 0;

  constructor(cache: AbstractCache, maxOwned = MAX_OWNED) {
    this.cache = cache;
    this.#maxOwned = maxOwned;
  }

  /** One guard for each cache, so that pools which share a cache see each other's writes. */
  static of(cache: AbstractCache): CacheGuard {
    let guard = CacheGuard.#guards.get(cache);
    if (guard === undefined) {
      guard = new CacheGuard(cache);
      CacheGuard.#guards.set(cache, guard);
    }
    return guard;
  }

  /** Reads that have begun and neither were stored nor ended. */
  get fetching(): number {
    let total = 0;
    for (const tokens of this.#fetching.values()) total += tokens.size;
    return total;
  }

  /** Tracking is on for this connection; `guardedBy`: the listener its invalidations go to, if not itself. */
  connectionStarted(epoch: Epoch, guardedBy: Epoch | null = null): void {
    this.connectionEnded(epoch);
    const since = this.#endedBefore.has(epoch) ? this.#ends : 0;
    this.#tenures.set(epoch, { guardedBy, since, keys: new Set(), overflowed: false });
  }

  isTracked(epoch: Epoch): boolean {
    return this.#tenures.has(epoch);
  }

  /**
   * The connection, or the listener of connections, is gone: what came over it is dropped now. Replies of it
   * that are still to be handled will not be stored.
   */
  connectionEnded(epoch: Epoch): void {
    for (const [other, { guardedBy }] of [...this.#tenures]) {
      if (other === epoch || guardedBy === epoch) this.#endTenure(other);
    }
  }

  /** To be called when the read's request is queued, before anything else can happen to it. */
  begin(key: Key): FetchToken {
    const token = new FetchToken(cacheKey(key), this.#ends);
    const tokens = this.#fetching.get(token.key);
    if (tokens === undefined) this.#fetching.set(token.key, new Set([token]));
    else tokens.add(token);
    return token;
  }

  /** Whether a reply that came over `epoch` may be kept. */
  mayStore(token: FetchToken, epoch: Epoch): boolean {
    const tenure = this.#tenures.get(epoch);
    return token.valid && tenure !== undefined && token.born >= tenure.since && this.cache.healthy;
  }

  /** Ends the read; keeps the reply if it is still true. To be called as the reply is handled, not later. */
  store(
    token: FetchToken,
    epoch: Epoch,
    command: string,
    key: Key,
    args: readonly RedisValue[],
    value: Reply,
  ): boolean {
    const keep = this.mayStore(token, epoch);
    this.end(token);
    if (!keep) return false;
    this.cache.put(command, key, args, value);
    this.#own(epoch, token.key);
    return true;
  }

  /** Ends the read without keeping anything. */
  end(token: FetchToken): void {
    token.valid = false;
    const tokens = this.#fetching.get(token.key);
    if (tokens?.delete(token) === true && tokens.size === 0) this.#fetching.delete(token.key);
  }

  /** The server's word; `null`: everything. */
  invalidate(keys: readonly Key[] | null): void {
    if (keys === null) return this.flush();
    this.#drop(keys);
  }

  /** This process writes these keys: when the write is queued, and again when it has settled. */
  wrote(keys: readonly Key[]): void {
    this.#drop(keys);
  }

  /** Everything may have changed. */
  flush(): void {
    for (const tokens of this.#fetching.values()) for (const token of tokens) token.valid = false;
    this.#fetching.clear();
    this.#flights.clear();
    for (const tenure of this.#tenures.values()) {
      tenure.keys.clear();
      tenure.overflowed = false;
    }
    this.cache.reset();
  }

  /**
   * Several misses of one reply share one request. `fetch` gets the token that it has to `store` or `end`.
   * Nobody joins a request that began before something happened to the key.
   */
  share(
    command: string,
    key: Key,
    args: readonly RedisValue[],
    decode: string,
    fetch: (token: FetchToken) => Promise<Reply>,
  ): Promise<Reply> {
    const name = cacheKey(key);
    const id = `${decode}\0${name.length}:${name}${cacheField(command, args)}`;
    const running = this.#flights.get(id);
    if (running !== undefined && running.token.valid) {
      running.joined = true;
      return running.reply.then(() => recall(running.copy));
    }
    const token = this.begin(key);
    const flight: Flight = { token, reply: Promise.resolve(null), joined: false, copy: null };
    this.#flights.set(id, flight);
    flight.reply = this.#fly(id, flight, fetch);
    return flight.reply;
  }

  async #fly(id: string, flight: Flight, fetch: (token: FetchToken) => Promise<Reply>): Promise<Reply> {
    try {
      const reply = await fetch(flight.token);
      if (flight.joined) flight.copy = store(reply);
      return reply;
    } finally {
      this.end(flight.token);
      if (this.#flights.get(id) === flight) this.#flights.delete(id);
    }
  }

  #drop(keys: readonly Key[]): void {
    for (const key of keys) {
      const name = cacheKey(key);
      const tokens = this.#fetching.get(name);
      if (tokens !== undefined) {
        for (const token of tokens) token.valid = false;
        this.#fetching.delete(name);
      }
      for (const tenure of this.#tenures.values()) tenure.keys.delete(name);
      this.cache.invalidate(key);
    }
  }

  #own(epoch: Epoch, key: string): void {
    const tenure = this.#tenures.get(epoch);
    if (tenure === undefined) return;
    if (tenure.keys.size < this.#maxOwned) tenure.keys.add(key);
    else if (!tenure.keys.has(key)) tenure.overflowed = true;
  }

  #endTenure(epoch: Epoch): void {
    const tenure = this.#tenures.get(epoch);
    if (tenure === undefined) return;
    this.#tenures.delete(epoch);
    this.#endedBefore.add(epoch);
    this.#ends++;
    if (tenure.overflowed) return this.flush();
    for (const key of tenure.keys) this.cache.invalidate(keyOfForm(key));
  }
}
