import type { SrvRecord } from 'node:dns';
import { parseAddress, type NatMap, type RedisOptions } from './redis-options.ts';
import type { ScriptDefinition } from './script.ts';

/** One start node: a port, a URL or an address. */
export type ClusterNode = string | number | { host?: string | undefined; port?: number | string | undefined };
export type ScaleReads = 'master' | 'slave' | 'all' | ((...args: never[]) => unknown);

export type DnsLookup = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null | undefined, address?: string, family?: number) => void,
) => void;
export type ResolveSrv = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null | undefined, records?: SrvRecord[]) => void,
) => void;

/** The options of ioredis' `Cluster`. Times are milliseconds. */
export interface ClusterOptions {
  /** Options of every node's connections. */
  redisOptions?: RedisOptions | undefined;
  /** `'slave'` and `'all'`: reads go to replicas where there are some. */
  scaleReads?: ScaleReads | undefined;
  clusterRetryStrategy?:
    | ((times: number, reason?: Error) => number | null | undefined | void)
    | null
    | undefined;
  enableOfflineQueue?: boolean | undefined;
  enableReadyCheck?: boolean | undefined;
  lazyConnect?: boolean | undefined;
  keyPrefix?: string | undefined;
  stringNumbers?: boolean | undefined;
  natMap?: NatMap | null | undefined;
  /** How often the layout is read again, beside the errors that make it so; default: never. */
  slotsRefreshInterval?: number | null | undefined;
  slotsRefreshTimeout?: number | undefined;
  /** Redirects and repetitions of one command. */
  maxRedirections?: number | undefined;
  retryDelayOnFailover?: number | undefined;
  retryDelayOnClusterDown?: number | undefined;
  retryDelayOnTryAgain?: number | undefined;
  retryDelayOnMoved?: number | undefined;
  /** Accepted, and of no effect: commands of one turn are written together anyway. */
  enableAutoPipelining?: boolean | undefined;
  /** Looks up the names of start nodes; default: the system's own way when they are dialled. */
  dnsLookup?: DnsLookup | undefined;
  /** The hosts of start nodes are names of SRV records. */
  useSRVRecords?: boolean | undefined;
  /** Looks up SRV records; default: `dns.resolveSrv`. */
  resolveSrv?: ResolveSrv | undefined;
  shardedSubscribers?: boolean | undefined;
  scripts?: Record<string, ScriptDefinition> | undefined;
  offlineQueueBytes?: number | undefined;
}

export const DEFAULT_CLUSTER_OPTIONS: Readonly<ClusterOptions> = {
  clusterRetryStrategy: (times) => Math.min(100 + times * 2, 2_000),
  enableOfflineQueue: true,
  enableReadyCheck: true,
  scaleReads: 'master',
  maxRedirections: 16,
  retryDelayOnFailover: 100,
  retryDelayOnClusterDown: 100,
  retryDelayOnTryAgain: 100,
  retryDelayOnMoved: 0,
  slotsRefreshTimeout: 1_000,
  enableAutoPipelining: false,
  offlineQueueBytes: 256 * 1024 * 1024,
};

/** A start node with its options. */
export function nodeOf(node: ClusterNode): RedisOptions & { host: string; port: number } {
  const given: RedisOptions =
    typeof node === 'object'
      ? (node as RedisOptions)
      : typeof node === 'number'
        ? { port: node }
        : parseAddress(node);
  return { ...given, host: given.host ?? '127.0.0.1', port: Number(given.port ?? 6379) };
}
