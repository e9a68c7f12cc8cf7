import { fullJitter } from '../../base/backoff.ts';
import { LONGEST_DELAY } from '../../base/clock.ts';
import { Deadline } from '../../base/deadline.ts';
import { READONLY } from '../../commands/flags.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import {
  AskError,
  asMaybeExecuted,
  AuthenticationRequiredError,
  BusyLoadingError,
  ClusterDownError,
  ConnectionError,
  isOfServer,
  MovedError,
  PoolClosedError,
  RedisError,
  SentinelError,
  TryAgainError,
} from '../../errors/errors.ts';
import { isDistrusted, isServerFull, refusedByAll } from '../../errors/reply-errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import { channels, observed } from '../../telemetry/channels.ts';
import type { Next, Topology } from '../../topology/topology.ts';
import type { Entry } from '../../connection/requests/entry.ts';
import { BlockingAttempt } from './blocking-attempt.ts';
import type { CallOwner, PoolCall } from './pool-call.ts';
import { AskingEntry } from './preludes.ts';
import type { AcquireSettings } from '../options/pool-rules.ts';
import type { RetryPolicy } from './retry-policy.ts';

/** Back-off in ms for temporary errors of a server, which a call with a deadline waits out. */
const PATIENCE = { base: 20, cap: 500 };
/** Pause in ms before a call with a lease is repeated while its keys are migrating. */
const ASK_PAUSE = 60;
/** With less time left than this, in ms, no further attempt is made. */
const LAST_TRY = 10;

function mends(error: Error): boolean {
  return (
    error instanceof BusyLoadingError ||
    error instanceof ClusterDownError ||
    error instanceof TryAgainError ||
    (error instanceof RedisError && error.code === 'MASTERDOWN') ||
    isServerFull(error)
  );
}

export interface RunnerSettings {
  readonly poolName: string;
  readonly retryPolicy: RetryPolicy;
  /** Limits waiting and dialling for calls without a limit of their own. */
  readonly acquire: AcquireSettings;
  /** The user gave the policy, so it also decides about failed dials. */
  readonly ownPolicy: boolean;
  readonly streamTimeout: number | null;
}

/**
 * The one retry loop. The topology says where a call goes and what follows a failure, the policy whether to repeat,
 * and a call goes round until it settles:
 *
 *     start → route → queued on a connection → reply
 *       ↑                      │ failed
 *       └── pause ── next ─────┘
 */
export class RetryLoop implements CallOwner {
  readonly #topology: Topology;
  readonly #settings: RunnerSettings;
  readonly #pauses = new Set<Pause>();
  #closed: PoolClosedError | null = null;

  constructor(topology: Topology, settings: RunnerSettings) {
    this.#topology = topology;
    this.#settings = settings;
  }

  /** Makes the first attempt: on `node` if it has room now, otherwise as `start` does. */
  begin(call: PoolCall, node: ConnectionNode | null): void {
    if (node !== null && call.prelude === null && node.submitNow(call)) {
      call.attempts = 1;
      call.node = node;
    } else {
      this.start(call);
    }
  }

  /** Makes the next attempt: on a known node with room, otherwise after waiting for one. */
  start(call: PoolCall): void {
    call.attempts++;
    try {
      const single = !call.blocks && !call.leases && call.prelude === null;
      const node = single ? this.#route(call) : null;
      if (node?.submitNow(call) === true) {
        call.node = node;
        call.acquireBy = 0;
        return;
      }
    } catch (error) {
      this.#reject(call, error);
      return;
    }
    void this.wait(call);
  }

  /** Waits for a connection with room; `call.attempts` counts this attempt already. */
  async wait(call: PoolCall): Promise<void> {
    if (this.#closed !== null) return this.#reject(call, this.#closed);
    const deadline = this.deadlineOf(call);
    try {
      if (deadline.aborted) throw deadline.reason;
      // Await nothing if the node is known; otherwise a later call could overtake this one.
      const node = this.#route(call) ?? (await this.#topology.resolve(call, deadline));
      await this.#place(call, node, deadline);
    } catch (error) {
      this.#unplaced(call, error);
    }
  }

  /** Limits the work of a call before its first attempt. */
  acquireDeadline(): Deadline {
    const { timeout, given, waitForServer } = this.#settings.acquire;
    return Deadline.of(undefined, { fallback: timeout, patient: given || waitForServer, allowZero: true });
  }

  deadlineOf(call: PoolCall): Deadline {
    const deadline = new Deadline(call.callSignal, this.#timeLeft(call));
    const { acquire, ownPolicy } = this.#settings;
    // Failed dials are repeated within the call's own limit; within the pool's limit unless the user gave a policy.
    const limited = acquire.given && !call.endless && !ownPolicy;
    deadline.patient = acquire.waitForServer || call.overall || limited;
    return deadline;
  }

  #timeLeft(call: PoolCall): number | null {
    const { timeout: acquireTimeout } = this.#settings.acquire;
    const now = performance.now();
    if (call.overall) return Math.max(0, Math.ceil(call.startedAt + call.limit - now));
    if (call.endless || acquireTimeout === null) return null;
    if (call.acquireBy !== 0) return Math.max(0, Math.ceil(call.acquireBy - now));
    call.acquireBy = now + acquireTimeout;
    return acquireTimeout;
  }

  #route(call: PoolCall): ConnectionNode | null {
    const pinned = call.pinned;
    return pinned ?? this.#topology.route(call, null);
  }

  #askTopology(call: PoolCall, error: Error): Next | null {
    // NOAUTH: the connection is retired by now, and the server did not run the command.
    if (error instanceof AuthenticationRequiredError && call.redirects++ === 0) return { kind: 'again' };
    return call.pinned === null ? this.#topology.next(call, error) : null;
  }

  failed(call: PoolCall, error: unknown, refused: boolean): void {
    if (!(error instanceof Error)) return this.#reject(call, error);
    const unproven = isUnproven(call, error, refused);
    let next: Next | null;
    try {
      next = this.#next(call, error, refused, unproven);
    } catch (thrown) {
      // If the user's policy throws, only this call fails.
      return this.#reject(call, thrown);
    }
    if (next === null) return this.#giveUp(call, error);
    if (next.kind === 'fail') return this.#giveUp(call, next.error);
    call.everWritten ||= unproven && call.sent;
    if (observed(channels.redirect)) this.#reportRedirect(call, error);
    call.again();
    if (next.kind === 'wait') return this.#wait(call, error);
    if (next.kind === 'pause') return this.#pause(call, error, next.ms);
    // ASKING covers one command only, so calls with a lease wait until the slot has moved.
    if (next.kind === 'node' && next.asking && call.leases) return this.#pause(call, error, ASK_PAUSE);
    if (next.kind === 'node') return this.#redirect(call, next.node, next.asking);
    if (observed(channels.retry)) this.#reportRetry(call, error, 0);
    return this.start(call);
  }

  /** Repeats the call after a pause; rejects with `error` if the time runs out before. */
  repeat(call: PoolCall, error: Error, ms: number): void {
    call.again();
    this.#pause(call, error, ms);
  }

  /** Ends all pauses; no further attempt starts. */
  close(error: PoolClosedError): void {
    this.#closed = error;
    for (const pause of [...this.#pauses]) pause.end(error);
  }

  #next(call: PoolCall, error: Error, refused: boolean, unproven: boolean): Next | null {
    if (this.#closed !== null || error === call.callSignal?.reason) return null;
    if (!refused && !(error instanceof ConnectionError)) return null;
    if (!unproven) {
      const told = this.#askTopology(call, error);
      if (told !== null) return told;
      if (refused && mends(error)) return call.overall ? { kind: 'wait' } : this.#policy(call, error, false);
    }
    if (refused) {
      // The command may have run, so it is not repeated. The topology still learns from the error.
      if (unproven) this.#askTopology(call, error);
      return null;
    }
    if (unproven && call.idempotent === false) return null;
    // The command was never written: the first repetition is free, without asking the policy.
    if (!unproven && call.attempts === 1) return { kind: 'again' };
    if (!unproven && call.overall) return { kind: 'wait' };
    return this.#policy(call, error, unproven);
  }

  #policy(call: PoolCall, error: Error, maybeExecuted: boolean): Next | null {
    const ms = this.#settings.retryPolicy.next(call.attempts, error, {
      command: call.info.name,
      maybeExecuted,
      elapsed: Math.max(0, performance.now() - call.startedAt),
      readOnly: (call.info.flags & READONLY) !== 0,
      idempotent: call.idempotent ?? undefined,
    });
    if (ms === null) return null;
    if (typeof ms !== 'number' || !(ms >= 0 && ms < Number.POSITIVE_INFINITY))
      throw new TypeError('next() of a retry policy must return milliseconds or null');
    return { kind: 'pause', ms };
  }

  #redirect(call: PoolCall, node: ConnectionNode, asking: boolean): void {
    call.attempts++;
    call.asking = asking;
    const deadline = this.deadlineOf(call);
    this.#place(call, node, deadline).catch((error: unknown) => this.#unplaced(call, error));
  }

  async #place(call: PoolCall, node: ConnectionNode, deadline: Deadline): Promise<void> {
    call.node = node;
    const { asking } = call;
    call.asking = false;
    if (call.leases) return call.place(node, deadline);
    if (call.blocks) return this.#block(call, node, deadline, asking);
    // ASKING covers only the next command.
    const { prelude } = call;
    const entries = (connection: BaseConnection): readonly Entry[] => {
      const before = prelude === null ? [] : prelude(connection);
      return asking ? [...before, new AskingEntry(), call] : [...before, call];
    };
    await node.submit(prelude === null && !asking ? [call] : entries, deadline, call.pinned !== null);
    call.acquireBy = 0;
  }

  /** Runs a blocking call to its end and settles it. */
  async #block(call: PoolCall, node: ConnectionNode, deadline: Deadline, asking: boolean): Promise<void> {
    const attempt = new BlockingAttempt(call);
    // Without an overall limit, the limit of the reply starts once there is a connection.
    const own = call.limit === 0 ? null : call.limit;
    const limit = (): Deadline => {
      call.acquireBy = 0;
      return call.overall ? this.deadlineOf(call) : new Deadline(call.callSignal, own);
    };
    try {
      const value = await node.blocking.run(attempt, deadline, limit, {
        asking,
        pinned: call.pinned !== null,
      });
      call.everWritten = true;
      call.host = attempt.host;
      call.answer(value);
    } catch (error) {
      call.host = attempt.host;
      call.heard = attempt.undone ? 0 : attempt.heard;
      if (!attempt.wasQueued) this.#unplaced(call, error);
      else this.failed(call, error, attempt.refused);
    }
  }

  /** Retries a temporary failure until the deadline; a pause that would outlast the deadline is shortened. */
  #wait(call: PoolCall, error: Error): void {
    const left = call.overall ? this.deadlineOf(call).remaining() : Number.POSITIVE_INFINITY;
    if (left <= LAST_TRY) return this.#giveUp(call, error);
    const last = Math.min(left - LAST_TRY, Math.max(LAST_TRY, left / 2));
    this.#pause(call, error, Math.min(patience(call), last));
  }

  #pause(call: PoolCall, error: Error, ms: number): void {
    const deadline = this.deadlineOf(call);
    // The server's error says more than the time-out of one last attempt would.
    if (deadline.remaining() <= ms + LAST_TRY / 2 && call.overall) return this.#giveUp(call, error);
    if (deadline.aborted) return this.#reject(call, deadline.reason);
    if (observed(channels.retry)) this.#reportRetry(call, error, ms);
    const pause = new Pause(ms, call.callSignal, (reason, failed) => {
      this.#pauses.delete(pause);
      if (failed) this.#reject(call, reason);
      else if (call.overall && deadline.remaining() <= LAST_TRY / 2) this.#giveUp(call, error);
      else this.start(call);
    });
    this.#pauses.add(pause);
  }

  #reportRedirect(call: PoolCall, error: Error): void {
    if (!(error instanceof AskError)) return;
    const { poolName } = this.#settings;
    const command = call.info.name;
    const kind = error instanceof MovedError ? 'MOVED' : 'ASK';
    const to = `${error.host}:${error.port}`;
    const from = call.node?.address ?? null;
    channels.redirect.publish({ poolName, command, kind, slot: error.slotId, from, to });
  }

  #reportRetry(call: PoolCall, error: unknown, delay: number): void {
    const { poolName } = this.#settings;
    channels.retry.publish({ poolName, command: call.info.name, attempt: call.attempts, delay, error });
  }

  /** Handles a call that got no connection, so that nothing was sent. */
  #unplaced(call: PoolCall, error: unknown): void {
    const over = this.#closed !== null || error instanceof PoolClosedError || !(error instanceof RedisError);
    if (over || isAbort(call, error)) return this.#reject(call, error);
    let next: Next | null;
    try {
      next = this.#askTopology(call, error);
      if (next === null) next = isLoss(error) ? this.#afterDial(call, error) : null;
      else if (next.kind === 'wait' && !call.overall && !this.#settings.acquire.waitForServer)
        next = this.#policy(call, error, false);
    } catch (thrown) {
      return this.#reject(call, thrown);
    }
    if (next === null) this.#reject(call, error);
    else if (next.kind === 'fail') this.#reject(call, next.error);
    else if (next.kind === 'again') this.start(call);
    else if (next.kind === 'pause') this.#pause(call, error, next.ms);
    else this.#wait(call, error);
  }

  /** After a failed dial: waits and tries again, or asks the policy. */
  #afterDial(call: PoolCall, error: Error): Next | null {
    const { acquire, ownPolicy } = this.#settings;
    if (acquire.waitForServer || call.overall) return { kind: 'wait' };
    return ownPolicy || acquire.given ? this.#policy(call, error, false) : null;
  }

  #giveUp(call: PoolCall, error: Error): void {
    const isValue = !call.raise && isOfServer(error) && !isAbort(call, error);
    if (isValue) call.answer(asOfAll(call, error) as RedisError);
    else this.#reject(call, error);
  }

  #reject(call: PoolCall, error: unknown): void {
    call.giveUp(asOfAll(call, error));
  }
}

function isAbort(call: PoolCall, error: unknown): boolean {
  return call.callSignal?.aborted === true && error === call.callSignal.reason;
}

/** Whether no connection could be had: it was lost, or no server was found. */
function isLoss(error: unknown): error is RedisError {
  if (error instanceof SentinelError) return !refusedByAll(error);
  return error instanceof ConnectionError && !(error instanceof PoolClosedError) && !isDistrusted(error);
}

/** Marks the error as `maybeExecuted` if any earlier attempt was written. */
function asOfAll(call: PoolCall, error: unknown): unknown {
  const told = call.everWritten && error instanceof RedisError && !isAbort(call, error);
  return told ? asMaybeExecuted(error) : error;
}

/** Whether the server may have run the command in this attempt. */
function isUnproven(call: PoolCall, error: Error, refused: boolean): boolean {
  if (refused) return call.mayHaveRun(error);
  return call.sent || (error instanceof ConnectionError && error.maybeExecuted);
}

function patience(call: PoolCall): number {
  return fullJitter(call.attempts - 1, PATIENCE.base, PATIENCE.cap);
}

/** A pause between two attempts; an abort or the end of the pool cuts it short. */
class Pause {
  readonly #deadline: Deadline;
  readonly #timer: NodeJS.Timeout;
  readonly #over: (reason: unknown, failed: boolean) => void;

  constructor(ms: number, signal: AbortSignal | null, over: (reason: unknown, failed: boolean) => void) {
    this.#over = over;
    this.#deadline = new Deadline(signal, null);
    this.#timer = setTimeout(
      () => {
        this.#deadline.unwatch();
        over(undefined, false);
      },
      Math.min(ms, LONGEST_DELAY),
    );
    this.#deadline.watch({ onAbort: (reason) => this.end(reason), onTimeout: () => {} });
  }

  end(reason: unknown): void {
    clearTimeout(this.#timer);
    this.#deadline.unwatch();
    this.#over(reason, true);
  }
}
