import { AsyncResource } from 'node:async_hooks';
import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';

/** The payload of a trace, as far as its end goes. */
interface Payload {
  error?: unknown;
}

/** Its end is known, so that the collector need not watch for it: that would cost more than the call. */
const UNTRACKED = { requireManualDestroy: true };

function publishEnd<T extends Payload>(channel: TracingChannel<unknown, T>, trace: T, failed: boolean): void {
  if (failed) channel.error.publish(trace);
  channel.asyncStart.publish(trace);
  channel.asyncEnd.publish(trace);
}

/** One call that is traced. It keeps the asynchronous context of its caller, in which its end is published. */
export class Traced<T extends Payload> extends AsyncResource {
  readonly trace: T;
  readonly #channel: TracingChannel<unknown, T>;
  /** `end` has been published, and the end of the call may be. */
  #made = false;
  #over = false;
  #failed = false;

  constructor(channel: TracingChannel<unknown, T>, trace: T) {
    super('RESPOOL_TRACE', UNTRACKED);
    this.trace = trace;
    this.#channel = channel;
  }

  /** The call has succeeded. Only the first end counts. */
  end(): void {
    this.#finish(false);
  }
  /** The call has failed. */
  fail(error: unknown): void {
    if (!this.#over) this.trace.error = error;
    this.#finish(true);
  }
  /** For the channel: what makes the call has returned. */
  made(): void {
    this.#made = true;
    if (this.#over) this.runInAsyncScope(publishEnd, undefined, this.#channel, this.trace, this.#failed);
  }

  /** Adds to the trace what is known at its end. */
  protected complete(): void {}

  #finish(failed: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#failed = failed;
    this.complete();
    // A call that ends while it is made: `end` comes first.
    if (this.#made) this.runInAsyncScope(publishEnd, undefined, this.#channel, this.trace, failed);
  }
}

/** A tracing channel. Build nothing without subscribers: ask `active` first. */
export class Tracing<T extends Payload> {
  readonly #channel: TracingChannel<unknown, T>;

  constructor(name: string) {
    this.#channel = tracingChannel(`respool:${name}`);
  }

  /** Whether anybody listens. Some runtimes know it for the single channels only. */
  get active(): boolean {
    const { start, asyncEnd, error, end, asyncStart } = this.#channel;
    return (
      start.hasSubscribers ||
      asyncEnd.hasSubscribers ||
      error.hasSubscribers ||
      end.hasSubscribers ||
      asyncStart.hasSubscribers
    );
  }

  /**
   * Runs `make` between `start` and `end`, in the stores that are bound to `start`. It is given the traced call, which it
   * ends later and from wherever: `asyncStart` and `asyncEnd` are published in the asynchronous context of now.
   */
  begin<R, C extends Traced<T>>(
    trace: T,
    kind: new (channel: TracingChannel<unknown, T>, trace: T) => C,
    make: (traced: C) => R,
  ): R {
    const channel = this.#channel;
    let traced: C | null = null;
    try {
      return channel.start.runStores(trace, () => {
        traced = new kind(channel, trace);
        return make(traced);
      });
    } catch (error) {
      (traced as C | null)?.fail(error);
      throw error;
    } finally {
      channel.end.publish(trace);
      (traced as C | null)?.made();
    }
  }

  /**
   * The same for a promise; the caller gets one that settles alike, so that an unhandled rejection stays one. `complete`
   * adds to the trace what is known at its end.
   */
  promise<R>(trace: T, make: () => Promise<R>, complete?: () => void): Promise<R> {
    return this.begin(trace, Traced<T>, (traced) =>
      make().then(
        (value) => {
          complete?.();
          traced.end();
          return value;
        },
        (error: unknown) => {
          complete?.();
          traced.fail(error);
          throw error;
        },
      ),
    );
  }
}
