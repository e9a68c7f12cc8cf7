import { nameClass } from '../base/classes.ts';
import type { Duplex } from 'node:stream';
import { type Location, UnixDomainSocketLocation } from '../transport/location.ts';
import { dialUnix } from '../transport/unix.ts';
import { BaseConnection, coreOf } from './base-connection.ts';
import { addRules, type BaseConnectionOptions, unixRules } from './connection-options.ts';

/**
 * A connection over a Unix domain socket.
 *
 * @example await new UnixDomainSocketConnection(new UnixDomainSocketLocation('/run/redis.sock')).run();
 */
export class UnixDomainSocketConnection extends BaseConnection {
  static {
    nameClass(this, 'UnixDomainSocketConnection');
  }

  readonly #path: string;

  constructor(location: Location, options?: BaseConnectionOptions) {
    if (!(location instanceof UnixDomainSocketLocation)) {
      throw new TypeError('a Unix domain socket connection needs a UnixDomainSocketLocation');
    }
    super(location, options);
    this.#path = location.path;
  }

  get path(): string {
    return this.#path;
  }

  protected override openTransport(signal: AbortSignal): Promise<Duplex> {
    return dialUnix(this.#path, { signal, reader: coreOf(this) });
  }

  override telemetryAttributes(): Record<string, string | number> {
    return {
      'server.address': this.#path,
      'network.peer.hostname': this.#path,
      ...super.telemetryAttributes(),
    };
  }
  protected override describe(): string {
    return `path=${this.#path}`;
  }
}
addRules(UnixDomainSocketConnection, unixRules);
