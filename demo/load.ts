import type { ConnectionPool } from '../src/index.ts';
import type { BaseConnection } from '../src/index.ts';
import type { Tally } from './tally.ts';

export type Pool = ConnectionPool<BaseConnection, true>;

/**
 * Many callers at once, each with a key of its own, who know what every answer has to be:
 * ECHO gives back what it was given, GET gives what was last set, INCR counts every call once.
 */
export class Load {
  readonly #pool: Pool;
  readonly #tally: Tally;
  readonly #prefix: string;
  #running = true;
  #callers: Promise<void>[] = [];
  /** Acknowledged INCRs, and those whose connection was lost before the answer. */
  counted = 0;
  perhapsCounted = 0;
  inFlight = 0;

  constructor(pool: Pool, tally: Tally, prefix: string) {
    this.#pool = pool;
    this.#tally = tally;
    this.#prefix = prefix;
  }

  /** `pause`: milliseconds each caller rests between two commands. */
  start(callers: number, pause = 0): this {
    this.#callers = Array.from({ length: callers }, (_, index) => this.#call(index, pause));
    return this;
  }
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#callers);
  }

  /** What the server counted lies between what was acknowledged and that plus what may have been. */
  async verifyCounter(): Promise<{ value: number; good: boolean }> {
    const value = Number(await this.#pool.execute<string>('GET', `${this.#prefix}counter`));
    return { value, good: value >= this.counted && value <= this.counted + this.perhapsCounted };
  }

  async #call(index: number, pause: number): Promise<void> {
    const key = `${this.#prefix}caller:${index}`;
    const possible = new Set<string | null>([null]);
    for (let round = index; this.#running; round++) {
      const started = performance.now();
      this.inFlight++;
      try {
        await this.#command(round, key, possible);
        this.#tally.latency.add(performance.now() - started);
      } catch (error) {
        this.#tally.fail(error);
      } finally {
        this.inFlight--;
      }
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random())));
    }
  }

  async #command(round: number, key: string, possible: Set<string | null>): Promise<void> {
    const kind = round & 3;
    if (kind === 0) return this.#set(`${key}=${round}`, key, possible);
    if (kind === 1) return this.#echo(`${key}?${round}`);
    if (kind === 2) return this.#count();
    const answer = await this.#pool.execute<string | null>('GET', key);
    this.#tally.check(
      possible.has(answer),
      () => `GET ${key}: ${answer}, possible: ${[...possible].join(', ')}`,
    );
  }

  async #set(value: string, key: string, possible: Set<string | null>): Promise<void> {
    // From the moment it is sent the server may hold either value; only the answer decides.
    possible.add(value);
    const answer = await this.#pool.execute<string>('SET', key, value);
    this.#tally.check(answer === 'OK', () => `SET ${key}: ${answer}`);
    possible.clear();
    possible.add(value);
  }

  async #echo(text: string): Promise<void> {
    const answer = await this.#pool.execute<string>('ECHO', text);
    this.#tally.check(answer === text, () => `ECHO ${text}: ${answer}`);
  }

  async #count(): Promise<void> {
    const request = this.#pool.executeRequest<number>('INCR', [`${this.#prefix}counter`]);
    try {
      const answer = await request;
      this.counted++;
      this.#tally.check(answer > 0, () => `INCR: ${answer}`);
    } catch (error) {
      if (request.maybeExecuted) this.perhapsCounted++;
      throw error;
    }
  }
}
