import { ClusterConnectionPool } from '../../../src/index.ts';
import { type ClusterNode, FaultProxies, startCluster } from '../../../src/testkit/index.ts';
import { pick } from '../../support/random.ts';
import { type ChaosPool, sleep } from '../support/load.ts';
import { ACCOUNTS, CANARY } from '../support/oracle.ts';
import type { Fault, Stage } from '../support/run.ts';
import { BAD_LINE, BRISK_LINE, LIMITS } from './single.ts';

interface ClusterOptions {
  readonly seed: number;
  readonly every?: number;
  /** Faults that follow each other so closely that each has to be short. */
  readonly brisk?: boolean;
}

const COMMON = { ...LIMITS, password: CANARY } as const;

/** Three primaries with a replica each, behind proxies; two pools, one of them reading from replicas not at all. */
export async function clusterStage({ seed, every = 1_500, brisk = false }: ClusterOptions): Promise<Stage> {
  const cluster = await startCluster({ primaries: 3, replicasPerPrimary: 1, requirepass: CANARY });
  const ms = (usual: number): number => (brisk ? usual * 0.3 : usual);
  const proxies = await FaultProxies.start(cluster.nodes, { seed, rates: brisk ? BRISK_LINE : BAD_LINE });
  const { addressMap, locations: startupNodes } = proxies;
  const pools = [
    new ClusterConnectionPool({ startupNodes, addressMap, ...COMMON }),
    new ClusterConnectionPool({ startupNodes, addressMap, maxConnections: 12, ...COMMON }),
  ] as never as ChaosPool[];

  /** Straight to the node that serves the key; every command of the oracle has one. */
  const ask: Stage['ask'] = async (command, ...args) => {
    const texts = args.map((arg) => (typeof arg === 'bigint' ? String(arg) : arg));
    const node = await cluster.nodeForSlot(await cluster.keySlot(String(args[0])));
    return node.command(command, ...texts);
  };
  const primaryOf = async (random: () => number): Promise<ClusterNode> =>
    pick(
      random,
      (await cluster.primaries()).filter((node) => node.running && !node.paused),
    );
  /** Replicas move between primaries: not every primary has one all the time. */
  const replicatedPrimary = async (random: () => number): Promise<ClusterNode> => {
    await cluster.waitOk(20_000);
    const lines = await cluster.view();
    const backed = new Set(
      lines.filter(({ role, healthy }) => role === 'replica' && healthy).map(({ primaryId }) => primaryId),
    );
    const primaries = lines.filter(
      ({ id, role, slots }) => role === 'primary' && slots.length > 0 && backed.has(id),
    );
    return cluster.node(pick(random, primaries).id);
  };
  const hot = ['counter:0', 'counter:1', 'list:0', 'list:1', ACCOUNTS[0]!];

  const faults: Fault[] = [
    { name: 'reset of all', strike: () => void proxies.proxies.map((proxy) => proxy.reset()) },
    { name: 'black hole of a node', strike: (random) => pick(random, proxies.proxies).blackHole() },
    {
      name: 'CLIENT KILL on a primary',
      strike: async (random) =>
        void (await (await primaryOf(random)).command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')),
    },
    {
      name: 'reshard of a hot slot',
      weight: 3,
      slow: true,
      strike: async (random) => {
        const slot = await cluster.keySlot(pick(random, hot));
        const source = await cluster.nodeForSlot(slot);
        const others = (await cluster.primaries()).filter((node) => node !== source);
        await cluster.migrateSlot(slot, pick(random, others));
      },
    },
    {
      name: 'planned failover',
      slow: true,
      strike: async (random) => {
        await cluster.failover(await replicatedPrimary(random));
        await cluster.waitOk(20_000);
      },
    },
    {
      name: 'primary stopped (SIGSTOP)',
      strike: async (random) => {
        const node = await primaryOf(random);
        node.pause();
        await sleep(ms(400));
        node.resume();
      },
    },
    {
      name: 'kill -9 of a primary',
      slow: true,
      lossy: true,
      strike: async (random) => {
        const { id } = await replicatedPrimary(random);
        const [[slot]] = (await cluster.view()).find((line) => line.id === id)!.slots as [[number, number]];
        const dead = await cluster.killPrimary(slot);
        try {
          await cluster.waitForNewPrimary(slot, dead, 20_000);
        } finally {
          await dead.restart();
          await cluster.waitOk(20_000);
        }
      },
    },
  ];
  return {
    name: 'cluster',
    pools,
    ask,
    faults,
    every: brisk ? every * 2 : every,
    heal: async () => {
      for (const node of cluster.nodes) node.resume();
      await proxies.heal();
      await cluster.waitOk(30_000);
    },
    close: async () => {
      await proxies.close();
      await cluster.stop();
    },
  };
}
