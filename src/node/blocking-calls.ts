import type { Deadline } from '../base/deadline.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { call } from '../connection/call.ts';
import { type Entry, SETTLED, WRITTEN } from '../connection/entry.ts';
import { PoolClosedError, RequestAbortedError, TimeoutError, UnblockedError } from '../errors/errors.ts';
import type { Reply } from '../resp/types.ts';
import type { ConnectionNode } from './connection-node.ts';

/** How long a blocked connection may take to answer after CLIENT UNBLOCK. */
const GRACE = 1_000;

/** A blocking entry that somebody waits for: settles `answer` with the reply, an error reply or the loss. */
export interface BlockingEntry extends Entry {
  readonly answer: Promise<Reply>;
}

/**
 * Blocking commands, each on a connection of its own. One that is given up is unblocked over another connection
 * and settles with what the blocked one answers, so that an element that was popped is never lost.
 */
export class BlockingCalls<C extends BaseConnection> {
  readonly #node: ConnectionNode<C>;
  readonly #running = new Set<(reason: unknown) => void>();
  #closed = false;

  constructor(node: ConnectionNode<C>) {
    this.#node = node;
  }

  /** `limit` bounds the reply; waiting for the connection is bounded by `acquire`. */
  async run(entry: BlockingEntry, acquire: Deadline, limit: Deadline, asking = false): Promise<Reply> {
    const connection = await this.#node.pool.occupy(acquire);
    try {
      coreOf(connection).tenure = this.#node.pool.tenureOf(connection);
      entry.tenure = coreOf(connection).tenure;
      // The redirect's ASKING holds for the next command of that connection.
      if (asking) call(coreOf(connection), 'ASKING', [], { ledger: false }).catch(() => {});
      return await this.#await(connection, entry, limit);
    } finally {
      coreOf(connection).tenure = 0;
      this.#node.release(connection);
    }
  }

  /** The pool closes: whoever blocks is unblocked. */
  close(): void {
    this.#closed = true;
    for (const giveUp of [...this.#running]) giveUp(new PoolClosedError('the pool was closed'));
  }

  async #await(connection: C, entry: BlockingEntry, limit: Deadline): Promise<Reply> {
    if (this.#closed) throw new PoolClosedError('the pool was closed');
    if (limit.aborted) throw limit.reason;
    let giveUp!: (reason: unknown) => void;
    const givenUp = new Promise<{ reason: unknown }>((resolve) => {
      giveUp = (reason) => resolve({ reason });
    });
    this.#running.add(giveUp);
    limit.watch({ onAbort: giveUp, onTimeout: () => giveUp(this.#timeout(entry, limit)) });
    try {
      coreOf(connection).submit(entry);
      const first = await Promise.race([entry.answer.then((value) => ({ value })), givenUp]);
      if ('value' in first) return first.value;
      return await this.#unblock(connection, entry, first.reason);
    } finally {
      limit.unwatch();
      this.#running.delete(giveUp);
    }
  }

  async #unblock(connection: C, entry: BlockingEntry, reason: unknown): Promise<Reply> {
    const core = coreOf(connection);
    if (entry.phase !== WRITTEN) {
      // Either its answer is in already, or it was never sent.
      if (entry.phase !== SETTLED) core.cancel(entry, reason);
      return await entry.answer;
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), GRACE);
    });
    const asked = this.#ask(connection.clientId);
    try {
      const answer = entry.answer.then((value) => ({ value }), (error: unknown) => ({ error }));
      const both = Promise.all([answer, asked]).then(([outcome, sent]) => (sent ? outcome : ('late' as const)));
      // A refused UNBLOCK ends the wait for the answer as well.
      const refused = asked.then((sent) => (sent ? both : ('late' as const)));
      const outcome = await Promise.race([both, refused, late]);
      if (outcome === 'late') return this.#drop(connection, entry, reason);
      if ('value' in outcome) {
        if (outcome.value !== null) return outcome.value;
        throw reason;
      }
      throw outcome.error instanceof UnblockedError ? reason : outcome.error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** False: it was refused, or there was no way to ask. */
  async #ask(clientId: number | null): Promise<boolean> {
    if (clientId === null) return false;
    const shared = this.#node.pool.tryShare();
    let own: C | null = null;
    try {
      own = shared === null ? await this.#node.extra(AbortSignal.timeout(GRACE)) : null;
      await call(coreOf(shared ?? (own as C)), 'CLIENT UNBLOCK', [clientId], { timeout: GRACE });
      return true;
    } catch {
      // Whatever it was, the blocked connection can only be dropped now; the caller hears of that.
      return false;
    } finally {
      own?.invalidate('unblocked');
    }
  }

  #drop(connection: C, entry: BlockingEntry, reason: unknown): never {
    entry.answer.catch(() => {});
    connection.invalidate('a blocking command was given up and could not be unblocked');
    if (reason instanceof TimeoutError || reason instanceof PoolClosedError) throw reason;
    throw new RequestAbortedError(`${entry.info.name} was aborted and may have been executed`, {
      cause: reason,
      maybeExecuted: true,
      command: entry.info.name,
      endpoint: this.#node.address,
    });
  }

  #timeout(entry: BlockingEntry, limit: Deadline): TimeoutError {
    return new TimeoutError(`${entry.info.name} timed out after ${limit.timeout} ms`, {
      phase: 'reply',
      maybeExecuted: entry.phase === WRITTEN,
      command: entry.info.name,
      endpoint: this.#node.address,
    });
  }
}
