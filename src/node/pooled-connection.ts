import type { OwnWrites } from '../cache/own-writes.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { BULK, type ConnectionCore, CoreObserver } from '../connection/connection-core.ts';
import { type Entry, SETTLED } from '../connection/requests/entry.ts';
import type { SanitizeArguments } from '../connection/requests/request-traces.ts';
import type { RedisError } from '../errors/errors.ts';
import type { Resource, ResourceState, SlotHandle } from '../pooling/slots.ts';
import { channels, observed } from '../telemetry/channels.ts';
import type { RedisValue } from '../resp/types.ts';
import type { Backlog } from './backlog.ts';
import { LeaseWrites } from './lease-writes.ts';
import { PeerWatch } from './peer-watch.ts';

/** The part of the node that its connections use. */
export interface PooledOwner {
  readonly owner: object;
  readonly address: string;
  /** The pool's name in events. */
  readonly poolName: string;
  /** Turns arguments into the text that traces show. */
  readonly sanitizeArguments: SanitizeArguments | null;
  readonly deadPeerTimeout: number | null;
  readonly fence: number | null;
  /** Whether the server answers a PING over another connection within `patience` ms. */
  answersElsewhere(patience: number): Promise<boolean>;
  /** True: idle connections let the process end. */
  readonly unreferenced: boolean;
  /** True while callers wait in line; one may need this connection to drain. */
  readonly hasWaiters: boolean;
  /** Whether another connection could take the work that would queue behind a bulk reply. */
  detour(): boolean;
  /** Drops cached replies when their keys are written over the connection; null: no cache. */
  readonly writes: OwnWrites | null;
  readonly backlog: Backlog;
  /** Nothing is outstanding any more on a reserved connection. */
  drained(pooled: PooledConnection): void;
  closed(pooled: PooledConnection): void;
  refused(pooled: PooledConnection, error: RedisError): void;
}

const known = new WeakMap<BaseConnection, PooledConnection>();
let leases = 0;

/** The pool's record of a connection; undefined if no pool made it. */
export function pooledOf(connection: BaseConnection): PooledConnection | undefined {
  return known.get(connection);
}

/**
 * The node's record of one connection. It reports the connection's fitness to the pool, and observes the
 * connection's engine.
 */
export class PooledConnection extends CoreObserver implements Resource {
  readonly connection: BaseConnection;
  readonly core: ConnectionCore;
  readonly node: PooledOwner;
  /** The connection's slot; null until the pool has admitted the connection. */
  slot: SlotHandle | null = null;
  /** True: the connection leads to a wrong or replaced server, so its error replies are no longer reported. */
  outdated = false;
  readonly #watch: PeerWatch;
  readonly #writes: LeaseWrites | null;
  /** Released before its replies proved its session clean; `drained` tells the pool again. */
  #unproved = false;
  /** A caller of `getConnection` has released it, and may wrongly release it a second time. */
  #wasPlain = false;

  constructor(connection: BaseConnection, node: PooledOwner) {
    super();
    this.connection = connection;
    this.core = coreOf(connection);
    this.node = node;
    this.#watch = new PeerWatch(this.core, {
      limit: node.deadPeerTimeout,
      fence: node.fence,
      answersElsewhere: (patience) => node.answersElsewhere(patience),
    });
    this.#writes = node.writes === null ? null : new LeaseWrites(this.core.session, node.writes);
    this.core.observe(this);
    this.core.poolName = node.poolName;
    this.core.sanitizeArguments = node.sanitizeArguments;
    known.set(connection, this);
  }

  /** Says which work the connection can take. The pool asks before each shared command. */
  state(): ResourceState {
    const { core } = this;
    if (core.state !== 'ready') return 'dead';
    if (core.suspect || core.reserved !== 0) return 'suspended';
    if (!core.session.clean) return stateWhenUnclean(core);
    if (!core.inbox.empty) return 'dirty';
    if (core.outstanding === 0 || leftThisTick(core)) return 'ready';
    return core.pendingBulk > BULK && this.node.detour() ? 'suspended' : 'busy';
  }

  /** True while a blocking command runs on it, also when its lease has ended. */
  occupied(): boolean {
    return this.core.session.blocking > 0;
  }

  placed(slot: SlotHandle): void {
    this.slot = slot;
  }

  drain(): void {
    this.core.draining = true;
    this.#closeWhenAbandoned();
  }

  destroy(reason: string): void {
    this.connection.invalidate(reason);
  }

  /** Gives the connection no more work and closes it once nothing is outstanding. */
  retire(): void {
    this.slot?.retire(false);
  }

  /** Called by the pool when a lease or an occupation begins. */
  taken(): void {
    this.core.leaseId = ++leases;
    this.refer();
  }

  /** Ends the lease or the occupation. */
  release(): void {
    if (observed(channels.leaseReleased)) this.#reportUse();
    const { core } = this;
    // The next user would queue behind a streamed reply that nobody reads.
    if (core.streams > 0) this.connection.invalidate('released while a reply was streamed');
    core.leaseId = 0;
    if (core.state === 'ready' && !core.session.clean) this.#unproved = true;
    this.slot?.release();
    this.letGo();
  }

  /** Gives out the bare connection of a lease that has no lease object: `releasePlain` ends it. */
  handOver(): BaseConnection {
    if (this.slot !== null) this.slot.holder = this;
    return this.connection;
  }

  /**
   * Serves `pool.release(connection)`, which does not name its lease.
   * @throws TypeError if the lease cannot be the caller's: the connection is not leased, its new holder has not
   * received it yet, or the current lease has a lease object and an earlier holder had none.
   */
  releasePlain(): void {
    const { slot } = this;
    const where = `the pool of ${this.node.address}`;
    if (slot?.holding !== 'leased')
      throw new TypeError(`release() of a connection that ${where} has not leased out`);
    if (slot.holder === null || (slot.holder !== this && this.#wasPlain))
      throw new TypeError(
        `release() of a connection that ${where} has handed on: it was released before (acquire() gives a lease to release)`,
      );
    if (slot.holder === this) this.#wasPlain = true;
    this.release();
  }

  /** Lets the connection keep the process alive while it is in use. */
  refer(): void {
    if (this.node.unreferenced) setRef(this.connection, true);
  }
  /** Lets the process end despite this connection, if the node is unreferenced and the connection idle. */
  letGo(): void {
    if (!this.node.unreferenced || this.slot?.held === true || this.core.outstanding > 0) return;
    setRef(this.connection, false);
  }

  #reportUse(): void {
    const { address, poolName } = this.node;
    const useTime = performance.now() - (this.slot?.since ?? 0);
    channels.leaseReleased.publish({ poolName, address, useTime });
  }

  override drained(): void {
    if (this.core.draining) {
      this.connection.invalidate('retired');
    } else if (this.#unproved || this.node.hasWaiters) {
      this.#unproved = false;
      this.slot?.changed();
    }
    this.letGo();
    if (this.core.reserved !== 0) this.node.drained(this);
  }

  override room(): void {
    this.node.backlog.advance(this.core);
  }

  override requested(entry: Entry, args: readonly RedisValue[]): void {
    this.#writes?.requested(entry, args);
  }

  override changed(): void {
    if (!this.#closeWhenAbandoned()) this.slot?.changed();
  }

  closed(): void {
    this.end();
    this.slot?.changed();
  }

  /** Closes a connection that outlived its limits while the process was suspended and ran no timers. */
  override woke(silence: number): void {
    const { core, slot } = this;
    if (slot === null || slot.held || core.outbox.written > 0) return;
    const idle = silence >= (core.idleWatch?.limit ?? Number.POSITIVE_INFINITY);
    if (idle || performance.now() >= slot.retireAt)
      this.connection.invalidate(idle ? 'idle for longer than maxIdleTime' : 'older than maxLifetime');
  }

  override refused(error: RedisError): void {
    this.node.refused(this, error);
  }

  /** Retires the connection instead of dropping it, if dropping would fail another caller's request. */
  override sparesOthers(entry: Entry): boolean {
    if (!othersWait(this.core, entry)) return false;
    this.retire();
    return true;
  }

  end(): void {
    this.#watch.stop();
    this.node.closed(this);
  }

  /** Closes a draining connection once no caller waits for a reply on it. */
  #closeWhenAbandoned(): boolean {
    if (!this.core.draining || !abandoned(this.core)) return false;
    this.connection.invalidate('retired');
    return true;
  }
}

/** Sets whether the connection keeps the process alive. */
export function setRef(connection: BaseConnection, on: boolean): void {
  const transport = coreOf(connection).transport as { ref?: () => void; unref?: () => void } | null;
  if (on) transport?.ref?.();
  else transport?.unref?.();
}

function stateWhenUnclean(core: ConnectionCore): ResourceState {
  if (core.outstanding === 0 || !core.session.willBeClean) return 'dirty';
  // A blocking command that no caller waits for would hold the connection for ever.
  return core.session.blocking > 0 && abandoned(core) ? 'dirty' : 'suspended';
}

/** Whether the outstanding work is unwritten and all from the ended lease: no other user waits for it. */
function leftThisTick({ outbox }: ConnectionCore): boolean {
  return outbox.written === 0 && outbox.unleased === 0;
}

/** Whether every caller of an outstanding request has given up. */
function abandoned({ outbox }: ConnectionCore): boolean {
  for (let index = 0; index < outbox.length; index++) if (outbox.at(index).phase !== SETTLED) return false;
  return true;
}

/** Whether a caller outside this entry's lease waits for a reply. */
function othersWait({ outbox }: ConnectionCore, entry: Entry): boolean {
  for (let index = 0; index < outbox.length; index++) {
    const other = outbox.at(index);
    const own = other === entry || (entry.leaseId !== 0 && other.leaseId === entry.leaseId);
    if (!own && other.phase !== SETTLED) return true;
  }
  return false;
}
