import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterConnectionPool, type ClusterNodeLocation } from '../src/index.ts';
import { type ClusterNode, startCluster, type TestCluster } from '../src/testkit/index.ts';
import { Callers } from './callers.ts';
import { integer, milliseconds, plural, type Screen, seconds } from './screen.ts';
import { summary } from './summary.ts';
import { type Outcome, Tally } from './tally.ts';

const KEYS_PER_SHARD = 60;
const PREFIX = 'respool:demo:';

/** A shard that is down does not make the servers of the others refuse. */
const ALONE = ['--cluster-require-full-coverage', 'no'];

type Pool = ClusterConnectionPool<true>;

/** Three primaries, three replicas, one pool; then a primary dies under load. */
export async function clusterDemo(screen: Screen): Promise<Outcome> {
  screen.line(`${screen.style('bold', 'respool')}: a cluster of 3 primaries and 3 replicas, one pool`);
  const starting = performance.now();
  await using cluster = await screen.during(
    () => 'starting six servers',
    () => startCluster({ args: ALONE }),
  );
  const name = cluster.kind === 'valkey' ? 'Valkey' : 'Redis';
  screen.fact('servers', `${name} ${cluster.version}, ready in ${seconds(performance.now() - starting)}`);
  await using pool = ClusterConnectionPool.fromUrl(cluster.url, { decodeResponses: true, timeout: 15_000 });
  await pool.open({ timeout: 10_000 });
  const tally = new Tally();
  const shards = await makeShards(pool, tally);
  for (const shard of shards) shard.callers.start();
  const bars = (): string => shards.map((shard) => shard.callers.bar(screen)).join('  ');
  await spread(screen, pool, shards, bars);
  const { good: survived, remember } = await failover(screen, cluster, shards, bars);
  for (const shard of shards) shard.callers.stop();
  await Promise.all(shards.map((shard) => shard.callers.done()));
  const facts = { 'layout read': plural(pool.layoutRefreshes.succeeded, 'time') };
  return { good: summary(screen, tally, [pool.statistics], facts) && survived, remember };
}

interface Shard {
  readonly name: string;
  readonly node: ClusterNodeLocation;
  readonly callers: Callers;
}

/** Keys are put to the shards by the layout that the pool has read. */
async function makeShards(pool: Pool, tally: Tally): Promise<Shard[]> {
  const owned = new Map<ClusterNodeLocation, string[]>(
    pool.clusterLayout.primaries.map((node) => [node, []]),
  );
  for (let index = 0; [...owned.values()].some((keys) => keys.length < KEYS_PER_SHARD); index++) {
    const key = `${PREFIX}${index}`;
    const keys = owned.get(pool.clusterLayout.nodeForKey(key));
    if (keys !== undefined && keys.length < KEYS_PER_SHARD) keys.push(key);
  }
  return Promise.all(
    [...owned].map(async ([node, keys], index) => {
      const name = 'ABC'[index] ?? String(index);
      const callers = new Callers(tally, { name, pool, keys, lease: () => pool.acquire({ node }) });
      await callers.pin();
      return { name, node, callers };
    }),
  );
}

async function spread(
  screen: Screen,
  pool: Pool,
  shards: readonly Shard[],
  bars: () => string,
): Promise<void> {
  screen.title('1  keys spread over the shards');
  await screen.during(bars, () => sleep(3_500));
  for (const shard of shards) {
    screen.fact(
      `shard ${shard.name}`,
      `${shard.node}: ${integer(shard.callers.operations)} commands, ${shard.callers.percentiles()}`,
    );
    screen.fact('', shard.callers.history(screen));
  }
  screen.fact(
    'connections',
    `${pool.statistics.activeConnections} to ${pool.clusterLayout.nodes.length} nodes`,
  );
  for (const shard of shards) shard.callers.newPhase();
}

async function failover(
  screen: Screen,
  cluster: TestCluster,
  shards: readonly Shard[],
  bars: () => string,
): Promise<Outcome> {
  const [victim, ...others] = shards as [Shard, ...Shard[]];
  screen.title(`2  the primary of shard ${victim.name} is killed under load (SIGKILL)`);
  const dead = cluster.nodes.find((node) => node.port === victim.node.port);
  if (dead === undefined) throw new Error('no such node');
  const slot = await cluster.keySlot(victim.callers.probe);
  const failedBefore = others.map((shard) => shard.callers.failed);
  const killedAt = performance.now();
  victim.callers.failedOver = true;
  let elected = 0;
  const recovered = await screen.during(bars, async () => {
    await dead.kill();
    const first = victim.callers.nextWrite();
    const chosen = await cluster.waitForNewPrimary(slot, dead);
    elected = performance.now();
    const timeout = seconds(Number(await configured(chosen, 'cluster-node-timeout')));
    screen.fact(
      'the servers took',
      `${seconds(elected - killedAt)}: ${timeout} of silence (cluster-node-timeout), then a vote; ${chosen.location} is primary`,
    );
    const at = await first;
    await sleep(3_000);
    return at;
  });
  const ours =
    recovered <= elected ? 'nothing: it wrote by then' : `${milliseconds(recovered - elected)} more`;
  screen.fact(
    'the pool took',
    `${ours} (it reads the layout again in pauses of up to 0.75 s); first write after ${seconds(recovered - killedAt)}`,
  );
  screen.fact(`shard ${victim.name}`, victim.callers.history(screen));
  for (const [index, shard] of others.entries()) {
    const failed = shard.callers.failed - (failedBefore[index] ?? 0);
    screen.verdict(
      failed === 0,
      `shard ${shard.name} meanwhile`,
      `${integer(shard.callers.operations)} commands, ${shard.callers.percentiles()}, ${plural(failed, 'failure')}`,
    );
    screen.fact('', shard.callers.history(screen));
  }
  const good = others.every((shard, index) => shard.callers.failed === failedBefore[index]);
  const remember = [
    `A primary died: the servers needed ${seconds(elected - killedAt)} to replace it, the pool ${recovered <= elected ? 'nothing on top' : `${milliseconds(recovered - elected)} on top`}.`,
    'The other shards did not notice. Every call that failed was told whether it may have run.',
  ];
  return { good, remember };
}

async function configured(node: ClusterNode, name: string): Promise<string> {
  const [, value = ''] = (await node.command('CONFIG', 'GET', name)) as string[];
  return String(value);
}
