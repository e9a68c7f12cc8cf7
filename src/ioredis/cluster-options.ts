import type { SrvRecord } from 'node:dns';
import { ClusterDownError, TryAgainError } from '../errors/errors.ts';
import type { RetryContext, RetryPolicy } from '../pool/calls/retry-policy.ts';
import type { HimportFieldset } from './fieldsets.ts';
import { parseAddress, type NatMap, type RedisOptions, type RetryStrategy } from './redis-options.ts';
import type { ScriptDefinition } from './script.ts';

/** One start node: a port, a URL or an address. */
export type ClusterNode = string | number | StartNode;
export interface StartNode {
  host?: string | undefined;
  port?: number | string | undefined;
  /** For this node only, where it differs from that of `redisOptions`. */
  username?: string | null | undefined;
  /** For this node only; null: none. Where `redisOptions` has none, that of the first start node is for all. */
  password?: string | null | undefined;
}
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
  /**
   * Where reads go: `'slave'` a replica where there is one, `'all'` any node of the slot. A function is called with the
   * addresses `host:port` of the slot, the primary's first, and the command; it gives one of them, or some to choose of.
   */
  scaleReads?: ScaleReads | undefined;
  clusterRetryStrategy?:
    | ((times: number, reason?: Error) => number | null | undefined | void)
    | null
    | undefined;
  /**
   * With a function a lost node is dialled again at once, and stays among `nodes()`; its clients wait as it says. Default:
   * a lost node leaves `nodes()` with `-node`, and comes back with the next command for it.
   */
  clusterNodeRetryStrategy?: RetryStrategy;
  enableOfflineQueue?: boolean | undefined;
  enableReadyCheck?: boolean | undefined;
  lazyConnect?: boolean | undefined;
  keyPrefix?: string | undefined;
  stringNumbers?: boolean | undefined;
  /** Fieldsets of `HIMPORT` that every primary is told of, also one that becomes it later. */
  himportFieldsets?: readonly HimportFieldset[] | undefined;
  natMap?: NatMap | null | undefined;
  /** How often the layout is read again, beside the errors that make it so; default: never. */
  slotsRefreshInterval?: number | null | undefined;
  slotsRefreshTimeout?: number | undefined;
  /** Repetitions of one command; default 16. */
  maxRedirections?: number | undefined;
  /** The pause before a command goes again that a lost node had not run; 0: it does not. Default 100. */
  retryDelayOnFailover?: number | undefined;
  /** The pause after `CLUSTERDOWN`; 0: the command rejects. Default 100. */
  retryDelayOnClusterDown?: number | undefined;
  /** The pause after `TRYAGAIN`; 0: the command rejects. Default 100. */
  retryDelayOnTryAgain?: number | undefined;
  /** Accepted, and of no effect: a moved slot's new node is asked at once. */
  retryDelayOnMoved?: number | undefined;
  /** Accepted, and of no effect: commands of one turn are written together anyway. */
  enableAutoPipelining?: boolean | undefined;
  autoPipeliningIgnoredCommands?: string[] | undefined;
  /** Looks up the names of start nodes; default: the system's own way when they are dialled. */
  dnsLookup?: DnsLookup | undefined;
  /** The hosts of start nodes are names of SRV records. */
  useSRVRecords?: boolean | undefined;
  /** Looks up SRV records; default: `dns.resolveSrv`. */
  resolveSrv?: ResolveSrv | undefined;
  /** Accepted, and of no effect: `ssubscribe` always goes to the node of its channel. */
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

/** Parses a start node and fills in host and port. */
export function nodeOf(node: ClusterNode): RedisOptions & { host: string; port: number } {
  const given: RedisOptions =
    typeof node === 'object'
      ? (node as RedisOptions)
      : typeof node === 'number'
        ? { port: node }
        : parseAddress(node);
  return { ...given, host: given.host ?? '127.0.0.1', port: Number(given.port ?? 6379) };
}

/** The retry policy of the `retryDelayOn…` options; never repeats a command that the server may have run. */
export class RetryDelays implements RetryPolicy {
  readonly #options: ClusterOptions;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  next(attempt: number, error: Error, { maybeExecuted }: RetryContext): number | null {
    const { maxRedirections = 16 } = this.#options;
    if (attempt > maxRedirections || maybeExecuted || error instanceof TypeError) return null;
    const pause = this.#pauseAfter(error);
    return typeof pause === 'number' && pause > 0 ? pause : null;
  }

  #pauseAfter(error: Error): number | undefined {
    const { retryDelayOnClusterDown, retryDelayOnTryAgain, retryDelayOnFailover } = this.#options;
    if (error instanceof ClusterDownError) return retryDelayOnClusterDown;
    if (error instanceof TryAgainError) return retryDelayOnTryAgain;
    return retryDelayOnFailover;
  }
}
