import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { call } from '../connection/requests/call.ts';
import { ConnectionError } from '../errors/errors.ts';
import type { ConnectionNode } from './connection-node.ts';

/** How long a blocked connection may take to answer after CLIENT UNBLOCK. */
export const GRACE = 1_000;

interface Own<C> {
  readonly connection: Promise<C>;
  readonly dial: AbortController;
}

/**
 * Sends CLIENT UNBLOCK: over the shared connection, else over one of its own, which all who need it at that
 * time share and which is gone afterwards.
 */
export class Unblocker<C extends BaseConnection> {
  readonly #node: ConnectionNode<C>;
  #own: Own<C> | null = null;
  #users = 0;

  constructor(node: ConnectionNode<C>) {
    this.#node = node;
  }

  /** Whether the server says that this client was blocked. Rejects when it refuses or cannot be asked. */
  ask(clientId: number | null): Promise<boolean> {
    if (clientId === null)
      return Promise.reject(new Error('the server has not told the id of the connection'));
    const shared = this.#node.tryShare();
    return shared === null ? this.#askApart(clientId) : unblock(shared, clientId);
  }

  end(): void {
    const own = this.#own;
    this.#own = null;
    own?.dial.abort(new ConnectionError('nobody has to be unblocked any more'));
    own?.connection.then(
      (connection) => connection.invalidate('unblocked'),
      () => {},
    );
  }

  async #askApart(clientId: number): Promise<boolean> {
    this.#users++;
    try {
      this.#own ??= this.#dial();
      return await unblock(await this.#own.connection, clientId);
    } finally {
      this.#users--;
      if (this.#users === 0) this.end();
    }
  }

  #dial(): Own<C> {
    const dial = new AbortController();
    const late = setTimeout(() => dial.abort(new ConnectionError(`not connected within ${GRACE} ms`)), GRACE);
    const connection = this.#node.extra(dial.signal).finally(() => clearTimeout(late));
    return { connection, dial };
  }
}

async function unblock(connection: BaseConnection, clientId: number): Promise<boolean> {
  return (await call(coreOf(connection), 'CLIENT UNBLOCK', [clientId], { timeout: GRACE })) === 1;
}
