import { Sentinel, SentinelConnectionPool } from '../../../src/index.ts';
import { FaultProxies, startSentinel, type TestServer } from '../../../src/testkit/index.ts';
import { pick } from '../../support/random.ts';
import { type ChaosPool, sleep } from '../support/load.ts';
import { CANARY } from '../support/oracle.ts';
import type { Fault, Stage } from '../support/run.ts';
import { BAD_LINE, BRISK_LINE, LIMITS } from './single.ts';

interface SentinelOptions {
  readonly seed: number;
  readonly every?: number;
  /** Faults that follow each other so closely that each has to be short. */
  readonly brisk?: boolean;
}

/** A primary, two replicas, three sentinels; the data servers behind proxies. */
export async function sentinelStage({ seed, every = 2_000, brisk = false }: SentinelOptions): Promise<Stage> {
  const servers = await startSentinel({
    replicas: 2,
    sentinels: 3,
    password: CANARY,
    sentinelPassword: CANARY,
  });
  const proxies = await FaultProxies.start(servers.servers, {
    seed,
    rates: brisk ? BRISK_LINE : BAD_LINE,
  });
  const ms = (usual: number): number => (brisk ? usual * 0.3 : usual);
  const { addressMap } = proxies;
  const sentinelManager = new Sentinel({
    sentinels: servers.sentinelLocations,
    addressMap,
    sentinelOptions: { password: CANARY },
    connectTimeout: 1_000,
    streamTimeout: 1_000,
  });
  const common = {
    serviceName: servers.serviceName,
    sentinelManager,
    password: CANARY,
    ...LIMITS,
  } as const;
  const pools = [
    new SentinelConnectionPool({ ...common, maxConnections: 8 }),
    new SentinelConnectionPool({ ...common, maxConnections: 8 }),
  ] as never as ChaosPool[];
  const ask: Stage['ask'] = async (command, ...args) =>
    (await servers.currentPrimary()).command(
      command,
      ...args.map((arg) => (typeof arg === 'bigint' ? String(arg) : arg)),
    );
  /** The primary, or while it is dead another data server. */
  const victim = async (): Promise<TestServer> => {
    const alive = servers.servers.filter(({ running, paused }) => running && !paused);
    const primary = await servers.currentPrimary();
    return alive.includes(primary) ? primary : alive[0]!;
  };
  const faults: Fault[] = [
    { name: 'reset of all', strike: () => void proxies.proxies.map((proxy) => proxy.reset()) },
    {
      name: 'CLIENT KILL on the primary',
      strike: async () =>
        void (await (await victim()).command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')),
    },
    {
      name: 'primary stopped (SIGSTOP)',
      strike: async () => {
        const primary = await victim();
        primary.pause();
        await sleep(ms(300));
        primary.resume();
      },
    },
    {
      name: 'sentinel killed',
      slow: true,
      strike: async (random) => {
        const sentinel = pick(random, servers.sentinels);
        await sentinel.kill();
        await sleep(300);
        await sentinel.restart();
        await servers.waitHealthy(30_000);
      },
    },
    {
      name: 'SENTINEL FAILOVER',
      slow: true,
      weight: 2,
      lossy: true,
      strike: async () => {
        await servers.failover(30_000);
        await servers.waitHealthy(30_000);
      },
    },
    {
      name: 'kill -9 of the primary',
      slow: true,
      lossy: true,
      strike: async () => {
        const dead = await servers.killPrimary();
        await servers.waitForPrimary(dead, 30_000);
        await dead.restart();
        await servers.waitHealthy(30_000);
      },
    },
  ];
  return {
    name: 'sentinel',
    pools,
    ask,
    faults,
    // The sentinels take seconds for a failover, in which nothing can be answered.
    every: brisk ? every * 3 : every,
    heal: async () => {
      for (const node of servers.nodes) node.resume();
      await proxies.heal();
      await servers.waitHealthy(30_000);
    },
    close: async () => {
      await sentinelManager.close();
      await proxies.close();
      await servers.stop();
    },
  };
}
