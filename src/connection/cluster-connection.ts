import { nameClass } from '../base/classes.ts';
import type { Location } from '../transport/location.ts';
import { addHandshakeStep } from './base-connection.ts';
import { addRules, type ClusterConnectionOptions, clusterRules } from './connection-options.ts';
import { READONLY_STEP } from './opening/handshake.ts';
import { TCPConnection } from './tcp-connection.ts';

/** A connection to a node of a cluster; with `readFromReplicas` it is in READONLY mode before it is usable. */
export class ClusterConnection extends TCPConnection {
  static {
    nameClass(this, 'ClusterConnection');
  }

  constructor(location: Location, options?: ClusterConnectionOptions) {
    super(location, options);
    if (options?.readFromReplicas === true) addHandshakeStep(this, READONLY_STEP);
  }
}
addRules(ClusterConnection, clusterRules);
