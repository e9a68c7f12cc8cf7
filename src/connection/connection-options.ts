import { demandObject } from '../base/known-options.ts';
import type { ConnectionOptions as TLSOptions } from 'node:tls';
import type { CapacityLimiter } from '../pooling/capacity-limiter.ts';
import type { AbstractCredentialProvider } from '../interfaces/credential-provider.ts';
import { textMode } from '../resp/text-modes.ts';
import type { TextEncoding } from '../resp/text-modes.ts';
import type { Decoding } from '../resp/types.ts';
import type { KeepAlive } from '../transport/socket.ts';
import {
  asWritten,
  complete,
  count,
  duration,
  flag,
  having,
  parseBoolean,
  refuseUnknown,
  sortOptions,
  text,
} from './option-rules.ts';
import type { OptionRule, RuleTable, ValuesOf } from './option-rules.ts';

/** TLS options, or a function that returns them at every dial. */
export type SSLContext = TLSOptions | (() => TLSOptions | Promise<TLSOptions>);

/** Options of every connection. Times are milliseconds; `undefined` counts as absent. */
export interface BaseConnectionOptions {
  /** Milliseconds; longest wait for the reply of a request; default: none. */
  streamTimeout?: number | null | undefined;
  /** Milliseconds for dial, TLS, handshake and callbacks together; default 10,000. */
  connectTimeout?: number | null | undefined;
  /**
   * Milliseconds. The connection is closed when the server has been silent for this long and nothing is
   * outstanding. With `noreply` a write also restarts this time. Subscribers of a pool stay open. Default:
   * none.
   */
  maxIdleTime?: number | null | undefined;
  /** Encoding of text arguments and, with `decodeResponses`, of replies; default `utf-8`. */
  encoding?: TextEncoding | undefined;
  /**
   * Strings instead of Buffers; default false. A reply that is not valid text in `encoding` rejects with
   * `DecodingError`; with `'lenient'` such text stays a Buffer.
   */
  decodeResponses?: Decoding | undefined;
  /**
   * Replies in the shapes of RESP2, also over RESP3: maps (key and value in turn) and sets are arrays, doubles and
   * big numbers their exact text, booleans 1 and 0. Default false.
   */
  resp2Replies?: boolean | undefined;
  /**
   * The RESP version. Default `'auto'`: `HELLO 3`, and RESP2 if the server refuses it. `3`: reject if the
   * server refuses it. `2`: send no HELLO, and no CLIENT command unless another option needs one, for proxies
   * that support neither.
   */
  protocol?: 2 | 3 | 'auto' | undefined;
  /**
   * A tag of a framework in `CLIENT SETINFO`: `'shop_v2'` gives `lib-name=respool(shop_v2)`. False: no `CLIENT SETINFO`
   * is sent. Default: the library's name and version alone.
   */
  clientInfo?: string | false | undefined;
  /** Gives the credentials at every dial; overrides `username` and `password`. */
  credentialProvider?: AbstractCredentialProvider | null | undefined;
  /** For `AUTH`; absent: `default`. */
  username?: string | null | undefined;
  password?: string | null | undefined;
  /** `CLIENT SETNAME`; no spaces or line breaks. */
  clientName?: string | null | undefined;
  /** `SELECT`; default 0. */
  db?: number | null | undefined;
  /** `CLIENT REPLY OFF`: the server sends no replies, and every request resolves to null; default false. */
  noreply?: boolean | undefined;
  /** `CLIENT NO-EVICT`; default false. */
  noevict?: boolean | undefined;
  /** `CLIENT NO-TOUCH`; default false. */
  notouch?: boolean | undefined;
  /** If set, the connection uses TLS. A function is called at every dial. */
  sslContext?: SSLContext | null | undefined;
  /** The connection handles push data (messages, invalidations) only while this limiter has a free token. */
  processingBudget?: CapacityLimiter | undefined;
  /** The most bytes of queued output, and of unread messages; default 64 MiB. */
  maxBufferedBytes?: number | undefined;
  /**
   * Errors carry the stack of their call. Default false, because every call then captures its stack; without
   * it the error of a reply has no stack frames. `NODE_DEBUG=respool-calls` turns it on everywhere.
   */
  traceCalls?: boolean | undefined;
}
/** Another name of `BaseConnectionOptions`. */
export type BaseConnectionParams = BaseConnectionOptions;

/** Details of TCP keep-alive. */
export interface SocketKeepaliveOptions {
  /** Milliseconds of silence before the first probe, at least 1,000; default 30,000. */
  idle?: number | undefined;
  /** Refused: the runtime cannot set it. */
  interval?: number | undefined;
  /** Refused: the runtime cannot set it. */
  count?: number | undefined;
}
export interface TCPOptions {
  /** TCP keep-alive; default true. */
  socketKeepalive?: boolean | null | undefined;
  socketKeepaliveOptions?: SocketKeepaliveOptions | null | undefined;
}
export interface TCPConnectionOptions extends BaseConnectionOptions, TCPOptions {}
export interface ClusterConnectionOptions extends TCPConnectionOptions {
  /** Send `READONLY` in the handshake; default false. */
  readFromReplicas?: boolean | undefined;
}

const encoding: OptionRule<TextEncoding> = {
  fallback: 'utf-8',
  check(_name, value) {
    textMode(value as TextEncoding);
    return value as TextEncoding;
  },
  text: asWritten,
};

const decodeResponses: OptionRule<Decoding> = {
  fallback: false,
  check(name, value) {
    if (typeof value === 'boolean' || value === 'lenient') return value;
    throw new TypeError(`${name} must be true, false or 'lenient'`);
  },
  text: (name, given) => (given === 'lenient' ? given : parseBoolean(name, given)),
};

const clientName: OptionRule<string | null> = {
  ...text(),
  check(name, value) {
    const given = text().check(name, value);
    if (given !== null && /[^!-~\u00a1-\uffff]/.test(given)) {
      throw new TypeError(`${name} may contain no spaces, line breaks or control characters`);
    }
    return given === '' ? null : given;
  },
};

const protocol: OptionRule<2 | 3 | 'auto'> = {
  fallback: 'auto',
  check(name, value) {
    if (value === 2 || value === 3 || value === 'auto') return value;
    throw new TypeError(`${name} must be 2, 3 or 'auto'`);
  },
  text: (_name, given) => (given === 'auto' ? given : Number(given)),
};

const clientInfo: OptionRule<string | false | null> = {
  fallback: null,
  check(name, value) {
    if (value === false) return value;
    if (typeof value !== 'string' || !/^[!-'*-~]{1,128}$/.test(value)) {
      throw new TypeError(
        `${name} must be false or 1 to 128 printable ASCII characters, no spaces or brackets`,
      );
    }
    return value;
  },
  text: (_name, given) => (given === 'false' ? false : given),
};

const sslContext: OptionRule<SSLContext | null> = {
  fallback: null,
  check(name, value) {
    if (typeof value !== 'object' && typeof value !== 'function') {
      throw new TypeError(`${name} must be TLS options, a function that returns them, or null`);
    }
    return value as SSLContext | null;
  },
};

const keepAliveSwitch: OptionRule<boolean> = {
  ...flag(true),
  check: (name, value) => (value === null ? true : flag(true).check(name, value)),
};

const keepAliveDetails: OptionRule<{ readonly idle?: number } | null> = {
  fallback: null,
  check(name, value) {
    if (value === null) return null;
    demandObject(value, name);
    const time = duration(null);
    const idleTime = { ...time, check: (own: string, ms: unknown) => time.check(`${name}.${own}`, ms) };
    const { given, others } = sortOptions({ idle: idleTime, interval: unsettable, count: unsettable }, value);
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new TypeError(`${name} has no ${JSON.stringify(unknown.slice(0, 64))}`);
    const idle = given.idle as number | null | undefined;
    if (idle === undefined || idle === null) return {};
    // Node passes whole seconds to the system.
    if (idle < 1_000) throw new TypeError(`${name}.idle must be at least 1000 milliseconds`);
    return { idle };
  },
};

const unsettable: OptionRule<never> = {
  fallback: undefined as never,
  check(name): never {
    throw new TypeError(`socketKeepaliveOptions.${name} cannot be set: the runtime has no means to`);
  },
};

const refusedContext: OptionRule<null> = {
  fallback: null,
  check(name, value) {
    if (value === null) return null;
    throw new TypeError(`${name}: there is no TLS over a Unix domain socket`);
  },
};

/** For each option: its check, its default and how a URL spells it. */
export const baseConnectionRules = {
  streamTimeout: duration(null),
  connectTimeout: duration(10_000),
  maxIdleTime: duration(null),
  encoding,
  decodeResponses,
  resp2Replies: flag(false),
  protocol,
  clientInfo,
  credentialProvider: having<AbstractCredentialProvider>('getCredentials'),
  username: text(),
  password: text(),
  clientName,
  db: count(0, 0),
  noreply: flag(false),
  noevict: flag(false),
  notouch: flag(false),
  sslContext,
  processingBudget: having<CapacityLimiter>('acquire', 'release'),
  maxBufferedBytes: count(64 * 1024 * 1024),
  traceCalls: flag(false),
} as const;

export const tcpRules = {
  socketKeepalive: keepAliveSwitch,
  socketKeepaliveOptions: keepAliveDetails,
} as const;
export const clusterRules = { ...tcpRules, readFromReplicas: flag(false) } as const;
export const unixRules = { sslContext: refusedContext } as const;

export type NormalizedConnectionOptions = ValuesOf<typeof baseConnectionRules>;

interface NormalizeOptions<X extends RuleTable> {
  /** Options that the connection class adds; they override the common ones. */
  extra?: X | undefined;
  /** Whether an unknown option throws or is dropped; default `refuse`. */
  unknown?: 'refuse' | 'drop' | undefined;
}

const tables = new WeakMap<RuleTable, RuleTable>();

function tableWith(extra: RuleTable): RuleTable {
  const table = tables.get(extra) ?? { ...baseConnectionRules, ...extra };
  tables.set(extra, table);
  return table;
}

/**
 * Checks the options of a connection and fills in the defaults. The record shows no secret when it is printed.
 *
 * @testable
 */
export function normalizeConnectionOptions<X extends RuleTable = Record<never, never>>(
  input: object | undefined,
  { extra, unknown = 'refuse' }: NormalizeOptions<X> = {},
): NormalizedConnectionOptions & ValuesOf<X> {
  const table = extra === undefined ? baseConnectionRules : tableWith(extra);
  const { given, others } = sortOptions(table, input);
  if (unknown === 'refuse') refuseUnknown(others);
  return complete(table, given) as NormalizedConnectionOptions & ValuesOf<X>;
}

const own = new WeakMap<object, RuleTable>();
/** The rules of a class and of the classes it extends. */
const inherited = new WeakMap<object, RuleTable>();

/** Registers the options that a class of this package adds to the common ones. */
export function addRules(type: abstract new (...args: never[]) => object, rules: RuleTable): void {
  own.set(type, rules);
}

/**
 * The options of a connection, checked by its class and the classes it extends. A class from outside the package may
 * have options that only it understands.
 */
export function classOptions(type: object, input: object | undefined): NormalizedConnectionOptions {
  let extra = inherited.get(type);
  if (extra === undefined) {
    extra = {};
    for (let at: object | null = type; at !== null; at = Object.getPrototypeOf(at) as object | null) {
      extra = { ...own.get(at), ...extra };
    }
    inherited.set(type, extra);
  }
  return normalizeConnectionOptions(input, { extra, unknown: own.has(type) ? 'refuse' : 'drop' });
}

/** The transport's keep-alive settings from the options of a TCP connection. */
export function keepAliveOf(options: ValuesOf<typeof tcpRules>): KeepAlive {
  return { enabled: options.socketKeepalive, idle: options.socketKeepaliveOptions?.idle };
}
