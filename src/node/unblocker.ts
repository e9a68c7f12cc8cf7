import { SingleFlight } from '../base/single-flight.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { call, ping } from '../connection/requests/call.ts';
import { ConnectionError } from '../errors/errors.ts';
import { isServerFull } from '../errors/reply-errors.ts';
import { addressAnswered } from './dials.ts';
import { sameServer } from './server-identity.ts';
import type { ServiceConnection, ServiceSettings } from './service-connection.ts';

/** Longest time, in ms, that a blocked connection may take to answer after CLIENT UNBLOCK. */
export const GRACE = 1_000;

/** The part of the node that the unblocker uses. */
export interface UnblockerNode {
  tryShare(): BaseConnection | null;
  extra(signal: AbortSignal): Promise<BaseConnection>;
  service(settings: Pick<ServiceSettings, 'dial' | 'wanted'>): ServiceConnection;
}

/**
 * Sends CLIENT UNBLOCK or PING on behalf of a blocked connection: over the pool's shared connection, else over one
 * service connection that closes after its last user.
 */
export class Unblocker {
  readonly #node: UnblockerNode;
  #service: ServiceConnection | null = null;
  readonly #question = new SingleFlight<boolean>();
  #users = 0;

  constructor(node: UnblockerNode) {
    this.#node = node;
  }

  /** Sends CLIENT UNBLOCK. Resolves with whether the client was blocked; rejects if the server refuses. */
  async ask(blocked: BaseConnection): Promise<boolean> {
    if (blocked.clientId === null) throw new Error('the server has not named the id of the connection');
    const shared = this.#node.tryShare();
    if (shared !== null) {
      await proveSame(shared, blocked);
      // A lease may have taken it meanwhile and opened a transaction.
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

  /** Whether the server answers a PING within `patience` ms; concurrent callers share one PING. */
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
      // A full server, or one that refuses the user, is still reachable.
      return addressAnswered(error) || isServerFull(error);
    }
  }

  /** Runs `use` over the service connection; rejects if it is not up within `time` ms. */
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

/** The same for calls on a server that the node has left, over one connection to it that ends with `close`. */
export class LastUnblocker {
  readonly #dial: (signal: AbortSignal) => Promise<BaseConnection>;
  readonly #end = new AbortController();
  #dialled: Promise<BaseConnection> | null = null;

  constructor(dial: (signal: AbortSignal) => Promise<BaseConnection>) {
    this.#dial = dial;
  }

  async ask(blocked: BaseConnection): Promise<boolean> {
    this.#dialled ??= this.#dial(this.#end.signal);
    const connection = await this.#dialled;
    await proveSame(connection, blocked);
    return unblock(connection, blocked);
  }

  close(): void {
    this.#end.abort(new ConnectionError('nobody has to be unblocked any more'));
    this.#dialled?.then(
      (connection) => connection.invalidate('nobody has to be unblocked any more'),
      () => {},
    );
  }
}

/** Rejects unless both connections lead to one server: elsewhere the client id belongs to another client. */
async function proveSame(connection: BaseConnection, blocked: BaseConnection): Promise<void> {
  const core = coreOf(connection);
  if (await sameServer(core, coreOf(blocked))) return;
  throw new ConnectionError('the address now leads to another server', { endpoint: core.settings.endpoint });
}

async function unblock(connection: BaseConnection, blocked: BaseConnection): Promise<boolean> {
  const core = coreOf(connection);
  // During CLIENT PAUSE, UNBLOCK of a paused blocking command crashes Redis 8.0, Valkey 8.1 and older. The EVAL waits
  // for the end of the pause, and holds back the UNBLOCK behind it.
  void call(core, 'EVAL', ['return 1', 0], { timeout: GRACE, raise: false });
  return (await call(core, 'CLIENT UNBLOCK', [blocked.clientId as number], { timeout: GRACE })) === 1;
}
