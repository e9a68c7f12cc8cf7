import { baseConnectionRules, tcpRules } from '../../connection/connection-options.ts';
import { concealed, count, parseBoolean, text } from '../../connection/option-rules.ts';
import type { RuleTable } from '../../connection/option-rules.ts';
import { UnixDomainSocketLocation } from '../../transport/location.ts';
import type { Location, TCPLocation } from '../../transport/location.ts';
import { poolRules } from '../options/pool-rules.ts';
import type { PoolKind } from '../options/pool-rules.ts';
import { asIs, parseAddress, parseDatabase, percentDecode, splitUrl } from './url-syntax.ts';
import type { Decode, UrlParts } from './url-syntax.ts';
import { isSslOption } from './url-tls.ts';
import type { SslOptions } from './url-tls.ts';

export interface UrlRules {
  kind: PoolKind;
  /** Percent-decode host, path, user name and password. Default false: they are taken as written. */
  decodeComponents?: boolean | undefined;
}

/** The parsed parts of a URL, without defaults; printing it shows no password. */
export interface ConnectionUrl {
  readonly scheme: string;
  readonly tls: boolean;
  /** Null without a host, or if the URL lists sentinels. */
  readonly location: Location | null;
  readonly sentinels: readonly TCPLocation[];
  readonly serviceName: string | undefined;
  /** From the query, otherwise from the userinfo. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** From the query, otherwise from the path. */
  readonly db: number | undefined;
  /** The other query options by camelCase name, parsed and checked. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The `ssl_*` options as written. */
  readonly ssl: SslOptions;
}

interface Scheme {
  readonly tls: boolean;
  readonly form: 'tcp' | 'unix' | 'sentinel';
}
const SCHEMES: ReadonlyMap<string, Scheme> = new Map<string, Scheme>([
  ['redis', { tls: false, form: 'tcp' }],
  ['rediss', { tls: true, form: 'tcp' }],
  ['valkey', { tls: false, form: 'tcp' }],
  ['valkeys', { tls: true, form: 'tcp' }],
  ['unix', { tls: false, form: 'unix' }],
  ['redis+sentinel', { tls: false, form: 'sentinel' }],
  ['rediss+sentinel', { tls: true, form: 'sentinel' }],
  ['valkey+sentinel', { tls: false, form: 'sentinel' }],
  ['valkeys+sentinel', { tls: true, form: 'sentinel' }],
]);

/** Options that only URLs with sentinels have. */
const sentinelUrlRules: RuleTable = {
  sentinelUsername: text(),
  sentinelPassword: text(),
  minOtherSentinels: count(0, 0),
};

export function parseConnectionUrl(url: string, { kind, decodeComponents = false }: UrlRules): ConnectionUrl {
  if (typeof decodeComponents !== 'boolean') throw new TypeError('decodeComponents must be true or false');
  const parts = splitUrl(url, (query) =>
    (decodesComponents(query) ?? decodeComponents) ? percentDecode : asIs,
  );
  const { decode } = parts;
  const scheme = findScheme(parts.scheme, kind);
  const place = TARGETS[scheme.form](parts, decode);
  const { options, ssl } = readQuery(parts, {
    ...baseConnectionRules,
    ...(scheme.form === 'unix' ? {} : tcpRules),
    ...poolRules[kind],
    ...(scheme.form === 'sentinel' ? sentinelUrlRules : {}),
  });
  const [file] = ssl.keys();
  if (file !== undefined && !scheme.tls)
    throw new TypeError(`connection URL: ${file} needs a scheme with TLS`);
  if (kind === 'single' && place.location === null)
    throw new TypeError('connection URL: the host is missing');
  const { username = parts.username, password = parts.password, db = place.db, ...others } = options;
  const known = { scheme: parts.scheme, tls: scheme.tls, username, password, db, ssl };
  return Object.freeze(concealed({ ...place, ...known, options: concealed(others) })) as ConnectionUrl;
}

const DECODE_COMPONENTS = 'decodeComponents';

/** The value of `decodeComponents` in the query; undefined if absent. */
function decodesComponents(query: UrlParts['query']): boolean | undefined {
  const given = query.filter(([name]) => camelCase(name) === DECODE_COMPONENTS);
  if (given.length > 1) throw new TypeError(`connection URL: option "${DECODE_COMPONENTS}" is repeated`);
  const [[, value] = []] = given;
  return value === undefined
    ? undefined
    : parseBoolean(`connection URL: option "${DECODE_COMPONENTS}"`, value);
}

function findScheme(name: string, kind: PoolKind): Scheme {
  const scheme = SCHEMES.get(name);
  const fits = { tcp: true, unix: kind === 'single', sentinel: kind === 'sentinel' };
  if (scheme !== undefined && fits[scheme.form]) return scheme;
  const known = [...SCHEMES].filter(([, { form }]) => fits[form]).map(([text]) => `${text}://`);
  throw new TypeError(
    `connection URL: the scheme "${name.slice(0, 40)}" is unknown: use one of ${known.join(', ')}`,
  );
}

type UrlTarget = Pick<ConnectionUrl, 'location' | 'sentinels' | 'serviceName' | 'db'>;
const NOWHERE: UrlTarget = { location: null, sentinels: [], serviceName: undefined, db: undefined };

const TARGETS: Readonly<Record<Scheme['form'], (parts: UrlParts, decode: Decode) => UrlTarget>> = {
  tcp({ authority, path }, decode) {
    const segment = decode(path.slice(1), 'the path');
    return {
      ...NOWHERE,
      location: authority === '' ? null : parseAddress(authority, 6379, decode),
      db: segment === '' ? undefined : parseDatabase(segment),
    };
  },
  unix({ authority, path }, decode) {
    if (authority !== '') throw new TypeError('connection URL: unix:// is followed by a path, not by a host');
    if (path.length < 2) throw new TypeError('connection URL: the path of the socket is missing');
    return { ...NOWHERE, location: new UnixDomainSocketLocation(decode(path, 'the path')) };
  },
  sentinel({ authority, path }, decode) {
    const [service = '', ...more] = path.slice(1).split('/');
    const rest = more.join('/');
    if (service === '') throw new TypeError('connection URL: the path must name the service');
    return {
      ...NOWHERE,
      sentinels: authority.split(',').map((address) => parseAddress(address, 26379, decode)),
      serviceName: decode(service, 'the path'),
      db: rest === '' ? undefined : parseDatabase(decode(rest, 'the path')),
    };
  },
};

function readQuery(
  { query, label }: UrlParts,
  table: RuleTable,
): { options: Readonly<Record<string, unknown> & OwnOptions>; ssl: SslOptions } {
  const options = concealed();
  const ssl = new Map<string, string>();
  for (const [name, value] of query) {
    // Read already, by `decodesComponents`.
    if (camelCase(name) === DECODE_COMPONENTS) continue;
    const key = isSslOption(name) ? name : camelCase(name);
    if (ssl.has(key) || Object.hasOwn(options, key))
      throw new TypeError(`connection URL: ${label(name)} is repeated`);
    if (isSslOption(name)) ssl.set(name, value);
    else options[key] = readOption(name, key, value, table, label);
  }
  return { options: options as Record<string, unknown> & OwnOptions, ssl };
}

interface OwnOptions {
  username?: string;
  password?: string;
  db?: number;
}

function readOption(
  name: string,
  key: string,
  value: string,
  table: RuleTable,
  label: UrlParts['label'],
): unknown {
  const rule = Object.hasOwn(table, key) ? table[key] : undefined;
  if (rule === undefined) throw new TypeError(`connection URL: unknown ${label(name)}`);
  if (rule.text === undefined)
    throw new TypeError(`connection URL: ${label(name, true)} cannot be set in a URL`);
  if (rule.duration === true && name !== key) {
    throw new TypeError(`connection URL: ${label(name, true)} is given in milliseconds: ${key}`);
  }
  const where = `connection URL: ${label(name, true)}`;
  return rule.check(where, rule.text(where, value));
}

/** `max_connections` and `maxConnections` are one option. */
function camelCase(name: string): string {
  if (!/^[a-z]+(_[a-z]+)+$/.test(name)) return name;
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
