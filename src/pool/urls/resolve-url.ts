import { demandObject } from '../../base/known-options.ts';
import type { SSLContext } from '../../connection/connection-options.ts';
import { concealed } from '../../connection/option-rules.ts';
import type { TCPLocation } from '../../transport/location.ts';
import { parseConnectionUrl } from './connection-url.ts';
import type { ConnectionUrl } from './connection-url.ts';
import type { PoolKind } from '../options/pool-rules.ts';
import { buildSslContext } from './url-tls.ts';

type Options = Record<string, unknown>;

/** Options of the `Sentinel` made for a URL that lists sentinels. */
interface ManagerOptions {
  readonly sentinels: readonly TCPLocation[];
  readonly minOtherSentinels?: number;
  readonly sentinelOptions: Readonly<Options>;
}
export interface ResolvedUrl {
  /** The constructor options of the pool. */
  readonly options: Readonly<Options>;
  /** For a URL that lists sentinels: the options of the manager to make, which `options` lacks. */
  readonly manager: ManagerOptions | null;
}

/** Options of the data connections that also apply to the connections to sentinels. */
const SHARED = [
  'streamTimeout',
  'connectTimeout',
  'encoding',
  'socketKeepalive',
  'socketKeepaliveOptions',
] as const;

/** Makes the constructor options of a pool; the URL overrides the arguments. */
export function resolveUrl(url: string, args: object | undefined, kind: PoolKind): ResolvedUrl {
  if (args !== undefined) demandObject(args);
  const given = concealed(ownValues(args ?? {}));
  const decodeComponents = given.decodeComponents as boolean | undefined;
  delete given.decodeComponents;
  const parsed = parseConnectionUrl(url, { kind, decodeComponents });
  const options = concealed({ ...given, ...parsed.options });
  if (parsed.username !== undefined) options.username = parsed.username;
  if (parsed.password !== undefined) options.password = parsed.password;
  if (parsed.db !== undefined) options.db = parsed.db;
  if (parsed.tls)
    options.sslContext = buildSslContext(parsed.ssl, given.sslContext as SSLContext | null | undefined);
  const manager = PLACE[kind](options, parsed);
  return { options, manager };
}

function ownValues(args: object): Options {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));
}

/** For each kind of pool: adds the server's place to the options. */
const PLACE: Readonly<Record<PoolKind, (options: Options, url: ConnectionUrl) => ManagerOptions | null>> = {
  single(options, { location }) {
    for (const name of ['location', 'host', 'port']) {
      if (Object.hasOwn(options, name)) throw new TypeError(`${name} comes from the URL`);
    }
    options.location = location;
    return null;
  },
  cluster(options, { location }) {
    if (!Object.hasOwn(options, 'startupNodes')) {
      if (location === null)
        throw new TypeError('connection URL: the host is missing, and there are no startupNodes');
      options.startupNodes = [location];
    }
    return null;
  },
  sentinel(options, url) {
    if (url.sentinels.length > 0) return takeManager(options, url);
    for (const name of ['sentinelManager', 'serviceName']) {
      if (!Object.hasOwn(options, name)) throw new TypeError(`a URL without sentinels needs ${name}`);
    }
    return null;
  },
};

function takeManager(options: Options, url: ConnectionUrl): ManagerOptions {
  if (Object.hasOwn(options, 'sentinelManager'))
    throw new TypeError('sentinelManager: the URL lists the sentinels itself');
  if (Object.hasOwn(url.options, 'serviceName'))
    throw new TypeError('serviceName: the path of the URL names it');
  options.serviceName = url.serviceName;
  const shared = SHARED.filter((name) => Object.hasOwn(options, name)).map((name) => [name, options[name]]);
  const sentinelOptions = concealed(Object.fromEntries(shared) as Options);
  if (url.tls) sentinelOptions.sslContext = options.sslContext;
  move(options, 'sentinelUsername', sentinelOptions, 'username');
  move(options, 'sentinelPassword', sentinelOptions, 'password');
  const manager = concealed({ sentinels: url.sentinels, sentinelOptions });
  move(options, 'minOtherSentinels', manager, 'minOtherSentinels');
  move(options, 'addressMap', manager, 'addressMap');
  return manager as ManagerOptions;
}

function move(from: Options, name: string, to: Options, as: string): void {
  if (Object.hasOwn(from, name)) to[as] = from[name];
  delete from[name];
}
