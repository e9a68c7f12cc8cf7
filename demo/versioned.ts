import type { Executor } from '../src/index.ts';
import type { Tally } from './tally.ts';

/**
 * A key that one caller writes with rising versions and reads back. `pinned` keys were replicated before the
 * trouble began and are only read: they must never change.
 */
export class VersionedKey {
  readonly #key: string;
  readonly #pinned: boolean;
  #sent = 0;
  /** What the server may hold. */
  readonly #possible = new Set<string | null>([null]);

  constructor(key: string, pinned: string | null = null) {
    this.#key = key;
    this.#pinned = pinned !== null;
    if (pinned !== null) this.#possible = new Set([pinned]);
  }

  async write(calls: Executor<true>, tally: Tally): Promise<void> {
    if (this.#pinned) return this.read(calls, tally, false);
    const value = `${this.#key}#${++this.#sent}`;
    this.#possible.add(value);
    const answer = await calls.execute<string>('SET', this.#key, value);
    tally.check(answer === 'OK', () => `SET ${this.#key}: ${answer}`);
    this.#possible.clear();
    this.#possible.add(value);
  }

  /** `mayRewind`: a failover may have lost writes that no replica had yet; the key then goes back in time. */
  async read(calls: Executor<true>, tally: Tally, mayRewind: boolean): Promise<void> {
    const answer = await calls.execute<string | null>('GET', this.#key);
    if (this.#possible.has(answer)) return void tally.check(true, String);
    const rewound = mayRewind && !this.#pinned && this.#isOld(answer);
    if (rewound) {
      tally.rewound++;
      this.#possible.clear();
      this.#possible.add(answer);
    }
    tally.check(rewound, () => `GET ${this.#key}: ${answer}, possible: ${[...this.#possible].join(', ')}`);
  }

  #isOld(answer: string | null): boolean {
    if (answer === null) return true;
    const [key, version] = answer.split('#');
    return key === this.#key && Number(version) <= this.#sent;
  }
}
