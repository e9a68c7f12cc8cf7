import { callAfter, type Clock } from '../base/clock.ts';
import { type RaceTicket, staggeredRace } from '../base/staggered-race.ts';
import { TimeoutError } from '../errors/errors.ts';
import type { Reply } from '../resp/types.ts';
import { keyOf, type TCPLocation } from '../transport/location.ts';

/** Sends one command to one node. The caller of the race supplies it and picks the connection. */
export type Ask = (
  location: TCPLocation,
  command: string,
  args: readonly string[],
  options: AskOptions,
) => Promise<Reply>;
export interface AskOptions {
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Called before a dial, to stop the node's time limit. The function it returns starts the limit again. */
  readonly dialling?: (() => () => void) | undefined;
}

export interface RaceOptions {
  readonly clock: Clock;
  /** Time limit of one node in ms, without its dial. */
  readonly timeout: number;
  /** Silence of a node, in ms, after which the next node is asked as well. */
  readonly headStart: number;
  readonly signal?: AbortSignal | undefined;
}
export type RaceResult<R> =
  | { readonly node: TCPLocation; readonly value: R; readonly failures: readonly Error[] }
  | { readonly node: null; readonly failures: readonly Error[] };

/**
 * Asks nodes in turn: the next starts when one fails or its head start is over. While any node dials, failed nodes are
 * asked again. The first answer wins and aborts the rest. Rejects only with the signal's reason; the errors of the
 * nodes are in `failures`.
 */
export async function firstAnswer<R>(
  nodes: readonly TCPLocation[],
  attempt: (node: TCPLocation, options: AskOptions) => Promise<R>,
  { clock, timeout, headStart, signal: stop }: RaceOptions,
): Promise<RaceResult<R>> {
  /** Attempts that dial, so that their time limit is stopped. */
  const dials = new Set<AbortSignal>();
  const ask = async (node: TCPLocation, { signal, giveUp }: RaceTicket): Promise<R> => {
    const endpoint = node.toString();
    const late = (): void =>
      giveUp(new TimeoutError(`No answer within ${timeout} ms`, { phase: 'reply', endpoint }));
    let stopClock = callAfter(clock, timeout, late);
    const over = (): void => {
      stopClock();
      dials.delete(signal);
    };
    const dialling = (): (() => void) => {
      stopClock();
      if (!signal.aborted) dials.add(signal);
      return () => {
        over();
        if (!signal.aborted) stopClock = callAfter(clock, timeout, late);
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
    clock,
    unref: true,
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

/** Joins the messages of the first three failures and counts the others. */
export function failureText(failures: readonly Error[]): string {
  const told = failures.slice(0, 3).map((failure) => failure.message);
  const more = failures.length - told.length;
  return told.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

/** Wraps the failures in one AggregateError; undefined if there are none. */
export function failureCause(failures: readonly Error[]): Error | undefined {
  if (failures.length === 0) return undefined;
  return new AggregateError(failures, failureText(failures));
}

/** Removes duplicate addresses and keeps the order. */
export function distinct(locations: Iterable<TCPLocation>): TCPLocation[] {
  const byName = new Map<string, TCPLocation>();
  for (const location of locations) {
    const name = keyOf(location);
    if (!byName.has(name)) byName.set(name, location);
  }
  return [...byName.values()];
}
