import { RESERVED } from '../connection/connection-core.ts';
import { authenticate } from '../connection/opening/handshake.ts';
import type { Credentials } from '../interfaces/credential-provider.ts';
import type { PooledConnection } from './pooled-connection.ts';

/** The node, as re-authentication sees it. */
export interface ReAuthenticationOwner {
  readonly all: Iterable<PooledConnection>;
}

/**
 * New credentials for live connections. Each is kept from new work until it has drained, then AUTH goes out alone;
 * one that does not drain in time, or is refused, is retired.
 */
export class ReAuthentication {
  /** How often the credentials have changed: a dial that began before a change may have asked too early. */
  changes = 0;
  readonly #node: ReAuthenticationOwner;
  readonly #limit: number | null;
  readonly #waiting = new Map<PooledConnection, NodeJS.Timeout | null>();
  #credentials: (() => Promise<Credentials | null>) | null = null;

  constructor(node: ReAuthenticationOwner, limit: number | null) {
    this.#node = node;
    this.#limit = limit;
  }

  begin(credentials: () => Promise<Credentials | null>): void {
    this.changes++;
    this.#credentials = credentials;
    for (const pooled of [...this.#node.all]) this.renew(pooled);
  }

  /** Keeps the connection from new work and authenticates it again as soon as nothing is outstanding. */
  renew(pooled: PooledConnection): void {
    if (this.#waiting.has(pooled)) return;
    const timer = this.#limit === null ? null : setTimeout(() => this.#late(pooled), this.#limit);
    timer?.unref();
    this.#waiting.set(pooled, timer);
    pooled.core.reserved |= RESERVED.credentials;
    pooled.slot?.changed();
    this.drained(pooled);
  }

  drained(pooled: PooledConnection): void {
    if (this.#waiting.size > 0 && this.#waiting.has(pooled) && free(pooled)) void this.#authenticate(pooled);
  }

  /** The connection has ended. */
  forget(pooled: PooledConnection): void {
    clearTimeout(this.#waiting.get(pooled) ?? undefined);
    this.#waiting.delete(pooled);
  }

  stop(): void {
    for (const pooled of [...this.#waiting.keys()]) this.forget(pooled);
  }

  async #authenticate(pooled: PooledConnection): Promise<void> {
    const { core } = pooled;
    try {
      const { changes } = this;
      const credentials = (await this.#credentials?.()) ?? null;
      // The holder of a lease may have gone on meanwhile: the next time it runs empty comes soon.
      if (changes !== this.changes || !this.#waiting.has(pooled) || !free(pooled)) {
        return this.#waiting.has(pooled) && free(pooled) ? this.drained(pooled) : undefined;
      }
      this.forget(pooled);
      const answer = authenticate(core, credentials, this.#limit);
      // Alone in its write, even when the holder of a lease queues more in this turn.
      core.flush();
      await answer;
    } catch {
      // A new dial asks again and reports what is wrong; this connection must not go on as the old user.
      this.forget(pooled);
      pooled.retire();
    }
    if (this.#waiting.has(pooled)) return this.drained(pooled);
    core.reserved &= ~RESERVED.credentials;
    pooled.slot?.changed();
  }

  #late(pooled: PooledConnection): void {
    this.#waiting.delete(pooled);
    pooled.core.reserved &= ~RESERVED.credentials;
    pooled.retire();
  }
}

function free({ core }: PooledConnection): boolean {
  return core.state === 'ready' && core.outstanding === 0 && !core.session.inTransaction;
}
