import type { TCPLocation } from '../../transport/location.ts';
import type { ReadChoice, ReadFrom } from './read-from.ts';
import { ReplicaProbe, type ReadTarget } from './replica-probe.ts';

export interface ReplicaReadsOptions<M extends ReadTarget> {
  readonly choice: ReadChoice;
  readonly at: (replica: TCPLocation) => M;
  /** The servers to measure while reads go to replicas. */
  readonly targets: () => Iterable<M>;
  readonly answered: (target: M, elapsed: number) => void;
  readonly failed: (target: M, error: Error) => void;
  /** The error for calls that wait for a connection to an unreachable replica; it makes them route again. */
  readonly routeAgain: (target: M) => Error;
}

/** Picks the replica of a read, so that no read waits for an unreachable replica. */
export class ReplicaReads<M extends ReadTarget> {
  readonly #options: ReplicaReadsOptions<M>;
  readonly #probe: ReplicaProbe<M>;

  constructor(options: ReplicaReadsOptions<M>) {
    this.#options = options;
    this.#probe = new ReplicaProbe<M>({
      targets: options.targets,
      answered: options.answered,
      failed: (target, error) => {
        options.failed(target, error);
        this.passBy(target);
      },
    });
  }

  /**
   * Picks a healthy replica for the read; null: the primary. Reads wait for the first connection to a replica; later
   * dials happen in the background while the primary answers.
   */
  choose(from: ReadFrom, primary: TCPLocation | null, replicas: readonly TCPLocation[]): M | null {
    if (replicas.length === 0) return null;
    this.#probe.used();
    const location = this.#options.choice.choose(from, primary, replicas);
    if (location === null) return null;
    const target = this.#options.at(location);
    if (target.node.tryShare() !== null) {
      target.met = true;
      return target;
    }
    if (!target.met) return target;
    this.#probe.revive(target);
    return null;
  }

  /** Rejects the waiters of a replica that has no connection, so that they are routed again. */
  passBy(target: M): void {
    target.met = true;
    if (target.node.figures.open > 0) return;
    target.node.sendAway(() => this.#options.routeAgain(target));
  }

  close(): void {
    this.#probe.close();
  }
}
