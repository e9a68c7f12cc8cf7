import { nameClass } from '../base/classes.ts';
import type { Location } from '../transport/location.ts';
import { addHandshakeStep } from './base-connection.ts';
import { addRules, type TCPConnectionOptions } from './connection-options.ts';
import { roleStep } from './opening/handshake.ts';
import { TCPConnection } from './tcp-connection.ts';

/** A connection to a server that sentinels watch; its ROLE is verified before it is usable (`StalePrimaryError`). */
export class SentinelManagedConnection extends TCPConnection {
  static {
    nameClass(this, 'SentinelManagedConnection');
  }

  /** Name of the service (the primary's name at the sentinels). */
  readonly primaryName: string;
  /** The role that `ROLE` has to confirm before the connection is usable. */
  readonly isPrimary: boolean;

  constructor(location: Location, primaryName: string, isPrimary: boolean, options?: TCPConnectionOptions) {
    if (typeof primaryName !== 'string' || primaryName === '') {
      throw new TypeError('primaryName must be a non-empty string');
    }
    if (typeof isPrimary !== 'boolean') throw new TypeError('isPrimary must be true or false');
    super(location, options);
    this.primaryName = primaryName;
    this.isPrimary = isPrimary;
    addHandshakeStep(this, roleStep(primaryName, location.toString(), isPrimary));
  }

  protected override describe(): string {
    return `service=${this.primaryName},${super.describe()}`;
  }
}
addRules(SentinelManagedConnection, {});
