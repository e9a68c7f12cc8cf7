import type { ConnectionOptions } from 'node:tls';
import {
  type BaseConnection,
  type BaseConnectionPool,
  ClusterConnectionPool,
  ConnectionPool,
  SentinelConnectionPool,
  type WaitOptions,
} from '../index.ts';
import { type Options, readFileOption, UsageError } from './options.ts';
import type { Terminal } from './terminal.ts';

/** The server and the user to connect as. */
export interface Target {
  readonly url: string;
  readonly kind: 'server' | 'cluster' | 'sentinel';
  readonly tls: boolean;
  readonly sslContext: ConnectionOptions | null;
  readonly username: string | null;
  readonly password: string | null;
  /** Limit of one step in milliseconds. */
  readonly timeout: number;
  /** The URL without its userinfo, which may be printed. */
  readonly shown: string;
}

/** The methods of any pool that the tool uses. */
export type AnyPool = Pick<
  BaseConnectionPool<BaseConnection, boolean>,
  'execute' | 'executeRequest' | 'executeBatch' | 'executePubsub' | 'with' | 'statistics'
> &
  AsyncDisposable & { open(options?: WaitOptions): Promise<unknown> };

/** One call of a command of the tool. */
export interface Call {
  readonly options: Options;
  readonly terminal: Terminal;
  readonly target: Target;
  /** Fires on Ctrl-C; a second one ends the process. */
  readonly signal: AbortSignal;
}

const DEFAULT_URL = 'redis://127.0.0.1:6379';

/** Removes user name and passwords from a URL. */
function withoutUserinfo(url: string): string {
  return url.replace(/^([\w+.-]+:\/\/)(?:[^/?#]*@)?/, '$1').replace(/([?&][^=&]*password=)[^&]*/gi, '$1***');
}

/** Reads the target from `--url`, `REDIS_URL`, `REDISCLI_AUTH` and, with `--ask-password`, the terminal. */
export async function targetOf(options: Options, terminal: Terminal): Promise<Target> {
  const url = options.text('url') ?? process.env['REDIS_URL'] ?? DEFAULT_URL;
  const sentinel = /^\w+\+sentinel:/.test(url);
  if (sentinel && options.flag('cluster')) throw new UsageError('--cluster does not go with a sentinel URL');
  if (options.text('url') !== undefined && /^[^/]*\/\/[^/?#]*:[^/?#]+@/.test(url)) {
    terminal.note(
      'A password in --url is visible in the process list: use REDIS_URL, REDISCLI_AUTH or --ask-password.',
    );
  }
  const password = options.flag('ask-password')
    ? await terminal.secret('Password: ')
    : (process.env['REDISCLI_AUTH'] ?? null);
  const tls = /^(?:rediss|valkeys)[:+]/.test(url);
  return {
    url,
    kind: sentinel ? 'sentinel' : options.flag('cluster') ? 'cluster' : 'server',
    tls,
    sslContext: tls ? tlsOptions(options, url) : null,
    username: options.text('user') ?? null,
    password,
    timeout: options.number('timeout', 5_000),
    shown: withoutUserinfo(url),
  };
}

function tlsOptions(options: Options, url: string): ConnectionOptions | null {
  const query = new URLSearchParams(/\?([^#]*)/.exec(url)?.[1] ?? '');
  const read = (name: string, inUrl: string): Buffer | undefined => {
    const path = options.text(name) ?? query.get(inUrl) ?? undefined;
    return path === undefined ? undefined : readFileOption(`--${name}`, path);
  };
  const given = {
    ca: read('tls-ca', 'ssl_ca_certs'),
    cert: read('tls-cert', 'ssl_certfile'),
    key: read('tls-key', 'ssl_keyfile'),
    rejectUnauthorized: options.flag('insecure') ? false : undefined,
  };
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  return present.length === 0 ? null : Object.fromEntries(present);
}

/** Options that every pool of the tool shares. */
export function poolOptions(target: Target): {
  connectTimeout: number;
  clientName: string;
  sslContext?: ConnectionOptions;
  username?: string;
  password?: string;
} {
  const { sslContext, username, password, timeout } = target;
  return {
    connectTimeout: timeout,
    clientName: 'respool-cli',
    ...(sslContext === null ? {} : { sslContext }),
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
  };
}

/** The pool of a target; `decodeResponses` chooses text or bytes. */
export function openPool(target: Target, decodeResponses = true): AnyPool {
  const options = { ...poolOptions(target), decodeResponses };
  switch (target.kind) {
    case 'cluster':
      return ClusterConnectionPool.fromUrl(target.url, options);
    case 'sentinel':
      return SentinelConnectionPool.fromUrl(target.url, options);
    default:
      return ConnectionPool.fromUrl(target.url, options);
  }
}
