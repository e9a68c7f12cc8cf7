import type { CommandInfo } from '../commands/command-info.ts';
import { RequestAbortedError } from '../errors/errors.ts';
import type { Wire } from '../resp/encoder.ts';
import type { DecodeMode, Reply } from '../resp/types.ts';
import { Entry, QUEUED, SETTLED, takeMethods } from './entry.ts';

/**
 * One command on its way. It is sent whether or not anybody awaits it, may be awaited any number of times, and
 * one that nobody awaits never brings the process down.
 */
export interface Request<T> extends PromiseLike<T> {
  /** The command's name. */
  readonly command: string;
  /** It has resolved or rejected. */
  readonly settled: boolean;
  /** True once its bytes went to the socket. */
  readonly maybeExecuted: boolean;
  /** Stops waiting: rejects with `reason`. Unsent it is never written; written it keeps its place. */
  cancel(reason?: unknown): void;
  catch<R = never>(onRejected?: ((reason: unknown) => R | PromiseLike<R>) | null): Promise<T | R>;
  finally(onFinally?: (() => void) | null): Promise<T>;
}

const WAITING = 0;
const RESOLVED = 1;
const REJECTED = 2;

// biome-ignore lint/correctness/noUnusedVariables: declarations that merge have the same parameters.
export interface PendingRequest<T extends Reply> extends Entry {}
/** The promise is made when somebody asks for it: most requests are awaited once, some never. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the constructor sets every field, and a test counts them.
export class PendingRequest<T extends Reply> implements Request<T> {
  readonly info: CommandInfo;
  raise: boolean;
  private state: 0 | 1 | 2;
  private result: unknown;
  private promise: Promise<T> | null;
  private resolve: ((value: T) => void) | null;
  private reject: ((reason: unknown) => void) | null;

  constructor(info: CommandInfo, wire: Wire, size: number, mode: DecodeMode) {
    this.info = info;
    this.wire = wire;
    this.size = size;
    this.mode = mode;
    this.phase = QUEUED;
    this.deadline = 0;
    this.limit = 0;
    this.heard = 0;
    this.traits = 0;
    this.tenure = 0;
    this.signal = null;
    this.host = null;
    this.effect = null;
    this.raise = true;
    this.state = WAITING;
    this.result = undefined;
    this.promise = null;
    this.resolve = null;
    this.reject = null;
  }

  get command(): string {
    return this.info.name;
  }
  get settled(): boolean {
    return this.state !== WAITING;
  }
  get maybeExecuted(): boolean {
    return this.sent;
  }

  cancel(reason?: unknown): void {
    if (this.phase === SETTLED) return;
    const error =
      reason ??
      new RequestAbortedError(`${this.info.name} was cancelled`, { maybeExecuted: this.maybeExecuted });
    this.host?.cancel(this, error);
  }

  succeed(value: Reply): void {
    this.settle(RESOLVED, value);
  }
  refuse(error: Error): void {
    this.settle(this.raise ? REJECTED : RESOLVED, error);
  }
  fail(error: unknown): void {
    this.settle(REJECTED, error);
  }

  // biome-ignore lint/suspicious/noThenProperty: a request is awaited like a promise.
  then<R = T, S = never>(
    onFulfilled?: ((value: T) => R | PromiseLike<R>) | null,
    onRejected?: ((reason: unknown) => S | PromiseLike<S>) | null,
  ): Promise<R | S> {
    return this.asPromise().then(onFulfilled, onRejected);
  }
  catch<R = never>(onRejected?: ((reason: unknown) => R | PromiseLike<R>) | null): Promise<T | R> {
    return this.asPromise().catch(onRejected);
  }
  finally(onFinally?: (() => void) | null): Promise<T> {
    return this.asPromise().finally(onFinally);
  }

  private settle(state: 1 | 2, result: unknown): void {
    this.state = state;
    if (this.promise === null) {
      this.result = result;
      return;
    }
    if (state === RESOLVED) this.resolve?.(result as T);
    else this.reject?.(result);
    this.resolve = null;
    this.reject = null;
  }

  private asPromise(): Promise<T> {
    if (this.promise !== null) return this.promise;
    if (this.state === WAITING) {
      this.promise = new Promise<T>((resolve, reject) => {
        this.resolve = resolve;
        this.reject = reject;
      });
    } else {
      this.promise =
        this.state === RESOLVED ? Promise.resolve(this.result as T) : Promise.reject(this.result);
      this.result = undefined;
    }
    return this.promise;
  }
}
takeMethods(PendingRequest, Entry);
