import { isDeepStrictEqual } from 'node:util';
import { isUint8Array } from 'node:util/types';
import { reportCallbackError } from '../../base/callback-errors.ts';
import { Deadline } from '../../base/deadline.ts';
import { cachedKeyOf, cacheField, cacheKey, keyAsSent, keyOfForm, type Key } from '../../cache/cache-key.ts';
import type { FetchToken } from '../../cache/fetch-token.ts';
import type { OwnWrites } from '../../cache/own-writes.ts';
import type { CacheGuard } from '../../cache/cache-guard.ts';
import { type CommandInfo, resolveCommand } from '../../commands/command-info.ts';
import { CACHEABLE } from '../../commands/flags.ts';
import { isOfServer, RedisError, TimeoutError, WrongTypeError } from '../../errors/errors.ts';
import type { AbstractCache } from '../../interfaces/abstract-cache.ts';
import type { TrackingChoice } from '../../node/tracking.ts';
import { kept } from '../../resp/decoding/native-slices.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import type { DecodeMode } from '../../resp/text-modes.ts';
import type { Cacheable } from './cache-setup.ts';
import { CachingEntry } from '../calls/preludes.ts';
import type { PoolRequest, PoolRequestOptions } from '../calls/call-options.ts';
import type { PoolCall } from '../calls/pool-call.ts';

export interface PoolCacheSettings extends TrackingChoice {
  readonly guard: CacheGuard;
  readonly writes: OwnWrites;
  /** Name of the pool's servers. Part of the cache key, so that pools of other servers share no entries. */
  readonly place: string;
  readonly db: number;
  /** Whether a read may be cached; null if all may. */
  readonly cacheable: Cacheable | null;
  readonly textMode: 1 | 2 | 3;
  readonly ownMode: DecodeMode;
  /** Replies have the shapes of RESP2, whatever is spoken. */
  readonly resp2Replies: boolean;
  readonly streamTimeout: number | null;
  /**
   * Makes a call again after the call it had joined was given up by its own caller. `since`: monotonic ms from which
   * its `timeout` counts; null for now.
   */
  readonly again: (
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
    since: number | null,
  ) => PoolRequest<Reply>;
}

/** A command that may write. */
interface Written {
  readonly info: CommandInfo;
  readonly args: readonly RedisValue[];
}

/** A call that waits for the reply to another call's request. */
interface Joiner {
  readonly command: string | Uint8Array;
  readonly args: readonly RedisValue[];
  readonly options: PoolRequestOptions | null;
  /** When the call was made; monotonic ms. */
  readonly since: number;
  /** The requests that the call has waited for. */
  readonly asked: ({ readonly maybeExecuted: boolean } | null)[];
}

/** A call with less time left than this, in ms, is not repeated. */
const LAST_TRY = 10;

const NONE: readonly RedisValue[] = [];

/** Connects a pool to its cache: answers hits, stores replies and invalidates on writes. */
export class PoolCache {
  readonly #settings: PoolCacheSettings;
  readonly #guard: CacheGuard;
  readonly #cache: AbstractCache;
  /** Appended to command names if the plain names hold replies of another pool, database or decoding. */
  readonly #suffix: string;
  /** A cached value to compare with the server's reply (`confidence` below 100). */
  #doubted: Reply | undefined = undefined;

  constructor(settings: PoolCacheSettings) {
    this.#settings = settings;
    this.#guard = settings.guard;
    this.#cache = settings.guard.cache;
    const { place, db, textMode, ownMode, resp2Replies } = settings;
    const kind = `${place} db=${db} encoding=${textMode} decode=${ownMode}${resp2Replies ? ' resp2' : ''}`;
    this.#guard.native ??= kind;
    this.#suffix = this.#guard.native === kind ? '' : ` ${kind}`;
  }

  /** The cached reply, or that of an identical call in progress; null if the server must be asked. */
  answer(
    command: string | Uint8Array,
    info: CommandInfo,
    args: readonly RedisValue[],
    options: PoolRequestOptions | null,
    since: number | null = null,
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
    // A suspect connection gets no new work, so no call may join a request on it.
    if (token === null || carrierOf(token).host?.suspect === true) return null;
    return this.#join(token, { command, args: args.map(kept), options, since: since ?? now, asked: [] });
  }

  #held(name: string, key: Key, args: readonly RedisValue[]): Reply | undefined {
    try {
      return args.length === 1 ? this.#cache.get(name, key) : this.#cache.get(name, key, ...args.slice(1));
    } catch (error) {
      this.#guard.failed(error);
      return undefined;
    }
  }

  /** Call it right before a call is queued: stores the reply of a read, or drops the keys that a write changes. */
  attach(call: PoolCall, promise: Promise<Reply>, args: readonly RedisValue[], reads: boolean): void {
    const { info } = call;
    if ((info.flags & CACHEABLE) === 0) return this.#write(call, args);
    const key = reads && this.#guard.usable ? this.#keyOf(info, args) : null;
    if (key !== null) return this.#fetch(call, promise, key, args);
    this.#cache.passedBy?.();
    // A connection without tracking refuses CLIENT CACHING, which is harmless.
    if (this.#settings.mode === 'optout') call.prelude = () => [new CachingEntry('NO', null)];
  }

  /** The cache's key for a call; null if the call may not be cached. */
  #keyOf(info: CommandInfo, args: readonly RedisValue[]): Key | null {
    if ((info.flags & CACHEABLE) === 0) return null;
    const key = cachedKeyOf(info, args);
    if (key === null) return null;
    const { prefixes, textMode } = this.#settings;
    const exact = keyAsSent(key, textMode);
    if (!this.#wanted(info.name, exact)) return null;
    if (prefixes.length === 0) return exact;
    const form = cacheKey(exact);
    return prefixes.some((prefix) => form.startsWith(prefix)) ? exact : null;
  }

  #wanted(command: string, key: Key): boolean {
    const { cacheable } = this.#settings;
    if (cacheable === null) return true;
    try {
      return cacheable(command, typeof key === 'string' ? key : Buffer.from(key));
    } catch (error) {
      reportCallbackError(this, 'cacheable()', error);
      return false;
    }
  }

  /**
   * Answers an MGET key by key, so that only keys neither cached nor being read are requested. Null if no key may be
   * cached.
   */
  answerKeys(
    info: CommandInfo,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
    since: number | null,
  ): PoolRequest<Reply> | null {
    if (info.count !== 1 || args.length === 0 || !this.#guard.usable || !args.every(mayBeKey)) return null;
    const get = resolveCommand('GET', [args[0] as RedisValue], this.#settings.textMode);
    if (args.every((key) => this.#keyOf(get, [key]) === null)) return null;
    const own: PoolRequestOptions = { ...options, raiseExceptions: true, splitMultiKey: false };
    const asked = args.map((key) => this.#settings.again('GET', [key], own, since));
    // MGET returns null for a key of another type, where GET fails.
    const values = asked.map((one) =>
      one.catch((error: unknown) => {
        if (error instanceof WrongTypeError) return null;
        throw error;
      }),
    );
    const all = Promise.all(values).catch((error: unknown) => {
      if (options.raiseExceptions === false && isOfServer(error)) return error;
      throw error;
    });
    const maybe = (): boolean => asked.some(({ maybeExecuted }) => maybeExecuted);
    return Object.defineProperty(all, 'maybeExecuted', { get: maybe }) as PoolRequest<Reply>;
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
    if (this.#settings.mode === 'optin')
      call.prelude = () => [new CachingEntry('YES', () => guard.end(token))];
    call.hook = {
      resolved: (value) => this.#arrived(call, token, name, rest, value, doubted),
      rejected: () => guard.end(token),
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
    // Do not cache after a redirect: it is unknown how long that node will serve the key.
    if (value instanceof RedisError || call.redirects > 0 || call.host === null) return guard.end(token);
    const key = keyOfForm(token.key);
    if (doubted !== undefined && token.valid)
      guard.compared(name, key, args, isDeepStrictEqual(doubted, value));
    guard.store(token, call.host, name, key, args, value);
  }

  /** Drops the keys that a call writes when it is queued, and again when it has settled. */
  #write(call: PoolCall, args: readonly RedisValue[]): void {
    const drop = this.#settings.writes.dropOf(call.info, args);
    if (drop === null) return;
    drop();
    call.hook = { resolved: drop, rejected: drop };
  }

  /** Drops the keys that several commands write, when their call is queued and again when it has settled. */
  attachWrites(call: PoolCall, commands: readonly Written[]): void {
    const drops = commands.flatMap(({ info, args }) => this.#settings.writes.dropOf(info, args) ?? []);
    if (drops.length === 0) return;
    const drop = (): void => {
      for (const each of drops) each();
    };
    drop();
    call.hook = { resolved: drop, rejected: drop };
  }

  #join(token: FetchToken, joiner: Joiner): PoolRequest<Reply> {
    const { asked } = joiner;
    asked.push(token.carrier);
    const get = (): boolean => asked.some((request) => request?.maybeExecuted === true);
    return Object.defineProperty(this.#share(token, joiner), 'maybeExecuted', { get }) as PoolRequest<Reply>;
  }

  /** Waits for another call's reply. If only that call is given up, this one is made again. */
  async #share(token: FetchToken, joiner: Joiner): Promise<Reply> {
    const { options, since } = joiner;
    const carrier = carrierOf(token);
    const raise = options?.raiseExceptions ?? true;
    const limit = options?.timeout ?? null;
    const left = limit === null ? null : Math.max(0, since + limit - performance.now());
    const deadline = new Deadline(options?.signal ?? null, left);
    let own: Error | null = null;
    const late = (): Error => (own ??= timeoutFor(carrier, limit as number));
    let reply: Reply;
    try {
      reply = await deadline.wait(token.join(), late);
    } catch (error) {
      if (deadline.aborted) throw deadline.reason;
      if (error !== own && givenUp(carrier, error)) {
        if (deadline.expired) throw late();
        return this.#again(joiner, carrier, error);
      }
      if (raise || !isOfServer(error)) throw error;
      return error;
    }
    if (raise && reply instanceof RedisError) throw reply;
    return reply;
  }

  /** Makes the call itself. Its own `timeout` goes on; a `streamTimeout` that ended the other call starts anew. */
  #again(joiner: Joiner, carrier: PoolCall, error: unknown): Promise<Reply> {
    const { command, args, options, asked } = joiner;
    const { streamTimeout } = this.#settings;
    const given = options?.timeout;
    let timeout = given;
    if (given === undefined && !carrier.overall && error instanceof TimeoutError) {
      if (streamTimeout !== null && joiner.since + streamTimeout - performance.now() < LAST_TRY) throw error;
      timeout = streamTimeout;
    }
    const since = typeof timeout === 'number' ? joiner.since : null;
    const request = this.#settings.again(command, args, { ...options, timeout }, since);
    asked.push(request);
    return request;
  }
}

function timeoutFor(carrier: PoolCall, limit: number): Error {
  if (carrier.host !== null) return carrier.host.waitedInVain(carrier, limit);
  const { maybeExecuted } = carrier;
  const command = carrier.info.name;
  const text = `${command} timed out after ${limit} ms waiting for a connection`;
  return new TimeoutError(text, { phase: 'acquire', maybeExecuted, command });
}

function carrierOf(token: FetchToken): PoolCall {
  return token.carrier as PoolCall;
}

/** Whether the request ended by its own caller's signal or limit, which says nothing about the server. */
function givenUp(call: PoolCall, error: unknown): boolean {
  if (call.callSignal?.aborted === true) return true;
  return error instanceof TimeoutError && (call.overall || error.phase === 'reply');
}

function mayBeKey(value: unknown): boolean {
  return (
    typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || isUint8Array(value)
  );
}
