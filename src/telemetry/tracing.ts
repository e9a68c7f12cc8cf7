import { AsyncResource } from 'node:async_hooks';
import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';

/** The part of a trace's payload that its end sets. */
interface Payload {
  error?: unknown;
}

/** Needs no destroy hook by the garbage collector, which would cost more than the call. */
const UNTRACKED = { requireManualDestroy: true };

function publishEnd<T extends Payload>(channel: TracingChannel<unknown, T>, trace: T, failed: boolean): void {
  if (failed) channel.error.publish(trace);
  channel.asyncStart.publish(trace);
  channel.asyncEnd.publish(trace);
}

/** One traced call. It keeps the asynchronous context of its caller, and publishes the call's end in it. */
export class Traced<T extends Payload> extends AsyncResource {
  readonly trace: T;
  readonly #channel: TracingChannel<unknown, T>;
  /** True once `end` was published, so that `asyncEnd` may follow. */
  #made = false;
  #over = false;
  #failed = false;

  constructor(channel: TracingChannel<unknown, T>, trace: T) {
    super('RESPOOL_TRACE', UNTRACKED);
    this.trace = trace;
    this.#channel = channel;
  }

  /** Ends the call with success. Only the first end counts. */
  end(): void {
    this.#finish(false);
  }
  /** Ends the call with a failure. */
  fail(error: unknown): void {
    if (!this.#over) this.trace.error = error;
    this.#finish(true);
  }
  /** Called by `Tracing` when the function that makes the call has returned. */
  made(): void {
    this.#made = true;
    if (this.#over) this.runInAsyncScope(publishEnd, undefined, this.#channel, this.trace, this.#failed);
  }

  /** Adds fields to the trace that are known only at its end. */
  protected complete(): void {}

  #finish(failed: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#failed = failed;
    this.complete();
    // If the call ends while it is made, `made` publishes its end after `end`.
    if (this.#made) this.runInAsyncScope(publishEnd, undefined, this.#channel, this.trace, failed);
  }
}

/** A tracing channel. Check `active` first, and build no payload without subscribers. */
export class Tracing<T extends Payload> {
  readonly #channel: TracingChannel<unknown, T>;

  constructor(name: string) {
    this.#channel = tracingChannel(`respool:${name}`);
  }

  /** Whether any channel of the trace has subscribers. Some runtimes know that only for the single channels. */
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
   * Runs `make` between `start` and `end`, within the stores bound to `start`. `make` gets the traced call and ends it
   * later; `asyncStart` and `asyncEnd` are then published in the current asynchronous context.
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
   * Traces a promise. Returns a promise that settles the same way, so an unhandled rejection stays unhandled.
   * `complete` adds fields to the trace that are known only at its end.
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
