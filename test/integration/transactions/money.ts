import assert from 'node:assert/strict';
import {
  type BaseConnection,
  type BaseConnectionPool,
  ConnectionError,
  type RedisError,
  TimeoutError,
  WatchError,
} from '../../../src/index.ts';

type Pool = BaseConnectionPool<BaseConnection, boolean>;

/** Moves 5 from one account to another in a watch; null if there is too little. */
export function transfer(
  pool: Pool,
  [from, to]: readonly [from: string, to: string],
  timeout: number,
): Promise<unknown[] | null> {
  return pool.watch(
    [from, to],
    async (connection) => {
      const left = Number(await connection.execute('GET', from));
      const there = Number(await connection.execute('GET', to));
      if (left < 5) return null;
      return [
        { command: 'SET', args: [from, left - 5] },
        { command: 'SET', args: [to, there + 5] },
      ];
    },
    { timeout, attempts: 1_000, throwErrors: true },
  );
}

/** Transfers between accounts by `watch` and by `transaction`, until it is stopped; money is neither made nor lost. */
export class Money {
  readonly #pool: Pool;
  readonly #accounts: readonly string[];
  readonly #lanes: Promise<void>[] = [];
  #stopped = false;
  done = 0;
  readonly failures: Error[] = [];

  private constructor(pool: Pool, accounts: readonly string[]) {
    this.#pool = pool;
    this.#accounts = accounts;
  }

  /** `accounts`: keys that share a slot where that matters. */
  static async start(pool: Pool, accounts: readonly string[], lanes: number): Promise<Money> {
    const money = new Money(pool, accounts);
    for (const account of accounts) await pool.execute('SET', account, 100);
    for (let lane = 0; lane < lanes; lane++) money.#lanes.push(money.#run(lane));
    return money;
  }

  /** Waits for so many more transfers, so that the last fault has not stopped them. */
  async more(count: number): Promise<void> {
    const wanted = this.done + count;
    for (const end = performance.now() + 40_000; this.done < wanted; ) {
      const told = (): string => `${this.done} done; ${this.failures.map(String).join('; ')}`;
      assert.ok(performance.now() < end, `transfers have stopped: ${told()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#lanes);
  }

  /** The sum of all accounts, read in one transaction. */
  async sum(): Promise<number> {
    const gets = this.#accounts.map((account) => ({ command: 'GET', args: [account] }));
    const values = await this.#pool.transaction(gets, { timeout: 20_000, throwErrors: true });
    return values.reduce((sum: number, value) => sum + Number(value), 0);
  }

  async #run(lane: number): Promise<void> {
    for (let round = lane; !this.#stopped; round++) {
      const [from, to] = [this.#pick(round), this.#pick(round * 3 + 1)];
      if (from === to) continue;
      try {
        if (round % 2 === 0) await transfer(this.#pool, [from, to], 15_000);
        else await this.#atOnce(from, to);
        this.done++;
      } catch (error) {
        const expected =
          error instanceof ConnectionError || error instanceof TimeoutError || error instanceof WatchError;
        this.failures.push(error as Error);
        // Anything else fails the test at once.
        assert.ok(expected, String(error));
      }
    }
  }

  #pick(index: number): string {
    return this.#accounts[index % this.#accounts.length]!;
  }

  async #atOnce(from: string, to: string): Promise<(unknown | RedisError)[]> {
    return this.#pool.transaction(
      [
        { command: 'DECRBY', args: [from, 3] },
        { command: 'INCRBY', args: [to, 3] },
      ],
      { timeout: 15_000, throwErrors: true },
    );
  }
}
