import type { Deadline } from '../base/deadline.ts';
import { systemClock } from '../base/clock.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import type { Entry } from '../connection/requests/entry.ts';
import type { Credentials } from '../interfaces/credential-provider.ts';
import { dialGovernor, type DialGovernor } from '../pooling/dial-governor.ts';
import type { ResourceHooks, ResourcePoolFigures } from '../pooling/resource-hooks.ts';
import { ResourcePool } from '../pooling/resource-pool.ts';
import { Backlogs } from './backlogs.ts';
import { BlockingCalls } from './blocking-calls.ts';
import { Companion, type Keeper } from './companion.ts';
import { Endings } from './endings.ts';
import { fitness } from './fitness.ts';
import { isTransient, type NodeSettings } from './node-settings.ts';
import { PeerWatch } from './peer-watch.ts';
import { ProcessHold, setRef } from './process-hold.ts';
import { ReAuthentication } from './re-authentication.ts';
import { Tracking } from './tracking.ts';

export type { NodeSettings };

const homes = new WeakMap<BaseConnection, ConnectionNode<BaseConnection>>();

/** The node that made a connection. */
export function nodeOf(connection: BaseConnection): ConnectionNode<BaseConnection> | undefined {
  return homes.get(connection);
}

/**
 * The connections to one address: one that is shared by whatever needs no connection of its own, and others
 * that are leased or blocked. It makes the pool core and the engine of the connections acquainted.
 */
export class ConnectionNode<C extends BaseConnection> {
  readonly owner: object;
  readonly address: string;
  readonly pool: ResourcePool<C>;
  readonly blocking: BlockingCalls<C>;
  readonly #settings: NodeSettings<C>;
  readonly #companions = new Map<C, Companion<C>>();
  readonly #keeper: Keeper<C>;
  readonly #backlogs: Backlogs;
  readonly #reAuthentication: ReAuthentication<C>;
  readonly #hold = new ProcessHold();
  readonly #endings = new Endings();
  readonly #tracking: Tracking<C> | null;

  constructor(settings: NodeSettings<C>) {
    this.owner = settings.owner;
    this.address = settings.address;
    this.#settings = settings;
    this.#backlogs = new Backlogs(settings.maxWaiting, () => this.pool.waiting);
    this.pool = new ResourcePool<C>(this.#hooks(), { ...settings, clock: systemClock });
    this.blocking = new BlockingCalls(this);
    this.#reAuthentication = new ReAuthentication(this, settings.connectTimeout);
    this.#keeper = {
      pool: this.pool,
      hold: this.#hold,
      reAuthentication: this.#reAuthentication,
      deadPeerTimeout: settings.deadPeerTimeout,
      forget: (connection) => this.#forget(connection),
    };
    const { address, tracking = null } = settings;
    this.#tracking =
      tracking === null
        ? null
        : new Tracking(
            tracking,
            address,
            (connection) => this.retire(connection),
            (connection) => this.watchPeer(connection),
          );
  }

  get figures(): ResourcePoolFigures {
    const figures = this.pool.figures;
    return { ...figures, waiting: figures.waiting + this.#backlogs.length };
  }
  get connections(): Iterable<C> {
    return this.#companions.keys();
  }
  /** Connections outside the pool that listen for its cache. */
  get listeners(): number {
    return this.#tracking?.listeners ?? 0;
  }
  get governor(): DialGovernor {
    return this.#settings.governor ?? dialGovernor;
  }
  get unreferenced(): boolean {
    return this.#hold.idleLetsGo;
  }

  /** Whether waiting may mend what a dial failed with. */
  transient(error: unknown): boolean {
    return (this.#settings.transient ?? isTransient)(error);
  }
  /** For an `extra` connection: ends it when its peer is gone without a word. */
  watchPeer(connection: C): PeerWatch | null {
    const { deadPeerTimeout } = this.#settings;
    return deadPeerTimeout === null ? null : new PeerWatch(coreOf(connection), deadPeerTimeout);
  }
  setRef(connection: C, on: boolean): void {
    setRef(connection, on);
  }

  /** Queues the entry on the shared connection, if there is one with room for it right now. */
  submitNow(entry: Entry): boolean {
    const connection = this.pool.tryShare();
    if (connection === null) return false;
    const core = coreOf(connection);
    if (!core.hasRoom(entry.size) || !this.#backlogs.empty) return false;
    if (this.#hold.idleLetsGo) this.#hold.hold(connection);
    core.submit(entry);
    return true;
  }

  /**
   * As `submitNow`, waiting for a connection and for room on it. Resolves when the entries are queued. What is
   * `pinned` is never sent away.
   */
  submit(entries: readonly Entry[], deadline: Deadline, pinned = false): Promise<void> {
    return this.pool.share((connection) => this.enqueue(connection, entries, deadline), deadline, pinned);
  }

  /** Queues entries back to back on that connection, behind those that wait for room on it. */
  enqueue(connection: C, entries: readonly Entry[], deadline: Deadline): void | Promise<void> {
    this.#hold.hold(connection);
    return this.#backlogs.enqueue(coreOf(connection), entries, deadline);
  }

  async lease(deadline: Deadline): Promise<C> {
    return this.#taken(await this.pool.lease(deadline));
  }
  tryLease(): C | null {
    const connection = this.pool.tryLease();
    return connection === null ? null : this.#taken(connection);
  }
  /** As `lease`, for what blocks. */
  async occupy(deadline: Deadline, pinned = false): Promise<C> {
    return this.#taken(await this.pool.occupy(deadline, pinned));
  }
  /** Ends that tenure, or does nothing when it is over. Without one it ends a lease, and throws where there is none. */
  release(connection: C, tenure = this.pool.leaseOf(connection)): void {
    if (tenure === 0 || tenure !== this.pool.tenureOf(connection)) return;
    coreOf(connection).tenure = 0;
    this.#companions.get(connection)?.returned();
    this.pool.release(connection, tenure);
    this.#hold.release(connection, this.pool.tenureOf(connection));
  }

  #taken(connection: C): C {
    coreOf(connection).tenure = this.pool.tenureOf(connection);
    this.#hold.hold(connection);
    return connection;
  }

  /** Takes the connection out of use once nothing is outstanding on it. */
  retire(connection: C): void {
    this.pool.retire(connection, false);
  }

  /**
   * The server behind a connection has refused to write: what was open when it said so goes, the name is looked
   * up again. Further refusals of that connection say nothing new.
   */
  demoted(host: unknown): void {
    for (const connection of this.#companions.keys()) {
      const core = coreOf(connection);
      if (core === host && core.draining) return;
    }
    for (const connection of [...this.#companions.keys()]) this.retire(connection);
  }

  /** A connection of the same kind outside the pool and its bound, for the package's own purposes. */
  async extra(signal: AbortSignal): Promise<C> {
    const connection = await this.#dial(signal);
    if (this.#hold.idleLetsGo) setRef(connection, false);
    return connection;
  }

  /** The credentials have changed: live connections are authenticated again. */
  reAuthenticate(credentials: () => Promise<Credentials | null>): void {
    this.#reAuthentication.begin(credentials);
  }

  /** Calls that wait for a connection go back to where they came from, with this error. */
  sendAway(error: () => Error): void {
    this.pool.evict(error, false);
  }

  /** Out of use, for good: each connection ends after what runs on it, leases included. `gone`: for who is pinned. */
  dissolve(error: () => Error, gone: () => Error): Promise<void> {
    this.sendAway(error);
    this.pool.evict(gone, true);
    return this.pool.close(null);
  }

  disconnect(reason: string): void {
    this.pool.disconnectAll(reason);
  }

  close(timeout: number | null): Promise<void> {
    this.blocking.close();
    this.#backlogs.close();
    this.#reAuthentication.stop();
    const closed = this.pool.close(timeout);
    void closed.then(() => {
      this.blocking.end();
      this.#tracking?.close();
    });
    return closed;
  }

  /** After `close`: no socket is left. */
  socketsGone(): Promise<void> {
    return this.#endings.over();
  }

  ref(): void {
    this.#hold.idleLetsGo = false;
    this.pool.ref();
    for (const connection of this.#companions.keys()) setRef(connection, true);
  }
  unref(): void {
    this.#hold.idleLetsGo = true;
    this.pool.unref();
    for (const connection of this.#companions.keys())
      this.#hold.release(connection, this.pool.tenureOf(connection));
  }

  #hooks(): ResourceHooks<C> {
    const { transient = isTransient } = this.#settings;
    return {
      create: (signal) => this.#create(signal),
      destroy: (connection, reason) => connection.invalidate(reason),
      state: (connection) => fitness(coreOf(connection), this.#detour),
      drain: (connection) => this.#drain(connection),
      occupied: (connection) => coreOf(connection).session.blocking > 0,
      waiting: () => this.#backlogs.length,
      transient,
    };
  }

  async #create(signal: AbortSignal): Promise<C> {
    const { changes } = this.#reAuthentication;
    const connection = await this.#dial(signal);
    if (this.#tracking !== null) await this.#track(this.#tracking, connection, signal);
    const core = coreOf(connection);
    const companion = new Companion(connection, this.#keeper);
    this.#companions.set(connection, companion);
    homes.set(connection, this as unknown as ConnectionNode<BaseConnection>);
    this.#hold.release(connection, 0);
    if (core.state === 'closed') companion.end();
    else if (changes !== this.#reAuthentication.changes) this.#reAuthentication.renew(connection);
    return connection;
  }

  async #dial(signal: AbortSignal): Promise<C> {
    try {
      const connection = await this.#settings.make(signal);
      this.#endings.watch(connection);
      if (this.#settings.ready !== true) await connection.run({ signal });
      return connection;
    } catch (error) {
      if (!signal.aborted) this.#settings.dialFailed?.(error);
      throw error;
    }
  }

  async #track(tracking: Tracking<C>, connection: C, signal: AbortSignal): Promise<void> {
    try {
      await tracking.prepare(connection, signal);
    } catch (error) {
      tracking.ended(connection);
      connection.invalidate('its tracking could not be switched on');
      if (!signal.aborted) this.#settings.dialFailed?.(error);
      throw error;
    }
  }

  /** Whether there is somewhere else to go than behind a bulk reply. */
  readonly #detour = (): boolean => {
    if (!this.#settings.bulkDetour) return false;
    const { open, idle, connecting, max } = this.pool.figures;
    return idle > 1 || connecting > 0 || open < max;
  };

  #drain(connection: C): void {
    const companion = this.#companions.get(connection);
    if (companion === undefined) connection.invalidate('retired');
    else companion.drain();
  }

  #forget(connection: C): void {
    this.#companions.delete(connection);
    this.#tracking?.ended(connection);
    this.#reAuthentication.forget(connection);
    this.#backlogs.lost(coreOf(connection));
  }
}
