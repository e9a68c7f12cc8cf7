import type { Location } from '../transport/location.ts';
import type { TCPConnectionOptions } from './connection-options.ts';
import { type HandshakeStep, roleStep } from './handshake.ts';
import type { RuleTable } from './option-rules.ts';
import { TCPConnection } from './tcp-connection.ts';

/** A connection to a server that sentinels watch; its ROLE is verified before it is usable (`StalePrimaryError`). */
export class SentinelManagedConnection extends TCPConnection {
  readonly primaryName: string;
  readonly isPrimary: boolean;

  constructor(
    location: Location,
    primaryName: string,
    isPrimary: boolean,
    options?: TCPConnectionOptions,
    extra: RuleTable = {},
  ) {
    if (typeof primaryName !== 'string' || primaryName === '') throw new TypeError('primaryName must be a non-empty string');
    super(location, options, extra);
    this.primaryName = primaryName;
    this.isPrimary = isPrimary;
  }

  protected override specialSteps(): readonly HandshakeStep[] {
    return [roleStep(this.primaryName, this.location.toString(), this.isPrimary)];
  }
  protected override describe(): string {
    return `service=${this.primaryName},${super.describe()}`;
  }
}
