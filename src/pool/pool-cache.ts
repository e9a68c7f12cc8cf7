import { isDeepStrictEqual } from 'node:util';
import { Deadline } from '../base/deadline.ts';
import { cacheField, cacheKey, keyOfForm } from '../cache/cache-key.ts';
import type { FetchToken } from '../cache/fetch-token.ts';
import { kept, type OwnWrites } from '../cache/own-writes.ts';
import type { CacheGuard } from '../cache/cache-guard.ts';
import { cacheKeyOf } from '../commands/cacheable.ts';
import type { CommandInfo } from '../commands/command-info.ts';
import { CACHEABLE } from '../commands/flags.ts';
import { isOfServer, RedisError, TimeoutError } from '../errors/errors.ts';
import type { AbstractCache } from '../interfaces/abstract-cache.ts';
import type { TrackingChoice } from '../node/tracking-settings.ts';
import type { DecodeMode, RedisValue, Reply } from '../resp/types.ts';
import { within } from '../topology/within.ts';
import { CachingEntry } from './caching-entry.ts';
import type { PoolRequestOptions } from './executor.ts';
import type { PoolCall } from './pool-call.ts';

type Key = string | Uint8Array;

export interface PoolCacheSettings extends TrackingChoice {
  readonly guard: CacheGuard;
  readonly writes: OwnWrites;
  /** What replies depend on besides key, command and arguments; pools that differ in it share no entries. */
  readonly place: string;
  readonly db: number;
  readonly textMode: 1 | 2 | 3;
  readonly ownMode: DecodeMode;
  /** Makes a call anew, after the one whose reply was waited for was given up by its own caller. */
  readonly again: (
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
  ) => Promise<Reply>;
}

const NONE: readonly RedisValue[] = [];

/** A pool's way to its cache: what it knows is answered from it, what is asked for fills it, what is written leaves it. */
export class PoolCache {
  readonly #settings: PoolCacheSettings;
  readonly #guard: CacheGuard;
  readonly #cache: AbstractCache;
  /** Behind the names of commands, where the plain ones belong to replies of another kind. */
  readonly #suffix: string;
  /** A hit that is to be compared with the answer to the call that is being made. */
  #doubted: Reply | undefined = undefined;

  constructor(settings: PoolCacheSettings) {
    this.#settings = settings;
    this.#guard = settings.guard;
    this.#cache = settings.guard.cache;
    const { place, db, textMode, ownMode } = settings;
    const kind = `${place} db=${db} encoding=${textMode} decode=${ownMode}`;
    this.#guard.native ??= kind;
    this.#suffix = this.#guard.native === kind ? '' : ` ${kind}`;
  }

  /** The reply without a request of its own; null: the server has to be asked. */
  answer(
    command: string | Uint8Array,
    info: CommandInfo,
    args: readonly RedisValue[],
    options: PoolRequestOptions | null,
  ): Promise<Reply> | null {
    this.#doubted = undefined;
    const key = this.#keyOf(info, args);
    if (key === null || !this.#guard.usable) return null;
    const name = this.#suffix === '' ? info.name : info.name + this.#suffix;
    const now = performance.now();
    if (this.#guard.fresh(now)) {
      const held = this.#held(name, key, args);
      if (held !== undefined) {
        if (this.#trusted()) return Promise.resolve(held);
        this.#doubted = held;
      }
    }
    const field = cacheField(name, args.length === 1 ? NONE : args.slice(1));
    const token = this.#guard.underWay(key, field, this, now);
    return token === null ? null : this.#join(token, command, args.map(kept), options);
  }

  #held(name: string, key: Key, args: readonly RedisValue[]): Reply | undefined {
    try {
      return args.length === 1 ? this.#cache.get(name, key) : this.#cache.get(name, key, ...args.slice(1));
    } catch (error) {
      this.#guard.failed(error);
      return undefined;
    }
  }

  /** To be called when a call is about to be queued: what it reads is kept, what it writes is dropped. */
  attach(call: PoolCall, promise: Promise<Reply>, args: readonly RedisValue[], reads: boolean): void {
    const { info } = call;
    if ((info.flags & CACHEABLE) === 0) return this.#write(call, args);
    const key = reads && this.#guard.usable ? this.#keyOf(info, args) : null;
    if (key !== null) this.#fetch(call, promise, key, args);
  }

  /** The key, as the cache is to know it, of a call that may be answered from it. */
  #keyOf(info: CommandInfo, args: readonly RedisValue[]): Key | null {
    if ((info.flags & CACHEABLE) === 0) return null;
    const key = cacheKeyOf(info, args);
    if (key === null) return null;
    const { prefixes, writes } = this.#settings;
    const exact = writes.asSent(key);
    if (prefixes.length === 0) return exact;
    const form = cacheKey(exact);
    return prefixes.some((prefix) => form.startsWith(prefix)) ? exact : null;
  }

  #trusted(): boolean {
    const { confidence } = this.#cache;
    return confidence >= 100 || Math.random() * 100 < confidence;
  }

  #fetch(call: PoolCall, promise: Promise<Reply>, key: Key, args: readonly RedisValue[]): void {
    const guard = this.#guard;
    const doubted = this.#doubted;
    this.#doubted = undefined;
    const name = call.info.name + this.#suffix;
    const rest = args.length === 1 ? NONE : args.slice(1).map(kept);
    const token = guard.begin(key, cacheField(name, rest), this);
    token.promise = promise;
    token.carrier = call;
    if (this.#settings.mode === 'optin') call.prelude = () => new CachingEntry(() => guard.end(token));
    const { resolve, reject } = call;
    call.resolve = (value: Reply) => {
      this.#arrived(call, token, name, rest, value, doubted);
      resolve(value as never);
    };
    call.reject = (error) => {
      guard.end(token);
      reject(error);
    };
  }

  #arrived(
    call: PoolCall,
    token: FetchToken,
    name: string,
    args: readonly RedisValue[],
    value: Reply,
    doubted: Reply | undefined,
  ): void {
    const guard = this.#guard;
    token.arrived(value);
    // After a redirect nobody knows how long that node will answer for the key.
    if (value instanceof RedisError || call.redirects > 0 || call.host === null) return guard.end(token);
    const key = keyOfForm(token.key);
    if (doubted !== undefined && token.valid)
      guard.compared(name, key, args, isDeepStrictEqual(doubted, value));
    guard.store(token, call.host, name, key, args, value);
  }

  /** Drops what the call writes when it is queued, and again when it has settled. */
  #write(call: PoolCall, args: readonly RedisValue[]): void {
    const drop = this.#settings.writes.dropOf(call.info, args);
    if (drop === null) return;
    drop();
    const { resolve, reject } = call;
    call.resolve = (value) => {
      drop();
      resolve(value);
    };
    call.reject = (error) => {
      drop();
      reject(error);
    };
  }

  /** The reply that another call waits for already. What ends that call alone is no answer to this one. */
  async #join(
    token: FetchToken,
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions | null,
  ): Promise<Reply> {
    const deadline = options === null ? null : Deadline.of(options);
    const raise = options?.raiseExceptions ?? true;
    let reply: Reply;
    try {
      const joined = token.join();
      reply = await (deadline === null ? joined : within(joined, deadline, 'the reply'));
    } catch (error) {
      if (deadline?.aborted === true || deadline?.expired === true) throw error;
      if (givenUp(token, error)) {
        const timeout =
          deadline === null || deadline.unlimited ? options?.timeout : Math.max(1, deadline.remaining());
        return this.#settings.again(command, args, { ...options, timeout });
      }
      if (raise || !isOfServer(error)) throw error;
      return error;
    }
    if (raise && reply instanceof RedisError) throw reply;
    return reply;
  }
}

/** The caller of the request had enough; it is not the server's fault. */
function givenUp({ carrier }: FetchToken, error: unknown): boolean {
  const call = carrier as PoolCall | null;
  if (call?.callSignal?.aborted === true) return true;
  return call?.overall === true && error instanceof TimeoutError;
}
