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
import { GRACE, LastUnblocker, Unblocker, type UnblockerNode } from './unblocker.ts';

/** Pause, in ms, before UNBLOCK is repeated: sent on another connection, it may overtake the blocking command. */
const AGAIN = 10;

/** The entry of a blocking command. `answer` settles with the reply, an error reply or the loss of the connection. */
export interface BlockingEntry extends Entry {
  readonly answer: Promise<Reply>;
  /** Longest time, in ms, that the server may block; Infinity: for ever. */
  readonly blockTime: number;
  /** The call's time limit, in ms, for error texts. */
  readonly allowed: number;
  /** True: the caller wants no reply and continues once the command is written. */
  readonly detached: boolean;
  /** Set when the caller gave up and the server confirmed that the command did nothing. */
  undone: boolean;
}

/** The part of the node that blocking calls use. */
export interface BlockingNode extends UnblockerNode {
  readonly address: string;
  /** True: idle connections of the node let the process end. */
  readonly unreferenced: boolean;
  occupy(deadline: Deadline, pinned: boolean): Promise<Slot<PooledConnection>>;
}

/** `last`: asks the server of the connection, which the node has left; the connection ends then. */
type GiveUp = (reason: unknown, last?: LastUnblocker) => void;
/** A call that was given up after it was written. `asked` resolves with the answer to CLIENT UNBLOCK. */
interface GivenUp {
  readonly reason: unknown;
  readonly last: LastUnblocker | undefined;
  /** Whether the server has released it. */
  readonly asked: Promise<boolean>;
}
type Outcome = { readonly value: Reply } | { readonly error: unknown };

/**
 * Runs blocking commands, each on its own connection. A call that gives up sends CLIENT UNBLOCK over another
 * connection and settles with the blocked command's own reply, so no popped element is lost.
 */
export class BlockingCalls {
  readonly #node: BlockingNode;
  readonly #unblocker: Unblocker;
  readonly #running = new Map<BaseConnection, GiveUp>();
  #closed = false;

  constructor(node: BlockingNode) {
    this.#node = node;
    this.#unblocker = new Unblocker(node);
  }

  /** `acquire` bounds the wait for a connection; `limit()`, called once there is one, bounds the wait for a reply. */
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
    // The caller may have continued before this rejects.
    answered.catch(() => {});
    await Promise.race([answered, handedOver(core, entry)]);
    time.unwatch();
    if (entry.phase === WRITTEN && this.#node.unreferenced) setRef(connection, false);
    return null;
  }

  /** Holds the slot until the reply, even if no caller waits: only the reply proves that the server is done. */
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
      // ASKING applies to the next command on this connection.
      if (asking) call(core, 'ASKING', [], { ledger: false }).catch(() => {});
      return await this.#await(connection, entry, limit);
    } finally {
      if (muted) silence(core);
      slot.value.release();
    }
  }

  /** Whether the server answers a PING within `patience` ms. */
  serverAnswers(patience: number): Promise<boolean> {
    return this.#unblocker.answers(patience);
  }

  /** Unblocks every blocked call because the pool closes; later calls reject. */
  close(): void {
    this.#closed = true;
    this.abandon(new PoolClosedError('the pool was closed'));
  }

  /** Unblocks every blocked call; each rejects with the reason unless its reply arrives first. */
  abandon(reason: Error): void {
    for (const giveUp of [...this.#running.values()]) giveUp(reason);
  }

  /**
   * The node has left the server of these connections, which end. Calls that are blocked on them are unblocked first,
   * over a connection that `dial` makes to that server, and reject with the reason unless they were answered.
   */
  leave(
    connections: readonly BaseConnection[],
    reason: Error,
    dial: (signal: AbortSignal) => Promise<BaseConnection>,
  ): void {
    const blocked: BaseConnection[] = [];
    for (const connection of connections) {
      if (this.#running.has(connection)) blocked.push(connection);
      else connection.invalidate(reason.message);
    }
    if (blocked.length === 0) return;
    const unblocker = new LastUnblocker(dial);
    for (const connection of blocked) this.#running.get(connection)?.(reason, unblocker);
    void Promise.all(blocked.map((connection) => connection.waitClosed())).then(() => unblocker.close());
  }

  /** Closes the unblocker's connection once no blocked call is left. */
  end(): void {
    this.#unblocker.close();
  }

  async #await(connection: BaseConnection, entry: BlockingEntry, limit: Deadline): Promise<Reply> {
    if (this.#closed) throw new PoolClosedError('the pool was closed');
    if (limit.aborted) throw limit.reason;
    const core = coreOf(connection);
    let giveUp!: GiveUp;
    const givenUp = new Promise<GivenUp>((resolve) => {
      giveUp = (reason, last) => {
        if (this.#running.get(connection) !== giveUp) return;
        this.#running.delete(connection);
        if (entry.phase === WRITTEN)
          return resolve({ reason, last, asked: (last ?? this.#unblocker).ask(connection) });
        if (entry.phase === QUEUED) core.cancel(entry, reason);
        if (last !== undefined) connection.invalidate((reason as Error).message);
      };
    });
    this.#running.set(connection, giveUp);
    // Learn the server's run id now: before UNBLOCK it is compared with that of the other connection.
    if (connection.clientId !== null && !core.muted) void serverOf(core);
    core.session.blocksFor(entry.blockTime);
    core.submit(entry);
    limit.watch({
      onAbort: (reason) => giveUp(reason),
      onTimeout: () => giveUp(this.#timeout(entry, false)),
    });
    try {
      const first = await Promise.race([entry.answer.then((value) => ({ value })), givenUp]);
      return 'value' in first ? first.value : await this.#unblock(connection, entry, first);
    } finally {
      limit.unwatch();
      if (this.#running.get(connection) === giveUp) this.#running.delete(connection);
    }
  }

  /** Waits for the replies to UNBLOCK and to the command, and drops the connection if they do not come in time. */
  async #unblock(
    connection: BaseConnection,
    entry: BlockingEntry,
    { reason, last, asked }: GivenUp,
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
      () => (last ?? this.#unblocker).ask(connection),
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
    if (last !== undefined) {
      connection.invalidate((reason as Error).message);
      // Its end is the answer of a call that has none.
      await answered;
    }
    const known = outcome as Outcome | null;
    // An UNBLOCK that may still arrive would hit the next command of this connection.
    if (!confirmed || entry.dropOnCancel) connection.invalidate('a blocking command was given up');
    return this.#result(entry, reason, known, last !== undefined);
  }

  #result(entry: BlockingEntry, reason: unknown, outcome: Outcome | null, left: boolean): Reply {
    if (outcome === null) throw this.#unconfirmed(entry, reason);
    if ('value' in outcome && outcome.value !== null) return outcome.value;
    if ('value' in outcome || outcome.error instanceof UnblockedError) {
      entry.undone = true;
      throw left && this.#closed ? new PoolClosedError('the pool was closed') : reason;
    }
    const lost = outcome.error instanceof ConnectionError && outcome.error.maybeExecuted;
    throw lost && !left ? this.#unconfirmed(entry, reason) : outcome.error;
  }

  /** Repeats UNBLOCK until it succeeds or the call is over. False: UNBLOCK was refused or could not be sent. */
  async #tell(
    ask: () => Promise<boolean>,
    asked: Promise<boolean>,
    answered: Promise<void>,
    over: () => boolean,
  ): Promise<boolean> {
    try {
      while (!(await asked)) {
        if (over()) return true;
        await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, AGAIN))]);
        if (over()) return true;
        asked = ask();
      }
      return true;
    } catch {
      // UNBLOCK is not possible, so the caller drops the connection and reports `reason`.
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

/** Resolves when the entry has been written; never resolves if the entry settles before that. */
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
