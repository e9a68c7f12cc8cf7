import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import type { CoreObserver } from '../connection/connection-core.ts';
import type { Entry } from '../connection/requests/entry.ts';
import type { ResourcePool } from '../pooling/resource-pool.ts';
import { abandoned, hasStrangers } from './outstanding.ts';
import { PeerWatch } from './peer-watch.ts';
import type { ProcessHold } from './process-hold.ts';
import type { ReAuthentication } from './re-authentication.ts';

/** What a companion needs of its node. */
export interface Keeper<C extends BaseConnection> {
  readonly pool: ResourcePool<C>;
  readonly hold: ProcessHold;
  readonly reAuthentication: ReAuthentication<C>;
  readonly deadPeerTimeout: number | null;
  /** The connection is gone. */
  forget(connection: C): void;
}

/** What the node keeps of a connection besides the connection itself: it listens to the engine for the pool. */
export class Companion<C extends BaseConnection> implements CoreObserver {
  readonly connection: C;
  readonly #keeper: Keeper<C>;
  readonly #watch: PeerWatch | null;
  /** Out of shared work until its replies have proved it clean. */
  #dubious = false;

  constructor(connection: C, keeper: Keeper<C>) {
    this.connection = connection;
    this.#keeper = keeper;
    const core = coreOf(connection);
    this.#watch = keeper.deadPeerTimeout === null ? null : new PeerWatch(core, keeper.deadPeerTimeout);
    core.observer = this;
  }

  drain(): void {
    coreOf(this.connection).draining = true;
    this.#retireAbandoned();
  }

  /** A lease of it ends. */
  returned(): void {
    const core = coreOf(this.connection);
    if (core.state === 'ready' && !core.session.clean) this.#dubious = true;
  }

  drained(): void {
    const { connection } = this;
    const { pool, hold, reAuthentication } = this.#keeper;
    if (coreOf(connection).draining) {
      connection.invalidate('retired');
    } else if (this.#dubious || pool.hungry) {
      this.#dubious = false;
      pool.changed(connection);
    }
    hold.release(connection, pool.tenureOf(connection));
    reAuthentication.drained(connection);
  }

  changed(): void {
    if (!this.#retireAbandoned()) this.#keeper.pool.changed(this.connection);
  }

  closed(): void {
    this.end();
    this.#keeper.pool.changed(this.connection);
  }

  /** Dropping a connection for one caller's sake must not fail another caller's request. */
  sparesOthers(entry: Entry): boolean {
    if (!hasStrangers(coreOf(this.connection), entry)) return false;
    this.#keeper.pool.retire(this.connection, false);
    return true;
  }

  /** Whoever still waited on it has got an answer or has given up. */
  #retireAbandoned(): boolean {
    const core = coreOf(this.connection);
    if (!core.draining || !abandoned(core)) return false;
    this.connection.invalidate('retired');
    return true;
  }

  end(): void {
    this.#watch?.stop();
    this.#keeper.forget(this.connection);
  }
}
