import { nameClass } from '../base/classes.ts';
import { Deadline, refuseUnknownWait, type WaitOptions } from '../base/deadline.ts';
import type { SentinelManagedConnection } from '../connection/sentinel-managed-connection.ts';
import { tookTooLong } from '../errors/errors.ts';
import type { SentinelGroup } from '../topology/sentinel/sentinel-group.ts';
import type { TCPLocation } from '../transport/location.ts';
import { ConnectionPool, type FromUrlOptions } from './connection-pool.ts';
import { closedError } from './pool-engine.ts';
import type {
  ConnectionClass,
  DecodeOfUrl,
  Misspelt,
  SentinelConnectionClass,
  SentinelConnectionPoolOptions,
  WithOwnOptions,
} from './options/pool-options.ts';
import { resolveUrl } from './urls/resolve-url.ts';
import { type SentinelOptions, splitSentinelOptions } from './options/sentinel-options.ts';
import { prepareSentinelPool, roleName, type SentinelPoolParts } from './options/sentinel-setup.ts';
import type { Decoding } from '../resp/types.ts';

/** Options of a pool whose URL names the service or the sentinels. */
export interface SentinelUrlOptions
  extends FromUrlOptions,
    Partial<Omit<SentinelConnectionPoolOptions, 'connectionClass'>>,
    Pick<SentinelOptions, 'minOtherSentinels' | 'addressMap'> {
  /** A subclass of `SentinelManagedConnection`. */
  connectionClass?: ConnectionClass | SentinelConnectionClass | undefined;
  /** For the sentinels; the URL's own user and password are for the data servers. */
  sentinelUsername?: string | undefined;
  sentinelPassword?: string | undefined;
}

/** Gives options inside a call of `fromUrl` their types. */
export interface SentinelOptionHints extends SentinelUrlOptions {}

/** A pool of connections to the current primary of a service, or to its replicas. */
export interface SentinelConnectionPool<D extends Decoding = false> extends SentinelPool<D> {}

/** The type of the class: its options follow from the `connectionClass`. */
export interface SentinelConnectionPoolClass {
  /** `D`: how replies are decoded, `O`: the options of a connection class of your own. Both follow from the options. */
  new <D extends Decoding = false, O = never>(
    options: WithOwnOptions<SentinelConnectionPoolOptions<D, O>, O>,
  ): SentinelConnectionPool<D>;
  /** With a list of sentinels in the URL, or with `sentinelManager` and `serviceName`. */
  fromUrl<
    P extends AnyClass = SentinelConnectionPoolClass,
    const O extends SentinelUrlOptions = Record<never, never>,
    const U extends string = string,
  >(
    this: P,
    url: U,
    options?: O & SentinelOptionHints & Misspelt<O, SentinelOptionHints>,
  ): SentinelPoolOf<P, O, U>;
}

/** The members of a `SentinelConnectionPool`. */
export class SentinelPool<D extends Decoding> extends ConnectionPool<SentinelManagedConnection, D> {
  static {
    nameClass(this, 'SentinelConnectionPool');
  }

  readonly #parts: SentinelPoolParts;
  readonly #closing = new AbortController();
  /** Made by `fromUrl` for this pool alone, and closed with it. */
  #manager: SentinelGroup | null = null;
  #closed: Promise<void> | null = null;

  constructor(options: SentinelConnectionPoolOptions<D>) {
    const parts = prepareSentinelPool(options);
    super(parts.prepared as never);
    this.#parts = parts;
  }

  /** @internal `SentinelConnectionPoolClass` says what it gives. */
  static override fromUrl(this: unknown, url: string, options?: object): never {
    const resolved = resolveUrl(url, options, 'sentinel');
    const make = this as new (options: object) => SentinelPool<Decoding>;
    if (resolved.manager === null) return new make(resolved.options) as never;
    const { group } = splitSentinelOptions(resolved.manager);
    try {
      const pool = new make({ ...resolved.options, sentinelManager: group });
      pool.#manager = group;
      return pool as never;
    } catch (error) {
      group.close();
      throw error;
    }
  }

  /** The last known primary; null before the first look-up, and always for a pool of replicas. */
  get location(): TCPLocation | null {
    return this.#parts.isPrimary ? this.#parts.primary.location : null;
  }
  override get address(): string | null {
    return this.location?.toString() ?? null;
  }

  /** Asks the sentinels for the primary. If it has changed, connections to the old one end at once. */
  getPrimaryLocation(options?: WaitOptions): Promise<TCPLocation> {
    const { isPrimary, primary, directory, service } = this.#parts;
    const find = (signal: AbortSignal): Promise<TCPLocation> =>
      isPrimary ? primary.find(signal) : directory.discoverPrimary(service, { signal });
    return this.#find(options, find, `the search for the primary of '${service}'`);
  }
  /** The next replica that can be reached; the primary if there is none. */
  getReplica(options?: WaitOptions): Promise<TCPLocation> {
    const { replicas, service } = this.#parts;
    return this.#find(options, (signal) => replicas.find(signal), `the search for replicas of '${service}'`);
  }

  override close(options: { timeout?: number | null } = {}): Promise<void> {
    const closed = super.close(options);
    // If the options were refused, nothing was closed.
    if (!this.closed) return closed;
    this.#closing.abort(closedError());
    this.#closed ??= closed.then(() => this.#manager?.close());
    return this.#closed;
  }

  override telemetryAttributes(): Record<string, string | number> {
    const { service, isPrimary } = this.#parts;
    return { ...super.telemetryAttributes(), 'db.client.connection.pool.name': roleName(service, isPrimary) };
  }

  async #find(
    options: WaitOptions | undefined,
    find: (signal: AbortSignal) => Promise<TCPLocation>,
    what: string,
  ): Promise<TCPLocation> {
    refuseUnknownWait(options);
    const deadline = Deadline.of(options);
    // A user's manager may ignore the signal.
    return await deadline.run(
      (signal) => Deadline.ofSignal(signal).wait(find(signal)),
      () => tookTooLong(what, deadline),
      this.#closing.signal,
    );
  }
}

export type AnyClass = abstract new (options: never) => unknown;
export type SentinelPoolOf<P extends AnyClass, O, U extends string> = SentinelConnectionPoolClass extends P
  ? SentinelConnectionPool<DecodeOfUrl<U, O>>
  : InstanceType<P>;

/**
 * A pool of connections to the current primary of a service, or to its replicas.
 *
 * @example
 * await using pool = SentinelConnectionPool.fromUrl('redis+sentinel://127.0.0.1:26379/mymaster');
 * await pool.execute('SET', 'greeting', 'hello');
 */
export const SentinelConnectionPool: SentinelConnectionPoolClass =
  SentinelPool as SentinelConnectionPoolClass;
