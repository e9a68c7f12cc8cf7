import { fullJitter } from '../../base/backoff.ts';
import { Deadline } from '../../base/deadline.ts';
import { resolveCommand } from '../../commands/command-info.ts';
import { type BaseConnection, coreOf } from '../../connection/base-connection.ts';
import type { CommandRequest } from '../../connection/requests/request-options.ts';
import {
  ClusterCrossSlotError,
  ConnectionError,
  isOfServer,
  type RedisError,
  TimeoutError,
  WatchError,
} from '../../errors/errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import { BYTES } from '../../resp/text-modes.ts';
import { traces } from '../../telemetry/traces.ts';
import { PoolCall, RequestPromise } from '../calls/pool-call.ts';
import type { RetryLoop } from '../calls/retry-loop.ts';
import type { Leases } from '../leases.ts';
import type { PoolTraces } from '../pool-traces.ts';
import type { CallOwner } from '../calls/pool-call.ts';
import type { TransactionCall, TransactionOptions, TransactionPart } from './transaction-call.ts';

const WATCH = resolveCommand('WATCH', []);
/** Pauses in ms after a conflict, which let the clients that changed the keys finish. */
const CONFLICT = { base: 2, cap: 100 };

/** Reads on the watched connection and returns the commands to run; null for none. */
export type WatchFunction = (
  connection: BaseConnection,
) => readonly CommandRequest[] | null | PromiseLike<readonly CommandRequest[] | null>;

/** The methods of `Transactions` that a watch uses. */
interface TransactionMaker {
  partsOf(commands: readonly CommandRequest[]): readonly TransactionPart[];
  slotOf(parts: readonly TransactionPart[]): number | Promise<number>;
  make(owner: CallOwner, parts: readonly TransactionPart[], options: TransactionOptions): TransactionCall;
  attachWrites(call: TransactionCall, parts: readonly TransactionPart[]): void;
}

export interface WatchSetup {
  readonly loop: RetryLoop;
  readonly leases: Leases;
  readonly transactions: TransactionMaker;
  readonly traces: PoolTraces;
  readonly keys: readonly RedisValue[];
  readonly fn: WatchFunction;
  readonly attempts: number;
  readonly options: TransactionOptions;
}

type Outcome =
  | { readonly kind: 'answered'; readonly value: Reply }
  | { readonly kind: 'conflict' }
  /** Rejects the call as it is: an error of the function, or bad input. */
  | { readonly kind: 'thrown'; readonly error: unknown }
  /** The loop decides whether there is another attempt. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly refused: boolean };

/**
 * One call of `watch`. Each attempt takes a lease: `WATCH`, the function, and the transaction it returns. The retry
 * loop finds the node and handles failures; a transaction that returns null is repeated after a pause.
 */
export class WatchCall extends PoolCall {
  readonly #setup: WatchSetup;
  #conflicts = 0;
  #mayHaveRun = false;
  /** The error of the last attempt's transaction. */
  #told: unknown = null;

  constructor(setup: WatchSetup) {
    super(setup.loop, WATCH, '', 0, BYTES, RequestPromise);
    RequestPromise.attach(this);
    this.#setup = setup;
    this.leases = true;
    this.startedAt = performance.now();
  }

  override mayHaveRun(): boolean {
    return this.#mayHaveRun;
  }

  /** Makes one attempt at a node; rejects if no connection is available. */
  override async place(node: ConnectionNode, acquire: Deadline): Promise<void> {
    const { leases, loop, attempts } = this.#setup;
    // Not pinned: if the node dies, the wait moves to the new primary.
    const lease = await leases.take(node, acquire, false);
    this.acquireBy = 0;
    let outcome: Outcome;
    try {
      outcome = await this.#attempt(lease.connection, node);
    } catch (error) {
      outcome = { kind: 'thrown', error };
    } finally {
      lease.release();
    }
    switch (outcome.kind) {
      case 'answered':
        return this.answer(outcome.value);
      case 'thrown':
        return this.giveUp(outcome.error);
      case 'failed':
        return this.owner.failed(this, outcome.error, outcome.refused);
      default: {
        const error = new WatchError(`the watched keys changed in each of ${++this.#conflicts} attempts`, {
          command: 'EXEC',
          endpoint: node.address,
        });
        if (this.#conflicts >= attempts) return this.giveUp(error);
        this.attempts = 0;
        return loop.repeat(this, error, fullJitter(this.#conflicts - 1, CONFLICT.base, CONFLICT.cap));
      }
    }
  }

  async #attempt(connection: BaseConnection, node: ConnectionNode): Promise<Outcome> {
    this.#mayHaveRun = false;
    // Errors then name the connection that they came from.
    this.host = coreOf(connection);
    const { keys, fn, options } = this.#setup;
    const limit = this.#limit();
    try {
      await connection.createRequest('WATCH', keys, limitsOf(limit));
    } catch (error) {
      // WATCH changes no data, so a lost reply counts as an unsent command.
      return { kind: 'failed', error: unsent(error), refused: isOfServer(error) };
    }
    let commands: readonly CommandRequest[] | null;
    try {
      commands = await this.#within(limit, fn(connection));
    } catch (error) {
      // The function only reads, so redirects and lost connections are handled as for any call.
      if (isOfServer(error)) return { kind: 'failed', error, refused: true };
      const lost = error instanceof ConnectionError && connection.closed;
      return lost ? { kind: 'failed', error: unsent(error), refused: false } : { kind: 'thrown', error };
    }
    const parts = commands === null ? [] : this.#setup.transactions.partsOf(commands);
    if (parts.length === 0) {
      await connection.createRequest('UNWATCH', [], limitsOf(limit)).catch(() => {});
      return { kind: 'answered', value: commands === null ? null : [] };
    }
    const slot = await this.#setup.transactions.slotOf(parts);
    if (slot >= 0 && this.slot >= 0 && slot !== this.slot)
      throw new ClusterCrossSlotError('the commands have keys in another slot than the watched keys', {
        code: 'CROSSSLOT',
        command: 'WATCH',
      });
    return this.#execute(connection, node, parts, limit, options);
  }

  async #execute(
    connection: BaseConnection,
    node: ConnectionNode,
    parts: readonly TransactionPart[],
    limit: Deadline,
    options: TransactionOptions,
  ): Promise<Outcome> {
    let failed: Outcome | null = null;
    const owner = {
      failed: (call: PoolCall, error: unknown, refused: boolean): void => {
        this.#mayHaveRun = refused && error instanceof Error && call.mayHaveRun(error);
        this.heard = call.heard;
        failed = { kind: 'failed', error, refused };
        call.giveUp(error);
      },
      start: (): void => {},
    };
    const call = this.#setup.transactions.make(owner, parts, options);
    const { leaseId } = coreOf(connection);
    const entries = [...(call.prelude?.(connection) ?? []), call];
    for (const entry of entries) entry.leaseId = leaseId;
    // After EXEC, whatever its reply, no key is watched.
    call.effect = { kind: 'unwatch', value: '' };
    call.signal = limit.signal;
    if (!limit.unlimited) call.limit = Math.max(1, Math.ceil(limit.remaining()));
    else if (this.limit !== 0) call.limit = this.limit;
    this.#setup.transactions.attachWrites(call, parts);
    try {
      const value = await this.#traced(parts, call, async () => {
        await node.enqueue(connection, entries, limit);
        return call.promise as Promise<Reply>;
      });
      return value === null ? { kind: 'conflict' } : { kind: 'answered', value };
    } catch (error) {
      // This error names the refused command; the loop decides by its cause.
      this.#told = error;
      return failed ?? { kind: 'thrown', error };
    }
  }

  #traced(parts: readonly TransactionPart[], call: PoolCall, run: () => Promise<Reply>): Promise<Reply> {
    if (!traces.transaction.active) return run();
    const names = parts.map(({ info }) => info.name);
    return this.#setup.traces.batch('transaction', names, (watch) => {
      watch([call]);
      return run();
    });
  }

  override giveUp(error: unknown): void {
    const told = this.#told as RedisError | null;
    super.giveUp(told !== null && told.cause === error ? told : error);
  }

  #limit(): Deadline {
    return this.overall ? this.#setup.loop.deadlineOf(this) : new Deadline(this.callSignal, null);
  }

  /** Waits for the function within the limits of the call. */
  async #within<T>(limit: Deadline, work: T | PromiseLike<T>): Promise<T> {
    let stop!: (error: unknown) => void;
    const stopped = new Promise<never>((_, reject) => {
      stop = reject;
    });
    stopped.catch(() => {});
    const text = `watch timed out after ${this.limit} ms in its function`;
    limit.watch({
      onAbort: stop,
      onTimeout: () => stop(new TimeoutError(text, { phase: 'reply', command: 'WATCH' })),
    });
    try {
      return await Promise.race([work, stopped]);
    } finally {
      limit.unwatch();
    }
  }
}

function limitsOf(limit: Deadline): { signal?: AbortSignal; timeout?: number } {
  return {
    ...(limit.signal === null ? {} : { signal: limit.signal }),
    ...(limit.unlimited ? {} : { timeout: Math.max(1, Math.ceil(limit.remaining())) }),
  };
}

function unsent(error: unknown): unknown {
  if (!(error instanceof ConnectionError) || !error.maybeExecuted) return error;
  const { message, endpoint, command } = error;
  return new ConnectionError(message, { endpoint, command, cause: error });
}
