import type { BaseConnection } from '../connection/base-connection.ts';
import { ReadOnlyError } from '../errors/errors.ts';
import type { ConnectionNode } from '../node/connection-node.ts';
import type { RoutedCall, Topology, Next } from './topology.ts';

/** One address. */
export class Standalone<C extends BaseConnection> implements Topology<C> {
  readonly name: string;
  /** Nothing ever changes here. */
  onChange: (() => void) | null = null;
  readonly #node: ConnectionNode<C>;

  constructor(node: ConnectionNode<C>) {
    this.#node = node;
    this.name = node.address;
    // A demoted primary behind a name that leads elsewhere by now: heard of on leases and in transactions as well.
    node.onRefusal = (error) => {
      if (error instanceof ReadOnlyError) node.renew();
    };
  }

  route(): ConnectionNode<C> {
    return this.#node;
  }
  resolve(): Promise<ConnectionNode<C>> {
    return Promise.resolve(this.#node);
  }
  anyNode(): ConnectionNode<C> {
    return this.#node;
  }
  resolveAny(): Promise<ConnectionNode<C>> {
    return Promise.resolve(this.#node);
  }

  /** The connections to a demoted primary are gone by now: the next dial looks the name up again, once. */
  next(call: RoutedCall, error: Error): Next | null {
    if (!(error instanceof ReadOnlyError) || call.redirects > 0) return null;
    call.redirects++;
    return { kind: 'again' };
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
  close(): void {}
}
