import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions as TLSOptions } from 'node:tls';
import { BaseConnection } from '../connection/base-connection.ts';
import type { BaseConnectionOptions, TCPConnectionOptions } from '../connection/connection-options.ts';
import { TCPConnection } from '../connection/tcp-connection.ts';
import { UnixDomainSocketConnection } from '../connection/unix-domain-socket-connection.ts';
import { TCPLocation, UnixDomainSocketLocation } from '../transport/location.ts';
import type { RedisOptions } from './redis-options.ts';

/** Called with the transport as soon as it is open, before anything is written. */
type OnTransport = (stream: Duplex) => void;

class TcpLink extends TCPConnection {
  onTransport: OnTransport | null = null;
  protected override async openTransport(signal: AbortSignal): Promise<Duplex> {
    const stream = await super.openTransport(signal);
    this.onTransport?.(stream);
    return stream;
  }
}

class UnixLink extends UnixDomainSocketConnection {
  onTransport: OnTransport | null = null;
  protected override async openTransport(signal: AbortSignal): Promise<Duplex> {
    const stream = await super.openTransport(signal);
    this.onTransport?.(stream);
    return stream;
  }
}

/** A connection over a stream that a connector made. */
class StreamLink extends BaseConnection {
  onTransport: OnTransport | null = null;
  open: (() => Promise<Duplex>) | null = null;
  protected override async openTransport(): Promise<Duplex> {
    const stream = await opened(await this.open!());
    this.onTransport?.(stream);
    return stream;
  }
}

/** The connection of one dial of a `Redis`. */
export type Link = TcpLink | UnixLink | StreamLink;

/** The address to dial; `servername` is verified over TLS if the address was looked up here. */
export interface Place {
  host: string;
  port: number;
  servername?: string | undefined;
}

/** Makes a connection by the options, without dialling it. */
export async function linkTo(options: RedisOptions, auth: boolean, place?: Place): Promise<Link> {
  const common = coreSettings(options, auth);
  if (place === undefined && options.path) {
    return new UnixLink(new UnixDomainSocketLocation(options.path), common);
  }
  const tls = place === undefined || options.enableTLSForSentinelMode ? tlsOf(options) : null;
  const host = place?.host ?? (tls?.host as string | undefined) ?? options.host ?? 'localhost';
  const port = place?.port ?? (tls?.port as number | undefined) ?? options.port ?? 6379;
  const address = await addressOf(host, options.family);
  const settings: TCPConnectionOptions = { ...common, ...keepAlive(options) };
  if (tls !== null) {
    settings.sslContext =
      tls.servername === undefined && isIP(host) === 0 ? { ...tls, servername: host } : tls;
  }
  return new TcpLink(new TCPLocation(address, Number(port)), settings);
}

/** Makes a connection over the stream that a connector opens. */
export function linkOver(options: RedisOptions, auth: boolean, open: () => Promise<Duplex>): Link {
  const { host = 'localhost', port = 6379 } = options;
  const link = new StreamLink(new TCPLocation(host, port), coreSettings(options, auth));
  link.open = open;
  return link;
}

export function tlsOf({ tls }: RedisOptions): TLSOptions | null {
  if (tls === undefined || tls === null || tls === false) return null;
  return typeof tls === 'object' ? tls : {};
}

async function addressOf(host: string, family: number | undefined): Promise<string> {
  if ((family !== 4 && family !== 6) || isIP(host) !== 0) return host;
  return (await lookup(host, { family })).address;
}

function keepAlive({ keepAlive: idle }: RedisOptions): TCPConnectionOptions {
  if (typeof idle !== 'number' || idle < 1_000) return { socketKeepalive: true };
  return { socketKeepalive: true, socketKeepaliveOptions: { idle } };
}

/** Options of the core. Invalid UTF-8 comes as bytes, which `shaped` turns into text. */
type CoreSettings = BaseConnectionOptions & { decodeResponses: 'lenient' };

/** Ends the stream after the commands of this turn. After long silence the core waits two turns before it writes. */
export function endWhenWritten(link: Link, stream: Duplex): void {
  const end = (): void => void stream.end();
  if (link.statistics.requestsPending === 0) process.nextTick(end);
  else setImmediate(() => setImmediate(() => setImmediate(end)));
}

/** Translates options of ioredis to options of the core. */
export function coreSettings(options: RedisOptions, auth: boolean): CoreSettings {
  const { connectTimeout, connectionName, username, password, db, replyMapping, protocol } = options;
  const { disableClientInfo, clientInfoTag } = options;
  const settings: CoreSettings = {
    decodeResponses: 'lenient',
    resp2Replies: replyMapping !== 'resp3',
    connectTimeout: connectTimeout && connectTimeout > 0 ? connectTimeout : null,
    db: db ?? 0,
    protocol: protocol === 2 ? 2 : 'auto',
    clientInfo: disableClientInfo ? false : libraryTag(clientInfoTag),
  };
  // The server refuses other names, which ioredis ignores.
  if (connectionName && /^[!-~]+$/.test(connectionName)) settings.clientName = connectionName;
  if (auth) {
    if (username) settings.username = username;
    if (password) settings.password = password;
  }
  return settings;
}

/** Waits until a stream is connected. */
function opened(stream: Duplex & { connecting?: boolean; encrypted?: boolean }): Promise<Duplex> {
  if (stream.connecting !== true) return Promise.resolve(stream);
  return new Promise((resolve, reject) => {
    stream.once(stream.encrypted === true ? 'secureConnect' : 'connect', () => resolve(stream));
    stream.once('error', reject);
  });
}

/** The tag for `respool(ioredis)`, or with a framework's tag `respool(ioredis_shop_v2)`. */
function libraryTag(tag: string | undefined): string {
  const plain = (tag ?? '').replace(/[^!-'*-~]/g, '_').slice(0, 100);
  return plain === '' ? 'ioredis' : `ioredis_${plain}`;
}
