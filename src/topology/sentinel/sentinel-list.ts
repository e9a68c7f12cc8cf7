import { keyOf, type TCPLocation } from '../../transport/location.ts';
import { type Ask, type AskOptions, distinct, firstAnswer, type RaceResult } from '../first-answer.ts';
import { systemTiming, type Timing } from '../timing.ts';

/** Most sentinels that are remembered because others named them. */
const MAX_LEARNED = 64;
const DEFAULT_TIMEOUT = 2_000;
const DEFAULT_HEAD_START = 200;

export interface SentinelListOptions {
  readonly sentinels: Iterable<TCPLocation>;
  readonly ask: Ask;
  /** Longest time for one sentinel to answer once it is connected. */
  readonly timeout?: number | undefined;
  readonly headStart?: number | undefined;
  readonly timing?: Timing | undefined;
}

/** Asks one sentinel; the location is filled in. */
export type AskSentinel = (command: string, ...args: string[]) => ReturnType<Ask>;

/**
 * The sentinels, in the order in which they are asked: who answered last goes first. Configured ones are never
 * forgotten; of the learned ones those named longest ago are dropped when there are too many.
 */
export class SentinelList {
  readonly #configured: readonly TCPLocation[];
  readonly #options: SentinelListOptions;
  readonly #timing: Timing;
  readonly #learned = new Map<string, TCPLocation>();
  #order: TCPLocation[];

  constructor(options: SentinelListOptions) {
    this.#options = options;
    this.#timing = options.timing ?? systemTiming;
    this.#configured = distinct(options.sentinels);
    this.#order = this.#configured.slice();
  }

  /** In the order in which they are asked next. */
  get locations(): readonly TCPLocation[] {
    return this.#order;
  }

  /** Adds what `SENTINEL SENTINELS` told. */
  learn(locations: Iterable<TCPLocation>): void {
    const configured = new Set(this.#configured.map(keyOf));
    for (const location of locations) {
      const name = keyOf(location);
      if (configured.has(name)) continue;
      const known = this.#learned.get(name) ?? location;
      // Named again: it becomes the youngest.
      this.#learned.delete(name);
      this.#learned.set(name, known);
      if (this.#learned.size > MAX_LEARNED) this.#learned.delete(this.#learned.keys().next().value!);
    }
    const still = this.#order.filter((one) => configured.has(keyOf(one)) || this.#learned.has(keyOf(one)));
    this.#order = distinct([...still, ...this.#learned.values()]);
  }

  /** This one is asked first next time. */
  prefer(location: TCPLocation): void {
    const name = keyOf(location);
    const found = this.#order.find((one) => keyOf(one) === name);
    if (found === undefined || found === this.#order[0]) return;
    this.#order = [found, ...this.#order.filter((one) => one !== found)];
  }

  /**
   * The first sentinel with an acceptable answer: `question` throws for any other. The next one is asked when one
   * fails or has been silent for its head start. Rejects with the signal's reason only.
   */
  async first<R>(
    question: (ask: AskSentinel, sentinel: TCPLocation) => Promise<R>,
    signal?: AbortSignal,
  ): Promise<RaceResult<R>> {
    const attempt = (sentinel: TCPLocation, options: AskOptions): Promise<R> =>
      question((command, ...args) => this.#options.ask(sentinel, command, args, options), sentinel);
    const result = await firstAnswer(this.#order, attempt, {
      timing: this.#timing,
      timeout: this.#options.timeout ?? DEFAULT_TIMEOUT,
      headStart: this.#options.headStart ?? DEFAULT_HEAD_START,
      signal,
    });
    if (result.node !== null) this.prefer(result.node);
    return result;
  }
}
