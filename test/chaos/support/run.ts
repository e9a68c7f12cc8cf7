// A run: lanes, planned faults, recovery times, rest, audit. The same for every topology.
import { inspect } from 'node:util';
import { getHeapStatistics } from 'node:v8';
import { randomOf } from '../../support/random.ts';
import { HeapWatch } from './heap.ts';
import { type ChaosPool, Load, LoopClock, Pace, sleep } from './load.ts';
import { type Ask, CANARY, Oracle } from './oracle.ts';

/** One kind of fault. */
export interface Fault {
  readonly name: string;
  /** Acknowledged writes may be lost with it. */
  readonly lossy?: boolean;
  /** The servers need seconds to agree again, so that at a given rate it runs beside other faults. */
  readonly slow?: boolean;
  /** The weight of this fault in the draw (1). */
  readonly weight?: number;
  /** Applies it and takes it back. */
  strike(random: () => number): void | Promise<void>;
}

/** Servers, the pools on trial, and the ways to hurt them. */
export interface Stage {
  readonly name: string;
  readonly pools: readonly ChaosPool[];
  /** The pools that have a cache. */
  readonly cached?: readonly ChaosPool[];
  readonly ask: Ask;
  readonly faults: readonly Fault[];
  /** Milliseconds from one fault to the next. */
  readonly every: number;
  heal(): Promise<void>;
  /** Clients of the package that the servers still see. */
  clients?(): Promise<number>;
  /** Why a fault could not be applied, as far as the servers tell. */
  remarks?(): string;
  close(): Promise<void>;
}

export interface RunOptions {
  readonly seed: number;
  readonly seconds: number;
  /** The figures of each pool. */
  readonly lanes: number;
  readonly pause?: number;
  readonly impatience?: number;
  /** Calls that a lane makes at once (1). */
  readonly width?: number | undefined;
  /** Commands a second in all, as far as the faults let them; absent: lanes pause after each call. */
  readonly pace?: number | undefined;
  /** Faults a second, without waiting for the recovery; absent: as the stage says, each after the recovery. */
  readonly rate?: number | undefined;
  readonly log?: (line: string) => void;
}

export interface RunReport {
  readonly violations: string[];
  readonly operations: number;
  readonly right: number;
  readonly planned: number;
  readonly applied: number;
  /** Milliseconds from the end of a fault to the next success, by kind. */
  readonly recovery: ReadonlyMap<string, number[]>;
  /** The same of all faults, those too that another one has followed before the success. */
  readonly allRecoveries: readonly number[];
  readonly errors: ReadonlyMap<string, number>;
  /** Measured in runs of at least a minute. */
  readonly heap: HeapWatch['figures'];
  /** Megabytes before the first call and after the last. */
  readonly heapAtRest: readonly [before: number, after: number];
}

/** A run of at least this many seconds must not grow by more than this many megabytes a minute. */
const LEAK = { seconds: 600, slope: 0.5 };

/** Recoveries that take more milliseconds are logged. */
const SLOW = 1_500;

/** Rejections, exceptions and warnings that nobody handled. */
class Alarms implements Disposable {
  readonly #events = ['unhandledRejection', 'uncaughtException', 'warning'] as const;
  readonly #hear: readonly ((error: unknown) => void)[];

  constructor(oracle: Oracle) {
    this.#hear = this.#events.map((event) => (error) => {
      // Experiments of Node, and a server that refuses to track: both are meant to be told.
      const { name, code } = error as Error & { code?: string };
      if (event === 'warning' && (name === 'ExperimentalWarning' || code === 'RESPOOL_CACHE')) return;
      oracle.violation(`${event}: ${error instanceof Error ? (error.stack ?? error) : String(error)}`);
    });
    for (const [at, event] of this.#events.entries()) process.on(event as 'warning', this.#hear[at]!);
  }
  [Symbol.dispose](): void {
    for (const [at, event] of this.#events.entries()) process.off(event as 'warning', this.#hear[at]!);
  }
}

function drawer(faults: readonly Fault[], random: () => number): () => Fault {
  const bag = faults.flatMap((fault) => Array.from({ length: fault.weight ?? 1 }, () => fault));
  let left: Fault[] = [];
  return () => {
    if (left.length === 0) left = [...bag];
    return left.splice(Math.floor(random() * left.length), 1)[0]!;
  };
}

async function recovery(pool: ChaosPool, oracle: Oracle): Promise<number> {
  const began = performance.now();
  for (;;) {
    const token = oracle.token();
    const value = await pool
      .executeRequest('ECHO', [token], { timeout: 300 })
      .catch((error: unknown) => error);
    if (value === token) return performance.now() - began;
    if (!(value instanceof Error)) oracle.equal(value, token, 'ECHO');
    if (performance.now() - began > 30_000) {
      oracle.violation(`no recovery within 30 s: ${String(value)}`);
      return 30_000;
    }
    await sleep(5);
  }
}

function watchGauges(pools: readonly ChaosPool[], oracle: Oracle, most: number): NodeJS.Timeout {
  return setInterval(() => {
    for (const { statistics } of pools) {
      const { activeConnections, inUseConnections, idleConnections, connectingConnections } = statistics;
      const sum = inUseConnections + idleConnections;
      if (
        activeConnections !== sum ||
        inUseConnections < 0 ||
        activeConnections + connectingConnections > most
      )
        oracle.violation(`gauges: ${JSON.stringify(statistics)}`);
    }
  }, 20);
}

async function rest(pools: readonly ChaosPool[], oracle: Oracle): Promise<void> {
  for (const pool of pools) {
    const busy = (): boolean => {
      const { inUseConnections, connectingConnections, waiting, oldestLease } = pool.statistics;
      return inUseConnections + connectingConnections + waiting > 0 || oldestLease !== null;
    };
    for (const end = performance.now() + 10_000; busy() && performance.now() < end; ) await sleep(10);
    if (busy()) oracle.violation(`not at rest: ${JSON.stringify(pool.statistics)}`);
  }
}

/** The faults of a run, and how long the pools take to recover from them. */
class Storm {
  readonly #stage: Stage;
  readonly #oracle: Oracle;
  readonly #options: RunOptions;
  readonly #recoveries = new Set<Promise<void>>();
  readonly #began = performance.now();
  readonly times = new Map<string, number[]>();
  /** All of them, those too that another fault has disturbed. */
  readonly allTimes: number[] = [];
  planned = 0;
  applied = 0;

  constructor(stage: Stage, oracle: Oracle, options: RunOptions) {
    this.#stage = stage;
    this.#oracle = oracle;
    this.#options = options;
  }

  /** Until the seconds of the run are over. At a rate the slow faults come one after another, beside the quick ones. */
  async rage(): Promise<void> {
    const { faults } = this.#stage;
    const { rate, seed } = this.#options;
    if (rate === undefined) return this.#one(faults, randomOf(seed), undefined);
    await Promise.all([
      this.#one(
        faults.filter(({ slow }) => slow !== true),
        randomOf(seed),
        rate,
      ),
      this.#one(
        faults.filter(({ slow }) => slow === true),
        randomOf(seed + 1),
        undefined,
      ),
    ]);
  }
  async recovered(): Promise<void> {
    await Promise.all(this.#recoveries);
  }

  async #one(faults: readonly Fault[], random: () => number, rate: number | undefined): Promise<void> {
    if (faults.length === 0) return;
    const draw = drawer(faults, random);
    const end = this.#began + this.#options.seconds * 1000;
    let due = this.#began;
    for (;;) {
      const share = 0.5 + random();
      // Calls delayed by a long fault are made up for within two seconds, or dropped.
      due = Math.max(due + (share * 1000) / (rate ?? 1), performance.now() - 2_000);
      await sleep(rate === undefined ? this.#stage.every * share : Math.max(0, due - performance.now()));
      if (performance.now() >= end) return;
      const recovered = await this.#strike(draw(), random);
      if (this.#options.rate === undefined) await recovered.done;
    }
  }

  /** In an object, because the caller may have no time to wait for it. */
  async #strike(fault: Fault, random: () => number): Promise<{ done: Promise<void> }> {
    const { seed, log = () => {} } = this.#options;
    const { pools, remarks } = this.#stage;
    const struck = ++this.planned;
    log(`${((performance.now() - this.#began) / 1000).toFixed(2)} s, seed ${seed}: ${struck} ${fault.name}`);
    if (fault.lossy === true) this.#oracle.durable = false;
    try {
      await fault.strike(random);
      this.applied++;
    } catch (error) {
      log(`  not applied: ${fault.name}: ${String(error)} ${remarks?.() ?? ''}`);
    }
    const done = Promise.all(pools.map((pool) => recovery(pool, this.#oracle))).then((took) => {
      this.#recoveries.delete(done);
      this.allTimes.push(...took);
      if (Math.max(...took) > SLOW)
        log(`  ${took.map(Math.round).join(', ')} ms to recover from fault ${struck}, ${fault.name}`);
      // The time after a fault that another one has followed meanwhile belongs to neither.
      if (struck !== this.planned) return;
      const list = this.times.get(fault.name) ?? [];
      list.push(...took);
      this.times.set(fault.name, list);
    });
    this.#recoveries.add(done);
    return { done };
  }
}

export async function runChaos(stage: Stage, options: RunOptions): Promise<RunReport> {
  const { seed, seconds, lanes, pause = 10, impatience = 0.15, width = 1, log = () => {} } = options;
  const oracle = new Oracle();
  using _alarms = new Alarms(oracle);
  const clock = new LoopClock();
  await oracle.openBank(stage.ask);
  const pace = options.pace === undefined ? undefined : new Pace(options.pace, oracle);
  const loads = stage.pools.map(
    (pool, at) =>
      new Load({
        ...{ pool, oracle, clock, lanes, pause, impatience, width, pace },
        random: randomOf(seed + 31 * (at + 1)),
        cached: stage.cached?.includes(pool) ?? false,
      }),
  );
  const heap = seconds < 60 ? null : new HeapWatch();
  const heapBefore = heap?.now() ?? 0;
  const gauges = watchGauges(stage.pools, oracle, 64);
  for (const load of loads) load.start();
  const progress = setInterval(() => log(describeProgress(oracle)), 60_000);
  const storm = new Storm(stage, oracle, options);
  await storm.rage();
  await stage.heal();
  await storm.recovered();
  heap?.stop();
  await Promise.all(loads.map((load) => load.stop()));
  await rest(stage.pools, oracle);
  const heapAfter = heap?.now() ?? 0;
  clearInterval(gauges);
  clearInterval(progress);
  for (const pool of stage.pools) await recovery(pool, oracle);
  await oracle
    .audit(stage.ask)
    .catch((error: unknown) => oracle.violation(`no audit: ${String(error)} ${stage.remarks?.() ?? ''}`));
  for (const pool of stage.pools)
    if (inspect(pool, { depth: 6 }).includes(CANARY)) oracle.violation('a pool shows a password');
  await close(stage, oracle);
  clock.stop();
  const { planned, applied, times, allTimes } = storm;
  if (applied < planned * 0.95) oracle.violation(`${applied} of ${planned} faults were applied`);
  if (oracle.right < oracle.created * 0.3)
    oracle.violation(`only ${oracle.right} of ${oracle.created} calls went well`);
  const grown = heap?.figures ?? null;
  if (grown !== null && seconds >= LEAK.seconds && grown.slope > LEAK.slope)
    oracle.violation(`the heap grew by ${grown.slope.toFixed(2)} MB a minute`);
  const { violations, operations, right, errors } = oracle;
  return {
    violations,
    operations,
    right,
    planned,
    applied,
    recovery: times,
    allRecoveries: allTimes,
    errors,
    heap: grown,
    heapAtRest: [heapBefore, heapAfter],
  };
}

async function close(stage: Stage, oracle: Oracle): Promise<void> {
  await Promise.all(stage.pools.map((pool) => pool.close({ timeout: 500 })));
  for (const { statistics } of stage.pools) {
    const { activeConnections, serviceConnections, connectingConnections, waiting } = statistics;
    if (activeConnections + serviceConnections + connectingConnections + waiting > 0)
      oracle.violation(`after the end: ${JSON.stringify(statistics)}`);
  }
  const { clients } = stage;
  if (clients === undefined) return;
  let left: number | string = 0;
  for (const end = performance.now() + 2_000; ; await sleep(20)) {
    left = await clients().catch(String);
    if (left === 0 || performance.now() > end) break;
  }
  if (left !== 0) oracle.violation(`clients that are left at the server: ${left}`);
}

function describeProgress({ operations, created, right, violations }: Oracle): string {
  const heap = (getHeapStatistics().used_heap_size / 1024 ** 2).toFixed(1);
  return `${operations} operations, ${right} of ${created} calls answered, ${violations.length} violations, heap ${heap} MB`;
}

function percentile(sorted: readonly number[], share: number): string {
  return `${Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)} ms`;
}

/** The report in lines. */
export function describeRun(name: string, seed: number, report: RunReport): string[] {
  const { operations, right, planned, applied, violations } = report;
  const lines = [
    `${name} (seed ${seed}): ${operations} operations, ${right} calls answered, ${applied} of ${planned} faults`,
  ];
  for (const [kind, times] of [...report.recovery].sort()) {
    const sorted = times.toSorted((a, b) => a - b);
    lines.push(
      `  recovery after ${kind}: p50 ${percentile(sorted, 0.5)}, p99 ${percentile(sorted, 0.99)} (${sorted.length})`,
    );
  }
  const all = report.allRecoveries.toSorted((a, b) => a - b);
  lines.push(
    `  recovery after any fault, other faults meanwhile included: p50 ${percentile(all, 0.5)}, p99 ${percentile(all, 0.99)} (${all.length})`,
  );
  const { heap } = report;
  if (heap !== null)
    lines.push(
      `  heap: ${heap.end.toFixed(1)} MB at the end, ${heap.slope.toFixed(2)} MB a minute over the last half; at rest ${report.heapAtRest.map((size) => size.toFixed(1)).join(' MB before, ')} MB after`,
    );
  lines.push(
    `  errors: ${[...report.errors].map(([error, count]) => `${error} ${count}`).join(', ') || 'none'}`,
  );
  lines.push(violations.length === 0 ? '  no violation' : `  ${violations.length} VIOLATIONS`);
  for (const violation of violations.slice(0, 20)) lines.push(`  ! ${violation}`);
  return lines;
}
