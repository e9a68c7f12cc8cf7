import type { Deadline } from '../base/deadline.ts';
import type { BaseConnection } from '../connection/base-connection.ts';
import type { RedisError } from '../errors/errors.ts';
import type { ConnectionNode } from '../node/connection-node.ts';
import type { Next, RoutedCall, Topology } from './topology.ts';

/** How the one node of a topology finds its server, and what refusals tell of that server. */
export interface ServerRole {
  /** Called for every error reply of every connection, before `next`. */
  refused(error: RedisError, connection: BaseConnection, node: ConnectionNode): void;
  next(call: RoutedCall, error: Error, node: ConnectionNode): Next | null;
  close(): void;
}

/** Verifies a connection before calls go over it. */
export interface ConnectionCheck {
  /** Whether calls are to wait for `passed`. */
  readonly due: boolean;
  passed(deadline: Deadline): Promise<void>;
}

/** One node at a time: an address, or the primary or the replicas of a service, wherever these are now. */
export class SingleNode implements Topology {
  readonly name: string;
  /** Subscribers are lost with the server they are on, and look for the next one then. */
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
