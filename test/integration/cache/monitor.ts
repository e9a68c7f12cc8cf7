// Readers over a cached pool and writers over another one; no read may be stale.
import assert from 'node:assert/strict';
import { LRUCache } from '../../../src/index.ts';

export interface Reads {
  execute(command: string, ...args: (string | number)[]): Promise<unknown>;
}
interface Acknowledged {
  readonly value: number;
  readonly at: number;
}

/** Longest age of a read after the write that it does not know of. */
const LIMIT = 1_000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Counts upwards in each key, and knows the least value that a read may return at each time. */
export class Monitor {
  readonly cache: LRUCache;
  reads = 0;
  failed = 0;
  /** Writing pauses, because a failover may lose recently acknowledged writes. */
  paused = false;
  writes = 0;
  /** The longest time by which a read was behind a write that was acknowledged. */
  oldest = 0;
  readonly #keys: readonly string[];
  readonly #next: number[];
  /** Acknowledged writes that are younger than the limit, and the newest of those that are older. */
  readonly #young: Acknowledged[][];
  readonly #floor: number[];
  readonly #newest: number[];
  /** The least value of a read since the cache got the invalidation. */
  readonly #told: number[];
  #stopped = false;

  constructor(keys: readonly string[]) {
    this.#keys = keys;
    this.#next = keys.map(() => 0);
    this.#young = keys.map(() => []);
    this.#floor = keys.map(() => 0);
    this.#newest = keys.map(() => 0);
    this.#told = keys.map(() => 0);
    const index = new Map(keys.map((key, at) => [key, at]));
    const told = (at: number | undefined): void => {
      if (at !== undefined) this.#told[at] = this.#newest[at] as number;
    };
    this.cache = new (class extends LRUCache {
      override invalidate(...names: (string | Uint8Array)[]): void {
        for (const name of names) told(index.get(String(name)));
        super.invalidate(...names);
      }
      override reset(): void {
        for (const at of index.values()) told(at);
        super.reset();
      }
    })();
  }

  /** Writes until it is stopped; a failed write may have happened, so reads may but need not see it. */
  async write(pool: Reads, pause: number): Promise<void> {
    while (!this.#stopped) {
      if (this.paused) {
        await sleep(10);
        continue;
      }
      const at = Math.floor(Math.random() * this.#keys.length);
      const value = ++(this.#next[at] as number);
      try {
        // Two writers of one key may overtake each other: only growing counts.
        await pool.execute('EVAL', GROW, 1, this.#keys[at] as string, value);
        const now = performance.now();
        this.writes++;
        (this.#young[at] as Acknowledged[]).push({ value, at: now });
        this.#newest[at] = Math.max(this.#newest[at] as number, value);
      } catch {
        await sleep(20);
      }
      await sleep(Math.random() * pause);
    }
  }

  async read(pool: Reads, count: number, burst: number): Promise<void> {
    for (let done = 0; done < count && !this.#stopped; done += burst) {
      await Promise.all(Array.from({ length: burst }, () => this.one(pool)));
      await turn();
    }
  }

  /** Reads without waiting for earlier answers: a read that hangs must not delay reads from memory. */
  async readOn(pool: Reads, burst: number, pause: number): Promise<void> {
    const violations: unknown[] = [];
    while (!this.#stopped && violations.length === 0) {
      for (let read = 0; read < burst; read++)
        this.one(pool).catch((error: unknown) => violations.push(error));
      await sleep(pause);
    }
    if (violations.length > 0) throw violations[0];
  }

  /** One read; those that fail or are never answered prove nothing. */
  async one(pool: Reads): Promise<void> {
    const at = Math.floor(Math.random() * this.#keys.length);
    const issued = performance.now();
    const told = this.#told[at] as number;
    const newest = this.#newest[at] as number;
    const floor = this.#floorAt(at, issued - LIMIT);
    let value: number;
    try {
      value = Number((await pool.execute('GET', this.#keys[at] as string)) ?? 0);
    } catch {
      this.failed++;
      return;
    }
    this.reads++;
    if (value < newest) this.#late(at, value, issued);
    assert.ok(value >= told, `${this.#keys[at]}: ${value} was read after the cache was told of ${told}`);
    assert.ok(
      value >= floor,
      `${this.#keys[at]}: ${value} was read a second after ${floor} was acknowledged`,
    );
  }

  stop(): void {
    this.#stopped = true;
  }

  #late(at: number, value: number, issued: number): void {
    const missed = (this.#young[at] as Acknowledged[]).find((write) => write.value > value);
    if (missed !== undefined) this.oldest = Math.max(this.oldest, issued - missed.at);
  }

  #floorAt(at: number, until: number): number {
    const young = this.#young[at] as Acknowledged[];
    while (young[0] !== undefined && young[0].at <= until) {
      this.#floor[at] = Math.max(this.#floor[at] as number, (young.shift() as Acknowledged).value);
    }
    return this.#floor[at] as number;
  }
}

const GROW =
  "local old = tonumber(redis.call('GET', KEYS[1]) or '0') " +
  "if tonumber(ARGV[1]) > old then redis.call('SET', KEYS[1], ARGV[1]) end return 1";

export function keysNamed(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}
