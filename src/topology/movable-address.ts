import { fullJitter } from '../base/backoff.ts';
import type { BaseConnection } from '../connection/base-connection.ts';
import type { RedisError } from '../errors/errors.ts';
import { isDemotion } from '../errors/reply-errors.ts';
import type { ConnectionNode } from '../node/connection-node.ts';
import { type Location, TCPLocation } from '../transport/location.ts';
import { hostOf, portOf } from './reply-fields.ts';
import type { ServerRole } from './single-node.ts';
import type { Next, RoutedCall } from './topology.ts';

/** Pauses, in ms, between redirects, and their limit: a replica about to be promoted may redirect back for a moment. */
const PAUSE = { base: 10, cap: 250 };
const MOST_REDIRECTS = 16;

/**
 * The address of a plain pool. If a demoted primary names its successor (`REDIRECT`), dials go there until one fails;
 * then they use the given address again, whose name may resolve to another server.
 */
export class MovableAddress implements ServerRole {
  readonly #given: Location;
  #current: Location;

  constructor(given: Location) {
    this.#given = given;
    this.#current = given;
  }

  /** The target of the next dial. */
  get location(): Location {
    return this.#current;
  }

  moveTo(location: TCPLocation): void {
    this.#current = location;
  }

  /** Goes back to the given address after a failed dial. */
  dialFailed(): void {
    this.#current = this.#given;
  }

  /** Retires the connections to a demoted primary; they finish their work first. */
  refused(error: RedisError, _: BaseConnection, node: ConnectionNode): void {
    const successor = successorIn(error);
    if (successor !== null) this.moveTo(successor);
    if (successor !== null || isDemotion(error)) node.renew();
  }

  next(call: RoutedCall, error: Error): Next | null {
    const redirected = successorIn(error) !== null;
    if (!redirected && !isDemotion(error)) return null;
    if (call.redirects >= (redirected ? MOST_REDIRECTS : 1)) return null;
    call.redirects++;
    if (call.redirects === 1) return { kind: 'again' };
    return { kind: 'pause', ms: fullJitter(call.redirects, PAUSE.base, PAUSE.cap) };
  }

  close(): void {}
}

/** The primary that an error names (`REDIRECT 10.0.0.2:6379`), or null. */
function successorIn(error: Error): TCPLocation | null {
  if ((error as RedisError).code !== 'REDIRECT') return null;
  const address = /^REDIRECT (\S+)$/.exec(error.message)?.[1] ?? '';
  const colon = address.lastIndexOf(':');
  const host = hostOf(address.slice(0, colon));
  const port = portOf(Number(address.slice(colon + 1)));
  return host === null || port === null ? null : new TCPLocation(host, port);
}
