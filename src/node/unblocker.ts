import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { call } from '../connection/call.ts';
import type { ConnectionNode } from './connection-node.ts';

/** How long a blocked connection may take to answer after CLIENT UNBLOCK. */
export const GRACE = 1_000;

/**
 * Sends CLIENT UNBLOCK: over the shared connection, else over one of its own, which all who need it at that
 * time share and which is gone afterwards.
 */
export class Unblocker<C extends BaseConnection> {
  readonly #node: ConnectionNode<C>;
  #own: Promise<C> | null = null;
  #users = 0;

  constructor(node: ConnectionNode<C>) {
    this.#node = node;
  }

  /** Whether the server says that this client was blocked. Rejects when it refuses or cannot be asked. */
  ask(clientId: number | null): Promise<boolean> {
    if (clientId === null)
      return Promise.reject(new Error('the server has not told the id of the connection'));
    const shared = this.#node.pool.tryShare();
    return shared === null ? this.#askApart(clientId) : unblock(shared, clientId);
  }

  end(): void {
    const own = this.#own;
    this.#own = null;
    own?.then(
      (connection) => connection.invalidate('unblocked'),
      () => {},
    );
  }

  async #askApart(clientId: number): Promise<boolean> {
    this.#users++;
    try {
      this.#own ??= this.#node.extra(AbortSignal.timeout(GRACE));
      return await unblock(await this.#own, clientId);
    } finally {
      this.#users--;
      if (this.#users === 0) this.end();
    }
  }
}

async function unblock(connection: BaseConnection, clientId: number): Promise<boolean> {
  return (await call(coreOf(connection), 'CLIENT UNBLOCK', [clientId], { timeout: GRACE })) === 1;
}
