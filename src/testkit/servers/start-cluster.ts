import { nameClass } from '../../base/classes.ts';
import { findServerBinary, type ServerBinary } from './binaries.ts';
import { formCluster } from './cluster-boot.ts';
import { ClusterNode } from './cluster-node.ts';
import { type Checks, checkOptions, either, oneOf, text, texts, whole } from './option-checks.ts';
import { allSettled } from './polling.ts';
import { checkTls, serverTls, type ServerTls, type TlsOptions } from './server-tls.ts';
import { commonLines, quoted } from './start-server.ts';
import { TestCluster } from './test-cluster.ts';
import { launch, TestServer, type ServerPlan } from './test-server.ts';

export interface StartClusterOptions {
  readonly primaries?: number | undefined;
  readonly replicasPerPrimary?: number | undefined;
  readonly binary?: string | undefined;
  /** A function gives each node a certificate of its own: `(index) => ({ names: [...] })`. */
  readonly tls?: boolean | TlsOptions | ((index: number) => TlsOptions) | undefined;
  /** Further flags of every node. */
  readonly args?: readonly string[] | undefined;
  /** `cluster-node-timeout` in ms; default 1000. */
  readonly nodeTimeout?: number | undefined;
  readonly requirepass?: string | undefined;
  /** `cluster-announce-hostname` of each node. */
  readonly announceHostname?: string | ((index: number) => string) | undefined;
  /** `cluster-preferred-endpoint-type`. */
  readonly preferredEndpoint?: 'ip' | 'hostname' | 'unknown-endpoint' | undefined;
}

const CHECKS: Checks<StartClusterOptions> = {
  primaries: whole(1),
  replicasPerPrimary: whole(0),
  binary: text,
  tls: either('function', checkTls),
  args: texts,
  nodeTimeout: whole(1),
  requirepass: text,
  announceHostname: either('function', text),
  preferredEndpoint: oneOf('ip', 'hostname', 'unknown-endpoint'),
};

const BOOT_TIMEOUT = 30_000;

function nodeTls(option: StartClusterOptions['tls'], index: number): ServerTls | null {
  return serverTls(typeof option === 'function' ? option(index) : option);
}

function clusterLines(options: StartClusterOptions, index: number): string[] {
  const { announceHostname, preferredEndpoint, requirepass, nodeTimeout = 1000 } = options;
  const hostname = typeof announceHostname === 'function' ? announceHostname(index) : announceHostname;
  return [
    'cluster-enabled yes',
    'cluster-config-file nodes.conf',
    `cluster-node-timeout ${nodeTimeout}`,
    ...(hostname === undefined ? [] : [`cluster-announce-hostname ${hostname}`]),
    ...(preferredEndpoint === undefined ? [] : [`cluster-preferred-endpoint-type ${preferredEndpoint}`]),
    ...(requirepass === undefined
      ? []
      : [`requirepass ${quoted(requirepass)}`, `masterauth ${quoted(requirepass)}`]),
  ];
}

async function startNode(
  options: StartClusterOptions,
  binary: ServerBinary,
  index: number,
): Promise<ClusterNode> {
  const tls = nodeTls(options.tls, index);
  const { requirepass } = options;
  const plan: ServerPlan = {
    binary,
    label: 'cluster-node',
    port: null,
    withBus: true,
    sentinel: false,
    args: options.args ?? [],
    tls,
    socket: false,
    username: null,
    password: requirepass ?? null,
    prelude: requirepass === undefined ? [] : [['AUTH', requirepass]],
    configure: (folder, port) => [
      ...commonLines(folder, port, tls),
      ...(tls === null ? [] : ['tls-cluster yes']),
      ...clusterLines(options, index),
    ],
  };
  const launched = await launch(plan);
  const server = new TestServer(launched);
  const id = String(await server.command('CLUSTER', 'MYID'));
  server.disconnect();
  return new ClusterNode(launched, index, id);
}

/**
 * Real nodes that form a cluster and agree about it when this resolves.
 *
 * @example await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 1 });
 */
export async function startCluster(options: StartClusterOptions = {}): Promise<TestCluster> {
  checkOptions(options, CHECKS);
  const { primaries = 3, replicasPerPrimary = 1 } = options;
  const binary = await findServerBinary(options.binary);
  const make = (index: number): Promise<ClusterNode> => startNode(options, binary, index);
  const count = primaries * (1 + replicasPerPrimary);
  const started = await Promise.allSettled(Array.from({ length: count }, (_, index) => make(index)));
  const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  try {
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    const cluster = new TestCluster(nodes, options.requirepass ?? null, make);
    await formCluster(nodes, { primaries, replicasPerPrimary });
    await cluster.waitOk(BOOT_TIMEOUT);
    return cluster;
  } catch (error) {
    await allSettled(nodes.map((node) => node.stop()));
    throw error;
  }
}
nameClass(startCluster, 'startCluster');
