import type { Deadline } from '../base/deadline.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { call, silence, unsilence } from '../connection/requests/call.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import { type Entry, QUEUED, WRITTEN } from '../connection/requests/entry.ts';
import {
  ConnectionError,
  PoolClosedError,
  RequestAbortedError,
  TimeoutError,
  UnblockedError,
} from '../errors/errors.ts';
import type { Reply } from '../resp/types.ts';
import type { Slot } from '../pooling/slots.ts';
import { type PooledConnection, setRef } from './pooled-connection.ts';
import { serverOf } from './server-identity.ts';
import { GRACE, Unblocker, type UnblockerNode } from './unblocker.ts';

/** Pause before UNBLOCK is repeated (ms): it travels on another connection and may overtake the blocking command. */
const AGAIN = 10;

/** A blocking entry with a waiter: settles `answer` with the reply, an error reply or the loss. */
export interface BlockingEntry extends Entry {
  readonly answer: Promise<Reply>;
  /** How long the server may hold back the answer, in ms; Infinity for ever. */
  readonly blockTime: number;
  /** Its time limit in ms, for the text of an error. */
  readonly allowed: number;
  /** Its caller asked for no reply, and is free once it was written. */
  readonly detached: boolean;
  /** Set when it was given up and the server has confirmed that it did nothing. */
  undone: boolean;
}

/** The node, as its blocking calls see it. */
export interface BlockingNode extends UnblockerNode {
  readonly address: string;
  /** Nothing of the node keeps the process alive. */
  readonly unreferenced: boolean;
  occupy(deadline: Deadline, pinned: boolean): Promise<Slot<PooledConnection>>;
}

/** A call given up after it was written, and whether the server has released it. */
interface GivenUp {
  readonly reason: unknown;
  readonly asked: Promise<boolean>;
}
type Outcome = { readonly value: Reply } | { readonly error: unknown };

/**
 * Blocking commands, each on a connection of its own. One that is given up is unblocked over another connection
 * and settles with what the blocked one answers, so that an element that was popped is never lost.
 */
export class BlockingCalls {
  readonly #node: BlockingNode;
  readonly #unblocker: Unblocker;
  readonly #running = new Set<(reason: unknown) => void>();
  #closed = false;

  constructor(node: BlockingNode) {
    this.#node = node;
    this.#unblocker = new Unblocker(node);
  }

  /** `limit`, made when there is a connection, bounds the reply; waiting for one is bounded by `acquire`. */
  async run(
    entry: BlockingEntry,
    acquire: Deadline,
    limit: () => Deadline,
    { asking, pinned }: { readonly asking: boolean; readonly pinned: boolean },
  ): Promise<Reply> {
    const slot = await this.#node.occupy(acquire, pinned);
    const { core, connection } = slot.value;
    const detached = entry.detached || core.muted;
    const time = limit();
    const over = this.#hold(slot, entry, time, asking);
    if (!detached) return over;
    const answered = over.then(() => null);
    // Its caller may be gone by then.
    answered.catch(() => {});
    await Promise.race([answered, handedOver(core, entry)]);
    time.unwatch();
    if (entry.phase === WRITTEN && this.#node.unreferenced) setRef(connection, false);
    return null;
  }

  /** Holds the slot until the reply has come, even without a waiter: only the reply proves that the server is done. */
  async #hold(
    slot: Slot<PooledConnection>,
    entry: BlockingEntry,
    limit: Deadline,
    asking: boolean,
  ): Promise<Reply> {
    const { core, connection } = slot.value;
    const { muted, leaseId } = core;
    try {
      entry.leaseId = leaseId;
      if (muted) unsilence(core);
      // The redirect's ASKING holds for the next command of that connection.
      if (asking) call(core, 'ASKING', [], { ledger: false }).catch(() => {});
      return await this.#await(connection, entry, limit);
    } finally {
      if (muted) silence(core);
      slot.value.release();
    }
  }

  /** Whether the server answers a PING within that time. */
  serverAnswers(patience: number): Promise<boolean> {
    return this.#unblocker.answers(patience);
  }

  /** The pool closes: every blocked call is unblocked. The commands for that are queued when this returns. */
  close(): void {
    this.#closed = true;
    this.abandon(new PoolClosedError('the pool was closed'));
  }

  /** Every blocked call is unblocked and rejects with the reason, unless it was answered meanwhile. */
  abandon(reason: Error): void {
    for (const giveUp of [...this.#running]) giveUp(reason);
  }

  /** No blocked call is left: ends the connection that unblocks. */
  end(): void {
    this.#unblocker.close();
  }

  async #await(connection: BaseConnection, entry: BlockingEntry, limit: Deadline): Promise<Reply> {
    if (this.#closed) throw new PoolClosedError('the pool was closed');
    if (limit.aborted) throw limit.reason;
    const core = coreOf(connection);
    let giveUp!: (reason: unknown) => void;
    const givenUp = new Promise<GivenUp>((resolve) => {
      giveUp = (reason) => {
        if (!this.#running.delete(giveUp)) return;
        if (entry.phase === QUEUED) core.cancel(entry, reason);
        else if (entry.phase === WRITTEN) resolve({ reason, asked: this.#unblocker.ask(connection) });
      };
    });
    this.#running.add(giveUp);
    // To be known before UNBLOCK names this client at a server that may be another one.
    if (connection.clientId !== null && !core.muted) void serverOf(core);
    core.session.blocksFor(entry.blockTime);
    core.submit(entry);
    limit.watch({ onAbort: giveUp, onTimeout: () => giveUp(this.#timeout(entry, false)) });
    try {
      const first = await Promise.race([entry.answer.then((value) => ({ value })), givenUp]);
      return 'value' in first ? first.value : await this.#unblock(connection, entry, first);
    } finally {
      limit.unwatch();
      this.#running.delete(giveUp);
    }
  }

  /** Waits for both answers, that of the command and that of UNBLOCK; without them the connection is dropped. */
  async #unblock(
    connection: BaseConnection,
    entry: BlockingEntry,
    { reason, asked }: GivenUp,
  ): Promise<Reply> {
    let outcome: Outcome | null = null;
    let timer: NodeJS.Timeout | undefined;
    const answered = entry.answer.then(
      (value) => void (outcome = { value }),
      (error: unknown) => void (outcome = { error }),
    );
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), GRACE);
    });
    const told = this.#tell(
      connection,
      asked,
      answered,
      () => outcome !== null || coreOf(connection).state !== 'ready',
    );
    const settled = told.then(async (ok) => {
      if (ok) await answered;
      return ok;
    });
    const confirmed = await Promise.race([settled, late]);
    clearTimeout(timer);
    const known = outcome as Outcome | null;
    // An UNBLOCK that may still arrive would hit the next command of this connection.
    if (!confirmed || entry.dropOnCancel) connection.invalidate('a blocking command was given up');
    return this.#result(entry, reason, known);
  }

  #result(entry: BlockingEntry, reason: unknown, outcome: Outcome | null): Reply {
    if (outcome === null) throw this.#unconfirmed(entry, reason);
    if ('value' in outcome && outcome.value !== null) return outcome.value;
    if ('value' in outcome || outcome.error instanceof UnblockedError) {
      entry.undone = true;
      throw reason;
    }
    const lost = outcome.error instanceof ConnectionError && outcome.error.maybeExecuted;
    throw lost ? this.#unconfirmed(entry, reason) : outcome.error;
  }

  /** Until the server says that it was blocked, or its answer is there. False: refused, or no way to ask. */
  async #tell(
    connection: BaseConnection,
    asked: Promise<boolean>,
    answered: Promise<void>,
    over: () => boolean,
  ): Promise<boolean> {
    try {
      while (!(await asked)) {
        if (over()) return true;
        await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, AGAIN))]);
        if (over()) return true;
        asked = this.#unblocker.ask(connection);
      }
      return true;
    } catch {
      // In any case only dropping the connection helps now; the caller gets that error.
      return false;
    }
  }

  #unconfirmed(entry: BlockingEntry, reason: unknown): Error {
    const command = entry.info.name;
    const options = { maybeExecuted: true, command, endpoint: this.#node.address };
    if (reason instanceof TimeoutError) return this.#timeout(entry, true);
    if (reason instanceof PoolClosedError) return new PoolClosedError(reason.message, options);
    return new RequestAbortedError(`${command} was aborted and may have been executed`, {
      cause: reason,
      ...options,
    });
  }

  #timeout(entry: BlockingEntry, maybeExecuted: boolean): TimeoutError {
    const command = entry.info.name;
    const fate = maybeExecuted ? ', could not be unblocked and may have been executed' : '';
    return new TimeoutError(`${command} timed out after ${entry.allowed} ms waiting for its reply${fate}`, {
      phase: 'reply',
      maybeExecuted,
      command,
      endpoint: this.#node.address,
    });
  }
}

/** Resolves when the transport has the entry; never, when it comes to another end before. */
function handedOver(core: ConnectionCore, entry: Entry): Promise<void> {
  return new Promise((resolve) => {
    if (entry.host === null) return;
    const { transport } = core;
    const look = (): void => {
      if (entry.phase === QUEUED) return;
      transport?.off('drain', look);
      if (entry.phase === WRITTEN) resolve();
    };
    transport?.on('drain', look);
    core.flush();
    look();
  });
}
