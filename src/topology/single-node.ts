import type { Deadline } from '../base/deadline.ts';
import type { BaseConnection } from '../connection/base-connection.ts';
import type { RedisError } from '../errors/errors.ts';
import type { ConnectionNode } from '../node/connection-node.ts';
import type { Next, RoutedCall, Topology } from './topology.ts';

/** Finds the server of a single-node topology, and reacts to its error replies. */
export interface ServerRole {
  /** Called for every error reply on every connection, before `next`. */
  refused(error: RedisError, connection: BaseConnection, node: ConnectionNode): void;
  next(call: RoutedCall, error: Error, node: ConnectionNode): Next | null;
  close(): void;
}

/** Verifies a connection before calls go over it. */
export interface ConnectionCheck {
  /** Whether calls must wait for `passed`. */
  readonly due: boolean;
  passed(deadline: Deadline): Promise<void>;
}

/** A topology of one node: a fixed address, or the current primary or replicas of a sentinel service. */
export class SingleNode implements Topology {
  readonly name: string;
  /** Never called: a subscriber loses its connection with the server, and its redial finds the next one. */
  onChange: (() => void) | null = null;
  readonly #node: ConnectionNode;
  readonly #role: ServerRole;
  readonly #check: ConnectionCheck | null;

  constructor(node: ConnectionNode, role: ServerRole, check: ConnectionCheck | null = null) {
    this.name = node.address;
    this.#node = node;
    this.#role = role;
    this.#check = check;
    node.onRefusal = (error, connection) => role.refused(error, connection, node);
  }

  route(): ConnectionNode | null {
    return this.#check?.due === true ? null : this.#node;
  }
  async resolve(_: RoutedCall, deadline: Deadline): Promise<ConnectionNode> {
    await this.#check?.passed(deadline);
    return this.#node;
  }
  anyNode(): ConnectionNode {
    return this.#node;
  }
  resolveAny(): Promise<ConnectionNode> {
    return Promise.resolve(this.#node);
  }
  next(call: RoutedCall, error: Error): Next | null {
    return this.#role.next(call, error, this.#node);
  }
  *nodes(): Iterable<ConnectionNode> {
    yield this.#node;
  }
  refuse(): null {
    return null;
  }
  subscriberNode(): ConnectionNode {
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
    this.#role.close();
  }
}
