import { callAfter, systemClock } from '../../base/clock.ts';
import { jittered } from '../../base/backoff.ts';
import { coreOf } from '../../connection/base-connection.ts';
import { ping } from '../../connection/requests/call.ts';
import { Deadline } from '../../base/deadline.ts';
import { TimeoutError } from '../../errors/errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';

const INTERVAL = 1_000;
/** Longest round trip, in ms; a slower replica counts as failed. */
const PATIENCE = 500;
const DIAL_PATIENCE = 5_000;

/** A server that can serve reads, with its connections. */
export interface ReadTarget {
  readonly node: ConnectionNode;
  /** True once a first connection was made or failed: from then on no read waits for a connection to it. */
  met: boolean;
}

export interface ReplicaProbeOptions<M extends ReadTarget> {
  /** The servers to measure. */
  readonly targets: () => Iterable<M>;
  readonly answered: (target: M, elapsed: number) => void;
  readonly failed: (target: M, error: Error) => void;
}

/** Measures replicas while reads go to them, and dials the unreachable ones again. */
export class ReplicaProbe<M extends ReadTarget> {
  readonly #options: ReplicaProbeOptions<M>;
  readonly #dialling = new Set<M>();
  #stopTimer: (() => void) | null = null;
  #used = false;
  #closed = false;

  constructor(options: ReplicaProbeOptions<M>) {
    this.#options = options;
  }

  /** Called for every read, so it must be cheap: it sets one field while the timer runs. */
  used(): void {
    if (this.#used) return;
    this.#used = true;
    if (this.#stopTimer === null && !this.#closed) this.#arm();
  }

  /** Dials a replica in the background; no read waits for it. */
  revive(member: M): void {
    if (this.#closed || this.#dialling.has(member)) return;
    this.#dialling.add(member);
    const done = (): unknown => this.#dialling.delete(member);
    member.node.pool.share(() => undefined, new Deadline(null, DIAL_PATIENCE)).then(done, done);
  }

  close(): void {
    this.#closed = true;
    this.#stopTimer?.();
  }

  #arm(): void {
    const delay = jittered(INTERVAL);
    this.#stopTimer = callAfter(systemClock, delay, () => {
      this.#stopTimer = null;
      // Stop without reads; the next read starts the timer again.
      if (!this.#used || this.#closed) return;
      this.#used = false;
      for (const member of this.#options.targets()) void this.#measure(member);
      this.#arm();
    });
  }

  async #measure(member: M): Promise<void> {
    const connection = member.node.tryShare();
    const { answered, failed } = this.#options;
    if (connection === null) {
      if (member.met) this.revive(member);
      // The first dial takes too long: report a failure, so that its waiters are routed again.
      else if (member.node.pool.hasWaiters)
        failed(member, new TimeoutError('No connection yet', { phase: 'connect' }));
      return;
    }
    const start = systemClock.now();
    try {
      const answer = await ping(coreOf(connection), { timeout: PATIENCE });
      if (answer instanceof Error) throw answer;
      answered(member, systemClock.now() - start);
    } catch (error) {
      failed(member, error instanceof Error ? error : new TimeoutError(String(error)));
    }
  }
}
