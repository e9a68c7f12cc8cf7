import { setTimeout as sleep } from 'node:timers/promises';
import { Sentinel, type SentinelConnectionPool } from '../src/index.ts';
import { startSentinel, type TestSentinel, type TestServer } from '../src/testkit/index.ts';
import { Callers } from './callers.ts';
import { Readers } from './readers.ts';
import { integer, milliseconds, type Screen, seconds } from './screen.ts';
import { summary } from './summary.ts';
import { type Outcome, Tally } from './tally.ts';

const KEYS = 150;
const READERS = 50;

/** One primary, two replicas, three sentinels; the primary dies under load, and later hands over in peace. */
export async function sentinelDemo(screen: Screen): Promise<Outcome> {
  screen.line(`${screen.style('bold', 'respool')}: one primary, two replicas, three sentinels`);
  const starting = performance.now();
  await using servers = await screen.during(
    () => 'starting six servers',
    () => startSentinel(),
  );
  const name = servers.kind === 'valkey' ? 'Valkey' : 'Redis';
  screen.fact('servers', `${name} ${servers.version}, ready in ${seconds(performance.now() - starting)}`);
  await using manager = new Sentinel({ sentinels: servers.sentinelLocations, decodeResponses: true });
  await using pool = manager.primaryFor(servers.serviceName, { timeout: 15_000 });
  await using replicas = manager.replicaFor(servers.serviceName, { timeout: 15_000 });
  const tally = new Tally();
  const keys = Array.from({ length: KEYS }, (_, index) => `respool:demo:${index}`);
  const callers = new Callers(tally, { name: 'primary', pool, keys, lease: () => pool.acquire() });
  await callers.pin();
  const readers = new Readers(replicas, tally, callers.pinned);
  callers.start();
  readers.start(READERS);
  const bars = (): string =>
    `${callers.bar(screen)}   replicas ${`${integer(readers.rate())}/s`.padStart(9)}   ${tally.failed} failed`;

  screen.title('1  writes to the primary, reads from the replicas');
  await screen.during(bars, () => sleep(2_500));
  screen.fact(
    'primary',
    `${pool.address}: ${integer(callers.operations)} commands, ${callers.percentiles()}`,
  );
  screen.fact('replicas', `${integer(readers.operations)} reads`);

  callers.failedOver = true;
  screen.title('2  the primary is killed under load (SIGKILL)');
  const killed = await moved(screen, { servers, pool, callers, bars }, () => servers.killPrimary());
  screen.title('3  SENTINEL FAILOVER: the next one hands over');
  await screen.during(
    () => 'the servers find together',
    () => servers.waitHealthy(),
  );
  const switched = await moved(screen, { servers, pool, callers, bars }, async () => {
    const before = await servers.currentPrimary();
    await servers.sentinels[0]?.command('SENTINEL', 'FAILOVER', servers.serviceName);
    return before;
  });
  callers.stop();
  await Promise.all([callers.done(), readers.stop()]);
  const remember = [
    `The primary was killed: the sentinels needed ${killed.servers} to replace it, the pool ${killed.ours}.`,
    `A planned switch took ${switched.servers}, and the pool ${switched.ours}.`,
  ];
  return { good: summary(screen, tally, [pool.statistics, replicas.statistics]), remember };
}

interface Stage {
  readonly servers: TestSentinel;
  readonly pool: SentinelConnectionPool<true>;
  readonly callers: Callers;
  readonly bars: () => string;
}

/** Times from the beginning of a change to the sentinels' word, and to the first write at the new primary. */
async function moved(
  screen: Screen,
  { servers, pool, callers, bars }: Stage,
  begin: () => Promise<TestServer>,
): Promise<{ servers: string; ours: string }> {
  callers.newPhase();
  const startedAt = performance.now();
  const [announced, writing] = await screen.during(bars, async () => {
    const before = await begin();
    const chosen = servers.waitForPrimary(before).then(() => performance.now());
    while (pool.address === null || pool.address === before.location.toString()) await sleep(1);
    const written = callers.nextWrite();
    const both = await Promise.all([chosen, written]);
    await sleep(1_500);
    return both;
  });
  const agreed = seconds(announced - startedAt);
  const late = writing - announced;
  const ours = late <= 0 ? 'nothing on top' : `${milliseconds(late)} on top`;
  screen.fact('the servers took', `${agreed} until all sentinels named ${pool.address}`);
  screen.fact('the pool took', `${ours}; first write ${seconds(writing - startedAt)} after the beginning`);
  screen.fact('commands meanwhile', `${integer(callers.operations)}, ${callers.percentiles()}`);
  screen.fact('over time', callers.history(screen));
  return { servers: agreed, ours };
}
