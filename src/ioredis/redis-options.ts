import type { ConnectionOptions as TLSOptions } from 'node:tls';
import type { Duplex } from 'node:stream';
import { fieldsetsOf, type HimportFieldset } from './fieldsets.ts';
import type { ScriptDefinition } from './script.ts';

/** Addresses that servers announce → addresses that can be reached. */
export type NatMap =
  | Record<string, { host: string; port: number }>
  | ((key: string) => { host: string; port: number } | null | undefined);

export interface SentinelAddress {
  host: string;
  port: number;
  family?: number | undefined;
}
/** One replica as sentinels list it. */
export interface ListedReplica {
  ip: string;
  port: string;
  flags?: string | undefined;
  prio?: number | undefined;
}
export type PreferredSlaves =
  | ((slaves: ListedReplica[]) => ListedReplica | null)
  | ListedReplica
  | ListedReplica[];

/** Reports a failed attempt while a connector goes on. */
export type ConnectorNotice = (event: string, error: Error) => void;
/** Where the transport of a connection comes from. */
export interface Connector {
  connect(notice: ConnectorNotice): Promise<Duplex>;
  disconnect(): void;
  /** Whether the server that was found is the right one, by its INFO. */
  check?(info: Record<string, string>): boolean;
  firstError?: Error | undefined;
}

export type RetryStrategy = ((times: number) => number | null | undefined | void) | null | undefined;
export type ReconnectOnError = (error: Error) => boolean | 1 | 2;

/** The options of ioredis. Times are milliseconds unless an option says otherwise. */
export interface RedisOptions {
  port?: number | undefined;
  host?: string | undefined;
  /** A Unix socket. */
  path?: string | undefined;
  family?: number | undefined;
  username?: string | null | undefined;
  password?: string | null | undefined;
  db?: number | undefined;
  tls?: TLSOptions | boolean | string | undefined;
  connectionName?: string | null | undefined;
  disableClientInfo?: boolean | undefined;
  clientInfoTag?: string | undefined;
  connectTimeout?: number | undefined;
  disconnectTimeout?: number | undefined;
  commandTimeout?: number | undefined;
  blockingTimeout?: number | undefined;
  blockingTimeoutGrace?: number | undefined;
  socketTimeout?: number | undefined;
  keepAlive?: number | undefined;
  noDelay?: boolean | undefined;
  lazyConnect?: boolean | undefined;
  keyPrefix?: string | undefined;
  retryStrategy?: RetryStrategy;
  reconnectOnError?: ReconnectOnError | null | undefined;
  maxRetriesPerRequest?: number | null | undefined;
  maxLoadingRetryTime?: number | undefined;
  enableOfflineQueue?: boolean | undefined;
  enableReadyCheck?: boolean | undefined;
  autoResubscribe?: boolean | undefined;
  autoResendUnfulfilledCommands?: boolean | undefined;
  /** Accepted, and of no effect: commands of one turn are written together anyway. */
  enableAutoPipelining?: boolean | undefined;
  autoPipeliningIgnoredCommands?: string[] | undefined;
  readOnly?: boolean | undefined;
  stringNumbers?: boolean | undefined;
  protocol?: 2 | 3 | undefined;
  replyMapping?: 'legacy' | 'resp3' | undefined;
  showFriendlyErrorStack?: boolean | undefined;
  monitor?: boolean | undefined;
  scripts?: Record<string, ScriptDefinition> | undefined;
  Connector?: (new (options: RedisOptions) => Connector) | undefined;
  /** Fieldsets that every connection prepares, and again before a `HIMPORT SET` that needs one. */
  himportFieldsets?: readonly HimportFieldset[] | undefined;
  /** Most bytes that wait in the offline queue; one more command is refused. Default 256 MiB. */
  offlineQueueBytes?: number | undefined;
  // Sentinels
  sentinels?: Partial<SentinelAddress>[] | null | undefined;
  name?: string | undefined;
  role?: 'master' | 'slave' | undefined;
  sentinelUsername?: string | null | undefined;
  sentinelPassword?: string | null | undefined;
  sentinelRetryStrategy?: RetryStrategy;
  sentinelReconnectStrategy?: RetryStrategy;
  sentinelCommandTimeout?: number | undefined;
  sentinelMaxConnections?: number | undefined;
  sentinelTLS?: TLSOptions | undefined;
  enableTLSForSentinelMode?: boolean | undefined;
  preferredSlaves?: PreferredSlaves | undefined;
  updateSentinels?: boolean | undefined;
  failoverDetector?: boolean | undefined;
  natMap?: NatMap | null | undefined;
}

export const DEFAULT_OPTIONS: Readonly<RedisOptions> = {
  port: 6379,
  host: 'localhost',
  family: 0,
  connectTimeout: 10_000,
  disconnectTimeout: 2_000,
  retryStrategy: (times) => Math.min(2 ** (times - 1) * 50, 5_000) + Math.floor(Math.random() * 200),
  keepAlive: 30_000,
  noDelay: true,
  connectionName: null,
  disableClientInfo: false,
  clientInfoTag: undefined,
  sentinels: null,
  role: 'master',
  sentinelRetryStrategy: (times) => Math.min(times * 10, 1_000),
  sentinelReconnectStrategy: () => 60_000,
  natMap: null,
  enableTLSForSentinelMode: false,
  updateSentinels: true,
  failoverDetector: false,
  username: null,
  password: null,
  db: 0,
  enableOfflineQueue: true,
  enableReadyCheck: true,
  autoResubscribe: true,
  autoResendUnfulfilledCommands: true,
  lazyConnect: false,
  keyPrefix: '',
  reconnectOnError: null,
  readOnly: false,
  stringNumbers: false,
  protocol: 3,
  replyMapping: 'legacy',
  maxRetriesPerRequest: 20,
  maxLoadingRetryTime: 10_000,
  enableAutoPipelining: false,
  autoPipeliningIgnoredCommands: [],
  sentinelMaxConnections: 10,
  blockingTimeoutGrace: 100,
  offlineQueueBytes: 256 * 1024 * 1024,
};

/** Parses the constructor's arguments: port, host, URL or path, and options; the first value of an option counts. */
export function parseOptions(given: readonly unknown[]): RedisOptions {
  const parts: object[] = [];
  let secure = false;
  for (const argument of given) {
    if (argument === null || argument === undefined) continue;
    if (typeof argument === 'object') parts.push(argument);
    else if (typeof argument === 'number') parts.push({ port: argument });
    else if (typeof argument === 'string') {
      parts.push(parseAddress(argument));
      secure ||= /^(?:redi|valkey)ss:\/\//i.test(argument) || /^valkeys:\/\//i.test(argument);
    } else throw new Error(`Invalid argument ${String(argument)}`);
  }
  if (secure) parts.push({ tls: true });
  const options: Record<string, unknown> = {};
  for (const part of [...parts, DEFAULT_OPTIONS]) {
    for (const [key, value] of Object.entries(part)) if (options[key] === undefined) options[key] = value;
  }
  for (const key of ['port', 'db'])
    if (typeof options[key] === 'string') options[key] = Number.parseInt(options[key], 10);
  const typed = options as RedisOptions;
  if (typed.replyMapping === 'resp3' && typed.protocol !== 3) {
    throw new Error('The "resp3" replyMapping is only supported with protocol 3');
  }
  const fieldsets = fieldsetsOf(typed.himportFieldsets);
  if (fieldsets !== null) typed.himportFieldsets = fieldsets;
  return typed;
}

/** Parses a URL, `host:port`, a port as text, or a path. */
export function parseAddress(text: string): Record<string, unknown> {
  if (/^\d+$/.test(text)) return { port: text };
  if (text.startsWith('/') && !text.startsWith('//')) {
    const [path, query = ''] = splitOnce(text, '?');
    return { path, ...queryOptions(new URLSearchParams(query)) };
  }
  const scheme = /^(?:rediss?|valkeys?):\/\//i.test(text);
  const relative = text.startsWith('//');
  const url = new URL(scheme ? text : relative ? `redis:${text}` : `redis://${text}`);
  const result: Record<string, unknown> = {};
  if (url.username !== '' || url.password !== '') {
    result.username = decodeURIComponent(url.username);
    result.password = decodeURIComponent(url.password);
  }
  if (url.pathname.length > 1) {
    if (scheme || relative) result.db = url.pathname.slice(1);
    else result.path = url.pathname;
  }
  if (url.hostname !== '') result.host = url.hostname.replace(/^\[|\]$/g, '');
  if (url.port !== '') result.port = url.port;
  for (const [key, value] of Object.entries(queryOptions(url.searchParams))) result[key] ??= value;
  return result;
}

function queryOptions(query: URLSearchParams): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const [key, value] of query) {
    const number = key === 'family' ? Number.parseInt(value, 10) : Number.NaN;
    options[key] = Number.isNaN(number) ? value : number;
  }
  return options;
}

function splitOnce(text: string, mark: string): [string, string?] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** Maps an announced address to a reachable one. */
export function reached<A extends { host: string; port: number }>(
  address: A,
  natMap: NatMap | null | undefined,
): A {
  if (!natMap) return address;
  const key = `${address.host}:${address.port}`;
  const mapped = typeof natMap === 'function' ? natMap(key) : natMap[key];
  return mapped ? { ...address, ...mapped } : address;
}
