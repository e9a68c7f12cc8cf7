import { debuglog } from 'node:util';
import { RedisError } from './errors.ts';

const log = debuglog('respool-calls');
/** True with `NODE_DEBUG=respool-calls`. Some runtimes lack `enabled`, so read the environment. */
const always = log.enabled ?? /\brespool-calls\b/i.test(process.env['NODE_DEBUG'] ?? '');

/** Number of the package's own frames that may precede those of the caller. */
const OWN_FRAMES = 12;
const FRAME = /^\s+at /;
/** Finds the package's folder in the frame of this file, both in the source layout and bundled. */
const FOLDER = /\((.*?[\\/])(?:errors[\\/])?[^\\/]+:\d+:\d+\)$/;
const canWiden = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable === true;

/** Whether calls record their stack: with the option `traceCalls`, or by the environment. */
export function tracesCalls(options: { readonly traceCalls: boolean }): boolean {
  return options.traceCalls || always;
}

/** The stack of a call. Its text is built only when the call fails. */
export class CallStack {
  readonly #limit: number;
  readonly #taken: Error;

  private constructor() {
    this.#limit = Error.stackTraceLimit;
    if (canWiden && this.#limit > 0) Error.stackTraceLimit = this.#limit + OWN_FRAMES;
    this.#taken = new Error();
    if (canWiden) Error.stackTraceLimit = this.#limit;
  }

  /** Captures the current stack. */
  static take(): CallStack {
    return new CallStack();
  }

  /**
   * Returns a copy of the error with the stack of this call; a copy, because other callers may get the same error.
   * Errors from outside the package are returned unchanged.
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

  /** Like `onError`, for a rejection: the reason of the call's signal belongs to the caller and stays unchanged. */
  onRejection(error: unknown, signal: AbortSignal | null | undefined): unknown {
    return signal?.aborted === true && error === signal.reason ? error : this.onError(error);
  }

  /** Like `onError`, for the results of a batch; values stay unchanged. */
  onResults<R>(results: readonly R[]): R[] {
    return results.map((result) => this.onError(result) as R);
  }

  /**
   * The frames from the caller on, without the package's own frames above. If the program is bundled with the package
   * they cannot be told apart, so all frames.
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

/** The options of a call, if any. */
type Limits = { readonly signal?: AbortSignal | undefined } | null | undefined;

/** Runs `make`, and gives the error of its promise the current stack. */
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

/** Like `withCallStack`, for a promise of results, each of which may be an error. */
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
