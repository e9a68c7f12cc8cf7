import { baseConnectionRules, tcpRules } from '../../connection/connection-options.ts';
import type {
  BaseConnectionOptions,
  TCPConnectionOptions,
  TCPOptions,
} from '../../connection/connection-options.ts';
import { complete, concealed, refuseUnknown, sortOptions } from '../../connection/option-rules.ts';
import type { AddressMap } from '../../topology/cluster/address-map.ts';
import { SentinelGroup } from '../../topology/sentinel/sentinel-group.ts';
import type { HostAndPort, TCPLocation } from '../../transport/location.ts';
import type { SentinelConnectionPoolOptions } from './pool-options.ts';
import { sentinelRules, splitPoolOptions } from './pool-rules.ts';
import type { Decoding } from '../../resp/types.ts';

/** Options of a pool made by a `Sentinel`. */
export type SentinelServiceOptions<D extends Decoding = Decoding> = Omit<
  SentinelConnectionPoolOptions<D>,
  'serviceName' | 'sentinelManager' | 'isPrimary'
>;

/** Options of a `Sentinel`: its own, and the defaults of the pools that it makes. */
export interface SentinelOptions<D extends Decoding = Decoding> extends SentinelServiceOptions<D> {
  /** Where the sentinels are. The first ones are never forgotten; others are learned from them. */
  sentinels: Iterable<TCPLocation | HostAndPort>;
  /** Ignore sentinels that know fewer than this many others. Default 0. */
  minOtherSentinels?: number | undefined;
  /** Options of the connections to the sentinels: their credentials and TLS (`sslContext: null` for none). */
  sentinelOptions?: (BaseConnectionOptions & TCPOptions) | undefined;
  /** Announced address to reachable address, for NAT and containers; null refuses an address. */
  addressMap?: AddressMap | undefined;
}

/** Options that also apply to the sentinels unless `sentinelOptions` overrides them. Credentials never apply. */
const INHERITED = [
  'streamTimeout',
  'connectTimeout',
  'encoding',
  'sslContext',
  'socketKeepalive',
  'socketKeepaliveOptions',
] as const;

export interface SplitSentinelOptions {
  readonly group: SentinelGroup;
  /** The options that the pools inherit, as given. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** Checks the options of a `Sentinel` and makes the group that asks the sentinels. */
export function splitSentinelOptions(options: object): SplitSentinelOptions {
  const { given, others } = sortOptions(sentinelRules, options);
  if (!Object.hasOwn(given, 'sentinels')) throw new TypeError('a Sentinel needs sentinels');
  for (const name of ['serviceName', 'sentinelManager', 'isPrimary']) {
    if (Object.hasOwn(others, name)) throw new TypeError(`${name} is not an option of Sentinel`);
  }
  splitPoolOptions('sentinel', others, { custom: Object.hasOwn(others, 'connectionClass') });
  const own = complete(sentinelRules, given);
  const table = { ...baseConnectionRules, ...tcpRules };
  const ofSentinels = sortOptions(table, own.sentinelOptions ?? {});
  refuseUnknown(ofSentinels.others);
  const inherited = INHERITED.filter((name) => Object.hasOwn(others, name)).map((name) => [
    name,
    others[name],
  ]);
  const group = new SentinelGroup({
    sentinels: own.sentinels,
    minOtherSentinels: own.minOtherSentinels,
    addressMap: own.addressMap,
    connection: concealed({ ...Object.fromEntries(inherited), ...ofSentinels.given }) as TCPConnectionOptions,
  });
  return { group, data: Object.freeze(concealed(others)) };
}
