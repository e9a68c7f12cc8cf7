import type { BaseConnection } from '../../connection/base-connection.ts';
import type { Lease } from '../../interfaces/abstract-pool.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';

/** One tenure of one connection. */
export class ConnectionLease<C extends BaseConnection> implements Lease<C> {
  readonly connection: C;
  readonly #node: ConnectionNode<C>;
  readonly #tenure: number;

  constructor(connection: C, node: ConnectionNode<C>) {
    this.connection = connection;
    this.#node = node;
    this.#tenure = node.pool.tenureOf(connection);
  }

  release(): void {
    this.#node.release(this.connection, this.#tenure);
  }
  [Symbol.dispose](): void {
    this.release();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }
}
