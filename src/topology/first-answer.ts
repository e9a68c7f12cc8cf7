import { type RaceTicket, staggeredRace } from '../base/staggered-race.ts';
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
export async function firstAnswer<R>(
  nodes: readonly TCPLocation[],
  attempt: (node: TCPLocation, options: AskOptions) => Promise<R>,
  { timing, timeout, headStart, signal: stop }: RaceOptions,
): Promise<RaceResult<R>> {
  /** Attempts whose time does not run, because they dial. */
  const dials = new Set<AbortSignal>();
  const ask = async (node: TCPLocation, { signal, giveUp }: RaceTicket): Promise<R> => {
    const endpoint = node.toString();
    const late = (): void =>
      giveUp(new TimeoutError(`No answer within ${timeout} ms`, { phase: 'reply', endpoint }));
    let stopClock = timing.after(timeout, late);
    const over = (): void => {
      stopClock();
      dials.delete(signal);
    };
    const dialling = (): (() => void) => {
      stopClock();
      if (!signal.aborted) dials.add(signal);
      return () => {
        over();
        if (!signal.aborted) stopClock = timing.after(timeout, late);
      };
    };
    signal.addEventListener('abort', over, { once: true });
    try {
      return await attempt(node, { timeout, signal, dialling });
    } finally {
      over();
    }
  };
  const outcome = await staggeredRace(nodes, ask, {
    headStart,
    signal: stop,
    after: (delay, call) => timing.after(delay, call),
    again: () => (dials.size > 0 ? timeout : null),
  });
  const failures = outcome.failures.map(({ item, error }) => new NodeFailure(item, error));
  return outcome.winner === null
    ? { node: null, failures }
    : { node: outcome.winner, value: outcome.value, failures };
}

/** The failure of one node; the node's error is the `cause`. */
export class NodeFailure extends Error {
  readonly location: TCPLocation;

  constructor(location: TCPLocation, error: unknown) {
    const cause = error instanceof Error ? error : new Error(String(error));
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
