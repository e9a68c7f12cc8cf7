import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { authenticate } from '../connection/opening/handshake.ts';
import type { Credentials } from '../interfaces/credential-provider.ts';
import type { ConnectionNode } from './connection-node.ts';

/**
 * New credentials for live connections. Each is kept from new work until it has drained, then AUTH goes out alone;
 * one that does not drain in time, or is refused, is retired.
 */
export class ReAuthentication<C extends BaseConnection> {
  /** How often the credentials have changed: what was dialled across a change has asked too early. */
  changes = 0;
  readonly #node: ConnectionNode<C>;
  readonly #limit: number | null;
  readonly #waiting = new Map<C, NodeJS.Timeout | null>();
  #credentials: (() => Promise<Credentials | null>) | null = null;

  constructor(node: ConnectionNode<C>, limit: number | null) {
    this.#node = node;
    this.#limit = limit;
  }

  begin(credentials: () => Promise<Credentials | null>): void {
    this.changes++;
    this.#credentials = credentials;
    for (const connection of [...this.#node.connections]) this.renew(connection);
  }

  /** Keeps the connection from new work and authenticates it again as soon as nothing is outstanding. */
  renew(connection: C): void {
    if (this.#waiting.has(connection)) return;
    const timer = this.#limit === null ? null : setTimeout(() => this.#late(connection), this.#limit);
    timer?.unref();
    this.#waiting.set(connection, timer);
    coreOf(connection).reserved = true;
    this.#node.pool.changed(connection);
    this.drained(connection);
  }

  drained(connection: C): void {
    if (this.#waiting.size > 0 && this.#waiting.has(connection) && free(connection))
      void this.#authenticate(connection);
  }

  /** The connection has ended. */
  forget(connection: C): void {
    clearTimeout(this.#waiting.get(connection) ?? undefined);
    this.#waiting.delete(connection);
  }

  stop(): void {
    for (const connection of [...this.#waiting.keys()]) this.forget(connection);
  }

  async #authenticate(connection: C): Promise<void> {
    const core = coreOf(connection);
    try {
      const { changes } = this;
      const credentials = (await this.#credentials?.()) ?? null;
      // The holder of a lease may have gone on meanwhile: the next time it runs empty comes soon.
      if (changes !== this.changes || !this.#waiting.has(connection) || !free(connection)) {
        return this.#waiting.has(connection) && free(connection) ? this.drained(connection) : undefined;
      }
      this.forget(connection);
      const answer = authenticate(core, credentials, this.#limit);
      // Alone in its write, whatever the holder of a lease queues in this turn.
      core.flush();
      await answer;
    } catch {
      // A new dial asks again and reports what is wrong; this connection must not go on as the old user.
      this.forget(connection);
      this.#node.retire(connection);
    }
    if (this.#waiting.has(connection)) return this.drained(connection);
    core.reserved = false;
    this.#node.pool.changed(connection);
  }

  #late(connection: C): void {
    this.#waiting.delete(connection);
    coreOf(connection).reserved = false;
    this.#node.retire(connection);
  }
}

function free(connection: BaseConnection): boolean {
  const core = coreOf(connection);
  return core.state === 'ready' && core.outstanding === 0 && !core.session.inTransaction;
}
