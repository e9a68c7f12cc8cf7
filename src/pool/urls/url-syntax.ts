import { isIPv6 } from 'node:net';
import { isPort, TCPLocation } from '../../transport/location.ts';

/** The parts of a URL. Errors never quote the URL, because a misplaced part may belong to the password. */
export interface UrlParts {
  readonly scheme: string;
  /** `undefined` if absent or empty. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly authority: string;
  readonly path: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  /** How the parts are decoded. */
  readonly decode: Decode;
  /** How to name an option in an error. */
  readonly label: (name: string, known?: boolean) => string;
}

export type Decode = (part: string, what: string) => string;

export function asIs(part: string): string {
  return part;
}

export function percentDecode(part: string, what: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new TypeError(`connection URL: the percent-encoding of ${what} is invalid`);
  }
}

/**
 * ```text
 * scheme://username:password@authority/path?name=value&name=value
 *                           │        └ the first / ? # ends it
 *                           └ the last @ before that
 * ```
 */
export function splitUrl(url: string, decoding: (query: UrlParts['query']) => Decode): UrlParts {
  const match = typeof url === 'string' ? /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(url) : null;
  if (match === null) throw new TypeError('a connection URL begins with a scheme, as in redis://');
  const rest = match[2] as string;
  const end = rest.search(/[/?#]|$/);
  const head = rest.slice(0, end).lastIndexOf('@');
  const tail = rest.slice(end);
  if (tail.includes('#'))
    throw new TypeError("connection URL: '#' must be percent-encoded, and a fragment means nothing");
  const mark = tail.indexOf('?');
  // A tail with an '@' may be the rest of a password.
  const doubtful = tail.includes('@');
  const behindPassword = namesBehindPassword(tail.slice(mark + 1));
  const label = (name: string, known = false): string => {
    const sure = known || !behindPassword.has(name);
    if (!doubtful && sure && /^[\w.-]{1,40}$/.test(name)) return `option "${name}"`;
    return "an option that looks like none (is each '/', '?', '#' and '&' of the password percent-encoded?)";
  };
  const query = mark < 0 ? [] : splitQuery(tail.slice(mark + 1), label);
  const decode = decoding(query);
  return {
    scheme: (match[1] as string).toLowerCase(),
    ...splitUserinfo(head < 0 ? '' : rest.slice(0, head), decode),
    authority: rest.slice(head + 1, end),
    path: mark < 0 ? tail : tail.slice(0, mark),
    query,
    decode,
    label,
  };
}

function splitUserinfo(userinfo: string, decode: Decode): Pick<UrlParts, 'username' | 'password'> {
  const colon = userinfo.search(/:|$/);
  const username = decode(userinfo.slice(0, colon), 'the user name');
  const password = decode(userinfo.slice(colon + 1), 'the password');
  return {
    username: username === '' ? undefined : username,
    password: password === '' ? undefined : password,
  };
}

/** Names after a password in the query, which may be the rest of it if its '&' was not percent-encoded. */
function namesBehindPassword(query: string): ReadonlySet<string> {
  const names = query.split('&').map((piece) => piece.slice(0, piece.search(/=|$/)));
  const first = names.findIndex((name) => /password/i.test(name));
  return new Set(first === -1 ? [] : names.slice(first + 1));
}

/** Splits the query and percent-decodes its values; a `+` stays a `+`. */
function splitQuery(query: string, label: UrlParts['label']): [string, string][] {
  if (query === '') return [];
  return query.split('&').map((piece) => {
    const mark = piece.search(/=|$/);
    const name = piece.slice(0, mark);
    const value = piece.slice(mark + 1);
    if (name === '' || value === '') throw new TypeError(`connection URL: ${label(name)} is empty`);
    return [name, percentDecode(value, label(name))];
  });
}

/** `host`, `host:port`, `[v6]` or `[v6]:port`. */
export function parseAddress(text: string, defaultPort: number, decode: Decode): TCPLocation {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
  const [, name, port] = bracketed ?? /^([^:]*)(?::(.*))?$/s.exec(text) ?? [];
  const host = decode(name ?? '', 'the host');
  if (bracketed !== null && !isIPv6(host))
    throw new TypeError('connection URL: brackets hold an IPv6 address');
  if (bracketed === null && (host === '' || /[\s\x00-\x1f\x7f,@[\]]/.test(host))) {
    throw new TypeError(
      'connection URL: the host is missing or malformed (an IPv6 address is put in brackets)',
    );
  }
  const number = port === undefined ? defaultPort : /^\d{1,5}$/.test(port) ? Number(port) : NaN;
  if (!isPort(number)) {
    throw new TypeError(
      'connection URL: the port must be a number from 1 to 65535 (an IPv6 address is put in brackets)',
    );
  }
  return new TCPLocation(host, number);
}

/** Reads the database from a path segment. */
export function parseDatabase(segment: string): number {
  const db = /^\d+$/.test(segment) ? Number(segment) : NaN;
  if (!Number.isSafeInteger(db)) {
    throw new TypeError('connection URL: the database in its path must be one non-negative integer');
  }
  return db;
}
