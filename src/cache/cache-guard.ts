import type { AbstractCache } from '../interfaces/abstract-cache.ts';
import type { RedisValue, Reply } from '../resp/types.ts';
import { cacheKey, keyOfForm } from './cache-key.ts';
import { FetchToken } from './fetch-token.ts';
import { ASK_EVERY, alwaysTrusted, type Heartbeat, TRUST } from './heartbeat.ts';
import { type Epoch, TrackedConnection } from './tracked-connection.ts';

type Key = string | Uint8Array;

/**
 * Beyond this many keys a connection's end empties the cache: a longer list would cost more than it saves.
 */
const MAX_OWNED = 65_536;

/** Reads after which the table of those under way is made anew, when it is empty. */
const RENEW = 32;

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
  /** Which replies go under the plain names of their commands: those of its first user's kind. */
  native: string | null = null;
  /** The exception of the cache. The cache is out of use from then on, because its content is unknown. */
  failure: unknown = null;
  readonly #tracked = new Map<Epoch, TrackedConnection>();
  #fetching = new Map<string, FetchToken>();
  /** Reads begun since the table was new. */
  #begun = 0;
  readonly #endedBefore = new WeakSet<Epoch>();
  readonly #maxOwned: number;
  #ends = 0;
  #freshUntil = 0;
  #askAt = 0;

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

  /** Whether the cache may be read and written now. */
  get usable(): boolean {
    if (this.failure !== null) return false;
    try {
      return this.cache.healthy;
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  /** Reads that have begun and neither were stored nor ended. */
  get fetching(): number {
    let total = 0;
    for (const head of this.#fetching.values()) {
      for (let token: FetchToken | null = head; token !== null; token = token.next) total++;
    }
    return total;
  }

  /**
   * Tracking is on for this connection; `guardedBy`: the listener its invalidations go to, if not itself;
   * `heartbeat`: of the connection that receives the invalidations.
   */
  connectionStarted(
    epoch: Epoch,
    guardedBy: Epoch | null = null,
    heartbeat: Heartbeat = alwaysTrusted(),
  ): void {
    this.connectionEnded(epoch);
    const since = this.#endedBefore.has(epoch) ? this.#ends : 0;
    this.#tracked.set(epoch, new TrackedConnection(guardedBy, since, heartbeat));
  }

  isTracked(epoch: Epoch): boolean {
    return this.#tracked.has(epoch);
  }

  /**
   * The connection, or the listener of connections, is gone: what came over it is dropped now. Replies of it
   * that are still to be handled will not be stored.
   */
  connectionEnded(epoch: Epoch): void {
    for (const [other, { guardedBy }] of [...this.#tracked]) {
      if (other === epoch || guardedBy === epoch) this.#endTracked(other);
    }
  }

  /**
   * Whether what is held may be told now. Who guards entries that are being read is asked for a sign of life;
   * where it stays away, reads are misses, and then its entries go.
   */
  fresh(now: number): boolean {
    if (now < this.#askAt && now < this.#freshUntil) return true;
    if (now >= this.#askAt) this.#ask(now);
    return now < this.#freshUntil || this.#review(now);
  }

  /** Call it when the read's request is queued, before anything else can happen to it. */
  begin(key: Key, field = '', scope: unknown = null, at = performance.now()): FetchToken {
    const token = new FetchToken(cacheKey(key), field, scope, this.#ends, at);
    // A table that grows and shrinks for ever links its past states: the collector would keep what they held.
    if (++this.#begun > RENEW && this.#fetching.size === 0) {
      this.#fetching = new Map();
      this.#begun = 0;
    }
    token.next = this.#fetching.get(token.key) ?? null;
    this.#fetching.set(token.key, token);
    return token;
  }

  /**
   * A read under way whose reply will do for one more: none that began before something happened to the key, nor
   * so long ago that its reply may be older than what is held may be.
   */
  underWay(key: Key, field: string, scope: unknown, now = performance.now()): FetchToken | null {
    let token = this.#fetching.size === 0 ? null : (this.#fetching.get(cacheKey(key)) ?? null);
    for (; token !== null; token = token.next) {
      const same = token.field === field && token.scope === scope && token.promise !== null;
      if (same && now - token.at < TRUST) return token;
    }
    return null;
  }

  /** Whether a reply that came over `epoch` may be kept. */
  mayStore(token: FetchToken, epoch: Epoch): boolean {
    const tracked = this.#tracked.get(epoch);
    return token.valid && tracked !== undefined && token.born >= tracked.since && this.usable;
  }

  /** Ends the read; keeps the reply if it is still true. Call it while the reply is handled, not later. */
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
    this.#attempt(() => this.cache.put(command, key, args, value));
    const tracked = this.#tracked.get(epoch);
    if (tracked === undefined) return true;
    tracked.own(token.key, this.#maxOwned);
    if (tracked.guardedBy === null) tracked.heartbeat.heard(token.at);
    this.#freshUntil = Math.min(this.#freshUntil, tracked.heartbeat.verified + TRUST);
    return true;
  }

  /** Ends the read without keeping anything. */
  end(token: FetchToken): void {
    if (!token.valid) return;
    token.valid = false;
    const head = this.#fetching.get(token.key);
    if (head === token) {
      if (token.next === null) this.#fetching.delete(token.key);
      else this.#fetching.set(token.key, token.next);
      return;
    }
    for (let other = head ?? null; other !== null; other = other.next) {
      if (other.next === token) other.next = token.next;
    }
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

  /** A caller compared what was held with the server's answer. */
  compared(command: string, key: Key, args: readonly RedisValue[], match: boolean): void {
    this.#attempt(() => this.cache.feedback(command, key, args, match));
  }

  /** Everything may have changed. */
  flush(): void {
    for (const head of this.#fetching.values()) spend(head);
    this.#fetching.clear();
    for (const tracked of this.#tracked.values()) tracked.clear();
    this.#attempt(() => this.cache.reset());
  }

  /** Drops the keys for which this holds; all of them where they were not kept count of. */
  dropWhere(gone: (key: Key) => boolean): void {
    const names = new Set(this.#fetching.keys());
    for (const tracked of this.#tracked.values()) {
      if (tracked.overflowed) return this.flush();
      for (const name of tracked.keys) names.add(name);
    }
    this.#drop([...names].map(keyOfForm).filter(gone));
  }

  #drop(keys: readonly Key[]): void {
    for (const key of keys) {
      const name = cacheKey(key);
      const head = this.#fetching.get(name);
      if (head !== undefined) {
        spend(head);
        this.#fetching.delete(name);
      }
      for (const tracked of this.#tracked.values()) tracked.keys.delete(name);
      this.#attempt(() => this.cache.invalidate(key));
    }
  }

  #endTracked(epoch: Epoch): void {
    const tracked = this.#tracked.get(epoch);
    if (tracked === undefined) return;
    this.#tracked.delete(epoch);
    this.#endedBefore.add(epoch);
    this.#ends++;
    this.#empty(tracked);
  }

  #empty(tracked: TrackedConnection): void {
    if (tracked.overflowed) return this.flush();
    for (const [name, head] of this.#fetching) {
      if (!tracked.keys.has(name)) continue;
      spend(head);
      this.#fetching.delete(name);
    }
    for (const key of tracked.keys) this.#attempt(() => this.cache.invalidate(keyOfForm(key)));
    tracked.clear();
  }

  #ask(now: number): void {
    this.#askAt = now + ASK_EVERY;
    for (const tracked of this.#tracked.values()) {
      const { heartbeat } = tracked;
      if (tracked.guards && now - heartbeat.verified >= ASK_EVERY) heartbeat.ask(now);
    }
  }

  #review(now: number): boolean {
    let fresh = true;
    let until = Number.POSITIVE_INFINITY;
    for (const tracked of this.#tracked.values()) {
      const { heartbeat } = tracked;
      if (!tracked.guards) continue;
      if (heartbeat.verified + TRUST > now) until = Math.min(until, heartbeat.verified + TRUST);
      else if (heartbeat.asked !== 0 ? now - heartbeat.asked >= TRUST : !heartbeat.ask(now))
        this.#empty(tracked);
      else fresh = false;
    }
    this.#freshUntil = fresh ? until : 0;
    return fresh;
  }

  /** The cache threw: its content is unknown. */
  failed(error: unknown): void {
    this.failure = error ?? new Error('a cache threw nothing');
    process.emitWarning('a cache threw an error and is not used any more', {
      code: 'RESPOOL_CACHE',
      detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }

  /** Runs a call to the cache. Its exception must not reach the connection whose reply or push is being handled. */
  #attempt(act: () => void): void {
    if (this.failure !== null) return;
    try {
      act();
    } catch (error) {
      this.failed(error);
    }
  }
}

function spend(head: FetchToken): void {
  for (let token: FetchToken | null = head; token !== null; token = token.next) token.valid = false;
}
