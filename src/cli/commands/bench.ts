import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { RedisError } from '../../index.ts';
import { type Options, UsageError } from '../options.ts';
import { type Call, type AnyPool, openPool } from '../target.ts';
import { bar, integer, milliseconds, table, type Terminal } from '../terminal.ts';

const PREFIX = 'respool:bench:';
const PERCENTILES = [50, 75, 90, 99, 99.9, 99.99];
const CHART_WIDTH = 40;
/** Columns before the chart, for the name and the figure of a row. */
const BEFORE_CHART = 20;
const PROGRESS = 500;

type Make = (key: string, value: string) => [string, ...string[]];

const MAKERS: Record<string, Make> = {
  GET: (key) => ['GET', `${key}:s`],
  SET: (key, value) => ['SET', `${key}:s`, value],
  INCR: (key) => ['INCR', `${key}:n`],
  LPUSH: (key, value) => ['LPUSH', `${key}:l`, value],
  HSET: (key, value) => ['HSET', `${key}:h`, 'field', value],
  PING: () => ['PING'],
};

interface Load {
  readonly seconds: number;
  readonly mix: readonly Make[];
  readonly value: string;
  readonly keys: number;
  readonly concurrency: number;
  /** Calls per second; null for as many as `concurrency` allows. */
  readonly rate: number | null;
}

class Tally {
  /** Latencies in µs; in the open loop from the time a call was due. */
  readonly histogram: RecordableHistogram = createHistogram();
  done = 0;
  readonly errors = new Map<string, number>();

  settle(dueAt: number, error: unknown): void {
    this.done++;
    this.histogram.record(Math.max(1, Math.round((performance.now() - dueAt) * 1_000)));
    if (error === null) return;
    const code = error instanceof RedisError ? (error.code ?? error.name) : String(error);
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }
}

/** Loads a server and reports throughput and latency. */
export async function bench({ options, terminal, target, signal }: Call): Promise<number> {
  const load = loadOf(options);
  await using pool = openPool(target);
  await pool.open({ timeout: target.timeout, signal });
  const tally = new Tally();
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const until = begun + load.seconds * 1_000;
  const progress = setInterval(() => {
    const rate = tally.done / ((performance.now() - begun) / 1_000);
    if (!options.json)
      terminal.draw([`${integer(rate)} ops/s, ${integer(tally.done)} done`], `${integer(rate)} ops/s`);
  }, PROGRESS);
  const over = (): boolean => signal.aborted || performance.now() >= until;
  try {
    await (load.rate === null ? closedLoop(pool, load, tally, over) : openLoop(pool, load, tally, over));
  } finally {
    clearInterval(progress);
  }
  const elapsed = (performance.now() - begun) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  report(options, terminal, load, tally, elapsed, user + system);
  return tally.errors.size === 0 ? 0 : 1;
}

function loadOf(options: Options): Load {
  const rate = options.text('rate') === undefined ? null : options.number('rate', 1);
  if (rate !== null && options.text('concurrency') !== undefined)
    throw new UsageError('--rate is an open loop: it takes no --concurrency');
  return {
    seconds: options.number('seconds', 5),
    mix: mixOf(options.text('mix') ?? 'GET:8,SET:2'),
    value: 'x'.repeat(Math.round(options.number('size', 64))),
    keys: Math.round(options.number('keys', 1_000)),
    concurrency: Math.round(options.number('concurrency', 64)),
    rate,
  };
}

/** Lists each command as often as its weight says. */
function mixOf(text: string): Make[] {
  return text.split(',').flatMap((part) => {
    const [name = '', weight = '1'] = part.split(':');
    const make = MAKERS[name.trim().toUpperCase()];
    const count = Number(weight);
    if (make === undefined)
      throw new UsageError(`--mix knows ${Object.keys(MAKERS).join(', ')}, not '${name}'`);
    if (!Number.isInteger(count) || count < 1 || count > 1_000)
      throw new UsageError('--mix weights are integers from 1 to 1000');
    return Array.from({ length: count }, () => make);
  });
}

function send(pool: AnyPool, { mix, value, keys }: Load, tally: Tally, dueAt: number): Promise<void> {
  const make = mix[Math.floor(Math.random() * mix.length)] as Make;
  const [command, ...args] = make(`${PREFIX}${Math.floor(Math.random() * keys)}`, value);
  return pool.execute(command, ...args).then(
    () => tally.settle(dueAt, null),
    (error: unknown) => tally.settle(dueAt, error),
  );
}

async function closedLoop(pool: AnyPool, load: Load, tally: Tally, over: () => boolean): Promise<void> {
  const lane = async (): Promise<void> => {
    while (!over()) await send(pool, load, tally, performance.now());
  };
  await Promise.all(Array.from({ length: load.concurrency }, lane));
}

/** Makes calls at a constant rate. The latency of a late call includes its delay, as a caller would see it. */
async function openLoop(pool: AnyPool, load: Load, tally: Tally, over: () => boolean): Promise<void> {
  const gap = 1_000 / (load.rate as number);
  const pending = new Set<Promise<void>>();
  let due = performance.now();
  while (!over()) {
    for (const now = performance.now(); due <= now; due += gap) {
      const call = send(pool, load, tally, due);
      pending.add(call);
      void call.then(() => pending.delete(call));
    }
    const wait = due - performance.now();
    await (wait > 2 ? sleep(wait - 1) : turn());
  }
  await Promise.all(pending);
}

function report(
  options: Options,
  terminal: Terminal,
  load: Load,
  tally: Tally,
  elapsed: number,
  cpu: number,
): void {
  const { histogram, done, errors } = tally;
  const percentiles = PERCENTILES.map((at) => [at, histogram.percentile(at) / 1_000] as const);
  if (options.json) {
    const result = {
      seconds: elapsed,
      operations: done,
      operationsPerSecond: done / elapsed,
      clientCpuMicroseconds: cpu / Math.max(1, done),
      loop: load.rate === null ? { concurrency: load.concurrency } : { rate: load.rate },
      latency: Object.fromEntries([
        ...percentiles.map(([at, ms]) => [`p${at}`, ms]),
        ['max', histogram.max / 1_000],
      ]),
      errors: Object.fromEntries(errors),
    };
    return terminal.line(JSON.stringify(result));
  }
  const loop =
    load.rate === null ? `${load.concurrency} in flight` : `open loop at ${integer(load.rate)} a second`;
  if (terminal.live) terminal.draw([], '');
  const perCall = `${(cpu / Math.max(1, done)).toFixed(2)} µs of client CPU per call`;
  const rate = `${integer(done / elapsed)} ops/s`;
  terminal.sentence(`${terminal.style('bold', rate)} · `, `${loop} · ${elapsed.toFixed(1)} s · ${perCall}`);
  const slowest = histogram.max / 1_000;
  const top = Math.log1p(1_000 * slowest);
  const width = Math.max(8, Math.min(CHART_WIDTH, terminal.columns - BEFORE_CHART));
  const named = [...percentiles.map(([at, ms]) => [`p${at}`, ms] as const), ['max', slowest] as const];
  const rows = named.map(([name, ms]) => [
    `  ${name}`,
    milliseconds(ms),
    terminal.style('cyan', bar(Math.log1p(1_000 * ms) / top, width)),
  ]);
  for (const row of table(rows)) terminal.line(row);
  for (const [code, count] of errors) terminal.line(terminal.style('red', `  ${integer(count)} × ${code}`));
}
