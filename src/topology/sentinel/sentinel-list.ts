import { type Clock, systemClock } from '../../base/clock.ts';
import { keyOf, type TCPLocation } from '../../transport/location.ts';
import { type Ask, type AskOptions, distinct, firstAnswer, type RaceResult } from '../first-answer.ts';

/** Limit of the sentinels learned from other sentinels. */
const MAX_LEARNED = 64;
const DEFAULT_TIMEOUT = 2_000;
const DEFAULT_HEAD_START = 200;

export interface SentinelListOptions {
  readonly sentinels: Iterable<TCPLocation>;
  readonly ask: Ask;
  /** Time limit, in ms, for one sentinel's answer once it is connected; default: 2,000. */
  readonly timeout?: number | undefined;
  readonly headStart?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** Sends a command to one sentinel; the location is bound. */
export type AskSentinel = (command: string, ...args: string[]) => ReturnType<Ask>;

/**
 * The sentinels in the order in which they are asked: the one that answered last is first. Configured sentinels stay
 * for ever; beyond the limit, the learned ones that were named longest ago are dropped.
 */
export class SentinelList {
  readonly #configured: readonly TCPLocation[];
  readonly #options: SentinelListOptions;
  readonly #clock: Clock;
  readonly #learned = new Map<string, TCPLocation>();
  #order: TCPLocation[];

  constructor(options: SentinelListOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#configured = distinct(options.sentinels);
    this.#order = this.#configured.slice();
  }

  /** The sentinels in the order of the next question. */
  get locations(): readonly TCPLocation[] {
    return this.#order;
  }

  /** Adds the sentinels from an answer to `SENTINEL SENTINELS`. */
  learn(locations: Iterable<TCPLocation>): void {
    const configured = new Set(this.#configured.map(keyOf));
    for (const location of locations) {
      const name = keyOf(location);
      if (configured.has(name)) continue;
      const known = this.#learned.get(name) ?? location;
      // Reinsert it, so that it is dropped last.
      this.#learned.delete(name);
      this.#learned.set(name, known);
      if (this.#learned.size > MAX_LEARNED) this.#learned.delete(this.#learned.keys().next().value!);
    }
    const still = this.#order.filter((one) => configured.has(keyOf(one)) || this.#learned.has(keyOf(one)));
    this.#order = distinct([...still, ...this.#learned.values()]);
  }

  /** Makes this sentinel the first to ask. */
  prefer(location: TCPLocation): void {
    const name = keyOf(location);
    const found = this.#order.find((one) => keyOf(one) === name);
    if (found === undefined || found === this.#order[0]) return;
    this.#order = [found, ...this.#order.filter((one) => one !== found)];
  }

  /**
   * Returns the first acceptable answer; `question` throws for any other. The next sentinel is asked when one fails or
   * its head start is over. Rejects only with the signal's reason.
   */
  async first<R>(
    question: (ask: AskSentinel, sentinel: TCPLocation) => Promise<R>,
    signal?: AbortSignal,
  ): Promise<RaceResult<R>> {
    const attempt = (sentinel: TCPLocation, options: AskOptions): Promise<R> =>
      question((command, ...args) => this.#options.ask(sentinel, command, args, options), sentinel);
    const result = await firstAnswer(this.#order, attempt, {
      clock: this.#clock,
      timeout: this.#options.timeout ?? DEFAULT_TIMEOUT,
      headStart: this.#options.headStart ?? DEFAULT_HEAD_START,
      signal,
    });
    if (result.node !== null) this.prefer(result.node);
    return result;
  }
}
