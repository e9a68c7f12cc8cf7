import { RESERVED } from '../connection/connection-core.ts';
import { authenticate } from '../connection/opening/handshake.ts';
import type { Credentials } from '../interfaces/credential-provider.ts';
import type { PooledConnection } from './pooled-connection.ts';

/** The part of the node that re-authentication uses. */
export interface ReAuthenticationOwner {
  readonly all: Iterable<PooledConnection>;
}

/**
 * Authenticates live connections with new credentials. Each gets no new work until it has drained, then AUTH is sent
 * alone. A connection that drains too late, or whose AUTH is refused, is retired.
 */
export class ReAuthentication {
  /** Counts credential changes. A dial that began before a change may have used the old credentials. */
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

  /** Keeps new work off the connection and authenticates it again once nothing is outstanding. */
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

  /** Called when the connection has ended. */
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
      // A lease holder may have sent commands meanwhile: wait until the connection has drained again.
      if (changes !== this.changes || !this.#waiting.has(pooled) || !free(pooled)) {
        return this.#waiting.has(pooled) && free(pooled) ? this.drained(pooled) : undefined;
      }
      this.forget(pooled);
      const answer = authenticate(core, credentials, this.#limit);
      // Write AUTH alone, even if a lease holder queues more in this turn.
      core.flush();
      await answer;
    } catch {
      // The connection must not continue as the old user; a new dial reports what is wrong.
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
