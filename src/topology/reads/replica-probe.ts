import { jittered } from '../../base/backoff.ts';
import { coreOf } from '../../connection/base-connection.ts';
import { ping } from '../../connection/requests/call.ts';
import { Deadline } from '../../base/deadline.ts';
import { TimeoutError } from '../../errors/errors.ts';
import type { Timing } from '../timing.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';

const INTERVAL = 1_000;
/** A replica that takes longer to say PONG is left out. */
const PATIENCE = 500;
const DIAL_PATIENCE = 5_000;

/** A server that reads may go to, with its connections. */
export interface ReadTarget {
  readonly node: ConnectionNode;
  /** It has been connected, or could not be: reads need not wait for it. */
  met: boolean;
}

export interface ReplicaProbeOptions<M extends ReadTarget> {
  readonly timing: Timing;
  /** The servers to measure. */
  readonly targets: () => Iterable<M>;
  readonly answered: (target: M, elapsed: number) => void;
  readonly failed: (target: M, error: Error) => void;
}

/** Measures replicas while they are read from, and brings those back that could not be reached. */
export class ReplicaProbe<M extends ReadTarget> {
  readonly #options: ReplicaProbeOptions<M>;
  readonly #dialling = new Set<M>();
  #stopTimer: (() => void) | null = null;
  #used = false;
  #closed = false;

  constructor(options: ReplicaProbeOptions<M>) {
    this.#options = options;
  }

  /** Called with every read: one field while the timer runs. */
  used(): void {
    if (this.#used) return;
    this.#used = true;
    if (this.#stopTimer === null && !this.#closed) this.#arm();
  }

  /** Dials a replica that reads no longer wait for. */
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
    const delay = jittered(INTERVAL, () => this.#options.timing.random());
    this.#stopTimer = this.#options.timing.after(delay, () => {
      this.#stopTimer = null;
      // No read since: the next one starts the timer again.
      if (!this.#used || this.#closed) return;
      this.#used = false;
      for (const member of this.#options.targets()) void this.#measure(member);
      this.#arm();
    });
  }

  async #measure(member: M): Promise<void> {
    const connection = member.node.tryShare();
    const { timing, answered, failed } = this.#options;
    if (connection === null) {
      if (member.met) this.revive(member);
      // The first dial takes too long: its waiters go elsewhere.
      else if (member.node.pool.hasWaiters)
        failed(member, new TimeoutError('No connection yet', { phase: 'connect' }));
      return;
    }
    const start = timing.now();
    try {
      const answer = await ping(coreOf(connection), { timeout: PATIENCE });
      if (answer instanceof Error) throw answer;
      answered(member, timing.now() - start);
    } catch (error) {
      failed(member, error instanceof Error ? error : new TimeoutError(String(error)));
    }
  }
}
