import type { AbstractCache } from '../interfaces/abstract-cache.ts';
import type { RedisValue, Reply } from '../resp/types.ts';
import { cacheKey, keyOfForm, type Key } from './cache-key.ts';
import { FetchToken } from './fetch-token.ts';
import { ASK_EVERY, alwaysTrusted, type Heartbeat, TRUST } from './heartbeat.ts';
import { type Epoch, TrackedConnection } from './tracked-connection.ts';

/** Beyond this many keys per connection the end of the connection empties the whole cache, which is cheaper. */
const MAX_OWNED = 65_536;

/** After this many reads the table of pending reads is replaced once it is empty. */
const RENEW = 32;

/**
 * Keeps a cache consistent: tells whether the reply to a read may be stored, given everything that happened to its key
 * between request and reply. No I/O.
 *
 *     begin(key) ── request queued ── reply ── store(token, epoch, …)
 *                        ▲ invalidate, wrote, flush, connectionEnded: the token is spent
 */
export class CacheGuard {
  static readonly #guards = new WeakMap<AbstractCache, CacheGuard>();
  readonly cache: AbstractCache;
  /** The kind of replies (pool, database, decoding) stored under plain command names: that of the first user. */
  native: string | null = null;
  /** The error that the cache threw. It is not used from then on, because its content is unknown. */
  failure: unknown = null;
  readonly #tracked = new Map<Epoch, TrackedConnection>();
  #fetching = new Map<string, FetchToken>();
  /** Number of reads begun since the table was replaced. */
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

  /** The guard of a cache; there is one per cache, so that pools sharing it see each other's writes. */
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

  /** Number of pending reads, neither stored nor ended. */
  get fetching(): number {
    let total = 0;
    for (const head of this.#fetching.values()) {
      for (let token: FetchToken | null = head; token !== null; token = token.next) total++;
    }
    return total;
  }

  /**
   * Notes that tracking is on for a connection. `guardedBy`: the listener that gets its invalidations; null if it gets
   * them itself. `heartbeat`: that of the connection which gets them.
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
   * Drops the entries of a tracked connection that has ended, or of all connections of a listener that has. Replies of
   * such a connection that are still to be handled will not be stored.
   */
  connectionEnded(epoch: Epoch): void {
    for (const [other, { guardedBy }] of [...this.#tracked]) {
      if (other === epoch || guardedBy === epoch) this.#endTracked(other);
    }
  }

  /**
   * Whether cached values may be returned now. Asks the connections that guard entries for a sign of life; without one,
   * reads are misses at first, and then the entries are dropped.
   */
  fresh(now: number): boolean {
    if (now < this.#askAt && now < this.#freshUntil) return true;
    if (now >= this.#askAt) this.#ask(now);
    return now < this.#freshUntil || this.#review(now);
  }

  /** Begins a read. Call it when the request is queued, before anything else can happen to the key. */
  begin(key: Key, field = '', scope: unknown = null, at = performance.now()): FetchToken {
    const token = new FetchToken(cacheKey(key), field, scope, this.#ends, at);
    // Replace the table: a map that grows and shrinks for ever keeps removed entries alive in its old tables.
    if (++this.#begun > RENEW && this.#fetching.size === 0) {
      this.#fetching = new Map();
      this.#begun = 0;
    }
    token.next = this.#fetching.get(token.key) ?? null;
    this.#fetching.set(token.key, token);
    return token;
  }

  /**
   * A pending read whose reply another caller may share. Excludes reads begun before the key changed, and reads so old
   * that their reply could be staler than a cached value may be.
   */
  underWay(key: Key, field: string, scope: unknown, now = performance.now()): FetchToken | null {
    let token = this.#fetching.size === 0 ? null : (this.#fetching.get(cacheKey(key)) ?? null);
    for (; token !== null; token = token.next) {
      const same = token.field === field && token.scope === scope && token.promise !== null;
      if (same && now - token.at < TRUST) return token;
    }
    return null;
  }

  /** Whether a reply that came over `epoch` may be stored. */
  mayStore(token: FetchToken, epoch: Epoch): boolean {
    const tracked = this.#tracked.get(epoch);
    return token.valid && tracked !== undefined && token.born >= tracked.since && this.usable;
  }

  /** Ends a read, and stores its reply if it is still valid. Call it synchronously while the reply is handled. */
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

  /** Ends a read without storing its reply. */
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

  /** Handles an invalidation of the server; null means all keys. */
  invalidate(keys: readonly Key[] | null): void {
    if (keys === null) return this.flush();
    this.#drop(keys);
  }

  /** Drops keys that this process writes. Call it when the write is queued, and again when it has settled. */
  wrote(keys: readonly Key[]): void {
    this.#drop(keys);
  }

  /** Reports the comparison of a cached value with the server's reply. */
  compared(command: string, key: Key, args: readonly RedisValue[], match: boolean): void {
    this.#attempt(() => this.cache.feedback(command, key, args, match));
  }

  /** Drops everything, because any key may have changed. */
  flush(): void {
    for (const head of this.#fetching.values()) spend(head);
    this.#fetching.clear();
    for (const tracked of this.#tracked.values()) tracked.clear();
    this.#attempt(() => this.cache.reset());
  }

  /** Drops the keys for which `gone` returns true; all keys if a connection had too many to list. */
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

  /** Takes the cache out of use after it threw, because its content is unknown. */
  failed(error: unknown): void {
    this.failure = error ?? new Error('a cache threw nothing');
    process.emitWarning('a cache threw an error and is not used any more', {
      code: 'RESPOOL_CACHE',
      detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }

  /** Calls the cache. Its exception must not reach the connection whose reply or push is being handled. */
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
