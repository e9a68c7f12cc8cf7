import type { Deadline } from '../base/deadline.ts';
import { systemClock } from '../base/clock.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import type { Entry } from '../connection/entry.ts';
import type { Credentials } from '../interfaces/credential-provider.ts';
import { dialGovernor, type DialGovernor } from '../pooling/dial-governor.ts';
import type { ResourceHooks, ResourcePoolFigures } from '../pooling/resource-hooks.ts';
import { ResourcePool } from '../pooling/resource-pool.ts';
import { Backlog } from './backlog.ts';
import { BlockingCalls } from './blocking-calls.ts';
import { fitness } from './fitness.ts';
import { isTransient, type NodeSettings } from './node-settings.ts';
import { abandoned, hasStrangers } from './outstanding.ts';
import { PeerWatch } from './peer-watch.ts';
import { ProcessHold, setRef } from './process-hold.ts';
import { ReAuthentication } from './re-authentication.ts';
import { Tracking } from './tracking.ts';

/** What the node keeps of a connection besides the connection itself. */
interface Companion {
  readonly watch: PeerWatch | null;
  draining: boolean;
  /** Out of shared work until its replies have proved it clean. */
  dubious: boolean;
}

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
  readonly #companions = new Map<C, Companion>();
  readonly #backlogs = new Map<ConnectionCore, Backlog>();
  readonly #reAuthentication: ReAuthentication<C>;
  readonly #hold = new ProcessHold();
  readonly #tracking: Tracking<C> | null;

  constructor(settings: NodeSettings<C>) {
    this.owner = settings.owner;
    this.address = settings.address;
    this.#settings = settings;
    const { address, max, maxWaiting, maxLifetime, leakDetection, governor } = settings;
    this.pool = new ResourcePool<C>(this.#hooks(), { address, max, maxWaiting, maxLifetime, leakDetection, governor, clock: systemClock });
    this.blocking = new BlockingCalls(this);
    this.#reAuthentication = new ReAuthentication(this, settings.connectTimeout);
    const { tracking = null } = settings;
    this.#tracking = tracking === null ? null : new Tracking(tracking, address, (connection) => this.retire(connection));
  }

  get figures(): ResourcePoolFigures {
    const figures = this.pool.figures;
    let waiting = figures.waiting;
    for (const backlog of this.#backlogs.values()) waiting += backlog.length;
    return { ...figures, waiting };
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
    if (!core.hasRoom(entry.size) || this.#backlogs.size > 0) return false;
    if (this.#hold.idleLetsGo) this.#hold.hold(connection);
    core.submit(entry);
    return true;
  }

  /** As `submitNow`, waiting for a connection and for room on it. Resolves when the entries are queued. */
  submit(entries: readonly Entry[], deadline: Deadline): Promise<void> {
    return this.pool.share((connection) => this.enqueue(connection, entries, deadline), deadline);
  }

  /** Queues entries back to back on that connection, behind those that wait for room on it. */
  enqueue(connection: C, entries: readonly Entry[], deadline: Deadline): void | Promise<void> {
    const core = coreOf(connection);
    this.#hold.hold(connection);
    const size = entries.reduce((sum, entry) => sum + entry.size, 0);
    const backlog = this.#backlogs.get(core);
    if (backlog === undefined && core.hasRoom(size)) {
      for (const entry of entries) core.submit(entry);
      return undefined;
    }
    const line = backlog ?? new Backlog(core, this.#settings.maxWaiting, () => this.#backlogs.delete(core));
    this.#backlogs.set(core, line);
    return line.add(entries, size, deadline);
  }

  async lease(deadline: Deadline): Promise<C> {
    return this.#taken(await this.pool.lease(deadline));
  }
  tryLease(): C | null {
    const connection = this.pool.tryLease();
    return connection === null ? null : this.#taken(connection);
  }
  /** As `lease`, for what blocks. */
  async occupy(deadline: Deadline): Promise<C> {
    return this.#taken(await this.pool.occupy(deadline));
  }
  release(connection: C, tenure?: number): void {
    const core = coreOf(connection);
    if (tenure === undefined || tenure === this.pool.tenureOf(connection)) core.tenure = 0;
    const companion = this.#companions.get(connection);
    if (companion !== undefined && core.state === 'ready' && !core.session.clean) companion.dubious = true;
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
    for (const [connection, { draining }] of this.#companions) {
      if (coreOf(connection) === host && draining) return;
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

  /** Out of use, for good: each connection ends after what runs on it, leases included. */
  dissolve(error: () => Error): Promise<void> {
    this.pool.evict(error, true);
    return this.pool.close(null);
  }

  disconnect(reason: string): void {
    this.pool.disconnectAll(reason);
  }

  close(timeout: number | null): Promise<void> {
    this.blocking.close();
    for (const backlog of [...this.#backlogs.values()]) backlog.close();
    this.#reAuthentication.stop();
    const closed = this.pool.close(timeout);
    void closed.then(() => {
      this.blocking.end();
      this.#tracking?.close();
    });
    return closed;
  }

  ref(): void {
    this.#hold.idleLetsGo = false;
    this.pool.ref();
    for (const connection of this.#companions.keys()) setRef(connection, true);
  }
  unref(): void {
    this.#hold.idleLetsGo = true;
    this.pool.unref();
    for (const connection of this.#companions.keys()) this.#hold.release(connection, this.pool.tenureOf(connection));
  }

  #hooks(): ResourceHooks<C> {
    const { transient = isTransient } = this.#settings;
    return {
      create: (signal) => this.#create(signal),
      destroy: (connection, reason) => connection.invalidate(reason),
      state: (connection) => fitness(coreOf(connection), this.#detour),
      drain: (connection) => this.#drain(connection),
      transient,
    };
  }

  async #create(signal: AbortSignal): Promise<C> {
    const { changes } = this.#reAuthentication;
    const connection = await this.#dial(signal);
    if (this.#tracking !== null) await this.#track(this.#tracking, connection, signal);
    const core = coreOf(connection);
    const { deadPeerTimeout } = this.#settings;
    const watch = deadPeerTimeout === null ? null : new PeerWatch(core, deadPeerTimeout);
    this.#companions.set(connection, { watch, draining: false, dubious: false });
    homes.set(connection, this as unknown as ConnectionNode<BaseConnection>);
    core.observer = {
      drained: () => this.#drained(connection),
      closed: () => this.#closed(connection),
      changed: () => this.#changed(connection),
      sparesOthers: (entry) => this.#sparesOthers(connection, entry),
    };
    this.#hold.release(connection, 0);
    if (core.state === 'closed') this.#forget(connection);
    else if (changes !== this.#reAuthentication.changes) this.#reAuthentication.renew(connection);
    return connection;
  }

  async #dial(signal: AbortSignal): Promise<C> {
    try {
      const connection = await this.#settings.make(signal);
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
    if (companion === undefined || abandoned(coreOf(connection))) connection.invalidate('retired');
    else companion.draining = true;
  }

  #changed(connection: C): void {
    if (this.#companions.get(connection)?.draining === true && abandoned(coreOf(connection))) {
      connection.invalidate('retired');
    } else {
      this.pool.changed(connection);
    }
  }

  #drained(connection: C): void {
    const companion = this.#companions.get(connection);
    if (companion === undefined) return;
    if (companion.draining) {
      connection.invalidate('retired');
    } else if (companion.dubious || this.pool.hungry) {
      companion.dubious = false;
      this.pool.changed(connection);
    }
    this.#hold.release(connection, this.pool.tenureOf(connection));
    this.#reAuthentication.drained(connection);
  }

  #closed(connection: C): void {
    this.#forget(connection);
    this.pool.changed(connection);
  }

  #forget(connection: C): void {
    this.#companions.get(connection)?.watch?.stop();
    this.#companions.delete(connection);
    this.#tracking?.ended(connection);
    this.#reAuthentication.forget(connection);
    this.#backlogs.get(coreOf(connection))?.lost();
  }

  /** Dropping a connection for one caller's sake must not fail another caller's request. */
  #sparesOthers(connection: C, entry: Entry): boolean {
    if (!hasStrangers(coreOf(connection), entry)) return false;
    this.pool.retire(connection, false);
    return true;
  }
}
