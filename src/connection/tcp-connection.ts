import type { Duplex } from 'node:stream';
import type { ConnectionOptions as TLSOptions } from 'node:tls';
import { type Location, ClusterNodeLocation, TCPLocation } from '../transport/location.ts';
import type { SlabReader } from '../transport/socket.ts';
import { dialTcp } from '../transport/tcp.ts';
import { dialTls } from '../transport/tls.ts';
import { BaseConnection } from './base-connection.ts';
import {
  keepAliveOf,
  normalizeConnectionOptions,
  type SSLContext,
  type TCPConnectionOptions,
  tcpRules,
} from './connection-options.ts';
import type { RuleTable, ValuesOf } from './option-rules.ts';

/** A connection over TCP, with TLS when `sslContext` is given. */
export class TCPConnection extends BaseConnection {
  readonly #host: string;
  readonly #port: number;
  readonly #servername: string | undefined;
  readonly #keepAlive: ValuesOf<typeof tcpRules>;
  readonly #sslContext: SSLContext | null;
  readonly #reader: SlabReader = (slab, bytes) => this.received(slab, bytes);

  constructor(location: Location, options?: TCPConnectionOptions, extra: RuleTable = {}) {
    if (!(location instanceof TCPLocation)) throw new TypeError('a TCP connection needs a TCPLocation');
    super(location, options, { ...tcpRules, ...extra });
    const all = normalizeConnectionOptions(options, { extra: { ...tcpRules, ...extra } as typeof tcpRules });
    this.#host = location.host;
    this.#port = location.port;
    this.#servername = location instanceof ClusterNodeLocation ? (location.hostname ?? undefined) : undefined;
    this.#keepAlive = all;
    this.#sslContext = all.sslContext;
  }

  get host(): string {
    return this.#host;
  }
  get port(): number {
    return this.#port;
  }

  protected override async openTransport(signal: AbortSignal): Promise<Duplex> {
    const keepAlive = keepAliveOf(this.#keepAlive);
    if (this.#sslContext === null) return dialTcp(this.#host, this.#port, { signal, keepAlive, reader: this.#reader });
    const context: TLSOptions = typeof this.#sslContext === 'function' ? await this.#sslContext() : this.#sslContext;
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
