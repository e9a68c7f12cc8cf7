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

/** The node, as its connections see it. */
export interface PooledOwner {
  readonly owner: object;
  readonly address: string;
  /** For events. */
  readonly poolName: string;
  /** Shows arguments to those who trace commands. */
  readonly sanitizeArguments: SanitizeArguments | null;
  readonly deadPeerTimeout: number | null;
  readonly fence: number | null;
  /** Whether the server answers a PING over another connection within that time. */
  answersElsewhere(patience: number): Promise<boolean>;
  /** Idle connections let the process end. */
  readonly unreferenced: boolean;
  /** Callers wait in line, perhaps for this connection to run empty. */
  readonly hasWaiters: boolean;
  /** Whether there is somewhere else to go than behind a bulk reply. */
  detour(): boolean;
  /** Its writes leave the cache of the pool; null: there is none. */
  readonly writes: OwnWrites | null;
  readonly backlog: Backlog;
  /** One that is reserved has drained. */
  drained(pooled: PooledConnection): void;
  closed(pooled: PooledConnection): void;
  refused(pooled: PooledConnection, error: RedisError): void;
}

const known = new WeakMap<BaseConnection, PooledConnection>();
let leases = 0;

/** The record of a connection that some pool made. */
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
  /** Its place in the pool; null until it is admitted. */
  slot: SlotHandle | null = null;
  /** It leads to a retired server, whose further refusals are ignored. */
  outdated = false;
  readonly #watch: PeerWatch;
  readonly #writes: LeaseWrites | null;
  /** Out of shared work until its replies have proved it clean. */
  #unproved = false;
  /** Someone who got it by `getConnection` has released it: a second release by the same caller may come any time. */
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

  /** Whether it is fit for work; the pool asks before each shared piece of work. */
  state(): ResourceState {
    const { core } = this;
    if (core.state !== 'ready') return 'dead';
    if (core.suspect || core.reserved !== 0) return 'suspended';
    if (!core.session.clean) return stateWhenUnclean(core);
    if (!core.inbox.empty) return 'dirty';
    if (core.outstanding === 0 || leftThisTick(core)) return 'ready';
    return core.pendingBulk > BULK && this.node.detour() ? 'suspended' : 'busy';
  }

  /** A blocking command was left on it, so it is in use without a holder. */
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

  /** Takes it out of use once nothing is outstanding on it. */
  retire(): void {
    this.slot?.retire(false);
  }

  /** A lease or an occupation begins. */
  taken(): void {
    this.core.leaseId = ++leases;
    this.refer();
  }

  /** The lease or the occupation ends. */
  release(): void {
    if (observed(channels.leaseReleased)) this.#reportUse();
    const { core } = this;
    // The next user would wait for a reply that nobody reads.
    if (core.streams > 0) this.connection.invalidate('released while a reply was streamed');
    core.leaseId = 0;
    if (core.state === 'ready' && !core.session.clean) this.#unproved = true;
    this.slot?.release();
    this.letGo();
  }

  /** Handed over without a lease object: `releasePlain` ends it. */
  handOver(): BaseConnection {
    if (this.slot !== null) this.slot.holder = this;
    return this.connection;
  }

  /**
   * `pool.release(connection)`, which does not name its lease. It throws if the lease is provably not the
   * caller's: there is none, the served waiter has not seen the connection yet, or a lease object ends it and an earlier
   * holder had none.
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

  /** In use: it keeps the process alive. */
  refer(): void {
    if (this.node.unreferenced) setRef(this.connection, true);
  }
  /** It may have become idle. */
  letGo(): void {
    const used = this.slot?.held === true || this.core.outstanding > 0;
    if (this.node.unreferenced && !used) setRef(this.connection, false);
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

  /** Its age was not looked at while the process stood still: past its time it gets no command. */
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

  /** Dropping a connection for one caller's sake must not fail another caller's request. */
  override sparesOthers(entry: Entry): boolean {
    if (!othersWait(this.core, entry)) return false;
    this.retire();
    return true;
  }

  end(): void {
    this.#watch.stop();
    this.node.closed(this);
  }

  /** Every caller that still waited on it has got an answer or has given up. */
  #closeWhenAbandoned(): boolean {
    if (!this.core.draining || !abandoned(this.core)) return false;
    this.connection.invalidate('retired');
    return true;
  }
}

/** Whether this connection keeps the process alive. */
export function setRef(connection: BaseConnection, on: boolean): void {
  const transport = coreOf(connection).transport as { ref?: () => void; unref?: () => void } | null;
  if (on) transport?.ref?.();
  else transport?.unref?.();
}

function stateWhenUnclean(core: ConnectionCore): ResourceState {
  if (core.outstanding === 0 || !core.session.willBeClean) return 'dirty';
  // A blocking command without a waiter would keep the connection for ever.
  return core.session.blocking > 0 && abandoned(core) ? 'dirty' : 'suspended';
}

/** Only unwritten work of the ended lease is left: no other user waits for it. */
function leftThisTick({ outbox }: ConnectionCore): boolean {
  return outbox.written === 0 && outbox.unleased === 0;
}

/** Every caller of an outstanding request has given up. */
function abandoned({ outbox }: ConnectionCore): boolean {
  for (let index = 0; index < outbox.length; index++) if (outbox.at(index).phase !== SETTLED) return false;
  return true;
}

/** A caller outside the lease of this entry waits for a reply. */
function othersWait({ outbox }: ConnectionCore, entry: Entry): boolean {
  for (let index = 0; index < outbox.length; index++) {
    const other = outbox.at(index);
    const own = other === entry || (entry.leaseId !== 0 && other.leaseId === entry.leaseId);
    if (!own && other.phase !== SETTLED) return true;
  }
  return false;
}
