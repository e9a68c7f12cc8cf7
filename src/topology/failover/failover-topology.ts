import type { Deadline } from '../../base/deadline.ts';
import type { CommandInfo } from '../../commands/command-info.ts';
import { ConnectionError, PoolClosedError, RequestAbortedError } from '../../errors/errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import type { SubscriptionKind } from '../../pubsub/subscriptions/subscription-kinds.ts';
import type { RedisValue } from '../../resp/types.ts';
import { channels, observed } from '../../telemetry/channels.ts';
import type { CommandPart, Next, RoutedCall, Topology } from '../topology.ts';
import { type HealthSettings, HealthWatch } from './health-watch.ts';

/** Pause, in ms, before a call without a connection is tried again while its pool is being checked. */
const PAUSE = 25;

/** One member pool of a failover pool. */
export interface FailoverMember {
  readonly topology: Topology;
  /** Owner of the member's nodes, for finding the member of a node. */
  readonly owner: object;
  readonly weight: number;
  /** The user's health check; null: PING. */
  readonly check: (() => unknown) | null;
  /** Opens connections before work moves to the member. */
  warm(): Promise<unknown>;
  /** Drops every connection. */
  disconnect(reason: string): void;
}

export interface FailoverSettings extends HealthSettings {
  /** Time, in ms, that a better pool must be up before work moves back to it. */
  readonly gracePeriod: number;
}

export interface FailoverEvents {
  /** Work has moved to another member. `failed`: the old member is down. */
  readonly moved: (to: number, from: number, failed: boolean) => void;
  readonly changed: (member: number, state: 'up' | 'down', error: unknown) => void;
}

/**
 * Routes to one of several topologies: the best that is up. On a move, unsent calls go to the new one; all other calls
 * finish or fail with the connections of the old one.
 */
export class FailoverTopology implements Topology {
  readonly name: string;
  onChange: (() => void) | null = null;
  readonly #members: readonly FailoverMember[];
  readonly #watches: readonly HealthWatch[];
  /** Indexes of the members, the best first. */
  readonly #ranks: readonly number[];
  readonly #settings: FailoverSettings;
  readonly #events: FailoverEvents;
  /** Per call, the number of passed checks when the call first had no connection. */
  readonly #waiting = new WeakMap<RoutedCall, number>();
  #active = 0;
  #moved: { readonly promise: Promise<null>; readonly tell: () => void } = signal();
  #started = false;
  #warming = false;
  #closed = false;

  constructor(members: readonly FailoverMember[], settings: FailoverSettings, events: FailoverEvents) {
    this.#members = members;
    this.#settings = settings;
    this.#events = events;
    this.name = members.map(({ topology }) => topology.name).join(' | ');
    this.#ranks = ranked(members);
    this.#active = this.#ranks[0] ?? 0;
    this.#watches = members.map(
      (member, index) =>
        new HealthWatch(member.topology, settings, {
          check: member.check,
          checked: () => this.#review(),
          changed: (state, error) => this.#changed(index, state, error),
        }),
    );
    for (const { topology } of members) {
      const told = topology.onChange;
      topology.onChange = () => {
        told?.();
        this.onChange?.();
      };
    }
  }

  /** Index of the member that gets the work. */
  get active(): number {
    return this.#active;
  }
  /** Makes the member's health checks use the new credentials. */
  credentialsChanged(member: number): void {
    this.#watches[member]?.redial();
  }
  isUp(member: number): boolean {
    return this.#watches[member]?.state === 'up';
  }

  route(call: RoutedCall, args: readonly RedisValue[] | null): ConnectionNode | null {
    if (!this.#started) this.#start();
    return this.#now.route(call, args);
  }
  resolve(call: RoutedCall, deadline: Deadline): Promise<ConnectionNode> {
    return this.#follow((topology) => topology.resolve(call, deadline));
  }
  anyNode(): ConnectionNode | null {
    if (!this.#started) this.#start();
    return this.#now.anyNode();
  }
  resolveAny(deadline: Deadline): Promise<ConnectionNode> {
    return this.#follow((topology) => topology.resolveAny(deadline));
  }

  next(call: RoutedCall, error: Error): Next | null {
    const member = call.node === null ? this.#active : this.#memberOf(call.node);
    const { topology } = this.#members[member] as FailoverMember;
    const lost = error instanceof ConnectionError && !(error instanceof PoolClosedError);
    if (!lost) return topology.next(call, error);
    if (member !== this.#active) return { kind: 'again' };
    const own = topology.next(call, error);
    const watch = this.#watches[member] as HealthWatch;
    watch.suspect();
    const passed = this.#waiting.get(call) ?? watch.passed;
    this.#waiting.set(call, passed);
    // Pause until a check shows whether the whole pool is down or only this server.
    return watch.undecided && watch.passed === passed ? { kind: 'pause', ms: PAUSE } : own;
  }

  /** Waits for the health check of a member. True: work has moved to another member. */
  async leaves(member: number): Promise<boolean> {
    const watch = this.#watches[member] as HealthWatch;
    watch.suspect();
    const { passed } = watch;
    while (member === this.#active && watch.undecided && watch.passed === passed && !this.#closed)
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    return member !== this.#active;
  }

  *nodes(): Iterable<ConnectionNode> {
    for (const { topology } of this.#members) yield* topology.nodes();
  }
  get waiting(): number {
    return this.#members.reduce((sum, { topology }) => sum + (topology.waiting ?? 0), 0);
  }
  refuse(info: CommandInfo): TypeError | null {
    return this.#now.refuse(info);
  }
  split(info: CommandInfo, args: readonly RedisValue[]): readonly CommandPart[] | null {
    return this.#now.split?.(info, args) ?? null;
  }

  /** Opens the best member that passes a check now; rejects with the best member's error if none does. */
  async open(deadline: Deadline): Promise<void> {
    if (!this.#started) this.#start();
    const checks = this.#watches.map((watch) => watch.check());
    for (const index of this.#ranks) {
      if (index === this.#active || this.isUp(index)) {
        if (await deadline.wait(checks[index] as Promise<boolean>)) break;
        this.#watches[index]?.trip(this.#watches[index]?.lastError);
      }
    }
    await this.#follow((topology) => topology.open(deadline));
  }

  subscriberNode(kind: SubscriptionKind, name: Buffer): ConnectionNode | null {
    if (!this.#started) this.#start();
    return this.#now.subscriberNode(kind, name);
  }
  subscriberNodes(kind: SubscriptionKind, name: Buffer): readonly ConnectionNode[] | null {
    return this.#now.subscriberNodes?.(kind, name) ?? null;
  }
  subscriberStays(node: ConnectionNode, kind: SubscriptionKind): boolean {
    return this.#memberOf(node) === this.#active && this.#now.subscriberStays?.(node, kind) === true;
  }
  subscriberGroup(kind: SubscriptionKind, name: Buffer): number {
    return this.#now.subscriberGroup(kind, name);
  }
  get moves(): boolean {
    return this.#now.moves === true;
  }
  subscriberFailed(node: ConnectionNode, error: Error): void {
    const member = this.#memberOf(node);
    this.#members[member]?.topology.subscriberFailed(node, error);
    this.#watches[member]?.suspect();
  }

  close(): void {
    this.#closed = true;
    for (const watch of this.#watches) watch.stop();
  }

  get #now(): Topology {
    return (this.#members[this.#active] as FailoverMember).topology;
  }

  #memberOf(node: { readonly owner?: unknown }): number {
    const index = this.#members.findIndex(({ owner }) => owner === node.owner);
    return index === -1 ? this.#active : index;
  }

  /** Asks the active member; if the work moves meanwhile, asks the new one. */
  async #follow<T>(ask: (topology: Topology) => Promise<T>): Promise<T> {
    if (!this.#started) this.#start();
    for (;;) {
      const { promise } = this.#moved;
      const answer = await Promise.race([ask(this.#now).then((value) => ({ value })), promise]);
      if (answer !== null) return answer.value;
    }
  }

  #start(): void {
    if (this.#closed) return;
    this.#started = true;
    for (const watch of this.#watches) watch.start();
  }

  #changed(index: number, state: 'up' | 'down', error: unknown): void {
    if (this.#closed) return;
    this.#events.changed(index, state, error);
    this.#review();
  }

  /** Leaves a member that is down at once; returns to a better one after it was up for `gracePeriod`. */
  #review(): void {
    if (this.#closed) return;
    if (!this.isUp(this.#active)) {
      const best = this.#ranks.find((index) => this.isUp(index));
      if (best !== undefined) this.#move(best, true);
      return;
    }
    const settled = performance.now() - this.#settings.gracePeriod;
    const better = this.#ranks.find(
      (index) =>
        index !== this.#active &&
        this.#ranks.indexOf(index) < this.#ranks.indexOf(this.#active) &&
        this.isUp(index) &&
        (this.#watches[index] as HealthWatch).upSince <= settled,
    );
    if (better !== undefined && !this.#warming) void this.#return(better);
  }

  async #return(to: number): Promise<void> {
    this.#warming = true;
    try {
      await (this.#members[to] as FailoverMember).warm();
    } catch {
      // The pool passes its checks but cannot open connections: check again and restart the grace period.
      (this.#watches[to] as HealthWatch).upSince = performance.now();
      this.#watches[to]?.suspect();
      return;
    } finally {
      this.#warming = false;
    }
    if (!this.#closed && this.isUp(to) && to !== this.#active) this.#move(to, false);
  }

  #move(to: number, failed: boolean): void {
    const from = this.#active;
    this.#active = to;
    const { tell } = this.#moved;
    this.#moved = signal();
    tell();
    const old = this.#members[from] as FailoverMember;
    for (const node of old.topology.nodes()) {
      node.sendAway(() => new ConnectionError(`the pool has moved to ${this.#now.name}`));
      if (!failed) {
        const text = `the pool has moved to ${this.#now.name}: a blocking command stays behind`;
        node.blocking.abandon(new RequestAbortedError(text));
      }
    }
    if (failed) old.disconnect('its pool is down: work has moved to another one');
    if (observed(channels.failover)) {
      const event = { name: this.name, from: old.topology.name, to: this.#now.name, at: Date.now() };
      channels.failover.publish(event);
    }
    this.#events.moved(to, from, failed);
    this.onChange?.();
  }
}

/** Indexes by descending weight; equal weights keep the given order. */
function ranked(members: readonly FailoverMember[]): readonly number[] {
  const weighed = members.map(({ weight }, index) => ({ weight, index }));
  return weighed
    .sort((one, other) => other.weight - one.weight || one.index - other.index)
    .map(({ index }) => index);
}

function signal(): { promise: Promise<null>; tell: () => void } {
  let tell!: () => void;
  const promise = new Promise<null>((resolve) => {
    tell = () => resolve(null);
  });
  return { promise, tell };
}
