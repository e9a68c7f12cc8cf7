import { reportCallbackError } from '../../base/callback-errors.ts';
import { Deadline } from '../../base/deadline.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import { RedisError, ResponseError } from '../../errors/errors.ts';
import { isDemotion } from '../../errors/reply-errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import { channels, observed } from '../../telemetry/channels.ts';
import { keyOf, type TCPLocation } from '../../transport/location.ts';
import type { RoutedCall, Next } from '../topology.ts';
import { FOLLOW, PROVED, type ServiceRole, type RoleParts, OpenConnections } from './service-role.ts';
import { hurryDials, GovernedDial } from './governed-dial.ts';

interface Dial {
  readonly address: string;
  readonly controller: AbortController;
}

/** A dial that was given up because the primary is elsewhere. */
const MOVED = new Error('the primary is elsewhere');
const CLOSED = new Error('the pool is closed');

/**
 * The primary of a service. Its address is asked for at every dial and its role verified; an address that proves
 * wrong sends the same dial to what another sentinel says. When the primary is another one, whatever goes to the
 * old one ends at once: nothing more may be written there.
 */
export class PrimaryRole implements ServiceRole {
  /** Null until it was looked up. */
  location: TCPLocation | null = null;
  readonly #parts: RoleParts;
  readonly #roster = new OpenConnections();
  readonly #dials = new Set<Dial>();
  #unfollow: (() => void) | null = null;
  #moves = 0;
  /** Ends the look at another primary that is under way. */
  #verifying: AbortController | null = null;
  #closed = false;

  constructor(parts: RoleParts) {
    this.#parts = parts;
  }

  async connect(signal: AbortSignal): Promise<BaseConnection> {
    this.#follow();
    const wrong = new Set<string>();
    let failure: unknown = null;
    for (;;) {
      const location = await this.#lookUp(signal, wrong, failure);
      try {
        return await this.#dial(location, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error === MOVED) {
          wrong.clear();
          continue;
        }
        // Any other server would refuse these credentials or this database too.
        if (error instanceof ResponseError) throw error;
        wrong.add(keyOf(location));
        failure = error;
      }
    }
  }

  /** Looks the primary up; another one than before ends every connection to the old one. */
  async find(signal: AbortSignal): Promise<TCPLocation> {
    const { directory, service } = this.#parts;
    const location = await directory.discoverPrimary(service, { signal });
    signal.throwIfAborted();
    this.#moveTo(location);
    return location;
  }

  /** A demoted primary: every connection to it goes, also those of leases, and the next dial asks the sentinels. */
  refused(error: RedisError, { location }: BaseConnection, node: ConnectionNode): void {
    if (!isDemotion(error)) return;
    const stale = this.#roster.select((_, one) => one.location.toString() === location.toString());
    for (const connection of stale) node.retire(connection);
  }

  /** The command is sent once more, to whichever primary there is then. */
  next(call: RoutedCall, error: Error): Next | null {
    if (!isDemotion(error) || call.redirects > 0) return null;
    call.redirects++;
    return { kind: 'again' };
  }

  close(): void {
    this.#closed = true;
    this.#unfollow?.();
    this.#verifying?.abort(CLOSED);
  }

  #follow(): void {
    if (this.#closed || this.#unfollow !== null) return;
    const { directory, service } = this.#parts;
    this.#unfollow =
      directory[FOLLOW]?.(service, (location, announced) => {
        if (announced) this.#moveTo(location);
        else void this.#verify(location);
      }) ?? (() => {});
  }

  async #lookUp(signal: AbortSignal, wrong: ReadonlySet<string>, failure: unknown): Promise<TCPLocation> {
    const { directory, service } = this.#parts;
    const moves = this.#moves;
    let location: TCPLocation;
    try {
      location = await directory.discoverPrimary(service, { signal, avoid: new Set(wrong) });
    } catch (error) {
      signal.throwIfAborted();
      throw failure ?? error;
    }
    // An announcement that came meanwhile is newer than the answer.
    if (moves !== this.#moves && this.location !== null) return this.location;
    if (wrong.has(keyOf(location))) throw failure;
    return location;
  }

  async #dial(location: TCPLocation, signal: AbortSignal): Promise<BaseConnection> {
    const dial: Dial = { address: keyOf(location), controller: new AbortController() };
    const moved = dial.controller.signal;
    this.#dials.add(dial);
    try {
      const connection = await Deadline.ofSignal(signal).run(
        (either) => new GovernedDial(location).dial(() => this.#run(location, either), either, true),
        undefined,
        moved,
      );
      if (moved.aborted) {
        connection.invalidate(MOVED.message);
        throw MOVED;
      }
      // First: a move that this connection proves must not end it.
      this.#moveTo(location);
      this.#roster.add(connection, location);
      this.#parts.directory[PROVED]?.(this.#parts.service, location);
      return connection;
    } catch (error) {
      throw moved.aborted && !signal.aborted ? MOVED : error;
    } finally {
      this.#dials.delete(dial);
    }
  }

  async #run(location: TCPLocation, signal: AbortSignal): Promise<BaseConnection> {
    const connection = this.#parts.make(location, true);
    await connection.run({ signal });
    return connection;
  }

  #moveTo(location: TCPLocation): void {
    const before = this.location;
    if (before !== null && keyOf(before) === keyOf(location)) return;
    this.location = location;
    this.#moves++;
    this.#verifying?.abort(MOVED);
    for (const { address, controller } of this.#dials) {
      if (address !== keyOf(location)) controller.abort(MOVED);
    }
    if (before === null) return;
    if (observed(channels.failover)) {
      const { service: name } = this.#parts;
      channels.failover.publish({ name, from: keyOf(before), to: keyOf(location), at: Date.now() });
    }
    hurryDials(location);
    const reason = `'${this.#parts.service}' has another primary, ${keyOf(location)}`;
    for (const connection of this.#roster.elsewhere(location)) connection.invalidate(reason);
    this.#parts.hurry();
  }

  /** Sentinels answer with another primary, but none has announced it: true when a connection there says so too. */
  async #verify(location: TCPLocation): Promise<void> {
    const { location: before } = this;
    const news = before === null || keyOf(before) !== keyOf(location);
    if (!news) return this.#hurryIfIdle();
    if (this.#verifying !== null || this.#closed || this.#roster.size === 0) return this.#parts.hurry();
    const controller = new AbortController();
    this.#verifying = controller;
    try {
      const connection = await this.#run(location, controller.signal);
      connection.invalidate('verified');
      if (!controller.signal.aborted) this.#moveTo(location);
    } catch (error) {
      // The server did not verify as a primary: keep the current connections.
      if (error instanceof RedisError || controller.signal.aborted) return;
      reportCallbackError(this, `verifying the primary of '${this.#parts.service}'`, error);
    } finally {
      this.#verifying = null;
    }
  }

  /** Sentinels answer: a pool that waits because they did not need not wait on. */
  #hurryIfIdle(): void {
    if (this.#roster.size === 0) this.#parts.hurry();
  }
}
