import { systemClock } from '../base/clock.ts';
import type { Deadline } from '../base/deadline.ts';
import type { OwnWrites } from '../cache/own-writes.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import type { Entry } from '../connection/requests/entry.ts';
import type { SanitizeArguments } from '../connection/requests/request-traces.ts';
import { AuthenticationRequiredError, OverloadedError, type RedisError } from '../errors/errors.ts';
import { refusalBeneath } from '../errors/reply-errors.ts';
import type { Credentials } from '../interfaces/credential-provider.ts';
import type { DialGovernor } from '../pooling/dial-governor.ts';
import { Pool } from '../pooling/pool.ts';
import type { PoolFigures, PoolSettings } from '../pooling/pool-settings.ts';
import type { Slot } from '../pooling/slots.ts';
import { Backlog } from './backlog.ts';
import { BlockingCalls } from './blocking-calls.ts';
import { addressAnswered, demandFit, dialGovernor, isTransient, runConnection } from './dials.ts';
import { poolErrors, type PoolStateChange, reportLeak, StateReport } from './pool-reports.ts';
import { PooledConnection, pooledOf, type PooledOwner, setRef } from './pooled-connection.ts';
import { ReAuthentication } from './re-authentication.ts';
import { ServiceConnection, type ServiceGauge, type ServiceSettings } from './service-connection.ts';
import { Tracking, type TrackingSettings } from './tracking.ts';

export interface NodeSettings {
  /** The pool that owns the node: a connection returns only to the pool it came from. */
  readonly owner: object;
  /** Key of the shared dial state, and the name in errors and events. */
  readonly address: string;
  /** The name of the pool, for events; default: the address. */
  readonly poolName?: string | undefined;
  /** Shows arguments to those who trace commands on leases. */
  readonly sanitizeArguments?: SanitizeArguments | null | undefined;
  /** Makes a connection that has not run yet. Called at every dial, because the location may have changed. */
  readonly make: (signal: AbortSignal) => BaseConnection | Promise<BaseConnection>;
  /** True: `make` returns a connection that has run already, because it may try several locations. */
  readonly ready?: boolean;
  /** Decides when an address may be dialled; default: shared by the whole process. */
  readonly governor?: DialGovernor | undefined;
  readonly max: number;
  readonly maxWaiting: number | null;
  /** Limit in bytes of the commands that wait for a connection or for room in its queue; absent: none. */
  readonly maxWaitingBytes?: number | undefined;
  readonly maxLifetime: number | null;
  readonly deadPeerTimeout: number | null;
  readonly leakDetection: number | null;
  readonly bulkDetour: boolean;
  /** Interval, in ms, of the PINGs with a nonce that go into the pipeline while there is traffic. */
  readonly fence?: number | null | undefined;
  readonly verifyDelivery?: number | null | undefined;
  readonly connectTimeout: number | null;
  /** Number of connections kept open once the first one was made. */
  readonly minConnections?: number | undefined;
  /** Dial again when the last connection has ended. */
  readonly keepConnected?: boolean | undefined;
  readonly onState?: ((change: PoolStateChange) => void) | null | undefined;
  /** Settings of client-side caching; null or absent: no cache. */
  readonly tracking?: TrackingSettings | null | undefined;
  /** Called for every failed dial, before its waiters get the error. */
  readonly dialFailed?: (error: unknown) => void;
  /** Whether a later dial may succeed after this failure. Default: `isTransient`. */
  readonly transient?: (error: unknown) => boolean;
}

/** Longest time, in ms, that `close()` waits for sockets: a custom transport may never emit `close`. */
const SOCKET_PATIENCE = 1_000;

/** Makes entries that depend on the connection they are sent on. */
type EntriesFor = (connection: BaseConnection) => readonly Entry[];

/** The slot of a lease, or of a connection occupied by a blocking command. */
export type NodeSlot = Slot<PooledConnection>;

/**
 * The connections to one address: one shared by all ordinary commands, the others leased or used by blocking commands.
 * It joins the generic pool core with the connection engine.
 */
export class ConnectionNode implements PooledOwner {
  readonly owner: object;
  readonly address: string;
  readonly poolName: string;
  readonly pool: Pool<PooledConnection>;
  readonly blocking: BlockingCalls;
  readonly backlog: Backlog;
  readonly deadPeerTimeout: number | null;
  readonly fence: number | null;
  readonly sanitizeArguments: SanitizeArguments | null;
  /** Drops cached replies when their keys are written over this node's connections; null: no cache. */
  readonly writes: OwnWrites | null;
  /** Interval, in ms, at which subscribers verify that messages arrive; null: never. */
  readonly verifyDelivery: number | null;
  /** True: idle connections let the process end. */
  unreferenced = false;
  /**
   * Called for every error reply on every connection of the node (calls, leases, transactions, batches), before the
   * caller gets it. Set by the topology.
   */
  onRefusal: ((error: RedisError, connection: BaseConnection) => void) | null = null;
  readonly #settings: NodeSettings;
  readonly #all = new Set<PooledConnection>();
  readonly #services = new Set<ServiceConnection>();
  /** Bytes of the commands that wait for a connection or for room in its queue. */
  #waitingBytes = 0;
  readonly #reAuthentication: ReAuthentication;
  /** One promise per socket that is still open. */
  readonly #sockets = new Set<Promise<void>>();
  readonly #tracking: Tracking | null;
  readonly #state: StateReport;

  constructor(settings: NodeSettings) {
    this.owner = settings.owner;
    this.address = settings.address;
    this.poolName = settings.poolName ?? settings.address;
    this.deadPeerTimeout = settings.deadPeerTimeout;
    this.fence = settings.fence ?? null;
    this.sanitizeArguments = settings.sanitizeArguments ?? null;
    this.writes = settings.tracking?.writes ?? null;
    this.verifyDelivery = settings.verifyDelivery ?? null;
    this.#state = new StateReport(settings.address, settings.onState ?? null);
    this.#settings = settings;
    this.backlog = new Backlog(settings.maxWaiting, () => this.pool.waiting);
    this.pool = new Pool<PooledConnection>(this.#poolSettings());
    this.blocking = new BlockingCalls(this);
    this.#reAuthentication = new ReAuthentication(this, settings.connectTimeout);
    const { tracking = null } = settings;
    this.#tracking =
      tracking === null
        ? null
        : new Tracking(tracking, {
            address: this.address,
            retire: (connection) => this.retire(connection),
            changed: (connection) => pooledOf(connection)?.slot?.changed(),
            // A listener never keeps the process alive; the connections it guards may.
            service: (given) => this.service({ ...given, unref: () => true }),
          });
  }

  get figures(): PoolFigures {
    const figures = this.pool.figures;
    return { ...figures, waiting: figures.waiting + this.backlog.length };
  }
  get connections(): Iterable<BaseConnection> {
    return [...this.#all].map(({ connection }) => connection);
  }
  /** Counts the connections outside the pool: subscribers, cache listeners, the one for CLIENT UNBLOCK. */
  get services(): ServiceGauge {
    let open = 0;
    let connecting = 0;
    for (const { state } of this.#services) {
      if (state === 'up') open++;
      if (state === 'dialling') connecting++;
    }
    return { open, connecting };
  }
  get governor(): DialGovernor {
    return this.#settings.governor ?? dialGovernor;
  }
  get hasWaiters(): boolean {
    return this.pool.hasWaiters;
  }

  /** Whether a later dial may succeed after this failure. */
  transient(error: unknown): boolean {
    return (this.#settings.transient ?? isTransient)(error);
  }
  /** The shared connection, or null if none can take work now. */
  tryShare(): BaseConnection | null {
    return this.pool.tryShare()?.connection ?? null;
  }

  /** Queues the entry on the shared connection and returns true, if that connection has room now. */
  submitNow(entry: Entry): boolean {
    const pooled = this.pool.tryShare();
    if (pooled === null) return false;
    const { core } = pooled;
    if (core.backlogged || !core.hasRoom(entry.size)) return false;
    if (this.unreferenced) pooled.refer();
    core.submit(entry);
    return true;
  }

  /**
   * Waits for the shared connection and for room in its queue. Resolves when the entries are queued. `pinned`:
   * `sendAway` does not reject the wait.
   */
  submit(entries: readonly Entry[] | EntriesFor, deadline: Deadline, pinned = false): Promise<void> {
    const size = typeof entries === 'function' ? 0 : entries.reduce((sum, { size: one }) => sum + one, 0);
    const { maxWaitingBytes = Number.POSITIVE_INFINITY } = this.#settings;
    // A command larger than the limit may wait if no other does.
    if (this.#waitingBytes > 0 && this.#waitingBytes + size > maxWaitingBytes) {
      const text = `${this.#waitingBytes} bytes of commands wait for ${this.address} already (maxWaitingBytes)`;
      return Promise.reject(new OverloadedError(text, { endpoint: this.address }));
    }
    const use = ({ connection }: PooledConnection): void | Promise<void> =>
      this.enqueue(connection, typeof entries === 'function' ? entries(connection) : entries, deadline);
    const queued = this.pool.share(use, deadline, pinned);
    if (size === 0) return queued;
    this.#waitingBytes += size;
    const over = (): void => {
      this.#waitingBytes -= size;
    };
    queued.then(over, over);
    return queued;
  }

  /** Queues entries back to back on this connection, behind the callers that wait for room in its queue. */
  enqueue(connection: BaseConnection, entries: readonly Entry[], deadline: Deadline): void | Promise<void> {
    if (this.unreferenced) setRef(connection, true);
    return this.backlog.enqueue(coreOf(connection), entries, deadline);
  }

  lease(deadline: Deadline, pinned = true): Promise<NodeSlot> {
    return this.pool.lease(deadline, null, pinned);
  }
  tryLease(): NodeSlot | null {
    return this.pool.tryLease();
  }
  /** Leases a connection for a blocking command. */
  occupy(deadline: Deadline, pinned = false): Promise<NodeSlot> {
    return this.pool.occupy(deadline, pinned);
  }

  /** Gives the connection no more work and closes it once nothing is outstanding. */
  retire(connection: BaseConnection): void {
    pooledOf(connection)?.retire();
  }

  /**
   * Retires every open connection because the address led to the wrong server; the next dial resolves the name again.
   * Later error replies on the retired connections are not reported.
   */
  renew(): void {
    for (const pooled of [...this.#all]) {
      pooled.outdated = true;
      pooled.retire();
    }
  }

  /**
   * Dials a connection outside the pool; it does not count towards `max`. `make` leads it to another place than that of
   * the node.
   */
  async extra(signal: AbortSignal, make = this.#settings.make): Promise<BaseConnection> {
    const connection = await this.#dial(signal, make);
    if (this.unreferenced) setRef(connection, false);
    return connection;
  }

  /** Resolves when `minConnections` are open, when a dial fails, or when the pool closes. */
  async fill(): Promise<void> {
    if (this.#least > 0) await this.pool.fill();
  }

  /** Makes a service connection: outside the pool, dialled when needed, and kept up while needed. */
  service(
    settings: Omit<ServiceSettings, 'address' | 'governor' | 'deadPeerTimeout' | 'ended' | 'unref'> &
      Partial<Pick<ServiceSettings, 'unref'>>,
  ): ServiceConnection {
    const service = new ServiceConnection({
      unref: () => this.unreferenced,
      ...settings,
      address: this.address,
      governor: this.governor,
      deadPeerTimeout: this.deadPeerTimeout,
      up: (connection) => {
        this.pool.lastError = null;
        settings.up?.(connection);
      },
      failed: (error) => {
        this.pool.lastError = error;
        settings.failed?.(error);
      },
      ended: (ended) => this.#services.delete(ended),
    });
    this.#services.add(service);
    return service;
  }

  /** Authenticates live connections again after the credentials changed. */
  reAuthenticate(credentials: () => Promise<Credentials | null>): void {
    this.#reAuthentication.begin(credentials);
  }

  /** Rejects the calls that wait for a connection, except pinned ones, so that they can be routed again. */
  sendAway(error: () => Error): void {
    this.pool.evict(error, false);
  }

  /** Closes the pool; connections finish their work and leases first. `gone` makes the error for pinned waiters. */
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
    this.backlog.close();
    this.#reAuthentication.stop();
    const closed = this.pool.close(timeout);
    void closed.then(() => {
      this.blocking.end();
      this.#tracking?.close();
    });
    return closed;
  }

  /** Call after `close()`. Resolves when every socket has closed, or after `SOCKET_PATIENCE`. */
  async socketsGone(): Promise<void> {
    if (this.#sockets.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SOCKET_PATIENCE);
    });
    await Promise.race([Promise.all(this.#sockets), late]);
    clearTimeout(timer);
  }

  /** Sets which connections keep the process alive: all with `true`, only those in use with `false`. */
  setRef(on: boolean): void {
    this.unreferenced = !on;
    this.pool.setRef(on);
    for (const pooled of this.#all) {
      if (on) setRef(pooled.connection, true);
      else pooled.letGo();
    }
  }

  /** Called by a `PooledConnection` that has been silent while it blocks: is the server alive? */
  answersElsewhere(patience: number): Promise<boolean> {
    return this.blocking.serverAnswers(patience);
  }
  /** Called by a `PooledConnection` with a bulk reply pending: could another connection take the work? */
  detour(): boolean {
    if (!this.#settings.bulkDetour) return false;
    const { open, idle, connecting, max } = this.pool.figures;
    return idle > 1 || connecting > 0 || open < max;
  }
  /** Called by a reserved `PooledConnection` when nothing is outstanding on it any more. */
  drained(pooled: PooledConnection): void {
    this.#reAuthentication.drained(pooled);
    this.#tracking?.drained(pooled.connection);
  }
  /** Called by a `PooledConnection` when its connection has ended. */
  closed(pooled: PooledConnection): void {
    this.#all.delete(pooled);
    if (this.#all.size === 0 && !this.pool.closed) this.#state.tell('down', pooled.core.failure);
    this.#tracking?.ended(pooled.connection);
    this.#reAuthentication.forget(pooled);
    this.backlog.lost(pooled.core);
  }
  /** Called by a `PooledConnection` for each error reply, before the caller gets it. */
  refused(pooled: PooledConnection, error: RedisError): void {
    if (pooled.outdated) return;
    // The handshake had authenticated it, so the server was replaced or a RESET dropped the user.
    if (error instanceof AuthenticationRequiredError) {
      pooled.outdated = true;
      pooled.retire();
      return;
    }
    this.onRefusal?.(refusalBeneath(error), pooled.connection);
  }
  /** Every open connection of the pool; re-authentication reads it. */
  get all(): Iterable<PooledConnection> {
    return this.#all;
  }

  #poolSettings(): PoolSettings<PooledConnection> {
    const { address, max, maxWaiting, maxLifetime, leakDetection } = this.#settings;
    return {
      address,
      max,
      maxWaiting,
      maxLifetime,
      leakDetection,
      min: this.#least,
      governor: this.governor,
      clock: systemClock,
      errors: poolErrors(address),
      create: (signal, reached) => this.#create(signal, reached),
      answered: addressAnswered,
      waiting: () => this.backlog.length,
      transient: (error) => this.transient(error),
      leaked: (age, stack) => reportLeak(address, age, stack),
    };
  }

  async #create(signal: AbortSignal, reached: () => void): Promise<PooledConnection> {
    const { changes } = this.#reAuthentication;
    const connection = await this.#dial(signal);
    reached();
    if (this.#tracking !== null) await this.#track(this.#tracking, connection, signal);
    const pooled = new PooledConnection(connection, this);
    this.#all.add(pooled);
    pooled.letGo();
    if (pooled.core.state !== 'closed') this.#state.tell('up');
    if (pooled.core.state === 'closed') pooled.end();
    else if (changes !== this.#reAuthentication.changes) this.#reAuthentication.renew(pooled);
    return pooled;
  }

  async #dial(signal: AbortSignal, make = this.#settings.make): Promise<BaseConnection> {
    try {
      const connection = await make(signal);
      const gone = connection.waitClosed();
      this.#sockets.add(gone);
      void gone.then(() => this.#sockets.delete(gone));
      if (this.#settings.ready !== true) await runConnection(connection, signal);
      demandFit(connection);
      return connection;
    } catch (error) {
      if (signal.aborted || make !== this.#settings.make) throw error;
      this.#settings.dialFailed?.(error);
      if (this.#all.size === 0) this.#state.tell('down', error);
      throw error;
    }
  }

  get #least(): number {
    const { minConnections = 0, keepConnected = false } = this.#settings;
    return Math.max(minConnections, keepConnected ? 1 : 0);
  }

  async #track(tracking: Tracking, connection: BaseConnection, signal: AbortSignal): Promise<void> {
    try {
      await tracking.prepare(connection, signal);
    } catch (error) {
      tracking.ended(connection);
      connection.invalidate('its tracking could not be switched on');
      if (!signal.aborted) this.#settings.dialFailed?.(error);
      throw error;
    }
  }
}
