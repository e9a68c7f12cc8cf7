import { setTimeout as sleep } from 'node:timers/promises';
import type { Executor } from '../src/index.ts';
import type { Tally } from './tally.ts';

interface Pool {
  with(options: { timeout: number }): Executor<true>;
}

/** Read what never changes, over and over. */
export class Readers {
  readonly #calls: Executor<true>;
  readonly #tally: Tally;
  readonly #values: readonly (readonly [key: string, value: string])[];
  #running = true;
  #tasks: Promise<void>[] = [];
  #shown = 0;
  #shownAt = performance.now();
  operations = 0;

  constructor(pool: Pool, tally: Tally, values: ReadonlyMap<string, string>) {
    this.#calls = pool.with({ timeout: 15_000 });
    this.#tally = tally;
    this.#values = [...values];
  }

  start(readers: number): void {
    this.#tasks = Array.from({ length: readers }, () => this.#read());
  }
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#tasks);
  }
  /** Per second, since it was asked last. */
  rate(): number {
    const now = performance.now();
    const rate = ((this.operations - this.#shown) / Math.max(1, now - this.#shownAt)) * 1_000;
    this.#shown = this.operations;
    this.#shownAt = now;
    return rate;
  }

  async #read(): Promise<void> {
    for (let round = Math.floor(Math.random() * 1_000); this.#running; round++) {
      const [key, value] = this.#values[round % this.#values.length] as readonly [string, string];
      try {
        const answer = await this.#calls.execute<string | null>('GET', key);
        this.#tally.check(answer === value, () => `GET ${key} of a replica: ${answer}`);
        this.operations++;
      } catch (error) {
        this.#tally.fail(error);
      }
      await sleep(5 * (0.5 + Math.random()));
    }
  }
}
