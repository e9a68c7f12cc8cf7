import { nameClass } from '../base/classes.ts';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions as TLSOptions } from 'node:tls';
import { ClusterNodeLocation, type Location, TCPLocation } from '../transport/location.ts';
import { dialTcp } from '../transport/tcp.ts';
import { dialTls } from '../transport/tls.ts';
import { BaseConnection, coreOf, settingsOf } from './base-connection.ts';
import {
  addRules,
  keepAliveOf,
  type NormalizedConnectionOptions,
  type TCPConnectionOptions,
  tcpRules,
} from './connection-options.ts';
import type { ValuesOf } from './option-rules.ts';

type Settings = NormalizedConnectionOptions & ValuesOf<typeof tcpRules>;

/**
 * A connection over TCP, with TLS when `sslContext` is given.
 *
 * @example const connection = new TCPConnection(new TCPLocation('127.0.0.1', 6379)); await connection.run();
 */
export class TCPConnection extends BaseConnection {
  static {
    nameClass(this, 'TCPConnection');
  }

  readonly #host: string;
  readonly #port: number;
  readonly #servername: string | undefined;

  constructor(location: Location, options?: TCPConnectionOptions) {
    if (!(location instanceof TCPLocation)) throw new TypeError('a TCP connection needs a TCPLocation');
    super(location, options);
    this.#host = location.host;
    this.#port = location.port;
    this.#servername = location instanceof ClusterNodeLocation ? (location.hostname ?? undefined) : undefined;
  }

  get host(): string {
    return this.#host;
  }
  get port(): number {
    return this.#port;
  }

  protected override async openTransport(signal: AbortSignal): Promise<Duplex> {
    const settings = settingsOf(this) as Settings;
    const { sslContext } = settings;
    const keepAlive = keepAliveOf(settings);
    if (sslContext === null) {
      return dialTcp(this.#host, this.#port, { signal, keepAlive, reader: coreOf(this) });
    }
    const context: TLSOptions =
      typeof sslContext === 'function' ? demandContext(await sslContext()) : sslContext;
    const servername = context.servername ?? this.#servername;
    return dialTls(this.#host, this.#port, context, servername, { signal, keepAlive });
  }

  override telemetryAttributes(): Record<string, string | number> {
    return {
      'server.address': this.#host,
      'server.port': this.#port,
      'network.peer.hostname': this.#host,
      'network.peer.port': this.#port,
      ...super.telemetryAttributes(),
    };
  }
  protected override describe(): string {
    return `host=${this.#host},port=${this.#port}`;
  }
}

function demandContext(given: TLSOptions): TLSOptions {
  if (typeof given === 'object' && given !== null) return given;
  throw new TypeError(
    `sslContext must return TLS options; it returned ${given === null ? 'null' : typeof given}`,
  );
}
addRules(TCPConnection, tcpRules);
