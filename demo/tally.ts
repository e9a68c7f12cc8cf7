import { ConnectionError, RedisError, TimeoutError } from '../src/index.ts';
import { Histogram } from './histogram.ts';

/** What the demo counts: every answer is compared with what it has to be. */
export class Tally {
  readonly started = performance.now();
  readonly latency = new Histogram();
  readonly failures = new Map<string, number>();
  /** The first few wrong answers, for the summary. */
  readonly examples: string[] = [];
  operations = 0;
  failed = 0;
  maybeExecuted = 0;
  wrong = 0;
  /** Keys that went back to an older value because a failover lost what no replica had. */
  rewound = 0;

  /** Counts an answer; false when it is not the right one. */
  check(right: boolean, what: () => string): boolean {
    this.operations++;
    if (right) return true;
    this.wrong++;
    if (this.examples.length < 3) this.examples.push(what());
    return false;
  }

  /** Counts a failure that a network may cause; anything else is thrown on. True: the server may have run it. */
  fail(error: unknown): boolean {
    if (!(error instanceof RedisError)) throw error;
    const lost = error instanceof ConnectionError || error instanceof TimeoutError;
    const maybe = lost && error.maybeExecuted;
    const kind = `${error.name}${maybe ? ', maybe executed' : ', not executed'}`;
    this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
    this.failed++;
    if (maybe) this.maybeExecuted++;
    return maybe;
  }
}

/** The result of a demo or of one of its parts. */
export interface Outcome {
  /** For the exit code. */
  readonly good: boolean;
  /** Sentences that sum it up. */
  readonly remember?: readonly string[] | undefined;
}
