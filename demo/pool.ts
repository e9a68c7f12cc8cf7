import { ConnectionPool } from '../src/index.ts';
import { blockingConsumers } from './blocking.ts';
import { connectionsKilled } from './kills.ts';
import { Load, type Pool } from './load.ts';
import { integer, milliseconds, plural, type Screen, seconds, Sparkline } from './screen.ts';
import { summary } from './summary.ts';
import { type Outcome, Tally } from './tally.ts';
import { Target } from './target.ts';
import { transfers } from './transfers.ts';

const CALLERS = 2_000;
const MAX_CONNECTIONS = 12;

/** One server, one pool: what the package is for. */
export async function poolDemo(screen: Screen): Promise<Outcome> {
  await using target = await Target.find();
  await using pool = ConnectionPool.fromUrl(target.url, {
    decodeResponses: true,
    maxConnections: MAX_CONNECTIONS,
    clientName: 'respool-demo',
    timeout: 10_000,
    streamTimeout: 10_000,
  });
  await pool.open({ timeout: 5_000 });
  const tally = new Tally();
  screen.line(
    `${screen.style('bold', 'respool')}: one pool, at most ${MAX_CONNECTIONS} connections, ${target.about}`,
  );
  screen.fact('server', pool.address ?? '');
  try {
    const many = await multiplexed(screen, pool, tally, target.prefix);
    const consumers = await blockingConsumers(screen, pool, target.prefix);
    const bank = await transfers(screen, pool, target.prefix);
    const killed = await connectionsKilled(screen, pool, tally, target);
    const good = summary(screen, tally, [pool.statistics], { 'latency, all of them': percentilesAt(tally) });
    const parts = [many, consumers, bank, killed];
    return {
      good: good && parts.every((part) => part.good),
      remember: parts.flatMap((part) => part.remember ?? []),
    };
  } finally {
    await cleanUp(pool, target.prefix);
  }
}

async function multiplexed(screen: Screen, pool: Pool, tally: Tally, prefix: string): Promise<Outcome> {
  screen.title(`1  ${integer(CALLERS)} callers at once, each awaiting its own answers`);
  const load = new Load(pool, tally, `${prefix}many:`).start(CALLERS);
  const bars = new Sparkline();
  const started = performance.now();
  const before = tally.operations;
  await screen.during(
    () =>
      `${progress(tally)} · ${plural(pool.statistics.activeConnections, 'connection')}  ${screen.style('cyan', bars.take(tally.operations))}`,
    () => new Promise((resolve) => setTimeout(resolve, 4_000)),
  );
  const open = pool.statistics.activeConnections;
  await load.stop();
  const done = tally.operations - before;
  const { value, good } = await load.verifyCounter();
  if (!good) tally.check(false, () => `counter ${value}, acknowledged ${load.counted}`);
  const at = percentilesAt(tally);
  screen.fact(
    'commands',
    `${integer(done)} in ${seconds(performance.now() - started)}, every answer compared`,
  );
  const rate = integer((done / (performance.now() - started)) * 1_000);
  screen.fact('rate', `${rate} per second over ${plural(open, 'connection')}`);
  screen.fact('over time', screen.style('cyan', bars.whole()));
  screen.fact('latency', `${at}, with ${integer(CALLERS)} in flight`);
  screen.verdict(
    good,
    'counter',
    `${integer(load.counted)} INCRs acknowledged, the server says ${integer(value)}`,
  );
  const remember = [
    `${integer(CALLERS)} callers shared ${plural(open, 'connection')}: ${rate} commands a second, every answer compared.`,
  ];
  return { good, remember };
}

function progress(tally: Tally): string {
  const { latency } = tally;
  return `${integer(tally.operations)} commands · p50 ${milliseconds(latency.percentile(0.5))} · p99 ${milliseconds(latency.percentile(0.99))}`;
}

function percentilesAt({ latency }: Tally): string {
  return `p50 ${milliseconds(latency.percentile(0.5))}, p99 ${milliseconds(latency.percentile(0.99))}, max ${milliseconds(latency.max)}`;
}

/** Nothing of the demo stays on the server. */
async function cleanUp(pool: Pool, prefix: string): Promise<void> {
  let cursor = '0';
  do {
    const [next = '0', keys = []] = await pool.execute<[string, string[]]>(
      'SCAN',
      cursor,
      'MATCH',
      `${prefix}*`,
      'COUNT',
      1_000,
    );
    if (keys.length > 0) await pool.execute('UNLINK', ...keys);
    cursor = next;
  } while (cursor !== '0');
}
