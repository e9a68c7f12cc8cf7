import { runCallback } from '../base/callback-errors.ts';
import { nameClass } from '../base/classes.ts';
import { demandObject } from '../base/known-options.ts';
import type { BaseConnection } from '../connection/base-connection.ts';
import {
  callback,
  changed,
  complete,
  count,
  duration,
  type OptionRule,
  refuseUnknown,
  sortOptions,
} from '../connection/option-rules.ts';
import { ConnectionError, PoolClosedError } from '../errors/errors.ts';
import type { AcquireOptions, Lease } from '../interfaces/abstract-pool.ts';
import { pooledOf } from '../node/pooled-connection.ts';
import type { Decoding } from '../resp/types.ts';
import { type FailoverMember, FailoverTopology } from '../topology/failover/failover-topology.ts';
import { BaseConnectionPool, engineOf, type PoolSetup } from './base-connection-pool.ts';
import { ExponentialBackoffRetryPolicy, type RetryPolicy } from './calls/retry-policy.ts';

/** A pool of any kind that decodes as `D` says. */
export type PoolThatDecodes<D extends Decoding> = BaseConnectionPool<BaseConnection, NoInfer<D>> & {
  readonly decoding?: D;
};

/** One of the pools of a `FailoverPool`. */
export interface FailoverMemberOptions<D extends Decoding = Decoding> {
  pool: PoolThatDecodes<D>;
  /**
   * The pool with the highest weight that is up gets all the work; default 1. Pools of equal weight keep
   * their order.
   */
  weight?: number | undefined;
}

/** A pool came up or went down, or the work moved to another pool. */
export interface FailoverStateChange {
  readonly state: 'up' | 'down' | 'active';
  readonly pool: BaseConnectionPool<BaseConnection, Decoding>;
  /** The pool that had the work before; only with `active`. */
  readonly from?: BaseConnectionPool<BaseConnection, Decoding>;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Why it went down. */
  readonly error?: unknown;
}

/** Times are milliseconds. */
export interface FailoverPoolOptions<D extends Decoding = Decoding> {
  /** The pools, each with a weight or in order of preference. The `FailoverPool` closes them. */
  pools: Iterable<PoolThatDecodes<D> | FailoverMemberOptions<D>>;
  /** Time between two checks of a pool. Default 1,000; a quarter of it after a failed check. */
  checkInterval?: number | undefined;
  /** Longest time of a check, its dial included. Default 1,000. */
  checkTimeout?: number | undefined;
  /** A pool is down after this many failed checks in a row. Default 3. */
  failureThreshold?: number | undefined;
  /** Time until a pool that is down is probed again. Default 5,000. */
  openTime?: number | undefined;
  /** Time for which a better pool must be up before work returns to it. Default 30,000. */
  gracePeriod?: number | undefined;
  /** Your own check, instead of a PING over a separate connection. If it rejects, the check has failed. */
  check?: ((pool: BaseConnectionPool<BaseConnection, D>) => unknown) | undefined;
  /** Called after every change. */
  onState?: ((change: FailoverStateChange) => void) | undefined;
}

/** A duration in ms that may not be null: without a limit, failures would go unnoticed. */
function time(fallback: number, zero = false): OptionRule<number> {
  const rule = duration(fallback, zero);
  const check = (name: string, value: unknown): number => {
    const ms = rule.check(name, value);
    if (ms === null) throw new TypeError(`${name} must be a number of milliseconds`);
    return ms;
  };
  return { fallback, check };
}

type Member = BaseConnectionPool<BaseConnection, Decoding>;
interface Given {
  readonly pool: Member;
  readonly weight: number;
}

const rules = {
  pools: {
    fallback: [],
    check: (name: string, value: unknown) => membersOf(name, value),
  },
  checkInterval: time(1_000),
  checkTimeout: time(1_000),
  failureThreshold: count(3),
  openTime: time(5_000),
  gracePeriod: time(30_000, true),
  check: callback<(pool: Member) => unknown>(),
  onState: callback<(change: FailoverStateChange) => void>(),
} as const;

/**
 * Several pools, for example of two data centres. The best pool that is up gets all the work. When it goes
 * down, unsent commands move to the next pool. A command that may have run is never repeated elsewhere.
 *
 * @example
 * ```ts
 * const pool = new FailoverPool({
 *   pools: [
 *     { pool: ConnectionPool.fromUrl('redis://near.example'), weight: 2 },
 *     { pool: ConnectionPool.fromUrl('redis://far.example'), weight: 1 },
 *   ],
 * });
 * ```
 */
export class FailoverPool<D extends Decoding = false> extends BaseConnectionPool<BaseConnection, D> {
  static {
    nameClass(this, 'FailoverPool');
  }

  readonly #members: readonly Member[];
  readonly #topology: FailoverTopology;

  /** @throws TypeError without pools, or for pools that decode differently. */
  constructor(options: FailoverPoolOptions<D>) {
    demandObject(options, 'the options of a FailoverPool');
    const { given, others } = sortOptions(rules, options);
    refuseUnknown(others);
    const settings = complete(rules, given);
    const members = settings.pools as readonly Given[];
    if (members.length === 0) throw new TypeError('a FailoverPool needs pools');
    const self: { pool: FailoverPool<D> | null } = { pool: null };
    const { onState, check } = settings;
    const tell = (change: Omit<FailoverStateChange, 'at'>): void =>
      runCallback(self, 'onState', () => onState?.({ ...change, at: Date.now() }));
    const poolAt = (index: number): Member => (members[index] as Given).pool;
    const topology = new FailoverTopology(
      members.map((member) => memberFor(member, check, settings.checkTimeout)),
      settings,
      {
        changed: (index, state, error) =>
          tell(error === undefined ? { state, pool: poolAt(index) } : { state, pool: poolAt(index), error }),
        moved: (to, from, failed) => {
          // Subscribers would stay with a server that hangs without closing its connections.
          if (failed) self.pool?.engine.disconnectSubscribers('its pool is down');
          tell({ state: 'active', pool: poolAt(to), from: poolAt(from) });
        },
      },
    );
    super(setupOf(members, topology));
    self.pool = this;
    for (const [index, { pool }] of members.entries()) {
      const member = engineOf(pool);
      member.onCredentials = (ask) => {
        this.engine.authenticateSubscribers(ask, member.setup.owner);
        topology.credentialsChanged(index);
      };
    }
    this.#members = members.map(({ pool }) => pool);
    this.#topology = topology;
  }

  /** The pools, in the order given. */
  get pools(): readonly BaseConnectionPool<BaseConnection, D>[] {
    return this.#members as unknown as readonly BaseConnectionPool<BaseConnection, D>[];
  }
  /** The pool that has the work. */
  get activePool(): BaseConnectionPool<BaseConnection, D> {
    return this.pools[this.#topology.active] as BaseConnectionPool<BaseConnection, D>;
  }
  /** True if the circuit of that pool is closed. */
  isUp(pool: BaseConnectionPool<BaseConnection, D>): boolean {
    const index = this.pools.indexOf(pool);
    if (index === -1) throw new TypeError('isUp(): the pool is not a member of this FailoverPool');
    return this.#topology.isUp(index);
  }

  /** The lease stays at the pool that was active, and ends with it. */
  override async acquire(options?: AcquireOptions): Promise<Lease<BaseConnection>> {
    const begun = performance.now();
    for (;;) {
      const member = this.#topology.active;
      try {
        return await super.acquire(options);
      } catch (error) {
        const lost = error instanceof ConnectionError && !(error instanceof PoolClosedError);
        const limit = options?.timeout ?? Number.POSITIVE_INFINITY;
        if (!lost || performance.now() - begun >= limit || !(await this.#topology.leaves(member)))
          throw error;
      }
    }
  }
  override release(connection: BaseConnection): void {
    const owner = pooledOf(connection)?.node.owner;
    const member = this.#members.find((pool) => engineOf(pool).setup.owner === owner);
    if (member === undefined) throw new TypeError('this connection was not leased out by this pool');
    member.release(connection);
  }
  override async setClientName(name: string | null): Promise<void> {
    await Promise.all(this.#members.map((pool) => pool.setClientName(name)));
  }

  /** Closes its pools as well. */
  override async close(options: { timeout?: number | null | undefined } = {}): Promise<void> {
    const closing = super.close(options);
    await Promise.all([closing, ...this.#members.map((pool) => pool.close(options))]);
  }
}

function membersOf(name: string, value: unknown): readonly Given[] {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value))
    throw new TypeError(`${name} must be a list of pools`);
  const members = [...(value as Iterable<unknown>)].map((entry): Given => {
    const { pool, weight = 1 } = (entry instanceof BaseConnectionPool ? { pool: entry } : entry) as {
      pool: unknown;
      weight?: unknown;
    };
    if (!(pool instanceof BaseConnectionPool)) throw new TypeError(`${name} must hold pools`);
    if (typeof weight !== 'number' || !(weight > 0 && weight < Number.POSITIVE_INFINITY))
      throw new TypeError(`${name}: weight must be a number above 0`);
    return { pool: pool as Member, weight };
  });
  if (new Set(members.map(({ pool }) => pool)).size < members.length)
    throw new TypeError(`${name} must hold each pool once`);
  return members;
}

function memberFor(
  { pool, weight }: Given,
  check: ((pool: Member) => unknown) | null,
  timeout: number,
): FailoverMember {
  const engine = engineOf(pool);
  const { topology, setup } = engine;
  return {
    topology,
    owner: setup.owner,
    weight,
    check: check === null ? null : () => check(pool),
    warm: () => engine.open({ timeout: timeout * 5 }),
    disconnect: (reason) => engine.disconnect(reason),
  };
}

/** The setup of the whole: the options of calls come from the first pool. */
function setupOf(members: readonly Given[], topology: FailoverTopology): PoolSetup {
  const setups = members.map(({ pool }) => engineOf(pool).setup);
  const [first] = setups as [PoolSetup];
  for (const { settings } of setups) {
    for (const name of ['decodeResponses', 'encoding', 'noreply', 'resp2Replies', 'db'] as const)
      if (settings[name] !== first.settings[name])
        throw new TypeError(`the pools of a FailoverPool must have the same ${name}`);
  }
  const spaces = setups.map(({ keySpace }) => keySpace);
  return {
    ...first,
    topology,
    owner: {},
    settings: changed(first.settings, { credentialProvider: null }),
    retryPolicy: new OnceOnly(first.retryPolicy ?? new ExponentialBackoffRetryPolicy()),
    maxConnections: () => setups.reduce((sum, { maxConnections }) => sum + maxConnections(), 0),
    tracking: null,
    keySpace: spaces[0] ?? null,
    checksLeases: setups.some(({ checksLeases }) => checksLeases),
  };
}

/** Never repeats a call that may have run, because another member's servers do not know of the first attempt. */
class OnceOnly implements RetryPolicy {
  readonly #policy: RetryPolicy;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  next(...args: Parameters<RetryPolicy['next']>): number | null {
    return args[2].maybeExecuted ? null : this.#policy.next(...args);
  }
}
