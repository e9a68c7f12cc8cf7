import { debuglog } from 'node:util';
import { RedisError } from './errors.ts';

const log = debuglog('respool-calls');
/** `NODE_DEBUG=respool-calls`. Some runtimes do not know `enabled`: the environment says the same. */
const always = log.enabled ?? /\brespool-calls\b/i.test(process.env['NODE_DEBUG'] ?? '');

/** Frames of this package that may lie above those of the caller. */
const OWN_FRAMES = 12;
const FRAME = /^\s+at /;
/** Where the files of the package lie, by the frame of this one: as it is written, or bundled. */
const FOLDER = /\((.*?[\\/])(?:errors[\\/])?[^\\/]+:\d+:\d+\)$/;
const canWiden = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable === true;

/** Whether calls remember their place: the option `traceCalls`, or the environment. */
export function tracesCalls(options: { readonly traceCalls: boolean }): boolean {
  return options.traceCalls || always;
}

/** The place that made a call. Its text is made when the call fails, and not before. */
export class CallStack {
  readonly #limit: number;
  readonly #taken: Error;

  private constructor() {
    this.#limit = Error.stackTraceLimit;
    if (canWiden && this.#limit > 0) Error.stackTraceLimit = this.#limit + OWN_FRAMES;
    this.#taken = new Error();
    if (canWiden) Error.stackTraceLimit = this.#limit;
  }

  /** Takes the stack of now. */
  static take(): CallStack {
    return new CallStack();
  }

  /**
   * The error for the caller of this call: a copy, because other callers may have got the same error. An error from
   * outside the package stays as it is: it has its own stack, or belongs to the caller.
   */
  onError(error: unknown): unknown {
    if (!(error instanceof RedisError)) return error;
    const copy = new Error();
    Object.setPrototypeOf(copy, Object.getPrototypeOf(error) as object);
    const { stack: _stack, ...own } = Object.getOwnPropertyDescriptors(error) as PropertyDescriptorMap;
    Object.defineProperties(copy, own);
    const { name, message } = error;
    const value = [message === '' ? name : `${name}: ${message}`, ...this.#frames()].join('\n');
    return Object.defineProperty(copy, 'stack', {
      value,
      writable: true,
      configurable: true,
      enumerable: false,
    });
  }

  /** The same for what a call rejects with. The reason of its signal is the caller's own, of whatever class. */
  onRejection(error: unknown, signal: AbortSignal | null | undefined): unknown {
    return signal?.aborted === true && error === signal.reason ? error : this.onError(error);
  }

  /** The same for the results of a batch: its values stay. */
  onResults<R>(results: readonly R[]): R[] {
    return results.map((result) => this.onError(result) as R);
  }

  /**
   * The frames of the caller: those above them lie in this package, and say nothing to it. All of them, where the
   * program was bundled with the package, so that no frame tells the one from the other.
   */
  #frames(): readonly string[] {
    const frames = (this.#taken.stack ?? '').split('\n').filter((line) => FRAME.test(line));
    const folder = FOLDER.exec(frames[0] ?? '')?.[1];
    const isForeign = (frame: string): boolean =>
      folder !== undefined && !frame.includes(folder) && !frame.includes('node:internal');
    const first = frames.findIndex(isForeign);
    return (first === -1 ? frames : frames.slice(first)).slice(0, this.#limit);
  }
}

/** Options of a call, which may be none. */
type Limits = { readonly signal?: AbortSignal | undefined } | null | undefined;

/** Runs `make`; what its promise rejects with carries the stack of now. */
export function withCallStack<P extends Promise<unknown>>(make: () => P, options: Limits): P {
  const stack = CallStack.take();
  const made = make();
  const promise = made.then(
    (value) => stack.onError(value),
    (error: unknown) => {
      throw stack.onRejection(error, options?.signal);
    },
  ) as P;
  if (!('maybeExecuted' in made)) return promise;
  return Object.defineProperty(promise, 'maybeExecuted', { get: () => made.maybeExecuted });
}

/** The same for a promise of results, of which each may be an error. */
export function withCallStacks<R, N = never>(
  make: () => Promise<R[] | N>,
  options: Limits,
): Promise<R[] | N> {
  const stack = CallStack.take();
  return make().then(
    (results) => (Array.isArray(results) ? stack.onResults(results) : results),
    (error: unknown) => {
      throw stack.onRejection(error, options?.signal);
    },
  );
}
