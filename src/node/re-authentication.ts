import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { authenticate } from '../connection/handshake.ts';
import type { Credentials } from '../interfaces/credential-provider.ts';
import type { ConnectionNode } from './connection-node.ts';

/**
 * New credentials for live connections. Each is kept from new work until it has drained, then AUTH goes out alone;
 * one that does not drain in time, or is refused, is retired.
 */
export class ReAuthentication<C extends BaseConnection> {
  readonly #node: ConnectionNode<C>;
  readonly #limit: number | null;
  readonly #waiting = new Map<C, NodeJS.Timeout | null>();
  #credentials: (() => Promise<Credentials | null>) | null = null;

  constructor(node: ConnectionNode<C>, limit: number | null) {
    this.#node = node;
    this.#limit = limit;
  }

  begin(credentials: () => Promise<Credentials | null>): void {
    this.#credentials = credentials;
    for (const connection of [...this.#node.connections]) {
      if (this.#waiting.has(connection)) continue;
      const timer = this.#limit === null ? null : setTimeout(() => this.#late(connection), this.#limit);
      timer?.unref();
      this.#waiting.set(connection, timer);
      coreOf(connection).reserved = true;
      this.#node.pool.changed(connection);
      this.drained(connection);
    }
  }

  drained(connection: C): void {
    if (this.#waiting.size === 0 || !this.#waiting.has(connection)) return;
    const core = coreOf(connection);
    if (core.outstanding > 0 || core.session.inTransaction) return;
    clearTimeout(this.#waiting.get(connection) ?? undefined);
    this.#waiting.delete(connection);
    void this.#authenticate(connection);
  }

  stop(): void {
    for (const timer of this.#waiting.values()) clearTimeout(timer ?? undefined);
    this.#waiting.clear();
  }

  async #authenticate(connection: C): Promise<void> {
    const core = coreOf(connection);
    try {
      const credentials = (await this.#credentials?.()) ?? null;
      await authenticate(core, credentials, this.#limit);
    } catch {
      // A new dial asks again and reports what is wrong; this connection must not go on as the old user.
      this.#node.retire(connection);
    } finally {
      core.reserved = false;
      this.#node.pool.changed(connection);
    }
  }

  #late(connection: C): void {
    this.#waiting.delete(connection);
    coreOf(connection).reserved = false;
    this.#node.retire(connection);
  }
}
