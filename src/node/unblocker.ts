import { SingleFlight } from '../base/single-flight.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { call, ping } from '../connection/requests/call.ts';
import { ConnectionError } from '../errors/errors.ts';
import { isServerFull } from '../errors/reply-errors.ts';
import { addressAnswered } from './dials.ts';
import { sameServer } from './server-identity.ts';
import type { ServiceConnection, ServiceSettings } from './service-connection.ts';

/** How long a blocked connection may take to answer after CLIENT UNBLOCK. */
export const GRACE = 1_000;

/** The node, as the unblocker sees it. */
export interface UnblockerNode {
  tryShare(): BaseConnection | null;
  extra(signal: AbortSignal): Promise<BaseConnection>;
  service(settings: Pick<ServiceSettings, 'dial' | 'wanted'>): ServiceConnection;
}

/**
 * Sends CLIENT UNBLOCK or PING for a blocked connection: over the shared connection, else over a service connection,
 * which all concurrent users share and which ends after the last of them.
 */
export class Unblocker {
  readonly #node: UnblockerNode;
  #service: ServiceConnection | null = null;
  readonly #question = new SingleFlight<boolean>();
  #users = 0;

  constructor(node: UnblockerNode) {
    this.#node = node;
  }

  /** Whether the server says that this client was blocked. Rejects when it refuses or cannot be asked. */
  async ask(blocked: BaseConnection): Promise<boolean> {
    if (blocked.clientId === null) throw new Error('the server has not named the id of the connection');
    const shared = this.#node.tryShare();
    if (shared !== null) {
      await proveSame(shared, blocked);
      // Meanwhile it may have been leased, and a transaction opened on it.
      if (this.#node.tryShare() === shared) return unblock(shared, blocked);
    }
    return this.#apart(GRACE, async (connection) => {
      await proveSame(connection, blocked);
      return unblock(connection, blocked);
    });
  }

  /** Ends the service connection. */
  close(): void {
    void this.#service?.close('nobody has to be unblocked any more');
    this.#service = null;
  }

  /** Whether the server answers a PING within that time, over whichever connection: one PING for all that ask at a time. */
  answers(patience: number): Promise<boolean> {
    return this.#question.run(() => this.#ping(patience));
  }

  async #ping(patience: number): Promise<boolean> {
    const shared = this.#node.tryShare();
    try {
      if (shared !== null) await ping(coreOf(shared), { timeout: patience });
      else await this.#apart(patience, (connection) => ping(coreOf(connection), { timeout: patience }));
      return true;
    } catch (error) {
      // A server that is full, or refuses the user, is there.
      return addressAnswered(error) || isServerFull(error);
    }
  }

  /** Runs work over the service connection if it is up in time. */
  async #apart<R>(time: number, use: (connection: BaseConnection) => Promise<R>): Promise<R> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new ConnectionError(`not connected within ${time} ms`)), time);
    this.#users++;
    this.#service ??= this.#node.service({
      dial: (signal) => this.#node.extra(signal),
      wanted: () => this.#users > 0,
    });
    try {
      return await use(await this.#service.ready(late.signal));
    } finally {
      clearTimeout(timer);
      this.#users--;
      if (this.#users === 0) this.close();
    }
  }
}

/** The same address may lead to another server, where the id is that of a stranger. */
async function proveSame(connection: BaseConnection, blocked: BaseConnection): Promise<void> {
  const core = coreOf(connection);
  if (await sameServer(core, coreOf(blocked))) return;
  throw new ConnectionError('the address now leads to another server', { endpoint: core.settings.endpoint });
}

async function unblock(connection: BaseConnection, blocked: BaseConnection): Promise<boolean> {
  const core = coreOf(connection);
  // While writes are paused a blocking command waits as any write does, and to unblock it then ends the process of
  // Redis 8.0, Valkey 8.1 and older. A script waits for the end of the pause as well, and what follows it too.
  void call(core, 'EVAL', ['return 1', 0], { timeout: GRACE, raise: false });
  return (await call(core, 'CLIENT UNBLOCK', [blocked.clientId as number], { timeout: GRACE })) === 1;
}
