import { nameClass } from '../../base/classes.ts';
import { TCPLocation } from '../../transport/location.ts';
import { FaultProxy } from './fault-proxy.ts';
import type { FaultProxyOptions, FaultProxyTarget } from './faults.ts';

/**
 * Proxies in front of several servers, and the map that leads pools through them.
 *
 * @example const { addressMap, locations } = await FaultProxies.start(cluster.nodes);
 */
export class FaultProxies implements AsyncDisposable {
  readonly proxies: readonly FaultProxy[];
  readonly #targets: readonly FaultProxyTarget[];

  private constructor(targets: readonly FaultProxyTarget[], proxies: readonly FaultProxy[]) {
    this.#targets = targets;
    this.proxies = proxies;
  }

  /**
   * Starts one for each node of a cluster or behind sentinels.
   *
   * @example
   * ```ts
   * await using cluster = await startCluster();
   * await using proxies = await FaultProxies.start(cluster.nodes, { rates: { reset: 0.001 } });
   * const startupNodes = proxies.locations;
   * await using pool = new ClusterConnectionPool({ startupNodes, addressMap: proxies.addressMap });
   * ```
   */
  static async start(
    targets: readonly FaultProxyTarget[],
    options: FaultProxyOptions = {},
  ): Promise<FaultProxies> {
    const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
    const proxies = await Promise.all(
      targets.map((target, index) => FaultProxy.start(target, { ...options, seed: seed + index })),
    );
    return new FaultProxies(targets, proxies);
  }

  get locations(): TCPLocation[] {
    return this.proxies.map(({ location }) => location);
  }

  /** For the option `addressMap` of cluster pools and sentinels: an address that is not proxied stays. */
  readonly addressMap = (host: string, number: number): TCPLocation => {
    const index = this.#targets.findIndex((target) => {
      const location = 'location' in target ? target.location : target;
      return location instanceof TCPLocation && location.host === host && location.port === number;
    });
    return this.proxies[index]?.location ?? new TCPLocation(host, number);
  };

  async heal(): Promise<void> {
    for (const proxy of this.proxies) await proxy.heal();
  }

  async close(): Promise<void> {
    for (const proxy of this.proxies) await proxy.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
nameClass(FaultProxies, 'FaultProxies');
