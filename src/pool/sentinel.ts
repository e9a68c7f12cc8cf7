import { nameClass } from '../base/classes.ts';
import { inspect } from 'node:util';
import type { WaitOptions } from '../base/deadline.ts';
import { type Directory, type FindOptions, FOLLOW } from '../topology/sentinel/service-role.ts';
import type { PrimaryListener } from '../topology/sentinel/primary-followers.ts';
import type { SentinelGroup } from '../topology/sentinel/sentinel-group.ts';
import type { TCPLocation } from '../transport/location.ts';
import { SentinelConnectionPool } from './sentinel-connection-pool.ts';
import {
  type SentinelOptions,
  type SentinelServiceOptions,
  splitSentinelOptions,
} from './options/sentinel-options.ts';
import type { Decoding } from '../resp/types.ts';

/** Options that a `Sentinel` itself sets for its pools. */
const DECIDED: ReadonlySet<string> = new Set(['serviceName', 'sentinelManager', 'isPrimary']);

/**
 * Asks sentinels for the primary and the replicas of a service, and makes pools that follow them.
 *
 * @example const primary = new Sentinel({ sentinels: [{ host: 'a', port: 26379 }] }).primaryFor('mymaster');
 */
export class Sentinel<D extends Decoding = false> implements Directory, AsyncDisposable {
  static {
    nameClass(this, 'Sentinel');
  }

  readonly #group: SentinelGroup;
  readonly #data: Readonly<Record<string, unknown>>;

  constructor(options: SentinelOptions<D>) {
    const { group, data } = splitSentinelOptions(options);
    this.#group = group;
    this.#data = data;
  }

  /** The sentinels in the order of the next question, including those that other sentinels have named. */
  get sentinels(): readonly TCPLocation[] {
    return this.#group.sentinels;
  }

  /**
   * Rejects with `PrimaryNotFoundError` if no sentinel names a primary; its `cause` holds the answer of each
   * sentinel.
   */
  discoverPrimary(serviceName: string, options: FindOptions = {}): Promise<TCPLocation> {
    return this.#group.discoverPrimary(serviceName, options);
  }
  /** Resolves to the replicas that are up, or to an empty list if the sentinels do not know the service. */
  discoverReplicas(serviceName: string, options: WaitOptions = {}): Promise<TCPLocation[]> {
    return this.#group.discoverReplicas(serviceName, options);
  }

  /** A pool for the primary. `options` override the options of the `Sentinel`. */
  primaryFor<E extends Decoding = D>(
    serviceName: string,
    options?: SentinelServiceOptions<E>,
  ): SentinelConnectionPool<E> {
    return this.#poolFor(serviceName, true, options);
  }
  /** A pool for the replicas. `options` override the options of the `Sentinel`. */
  replicaFor<E extends Decoding = D>(
    serviceName: string,
    options?: SentinelServiceOptions<E>,
  ): SentinelConnectionPool<E> {
    return this.#poolFor(serviceName, false, options);
  }

  /** Closes the connections to the sentinels. Its pools stay open. */
  async close(): Promise<void> {
    this.#group.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal How pools hear of a switch. */
  [FOLLOW](service: string, listener: PrimaryListener): () => void {
    return this.#group[FOLLOW](service, listener);
  }

  toString(): string {
    return `Sentinel<sentinels=[${this.sentinels.join()}]>`;
  }
  [inspect.custom](): string {
    return this.toString();
  }
  toJSON(): Record<string, unknown> {
    return { type: 'Sentinel', sentinels: this.sentinels.map(String) };
  }

  #poolFor<E extends Decoding>(
    serviceName: string,
    isPrimary: boolean,
    options: SentinelServiceOptions<E> = {},
  ): SentinelConnectionPool<E> {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    for (const [option] of given) {
      if (!DECIDED.has(option)) continue;
      throw new TypeError(`${option} is not an option of ${isPrimary ? 'primaryFor' : 'replicaFor'}`);
    }
    const all = {
      ...this.#data,
      ...Object.fromEntries(given),
      serviceName,
      sentinelManager: this,
      isPrimary,
    };
    return new SentinelConnectionPool<E>(all as never);
  }
}
