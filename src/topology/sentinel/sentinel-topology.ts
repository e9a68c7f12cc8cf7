import type { Deadline } from '../../base/deadline.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import type { RoutedCall, Topology, Next } from '../topology.ts';
import type { IdleCheck } from './idle-check.ts';
import type { Place } from './place.ts';

/** One role of one service: a single node whose place moves. */
export class SentinelTopology<C extends BaseConnection> implements Topology<C> {
  readonly name: string;
  /** Subscribers are lost with the primary they are on, and look for the next one then. */
  onChange: (() => void) | null = null;
  readonly #node: ConnectionNode<C>;
  readonly #place: Place<C>;
  readonly #check: IdleCheck<C> | null;

  constructor(node: ConnectionNode<C>, place: Place<C>, check: IdleCheck<C> | null = null) {
    this.name = node.address;
    this.#node = node;
    this.#place = place;
    this.#check = check;
  }

  route(): ConnectionNode<C> | null {
    return this.#check?.due === true ? null : this.#node;
  }
  async resolve(_: RoutedCall, deadline: Deadline): Promise<ConnectionNode<C>> {
    await this.#check?.passed(deadline);
    return this.#node;
  }
  anyNode(): ConnectionNode<C> {
    return this.#node;
  }
  resolveAny(): Promise<ConnectionNode<C>> {
    return Promise.resolve(this.#node);
  }
  next(call: RoutedCall, error: Error): Next | null {
    return this.#place.next(call, error, this.#node);
  }
  *nodes(): Iterable<ConnectionNode<C>> {
    yield this.#node;
  }
  refuse(): null {
    return null;
  }
  subscriberNode(): ConnectionNode<C> {
    return this.#node;
  }
  subscriberGroup(): number {
    return 0;
  }
  subscriberFailed(): void {}
  open(): Promise<void> {
    return Promise.resolve();
  }
  close(): void {
    this.#place.close();
  }
}
