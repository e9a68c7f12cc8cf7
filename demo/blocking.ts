import type { Pool } from './load.ts';
import { Histogram } from './histogram.ts';
import { integer, milliseconds, type Screen } from './screen.ts';
import type { Outcome } from './tally.ts';

const CONSUMERS = 8;
const READERS = 50;
const ROUNDS = 3;
const PHASE = 700;

/** Workers that wait in BLPOP on the pool that everybody else uses; alternately with phases in which nobody blocks. */
export async function blockingConsumers(screen: Screen, pool: Pool, prefix: string): Promise<Outcome> {
  screen.title(`2  ${CONSUMERS} workers wait in BLPOP on the same pool`);
  const page = `${prefix}page`;
  const [quiet, beside, handover] = [new Histogram(), new Histogram(), new Histogram()];
  const popped: string[] = [];
  let [pushed, blocked] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    // The producer works in both phases, so that they differ in nothing but the blocked connections.
    const idle = new AbortController();
    const ignored = produce(pool, `${prefix}unread`, idle.signal);
    await reading(screen, pool, page, quiet, 'nobody blocks');
    idle.abort();
    await ignored;
    const stop = new AbortController();
    const queue = `${prefix}jobs`;
    const workers = Array.from({ length: CONSUMERS }, () => work(pool, queue, stop.signal, popped, handover));
    const producer = produce(pool, queue, stop.signal);
    await reading(screen, pool, page, beside, `${CONSUMERS} workers block`);
    blocked = Math.max(blocked, pool.statistics.inUseConnections);
    stop.abort(new Error('the demo moves on'));
    await Promise.all(workers);
    pushed += await producer;
  }
  const left = Number(await pool.execute('LLEN', `${prefix}jobs`));
  screen.fact('GET, nobody blocks', percentiles(quiet));
  screen.fact(`GET beside ${CONSUMERS} BLPOPs`, percentiles(beside));
  screen.fact('connections blocked', `${blocked}; everything else shared one`);
  screen.fact('job handed over', `p50 ${milliseconds(handover.percentile(0.5))} after its LPUSH began`);
  const good = new Set(popped).size === popped.length && popped.length + left === pushed;
  screen.verdict(
    good,
    'no job lost',
    `${integer(pushed)} pushed = ${integer(popped.length)} done + ${integer(left)} left, ${CONSUMERS * ROUNDS} BLPOPs aborted`,
  );
  const remember = [
    `${CONSUMERS} workers waited in BLPOP on the same pool, and nobody waited behind them: GET ${percentiles(beside)}.`,
  ];
  return { good, remember };
}

async function work(
  pool: Pool,
  queue: string,
  signal: AbortSignal,
  popped: string[],
  handover: Histogram,
): Promise<void> {
  const calls = pool.with({ signal });
  while (!signal.aborted) {
    try {
      const [, job = ''] = await calls.execute<[string, string]>('BLPOP', queue, 0);
      popped.push(job);
      handover.add(performance.now() - Number(job.split(':')[0]));
    } catch (error) {
      // An aborted BLPOP rejects with the signal's reason; one that had popped a job resolves with it.
      if (error !== signal.reason) throw error;
    }
  }
}

async function produce(pool: Pool, queue: string, signal: AbortSignal): Promise<number> {
  let pushed = 0;
  while (!signal.aborted) {
    await pool.execute('LPUSH', queue, `${performance.now()}:${pushed}`);
    pushed++;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return pushed;
}

async function reading(
  screen: Screen,
  pool: Pool,
  page: string,
  latency: Histogram,
  label: string,
): Promise<void> {
  let running = true;
  const reader = async (): Promise<void> => {
    while (running) {
      const started = performance.now();
      await pool.execute('GET', page);
      latency.add(performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, 10 * Math.random()));
    }
  };
  const readers = Array.from({ length: READERS }, reader);
  await screen.during(
    () =>
      `${label} · ${integer(latency.count)} GETs · ${percentiles(latency)} · ${pool.statistics.inUseConnections} blocked`,
    () => new Promise((resolve) => setTimeout(resolve, PHASE)),
  );
  running = false;
  await Promise.all(readers);
}

function percentiles(latency: Histogram): string {
  return `p50 ${milliseconds(latency.percentile(0.5))}, p99 ${milliseconds(latency.percentile(0.99))}`;
}
