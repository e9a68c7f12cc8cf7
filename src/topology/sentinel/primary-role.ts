import { reportCallbackError } from '../../base/callback-errors.ts';
import { Deadline } from '../../base/deadline.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import { ConnectionError, RedisError, ResponseError, UnblockedError } from '../../errors/errors.ts';
import { isDemotion } from '../../errors/reply-errors.ts';
import { runConnection } from '../../node/dials.ts';
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

/** A call was blocked at the primary that there was before, and has done nothing there. */
class LeftBehind extends ConnectionError {}
LeftBehind.prototype.name = 'ConnectionError';

/** Reason for aborting a dial: the primary has moved. */
const MOVED = new Error('the primary is elsewhere');
const CLOSED = new Error('the pool is closed');

/**
 * The role `primary`: every dial asks a sentinel for the address and verifies the server's role; if that fails, it
 * tries the address that another sentinel gives. After a switch every connection to the old primary ends at once,
 * because nothing more may be written there.
 */
export class PrimaryRole implements ServiceRole {
  /** The known primary; null before the first look-up. */
  location: TCPLocation | null = null;
  readonly #parts: RoleParts;
  readonly #roster = new OpenConnections();
  readonly #dials = new Set<Dial>();
  #unfollow: (() => void) | null = null;
  #moves = 0;
  /** Aborts the verification in progress. */
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
        // Another server would refuse these credentials or this database as well.
        if (error instanceof ResponseError) throw error;
        wrong.add(keyOf(location));
        failure = error;
      }
    }
  }

  /** Looks up the primary; if it is another than before, ends every connection to the old one. */
  async find(signal: AbortSignal): Promise<TCPLocation> {
    const { directory, service } = this.#parts;
    const location = await directory.discoverPrimary(service, { signal });
    signal.throwIfAborted();
    this.#moveTo(location);
    return location;
  }

  /** Retires every connection to a demoted primary, leases included; the next dial asks the sentinels. */
  refused(error: RedisError, { location }: BaseConnection, node: ConnectionNode): void {
    if (!isDemotion(error)) return;
    const stale = this.#roster.select((_, one) => one.location.toString() === location.toString());
    for (const connection of stale) node.retire(connection);
  }

  /** Routes a command that a demoted primary refused once more, to the current primary. */
  next(call: RoutedCall, error: Error): Next | null {
    // Neither comes before the command was blocked at a primary: that makes no circle.
    if (error instanceof LeftBehind) return { kind: 'again' };
    if (!isDemotion(error) || (call.redirects > 0 && !(error instanceof UnblockedError))) return null;
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
    // An announcement that arrived meanwhile is newer than the answer.
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
      // Move before PROVED tells the followers: this role's own listener then finds nothing to do.
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
    return await runConnection(this.#parts.make(location, true), signal);
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
    const node = this.#parts.node();
    const dial = (signal: AbortSignal): Promise<BaseConnection> =>
      node.extra(signal, (either) => this.#run(before, either));
    node.blocking.leave(
      this.#roster.elsewhere(location),
      new LeftBehind(reason, { endpoint: keyOf(before) }),
      dial,
    );
    this.#parts.hurry();
  }

  /** Moves to a primary that sentinels answer but did not announce, once a dial has verified its role. */
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

  /** The sentinels answer again, so a pool without connections may dial at once. */
  #hurryIfIdle(): void {
    if (this.#roster.size === 0) this.#parts.hurry();
  }
}
