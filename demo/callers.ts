import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseConnection, Executor, Lease } from '../src/index.ts';
import { Histogram } from './histogram.ts';
import { integer, milliseconds, type Screen, Sparkline } from './screen.ts';
import type { Tally } from './tally.ts';
import { VersionedKey } from './versioned.ts';

/** Any pool of the package. */
interface Pool {
  with(options: { timeout: number }): Executor<true>;
}

const BARS = 14;
const PINNED = 20;
/** Between two commands of one caller, in ms: the shards are to be compared, not the processors. */
const REST = 6;
/** A call may wait that long for its shard. */
const PATIENCE = 15_000;

export interface CallersPlan {
  readonly name: string;
  readonly pool: Pool;
  readonly keys: readonly string[];
  /** A connection to the server that takes the writes of these keys. */
  lease(): Promise<Lease<BaseConnection>>;
}

/** Callers who write and read a key each, and know what every answer has to be. */
export class Callers {
  readonly name: string;
  readonly #plan: CallersPlan;
  readonly #tally: Tally;
  readonly #keys: readonly string[];
  #bars = new Sparkline(BARS);
  #latency = new Histogram();
  #callers: Promise<void>[] = [];
  #running = true;
  #total = 0;
  #written: ((at: number) => void)[] = [];
  #waitingSince = 0;
  operations = 0;
  failed = 0;
  failedOver = false;

  constructor(tally: Tally, plan: CallersPlan) {
    this.name = plan.name;
    this.#plan = plan;
    this.#tally = tally;
    this.#keys = plan.keys;
  }

  /** The keys that were replicated before anything happened, with their values. */
  get pinned(): ReadonlyMap<string, string> {
    return new Map(this.#keys.slice(0, PINNED).map((key) => [key, `${key}#pinned`]));
  }
  get probe(): string {
    return this.#keys[0] as string;
  }

  /** The first keys are written once, and wait until the replica has them. */
  async pin(): Promise<void> {
    using lease = await this.#plan.lease();
    const commands = [...this.pinned].map((pair) => ({ command: 'SET', args: pair }));
    const answers = await lease.connection.createRequestBatch([
      ...commands,
      { command: 'WAIT', args: [1, 5_000] },
    ]);
    if (Number(answers.at(-1)) < 1) throw new Error('no replica took the writes');
  }

  start(): void {
    this.#callers = this.#keys.map((key) => this.#call(new VersionedKey(key, this.pinned.get(key) ?? null)));
  }
  stop(): void {
    this.#running = false;
  }
  async done(): Promise<void> {
    await Promise.all(this.#callers);
  }
  newPhase(): void {
    this.#latency = new Histogram();
    this.#bars = new Sparkline(BARS);
    this.operations = 0;
  }
  /** When the next write made from now on was acknowledged. */
  nextWrite(): Promise<number> {
    this.#waitingSince = performance.now();
    return new Promise((resolve) => this.#written.push(resolve));
  }

  percentiles(): string {
    return `p50 ${milliseconds(this.#latency.percentile(0.5))}, p99 ${milliseconds(this.#latency.percentile(0.99))}`;
  }
  /** The rate since the last phase began. */
  history(screen: Screen): string {
    return screen.style('cyan', this.#bars.whole());
  }
  bar(screen: Screen): string {
    const bars = this.#bars.take(this.#total).padStart(BARS);
    const { rate } = this.#bars;
    return `${this.name} ${screen.style(rate === 0 ? 'red' : 'cyan', bars)} ${`${integer(rate)}/s`.padStart(9)}`;
  }

  async #call(key: VersionedKey): Promise<void> {
    const calls = this.#plan.pool.with({ timeout: PATIENCE });
    for (let round = 0; this.#running; round++) {
      const started = performance.now();
      const writes = round % 3 === 0;
      try {
        if (writes) await key.write(calls, this.#tally);
        else await key.read(calls, this.#tally, this.failedOver);
        this.#succeeded(started, writes);
      } catch (error) {
        this.#tally.fail(error);
        this.failed++;
      }
      await sleep(REST * (0.5 + Math.random()));
    }
  }

  #succeeded(started: number, wrote: boolean): void {
    const now = performance.now();
    this.#latency.add(now - started);
    this.operations++;
    this.#total++;
    // A write that was under way before the question proves nothing.
    if (wrote && this.#written.length > 0 && started >= this.#waitingSince) {
      for (const resolve of this.#written.splice(0)) resolve(now);
    }
  }
}
