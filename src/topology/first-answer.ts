import { unwatchSignal, watchSignal } from '../base/signal-registry.ts';
import { TimeoutError } from '../errors/errors.ts';
import type { Reply } from '../resp/types.ts';
import { keyOf, type TCPLocation } from '../transport/location.ts';
import type { Timing } from './timing.ts';

/** Asks one node one thing, over whatever connection. The layers above supply it. */
export type Ask = (
  location: TCPLocation,
  command: string,
  args: readonly string[],
  options: AskOptions,
) => Promise<Reply>;
export interface AskOptions {
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Called before a dial, which has a limit of its own: that of the node begins when the answer is called. */
  readonly dialling?: (() => () => void) | undefined;
}

export interface RaceOptions {
  readonly timing: Timing;
  /** Longest time for one node, dials apart. */
  readonly timeout: number;
  /** A node that is silent for this long is joined by the next one. */
  readonly headStart: number;
  readonly signal?: AbortSignal | undefined;
}
export type RaceResult<R> =
  | { readonly node: TCPLocation; readonly value: R; readonly failures: readonly Error[] }
  | { readonly node: null; readonly failures: readonly Error[] };

/**
 * Nodes are asked in turn; the next one begins when one fails or has had its head start. While a dial goes on, those
 * that have failed are asked again now and then. The first answer wins and the others are abandoned. Rejects with the
 * signal's reason only: what nodes did wrong is in `failures`.
 */
export function firstAnswer<R>(
  nodes: readonly TCPLocation[],
  attempt: (node: TCPLocation, options: AskOptions) => Promise<R>,
  options: RaceOptions,
): Promise<RaceResult<R>> {
  const race = new Race<R>(nodes, attempt, options);
  return race.result;
}

class Race<R> {
  readonly result: Promise<RaceResult<R>>;
  #nodes: readonly TCPLocation[];
  readonly #attempt: (node: TCPLocation, options: AskOptions) => Promise<R>;
  readonly #options: RaceOptions;
  #failures: NodeFailure[] = [];
  readonly #running = new Set<(reason: Error) => void>();
  /** Attempts whose time does not run, because they dial. */
  readonly #dialling = new Set<(reason: Error) => void>();
  #next = 0;
  #stopHeadStart = (): void => {};
  #resolve!: (result: RaceResult<R>) => void;
  #reject!: (reason: unknown) => void;
  #over = false;

  constructor(
    nodes: readonly TCPLocation[],
    attempt: (node: TCPLocation, options: AskOptions) => Promise<R>,
    options: RaceOptions,
  ) {
    this.#nodes = nodes;
    this.#attempt = attempt;
    this.#options = options;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal } = options;
    if (signal?.aborted === true) {
      this.#reject(signal.reason);
      return;
    }
    if (signal !== undefined) watchSignal(signal, this);
    this.#begin();
  }

  onAbort(reason: unknown): void {
    this.#end();
    this.#reject(reason);
  }

  #begin(): void {
    this.#stopHeadStart();
    const node = this.#nodes[this.#next];
    if (node === undefined) {
      if (this.#running.size > 0) {
        if (this.#dialling.size > 0 && this.#failures.length > 0) this.#beginAgainLater();
        return;
      }
      this.#end();
      this.#resolve({ node: null, failures: this.#failures });
      return;
    }
    this.#next++;
    this.#stopHeadStart = this.#options.timing.after(this.#options.headStart, () => this.#begin());
    this.#ask(node);
  }

  #beginAgainLater(): void {
    const { timing, timeout } = this.#options;
    this.#stopHeadStart = timing.after(timeout, () => {
      this.#nodes = this.#failures.map(({ location }) => location);
      this.#failures = [];
      this.#next = 0;
      this.#begin();
    });
  }

  #ask(node: TCPLocation): void {
    const { timing, timeout } = this.#options;
    const controller = new AbortController();
    const stop = (reason: Error): void => {
      stopClock();
      this.#running.delete(stop);
      this.#dialling.delete(stop);
      controller.abort(reason);
    };
    const late = (): void => {
      const error = new TimeoutError(`No answer within ${timeout} ms`, {
        phase: 'reply',
        endpoint: node.toString(),
      });
      stop(error);
      this.#fail(node, error);
    };
    let stopClock = timing.after(timeout, late);
    const dialling = (): (() => void) => {
      stopClock();
      this.#dialling.add(stop);
      return () => {
        stopClock();
        this.#dialling.delete(stop);
        if (this.#running.has(stop)) stopClock = timing.after(timeout, late);
      };
    };
    this.#running.add(stop);
    const done = (settle: () => void): void => {
      if (!this.#running.delete(stop)) return;
      this.#dialling.delete(stop);
      stopClock();
      settle();
    };
    let answer: Promise<R>;
    try {
      answer = this.#attempt(node, { timeout, signal: controller.signal, dialling });
    } catch (error) {
      answer = Promise.reject(error);
    }
    answer.then(
      (value) =>
        done(() => {
          this.#end();
          this.#resolve({ node, value, failures: this.#failures });
        }),
      (error: unknown) => done(() => this.#fail(node, error)),
    );
  }

  #fail(node: TCPLocation, error: unknown): void {
    if (this.#over) return;
    const cause = error instanceof Error ? error : new Error(String(error));
    this.#failures.push(new NodeFailure(node, cause));
    this.#begin();
  }

  #end(): void {
    this.#over = true;
    this.#stopHeadStart();
    if (this.#options.signal !== undefined) unwatchSignal(this.#options.signal, this);
    for (const stop of [...this.#running])
      stop(new Error('another node has answered, or nobody waits any more'));
  }
}

/**
 * The failure of one node; the node's error is the `cause`.
 *
 * @testable
 */
export class NodeFailure extends Error {
  readonly location: TCPLocation;

  constructor(location: TCPLocation, cause: Error) {
    super(`${location.toString()}: ${cause.message}`, { cause });
    this.location = location;
  }
}
NodeFailure.prototype.name = 'NodeFailure';

/** The failures in a sentence: the first three, and how many more. */
export function failureText(failures: readonly Error[]): string {
  const told = failures.slice(0, 3).map((failure) => failure.message);
  const more = failures.length - told.length;
  return told.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

/** The failures as one cause; the only one as itself. */
export function failureCause(failures: readonly Error[]): Error | undefined {
  if (failures.length === 0) return undefined;
  return new AggregateError(failures, failureText(failures));
}

/** Every address once, in order. */
export function distinct(locations: Iterable<TCPLocation>): TCPLocation[] {
  const byName = new Map<string, TCPLocation>();
  for (const location of locations) {
    const name = keyOf(location);
    if (!byName.has(name)) byName.set(name, location);
  }
  return [...byName.values()];
}
