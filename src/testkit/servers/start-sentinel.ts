import { nameClass } from '../../base/classes.ts';
import { randomBytes } from 'node:crypto';
import { findServerBinary, type ServerBinary } from './binaries.ts';
import { type Checks, checkOptions, flag, text, texts, whole } from './option-checks.ts';
import { allSettled } from './polling.ts';
import { freePort, releasePort } from './ports.ts';
import { ServerStartError } from './server-process.ts';
import { checkTls, serverTls, tlsLines, type ServerTls, type TlsOptions } from './server-tls.ts';
import { commonLines, quoted } from './start-server.ts';
import { TestSentinel } from './test-sentinel.ts';
import { launch, TestServer, type ServerPlan } from './test-server.ts';

export interface StartSentinelOptions {
  readonly replicas?: number | undefined;
  readonly sentinels?: number | undefined;
  /** Sentinels that must agree; default: more than half. */
  readonly quorum?: number | undefined;
  readonly serviceName?: string | undefined;
  /** `down-after-milliseconds`; default 1000. */
  readonly downAfter?: number | undefined;
  /** `failover-timeout` in ms; default 3000. */
  readonly failoverTimeout?: number | undefined;
  readonly binary?: string | undefined;
  readonly tls?: boolean | TlsOptions | undefined;
  /** `false`: leave the sentinels' periods of INFO and greetings as they are; then they see changes late. */
  readonly quick?: boolean | undefined;
  /** Options of the data servers. */
  readonly password?: string | undefined;
  /** Options of the sentinels. */
  readonly sentinelPassword?: string | undefined;
  /** Further flags of the data servers. */
  readonly args?: readonly string[] | undefined;
  /** Further lines of the sentinels' configuration. */
  readonly sentinelConfig?: readonly string[] | undefined;
}

const CHECKS: Checks<StartSentinelOptions> = {
  replicas: whole(0),
  sentinels: whole(1),
  quorum: whole(1),
  serviceName: text,
  downAfter: whole(1),
  failoverTimeout: whole(1),
  binary: text,
  tls: checkTls,
  quick: flag,
  password: text,
  sentinelPassword: text,
  args: texts,
  sentinelConfig: texts,
};

interface Context {
  readonly options: StartSentinelOptions;
  readonly binary: ServerBinary;
  readonly tls: ServerTls | null;
  readonly name: string;
}

const PORT_ATTEMPTS = 10;

/** Starts all servers; if one fails, stops the others. */
async function startAll(plans: readonly ServerPlan[]): Promise<TestServer[]> {
  const results = await Promise.allSettled(plans.map(async (plan) => new TestServer(await launch(plan))));
  const started = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return started;
  await allSettled(started.map((server) => server.stop()));
  throw failed.reason;
}

function dataPlan({ options, binary, tls }: Context, primary: TestServer | null): ServerPlan {
  const { password } = options;
  const auth =
    password === undefined ? [] : [`requirepass ${quoted(password)}`, `masterauth ${quoted(password)}`];
  return {
    binary,
    label: 'sentinel-data',
    port: null,
    withBus: false,
    sentinel: false,
    args: options.args ?? [],
    tls,
    socket: false,
    username: null,
    password: password ?? null,
    prelude: password === undefined ? [] : [['AUTH', password]],
    configure: (folder, port) => [
      ...commonLines(folder, port, tls),
      ...auth,
      ...(primary === null ? [] : [`replicaof ${primary.host} ${primary.port}`]),
    ],
  };
}

interface Peer {
  readonly port: number;
  readonly id: string;
}

/** Lines of a sentinel's configuration. Listing replicas and sentinels saves the 2 s until they find each other. */
function sentinelLines(
  { options, name }: Context,
  self: Peer,
  peers: readonly Peer[],
  servers: readonly TestServer[],
): string[] {
  const [primary, ...replicas] = servers;
  const { downAfter = 1000, failoverTimeout = 3000, password, sentinelPassword } = options;
  const quorum = options.quorum ?? Math.floor(peers.length / 2) + 1;
  return [
    `sentinel myid ${self.id}`,
    `sentinel monitor ${name} 127.0.0.1 ${primary?.port} ${quorum}`,
    `sentinel down-after-milliseconds ${name} ${downAfter}`,
    `sentinel failover-timeout ${name} ${failoverTimeout}`,
    `sentinel parallel-syncs ${name} 1`,
    ...(password === undefined ? [] : [`sentinel auth-pass ${name} ${quoted(password)}`]),
    ...(sentinelPassword === undefined
      ? []
      : [`requirepass ${quoted(sentinelPassword)}`, `sentinel sentinel-pass ${quoted(sentinelPassword)}`]),
    ...replicas.map(({ port }) => `sentinel known-replica ${name} 127.0.0.1 ${port}`),
    ...peers
      .filter((peer) => peer !== self)
      .map(({ port, id }) => `sentinel known-sentinel ${name} 127.0.0.1 ${port} ${id}`),
    ...(options.sentinelConfig ?? []),
  ];
}

function sentinelPlan(
  context: Context,
  self: Peer,
  peers: readonly Peer[],
  servers: readonly TestServer[],
): ServerPlan {
  const { binary, tls, options } = context;
  const { sentinelPassword } = options;
  return {
    binary,
    label: 'sentinel',
    port: self.port,
    withBus: false,
    sentinel: true,
    args: [],
    tls,
    socket: false,
    username: null,
    password: sentinelPassword ?? null,
    prelude: sentinelPassword === undefined ? [] : [['AUTH', sentinelPassword]],
    configure: (folder, port) => [
      ...(tls === null ? [`port ${port}`] : tlsLines(tls, port)),
      'bind 127.0.0.1',
      `dir "${folder}"`,
      ...sentinelLines(context, self, peers, servers),
    ],
  };
}

/** Starts the sentinels. They know each other's ports in advance, so if one port is taken, all get new ones. */
async function startSentinels(
  context: Context,
  count: number,
  servers: readonly TestServer[],
): Promise<TestServer[]> {
  for (let attempt = 1; ; attempt++) {
    const ports = await Promise.all(Array.from({ length: count }, () => freePort()));
    const peers = ports.map((port) => ({ port, id: randomBytes(20).toString('hex') }));
    try {
      return await startAll(peers.map((self) => sentinelPlan(context, self, peers, servers)));
    } catch (error) {
      for (const port of ports) releasePort(port);
      if (!(error instanceof ServerStartError && error.portTaken) || attempt >= PORT_ATTEMPTS) throw error;
    }
  }
}

/**
 * A primary, replicas and sentinels that know each other when this resolves.
 *
 * @example await using servers = await startSentinel({ replicas: 2, sentinels: 3 });
 */
export async function startSentinel(options: StartSentinelOptions = {}): Promise<TestSentinel> {
  checkOptions(options, CHECKS);
  const { replicas = 2, sentinels = 3, serviceName = 'mymaster' } = options;
  const binary = await findServerBinary(options.binary);
  const context: Context = { options, binary, tls: serverTls(options.tls), name: serviceName };
  const started: TestServer[] = [];
  try {
    started.push(...(await startAll([dataPlan(context, null)])));
    const [primary = null] = started;
    started.push(...(await startAll(Array.from({ length: replicas }, () => dataPlan(context, primary)))));
    const servers = [...started];
    const watching = await startSentinels(context, sentinels, servers);
    started.push(...watching);
    const { password = null, sentinelPassword = null, quick = true } = options;
    const group = new TestSentinel({
      serviceName,
      servers,
      sentinels: watching,
      password,
      sentinelPassword,
      quick,
    });
    await group.waitHealthy();
    return group;
  } catch (error) {
    await allSettled(started.map((server) => server.stop()));
    throw error;
  }
}
nameClass(startSentinel, 'startSentinel');
