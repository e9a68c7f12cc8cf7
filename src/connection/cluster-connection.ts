import type { Location } from '../transport/location.ts';
import { type ClusterConnectionOptions, clusterRules } from './connection-options.ts';
import { type HandshakeStep, READONLY_STEP } from './handshake.ts';
import type { RuleTable } from './option-rules.ts';
import { TCPConnection } from './tcp-connection.ts';

/** A connection to a node of a cluster; with `readFromReplicas` it is in READONLY mode before it is usable. */
export class ClusterConnection extends TCPConnection {
  readonly #steps: readonly HandshakeStep[];

  constructor(location: Location, options?: ClusterConnectionOptions, extra: RuleTable = {}) {
    super(location, options, { ...clusterRules, ...extra });
    this.#steps = options?.readFromReplicas === true ? [READONLY_STEP] : [];
  }

  protected override specialSteps(): readonly HandshakeStep[] {
    return this.#steps;
  }
}
