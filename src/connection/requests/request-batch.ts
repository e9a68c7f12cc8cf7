import { inspect } from 'node:util';
import { unwatchSignal, watchSignal } from '../../base/signal-registry.ts';
import type { CommandInfo } from '../../commands/command-info.ts';
import { ConnectionError, RedisError, RequestAbortedError } from '../../errors/errors.ts';
import type { CallStack } from '../../errors/call-stacks.ts';
import { type Wire, wireLength } from '../../resp/encoder.ts';
import type { Reply } from '../../resp/types.ts';
import type { DecodeMode } from '../../resp/text-modes.ts';
import { Entry, SETTLED, settle, WRITTEN } from './entry.ts';
import type { Request } from './request.ts';

/** One awaitable for a sequence of commands; resolves with one reply or error per command. */
export type RequestBatch = Request<(Reply | RedisError)[]>;

/** The entry of one command of a batch. */
export class BatchPart extends Entry {
  readonly #batch: PendingBatch;
  readonly #index: number;

  constructor(batch: PendingBatch, index: number, info: CommandInfo, wire: Wire, mode: DecodeMode) {
    super(info, wire, wireLength(wire), mode);
    this.#batch = batch;
    this.#index = index;
  }
  succeed(value: Reply): void {
    this.#batch.settle(this.#index, value);
  }
  refuse(error: Error): void {
    this.#batch.settle(this.#index, error as RedisError);
  }
  fail(error: unknown): void {
    this.#batch.settle(
      this.#index,
      error instanceof RedisError ? error : new ConnectionError('The command was given up', { cause: error }),
    );
  }
}

/** A part with a trace, which gets the result before the batch. */
export class TracedPart extends BatchPart {
  resolve: (value: never) => void = (value) => super.succeed(value);
  reject: (error: unknown) => void = (error) => super.fail(error);

  override succeed(value: Reply): void {
    this.resolve(value as never);
  }
  override refuse(error: Error): void {
    this.resolve(error as never);
  }
  override fail(error: unknown): void {
    this.reject(error);
  }
}

/** A batch in progress. It never rejects: each result is a reply or an error. */
export class PendingBatch implements Request<(Reply | RedisError)[]> {
  readonly command: string;
  // Private, because the parts hold arguments.
  readonly #parts: BatchPart[] = [];
  readonly #results: (Reply | RedisError)[];
  #left: number;
  readonly #promise: Promise<(Reply | RedisError)[]>;
  #resolve!: (results: (Reply | RedisError)[]) => void;
  #signal: AbortSignal | null = null;
  /** With `traceCalls`: the stack of the call. */
  stack: CallStack | null = null;

  constructor(count: number) {
    this.command = 'PIPELINE';
    this.#left = count;
    this.#results = new Array<Reply>(count).fill(null);
    this.#promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (count === 0) this.#resolve(this.#results);
  }

  add(kind: typeof BatchPart, info: CommandInfo, wire: Wire, mode: DecodeMode): BatchPart {
    const part = new kind(this, this.#parts.length, info, wire, mode);
    this.#parts.push(part);
    return part;
  }

  get parts(): readonly BatchPart[] {
    return this.#parts;
  }
  get settled(): boolean {
    return this.#left === 0;
  }
  get maybeExecuted(): boolean {
    return this.#parts.some((part) => part.sent);
  }

  watch(signal: AbortSignal): void {
    this.#signal = signal;
    watchSignal(signal, this);
  }

  onAbort(reason: unknown): void {
    this.cancel(reason);
  }

  cancel(reason?: unknown): void {
    const waiting = this.#parts.filter((part) => part.phase !== SETTLED);
    const last = waiting.at(-1);
    for (const part of waiting) {
      const maybeExecuted = part.phase === WRITTEN;
      const error = new RequestAbortedError(`${part.info.name} was aborted`, {
        cause: reason,
        maybeExecuted,
        command: part.info.name,
      });
      // Only the last part may close the connection; otherwise the others would get its end instead of the abort.
      if (part !== last) part.dropOnCancel = false;
      if (part.host !== null) part.host.cancel(part, error);
      else this.#never(part, error);
    }
  }

  /** Fails every command with `error`, because none could be queued. */
  refuse(error: RedisError): void {
    for (const part of this.#parts) this.#never(part, error);
  }

  settle(index: number, value: Reply | RedisError): void {
    this.#results[index] = value as Reply;
    this.#left--;
    if (this.#left > 0) return;
    if (this.#signal !== null) unwatchSignal(this.#signal, this);
    this.#resolve(this.stack === null ? this.#results : this.stack.onResults(this.#results));
  }

  // biome-ignore lint/suspicious/noThenProperty: a request is awaited like a promise.
  then<R, S = never>(
    onFulfilled?: ((value: (Reply | RedisError)[]) => R | PromiseLike<R>) | null,
    onRejected?: ((reason: unknown) => S | PromiseLike<S>) | null,
  ): Promise<R | S> {
    return this.#promise.then(onFulfilled as (value: (Reply | RedisError)[]) => R, onRejected);
  }
  catch<R = never>(): Promise<(Reply | RedisError)[] | R> {
    return this.#promise;
  }
  finally(onFinally?: (() => void) | null): Promise<(Reply | RedisError)[]> {
    return this.#promise.finally(onFinally);
  }

  toJSON(): Record<string, unknown> {
    return { command: this.command, commands: this.#parts.length, settled: this.settled };
  }
  [inspect.custom](): string {
    return `PendingBatch<${this.#parts.length} commands, ${this.settled ? 'settled' : `${this.#left} unsettled`}>`;
  }

  #never(part: BatchPart, error: RedisError): void {
    settle(part);
    part.fail(error);
  }
}
