import {
  AskError,
  BusyLoadingError,
  ClusterDownError,
  ConnectionError,
  MovedError,
  PoolClosedError,
  RedisClusterError,
  RedisError,
  TimeoutError,
  TryAgainError,
} from '../../errors/errors.ts';
import { isDemotion, isServerFull } from '../../errors/reply-errors.ts';
import { keyOf, type TCPLocation } from '../../transport/location.ts';
import type { ResolveAddress } from './address-map.ts';
import { announcedHost } from '../reply-fields.ts';

/** Number of redirects that one command may follow. */
export const MAX_REDIRECTS = 5;

/**
 * The result of `classify`: the meaning of an error for routing.
 * - `moved`: `target` owns the slot from now on. `redial`: the node redirected to its own address, so the connection
 *   leads to another server (a proxy, a changed name): dial the same address again.
 * - `ask`: send this one command to `target`, after ASKING.
 * - `wait`: the same node, or its successor, can answer soon.
 * - `demoted`: the node is no longer a primary; the layout must be read again.
 * - `unreachable`: the connection, not the server, failed.
 * - `final`: no other layout would help.
 */
export type Classification =
  | { readonly kind: 'moved'; readonly slot: number; readonly target: TCPLocation; readonly redial: boolean }
  | { readonly kind: 'ask'; readonly slot: number; readonly target: TCPLocation }
  | { readonly kind: 'wait' | 'demoted' | 'unreachable' | 'final' };

const WAIT: Classification = { kind: 'wait' };
const DEMOTED: Classification = { kind: 'demoted' };
const UNREACHABLE: Classification = { kind: 'unreachable' };
const FINAL: Classification = { kind: 'final' };

/** The location that a redirect names; without a host it is the host of the node that answered. */
function redirectTarget(error: AskError, asked: TCPLocation, resolve: ResolveAddress): TCPLocation {
  const { host: announced, port } = error;
  const host = announcedHost(announced, asked.host);
  if (host === null || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new RedisClusterError('A redirect names no address that can be dialled', {
      cause: error,
      endpoint: keyOf(asked),
    });
  }
  return resolve(host, port, announcedHost(announced, '') === '' ? asked : undefined);
}

/** Classifies an error; pure. Throws for a redirect to an address that must not be dialled. */
export function classify(error: unknown, asked: TCPLocation, resolve: ResolveAddress): Classification {
  if (!(error instanceof RedisError)) return FINAL;
  if (error instanceof AskError) {
    const target = redirectTarget(error, asked, resolve);
    if (!(error instanceof MovedError)) return { kind: 'ask', slot: error.slotId, target };
    return { kind: 'moved', slot: error.slotId, target, redial: keyOf(target) === keyOf(asked) };
  }
  if (error instanceof TryAgainError || error instanceof ClusterDownError) return WAIT;
  if (isDemotion(error)) return DEMOTED;
  if (error instanceof BusyLoadingError || error.code === 'MASTERDOWN') return WAIT;
  if (error instanceof PoolClosedError) return FINAL;
  if (error instanceof ConnectionError) return isServerFull(error) ? WAIT : UNREACHABLE;
  if (error instanceof TimeoutError) return error.phase === 'connect' ? UNREACHABLE : FINAL;
  return FINAL;
}

/** The redirects that one command has followed. */
export class RedirectTrail {
  readonly #limit: number;
  readonly #hops: string[] = [];

  constructor(limit: number = MAX_REDIRECTS) {
    this.#limit = limit;
  }

  /** Records one redirect; throws if it is beyond the limit. */
  follow(kind: 'moved' | 'ask', from: TCPLocation, to: TCPLocation, error: Error): void {
    if (this.#hops.length === 0) this.#hops.push(keyOf(from));
    this.#hops.push(`${kind === 'ask' ? 'ASK' : 'MOVED'} ${keyOf(to)}`);
    if (this.#hops.length - 1 <= this.#limit) return;
    throw new RedisClusterError(`More than ${this.#limit} redirects: ${this.#hops.join(' → ')}`, {
      code: 'RESPOOL_TOO_MANY_REDIRECTS',
      endpoint: keyOf(from),
      cause: error,
    });
  }
}

/** The redirect trail of each call, held weakly. */
export class RedirectTrails {
  readonly #byCall = new WeakMap<object, RedirectTrail>();

  of(call: object): RedirectTrail {
    let trail = this.#byCall.get(call);
    if (trail === undefined) {
      trail = new RedirectTrail();
      this.#byCall.set(call, trail);
    }
    return trail;
  }

  /** Forgets the trail of a call that must wait: its redirects so far were no loop. */
  forget(call: object): void {
    this.#byCall.delete(call);
  }
}
