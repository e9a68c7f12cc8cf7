import { fullJitter } from '../base/backoff.ts';
import { Deadline } from '../base/deadline.ts';
import type { RetryPolicy } from '../base/retry-policy.ts';
import { READONLY, SCRIPT_LIKE } from '../commands/flags.ts';
import type { BaseConnection } from '../connection/base-connection.ts';
import {
  AskError,
  BusyLoadingError,
  ClusterDownError,
  ConnectionError,
  PoolClosedError,
  RedisError,
  TimeoutError,
  TryAgainError,
} from '../errors/errors.ts';
import type { ConnectionNode } from '../node/connection-node.ts';
import type { Topology, Verdict } from '../topology/topology.ts';
import { AskingEntry, BlockingAttempt, type CallOwner, type PoolCall } from './pool-call.ts';

/** Refusals that time mends: with a deadline they are waited out. */
const PATIENCE = { base: 20, cap: 500 };

function mends(error: Error): boolean {
  return (
    error instanceof BusyLoadingError ||
    error instanceof ClusterDownError ||
    error instanceof TryAgainError ||
    (error instanceof RedisError && error.code === 'MASTERDOWN') ||
    (error instanceof ConnectionError && error.message.startsWith('max number of clients'))
  );
}

export interface RunnerSettings {
  readonly retryPolicy: RetryPolicy;
  /** Waiting plus dialling, where a call has no limit of its own. */
  readonly acquireTimeout: number | null;
  readonly streamTimeout: number | null;
}

/**
 * The one retry loop. A topology says where and what now, the policy says whether, and a call goes round until it
 * settles:
 *
 *     start → route → queued on a connection → reply
 *       ↑                      │ failed
 *       └── pause ── judge ────┘
 */
export class CallRunner<C extends BaseConnection> implements CallOwner {
  readonly #topology: Topology<C>;
  readonly #settings: RunnerSettings;
  readonly #pauses = new Set<Pause>();
  #closed: PoolClosedError | null = null;

  constructor(topology: Topology<C>, settings: RunnerSettings) {
    this.#topology = topology;
    this.#settings = settings;
  }

  /** The next attempt: on the node that is known and has room now, else after waiting for one. */
  start(call: PoolCall): void {
    call.attempts++;
    try {
      const node = call.blocks ? null : this.#topology.route(call, null);
      if (node?.submitNow(call) === true) {
        call.node = node as unknown as ConnectionNode<BaseConnection>;
        return;
      }
    } catch (error) {
      call.reject(error);
      return;
    }
    void this.wait(call);
  }

  /** Waits for a connection with room; `call.attempts` counts this attempt already. */
  async wait(call: PoolCall): Promise<void> {
    if (this.#closed !== null) return call.reject(this.#closed);
    const deadline = this.deadlineOf(call);
    try {
      if (deadline.aborted) throw deadline.reason;
      const node = await this.#nodeFor(call, deadline);
      await this.#place(call, node, deadline);
    } catch (error) {
      this.#unplaced(call, error);
    }
  }

  deadlineOf(call: PoolCall): Deadline {
    const left = call.overall ? Math.max(0, call.startedAt + call.limit - performance.now()) : this.#settings.acquireTimeout;
    return new Deadline(call.callSignal, left);
  }

  failed(call: PoolCall, error: unknown, refused: boolean): void {
    if (!(error instanceof Error)) return call.reject(error);
    const verdict = this.#verdict(call, error, refused);
    if (verdict === null) return this.#giveUp(call, error);
    if (verdict.kind === 'fail') return this.#giveUp(call, verdict.error);
    call.again();
    if (verdict.kind === 'wait') return this.#pause(call, error, fullJitter(call.attempts - 1, PATIENCE.base, PATIENCE.cap));
    if (verdict.kind === 'pause') return this.#pause(call, error, verdict.ms);
    if (verdict.kind === 'node') return this.#redirect(call, verdict.node as unknown as ConnectionNode<C>, verdict.asking);
    return this.start(call);
  }

  /** Pauses end, and nothing starts any more. */
  close(error: PoolClosedError): void {
    this.#closed = error;
    for (const pause of [...this.#pauses]) pause.end(error);
  }

  #verdict(call: PoolCall, error: Error, refused: boolean): Verdict | { kind: 'pause'; ms: number } | null {
    if (this.#closed !== null || error === call.callSignal?.reason) return null;
    if (!refused) {
      if (!(error instanceof ConnectionError)) return null;
      call.everWritten ||= error.maybeExecuted;
    }
    const redirected = error instanceof AskError;
    const unproven = refused ? (call.info.flags & SCRIPT_LIKE) !== 0 && !redirected : (error as ConnectionError).maybeExecuted;
    if (!unproven) {
      const verdict = this.#topology.judge(call, error);
      if (verdict !== null) return verdict;
      if (refused && mends(error)) return this.#patient(call, error);
    }
    if (refused) return null;
    // It never left: the first move costs nothing and needs nobody's leave.
    if (!unproven && call.attempts === 1) return { kind: 'again' };
    return this.#policy(call, error, unproven);
  }

  /** Inside a deadline as long as it takes; otherwise as often as the policy says. */
  #patient(call: PoolCall, error: Error): Verdict | { kind: 'pause'; ms: number } | null {
    return call.overall ? { kind: 'wait' } : this.#policy(call, error, false);
  }

  #policy(call: PoolCall, error: Error, maybeExecuted: boolean): { kind: 'pause'; ms: number } | null {
    const ms = this.#settings.retryPolicy.next(call.attempts, error, {
      command: call.info.name,
      maybeExecuted,
      elapsed: performance.now() - call.startedAt,
      readOnly: (call.info.flags & READONLY) !== 0,
    });
    return ms === null ? null : { kind: 'pause', ms };
  }

  #redirect(call: PoolCall, node: ConnectionNode<C>, asking: boolean): void {
    call.attempts++;
    call.asking = asking;
    const deadline = this.deadlineOf(call);
    this.#place(call, node, deadline).catch((error: unknown) => this.#unplaced(call, error));
  }

  async #place(call: PoolCall, node: ConnectionNode<C>, deadline: Deadline): Promise<void> {
    call.node = node as unknown as ConnectionNode<BaseConnection>;
    if (call.blocks) return this.#block(call, node, deadline);
    const { asking } = call;
    call.asking = false;
    await node.submit(asking ? [new AskingEntry(), call] : [call], deadline);
  }

  /** Settles the call itself: what comes back is an answer, not the news that it was queued. */
  async #block(call: PoolCall, node: ConnectionNode<C>, deadline: Deadline): Promise<void> {
    const attempt = new BlockingAttempt(call);
    const limit = call.overall ? this.deadlineOf(call) : new Deadline(call.callSignal, call.limit === 0 ? null : call.limit);
    try {
      const value = await node.blocking.run(attempt, deadline, limit, call.asking);
      call.everWritten = true;
      call.resolve(value as never);
    } catch (error) {
      call.everWritten ||= attempt.wasWritten;
      if (!attempt.wasQueued && !attempt.refused) this.#unplaced(call, error);
      else this.failed(call, error, attempt.refused);
    }
  }

  #pause(call: PoolCall, error: Error, ms: number): void {
    const deadline = this.deadlineOf(call);
    if (call.overall && deadline.remaining() <= ms) return this.#giveUp(call, error);
    if (deadline.aborted) return call.reject(deadline.reason);
    const pause = new Pause(ms, call.callSignal, (reason, failed) => {
      this.#pauses.delete(pause);
      if (failed) call.reject(reason);
      else this.start(call);
    });
    this.#pauses.add(pause);
  }

  async #nodeFor(call: PoolCall, deadline: Deadline): Promise<ConnectionNode<C>> {
    return this.#topology.route(call, null) ?? (await this.#topology.resolve(call, deadline));
  }

  /** No connection took it: nothing was sent. */
  #unplaced(call: PoolCall, error: unknown): void {
    const lost = error instanceof ConnectionError && !(error instanceof PoolClosedError);
    if (!lost || this.#closed !== null) return call.reject(error);
    const verdict = this.#topology.judge(call, error);
    if (verdict?.kind === 'fail') return call.reject(verdict.error);
    const next = verdict === null && !call.overall ? this.#policyAfterDial(call, error) : verdict;
    if (next === null) return call.reject(error);
    if (next.kind === 'pause') this.#pause(call, error, next.ms);
    else this.#pause(call, error, fullJitter(call.attempts - 1, PATIENCE.base, PATIENCE.cap));
  }

  /** Without any limit a failed dial rejects those who waited for it; a connection lost meanwhile is another matter. */
  #policyAfterDial(call: PoolCall, error: ConnectionError): { kind: 'pause'; ms: number } | null {
    return this.#settings.acquireTimeout === null ? null : this.#policy(call, error, false);
  }

  #giveUp(call: PoolCall, error: Error): void {
    if (error instanceof TimeoutError && error.maybeExecuted) call.everWritten = true;
    if (call.raise || !(error instanceof RedisError) || isOurs(error)) call.reject(error);
    else call.resolve(error as never);
  }
}

/** Made here and not by the server: it rejects whatever `raiseExceptions` says. */
function isOurs(error: RedisError): boolean {
  return error.code.startsWith('RESPOOL_');
}

/** A pause between two attempts that an abort or the end of the pool cuts short. */
class Pause {
  readonly #deadline: Deadline;
  readonly #timer: NodeJS.Timeout;
  readonly #over: (reason: unknown, failed: boolean) => void;

  constructor(ms: number, signal: AbortSignal | null, over: (reason: unknown, failed: boolean) => void) {
    this.#over = over;
    this.#deadline = new Deadline(signal, null);
    this.#timer = setTimeout(() => {
      this.#deadline.unwatch();
      over(undefined, false);
    }, ms);
    this.#deadline.watch({ onAbort: (reason) => this.end(reason), onTimeout: () => {} });
  }

  end(reason: unknown): void {
    clearTimeout(this.#timer);
    this.#deadline.unwatch();
    this.#over(reason, true);
  }
}
