import { Deadline } from '../../base/deadline.ts';
import { type BaseConnection, coreOf } from '../../connection/base-connection.ts';
import { call } from '../../connection/requests/call.ts';
import { ConnectionNode, type NodeSettings } from '../../node/connection-node.ts';
import type { Reply } from '../../resp/types.ts';
import type { ReadFrom } from '../../topology/reads/read-from.ts';
import { ReadSplit } from '../../topology/reads/read-split.ts';
import { type ZoneOf, Zones } from '../../topology/reads/zones.ts';
import { hostOf, portOf, textOf } from '../../topology/reply-fields.ts';
import type { Topology } from '../../topology/topology.ts';
import { TCPLocation } from '../../transport/location.ts';

/** Milliseconds for a question about replicas or zones, including the dial. */
const PATIENCE = 5_000;

type Settings = NodeSettings;

export interface ReadSetup {
  readonly primary: Topology;
  readonly node: ConnectionNode;
  /** Settings of the primary's node; the nodes of replicas use them with another address. */
  readonly nodeSettings: Settings;
  readonly primaryAt: () => TCPLocation | null;
  readonly find: () => Promise<readonly TCPLocation[]>;
  /** A connection to a replica, not yet run. */
  readonly make: (replica: TCPLocation) => BaseConnection;
  readonly options: {
    readonly readFrom: ReadFrom | null;
    readonly clientZone: string | null;
    readonly zoneOf: ZoneOf | null;
    readonly maxConnections: number;
  };
}

function checkReading({ readFrom, clientZone }: ReadSetup['options']): void {
  if (readFrom === 'nearest-zone' && clientZone === null)
    throw new TypeError("readFrom 'nearest-zone' needs clientZone");
}

/** Sends reads of a pool with one primary to its replicas. */
export function withReplicas(setup: ReadSetup): Topology {
  const { primary, node, nodeSettings, primaryAt, find, make, options } = setup;
  const { readFrom, clientZone, zoneOf, maxConnections } = options;
  checkReading(options);
  const { governor: _, ready: __, ...shared } = nodeSettings;
  return new ReadSplit({
    primary,
    primaryNode: node,
    primaryAt,
    find,
    makeNode: (replica, dialFailed) =>
      new ConnectionNode({
        ...shared,
        poolName: shared.poolName ?? shared.address,
        address: replica.toString(),
        make: () => make(replica),
        dialFailed,
      }),
    maxConnections,
    readFrom: readFrom ?? 'primary',
    zones: new Zones({ clientZone, zoneOf, ask: (location) => askOnce(make(location), 'INFO', ['server']) }),
  });
}

/** Asks one question over a new connection, and closes the connection. */
async function askOnce(connection: BaseConnection, command: string, args: readonly string[]): Promise<Reply> {
  const late = (): Error => new Error('no answer in time');
  try {
    return await new Deadline(null, PATIENCE).run(async (signal) => {
      await connection.run({ signal });
      return await call(coreOf(connection), command, args, { signal, timeout: PATIENCE });
    }, late);
  } finally {
    connection.invalidate('the question is answered');
  }
}

/** The replicas in a primary's reply to ROLE. */
export async function replicasByRole(node: ConnectionNode): Promise<readonly TCPLocation[]> {
  const pooled = await node.pool.share((shared) => shared, new Deadline(null, PATIENCE));
  const role = await call(pooled.core, 'ROLE', [], { timeout: PATIENCE });
  if (!Array.isArray(role) || textOf(role[0]) !== 'master' || !Array.isArray(role[2])) return [];
  return role[2].flatMap((entry) => {
    if (!Array.isArray(entry)) return [];
    const host = hostOf(textOf(entry[0]));
    const port = portOf(entry[1]);
    return host === null || port === null ? [] : [new TCPLocation(host, port)];
  });
}
