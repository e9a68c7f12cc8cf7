import { callAfter, systemClock } from '../../base/clock.ts';
import { Deadline } from '../../base/deadline.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import {
  BusyLoadingError,
  RedisError,
  ReplicaNotFoundError,
  ResponseError,
  TimeoutError,
} from '../../errors/errors.ts';
import { runConnection } from '../../node/dials.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import { keyOf, type TCPLocation } from '../../transport/location.ts';
import { failureCause, failureText } from '../first-answer.ts';
import { ReplicaHealth } from '../reads/replica-health.ts';
import type { Next, RoutedCall } from '../topology.ts';
import {
  type FindOptions,
  FOLLOW,
  type ServiceRole,
  type RoleParts,
  OpenConnections,
} from './service-role.ts';
import { GovernedDial } from './governed-dial.ts';

/** Longest age, in ms, of the replica list at a dial, and its refresh interval while connections are open. */
const REFRESH = 5_000;
/** Time limit, in ms, for the dial of one replica. */
const PATIENCE = 2_000;
const PROBE = 1_000;
/** Number of replicas that one call tries before it waits. */
const MOST_REPLICAS = 8;

interface List {
  readonly replicas: readonly TCPLocation[];
  readonly at: number;
}

/**
 * The role `replica`: each dial takes the next replica in turn and verifies its role. If no replica is available it
 * connects to the primary, until a replica is back.
 */
export class ReplicaRole implements ServiceRole {
  readonly #parts: RoleParts;
  readonly #roster = new OpenConnections();
  /** Connections to the primary, made because no replica was available. */
  readonly #makeshift = new WeakSet<BaseConnection>();
  #list: List | null = null;
  #index = Math.floor(Math.random() * 1_000);
  #node: ConnectionNode | null = null;
  #unfollow: (() => void) | null = null;
  #cancelRefresh: (() => void) | null = null;
  readonly #over = new AbortController();
  /** Leaves out replicas for a while after they answered that they cannot serve reads. */
  readonly #health = new ReplicaHealth();

  constructor(parts: RoleParts) {
    this.#parts = parts;
  }

  /** Sets the node whose connections are retired when the list changes. */
  serve(node: ConnectionNode): void {
    this.#node = node;
  }

  async connect(signal: AbortSignal): Promise<BaseConnection> {
    this.#follow();
    const failures: Error[] = [];
    const wrong = new Set<string>();
    // First try the known list, then a fresh one from the sentinels.
    for (let round = 0; round < 2; round++) {
      const before = this.#list;
      const replicas = await this.#replicas({ signal, avoid: new Set(wrong) }, round > 0, failures);
      const connection = await this.#first(this.#healthy(replicas), wrong, signal, failures);
      if (connection !== null) return connection;
      if (round === 0 && before !== this.#list && wrong.size === 0) break;
    }
    const resting = (this.#list?.replicas ?? []).filter((one) => !this.#health.healthy(one));
    this.#list = null;
    try {
      return await this.#primary(signal, failures);
    } catch (error) {
      signal.throwIfAborted();
      // A replica that recently failed is better than none.
      const connection = await this.#first(resting, wrong, signal, failures);
      if (connection === null) throw error;
      return connection;
    }
  }

  #healthy(replicas: readonly TCPLocation[]): TCPLocation[] {
    return replicas.filter((replica) => this.#health.healthy(replica));
  }

  /** Connects to the next of these replicas that accepts; null if none does. */
  async #first(
    replicas: readonly TCPLocation[],
    wrong: Set<string>,
    signal: AbortSignal,
    failures: Error[],
  ): Promise<BaseConnection | null> {
    for (let left = replicas.length; left > 0; left--) {
      const location = replicas[this.#index++ % replicas.length] as TCPLocation;
      if (wrong.has(keyOf(location))) continue;
      const connection = await this.#try(location, signal, failures);
      if (connection !== null) return connection;
      wrong.add(keyOf(location));
    }
    return null;
  }

  /** Finds the next replica that accepts connections, else the primary. */
  async find(signal: AbortSignal): Promise<TCPLocation> {
    const failures: Error[] = [];
    const replicas = await this.#replicas({ signal }, false, failures);
    for (let left = replicas.length; left > 0; left--) {
      const location = replicas[this.#index++ % replicas.length] as TCPLocation;
      if (await location.check({ timeout: PROBE, signal })) return location;
    }
    this.#list = null;
    try {
      return await this.#parts.directory.discoverPrimary(this.#parts.service, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TypeError) throw error;
      throw this.#notFound([...failures, error as Error]);
    }
  }

  /** Leaves out a replica that is loading or has lost its primary. READONLY is no failure of a replica. */
  refused(error: RedisError, { location }: BaseConnection, node: ConnectionNode): void {
    if (!isUnready(error)) return;
    this.#health.report(location as TCPLocation, error);
    for (const connection of this.#roster.at(location as TCPLocation)) {
      if (!this.#makeshift.has(connection)) node.retire(connection);
    }
  }

  /** After LOADING or MASTERDOWN, routes to the next healthy replica at once. */
  next(call: RoutedCall, error: Error): Next | null {
    if (!isUnready(error)) return null;
    const others = this.#list?.replicas.some((replica) => this.#health.healthy(replica)) ?? true;
    return others && ++call.redirects <= MOST_REPLICAS ? { kind: 'again' } : null;
  }

  close(): void {
    this.#over.abort();
    this.#unfollow?.();
    this.#cancelRefresh?.();
  }

  async #replicas(options: FindOptions, fresh: boolean, failures: Error[]): Promise<readonly TCPLocation[]> {
    const { directory, service } = this.#parts;
    const list = this.#list;
    if (!fresh && list !== null && systemClock.now() - list.at < REFRESH) return list.replicas;
    try {
      const replicas = await directory.discoverReplicas(service, options);
      this.#list = { replicas, at: systemClock.now() };
      return replicas;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof TypeError) throw error;
      failures.push(error as Error);
      return [];
    }
  }

  async #try(location: TCPLocation, signal: AbortSignal, failures: Error[]): Promise<BaseConnection | null> {
    try {
      return await this.#dial(location, false, signal);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(error as Error);
      return null;
    }
  }

  async #primary(signal: AbortSignal, failures: Error[]): Promise<BaseConnection> {
    try {
      const location = await this.#parts.directory.discoverPrimary(this.#parts.service, { signal });
      const connection = await this.#dial(location, true, signal);
      this.#makeshift.add(connection);
      return connection;
    } catch (error) {
      signal.throwIfAborted();
      throw this.#notFound([...failures, error as Error]);
    }
  }

  async #dial(location: TCPLocation, isPrimary: boolean, signal: AbortSignal): Promise<BaseConnection> {
    const connection = this.#parts.make(location, isPrimary);
    // Only a replica's dial is limited: there are other replicas, but no other primary.
    const dial = (): Promise<BaseConnection> => {
      const limit = new Deadline(signal, isPrimary ? null : PATIENCE);
      return limit.run(
        (either) => runConnection(connection, either),
        () => new TimeoutError(`it was not ready within ${PATIENCE} ms`, { phase: 'connect' }),
      );
    };
    await new GovernedDial(location).dial(dial, signal, isPrimary);
    this.#roster.add(connection, location);
    this.#schedule();
    return connection;
  }

  #notFound(failures: readonly Error[]): Error {
    // A refusal means that a replica was found: report why it refused.
    const refusal = failures.find((failure) => failure instanceof ResponseError);
    if (refusal !== undefined) return refusal;
    const detail = failures.length === 0 ? '' : ` (${failureText(failures)})`;
    return new ReplicaNotFoundError(`No replica found for '${this.#parts.service}'${detail}`, {
      cause: failureCause(failures),
    });
  }

  #follow(): void {
    if (this.#over.signal.aborted || this.#unfollow !== null) return;
    const { directory, service } = this.#parts;
    this.#unfollow =
      directory[FOLLOW]?.(service, (primary, announced) => {
        if (!announced) return this.#roster.size === 0 ? this.#parts.hurry() : undefined;
        // Retire connections to the promoted replica; it still answers their outstanding commands.
        this.#list = null;
        for (const connection of this.#roster.at(primary)) {
          if (!this.#makeshift.has(connection)) this.#node?.retire(connection);
        }
      }) ?? (() => {});
  }

  /** Refreshes the list regularly while connections are open. */
  #schedule(): void {
    if (this.#cancelRefresh !== null || this.#over.signal.aborted) return;
    this.#cancelRefresh = callAfter(systemClock, REFRESH, () => {
      this.#cancelRefresh = null;
      void this.#refresh();
    });
  }

  async #refresh(): Promise<void> {
    const replicas = await this.#replicas({}, true, []);
    if (this.#over.signal.aborted || this.#roster.size === 0) return;
    this.#schedule();
    if (replicas.length === 0) return;
    const listed = new Set(replicas.map(keyOf));
    const gone = this.#roster.select((address, one) => !listed.has(address) && !this.#makeshift.has(one));
    for (const connection of gone) this.#node?.retire(connection);
    const makeshift = this.#roster.select((_, one) => this.#makeshift.has(one));
    if (makeshift.length === 0 || !(await anyReachable(this.#healthy(replicas), this.#over.signal))) return;
    for (const connection of makeshift) this.#node?.retire(connection);
  }
}

async function anyReachable(replicas: readonly TCPLocation[], signal: AbortSignal): Promise<boolean> {
  const asked = replicas.map((replica) => replica.check({ timeout: PROBE, signal }));
  const found = await Promise.allSettled(asked);
  return found.some((one) => one.status === 'fulfilled' && one.value);
}

function isUnready(error: Error): boolean {
  return error instanceof BusyLoadingError || (error instanceof RedisError && error.code === 'MASTERDOWN');
}
