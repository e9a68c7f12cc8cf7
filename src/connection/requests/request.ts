import { takeMethods } from '../../base/classes.ts';
import { inspect } from 'node:util';
import type { CommandInfo } from '../../commands/command-info.ts';
import { RequestAbortedError } from '../../errors/errors.ts';
import type { Wire } from '../../resp/encoder.ts';
import type { Reply } from '../../resp/types.ts';
import type { DecodeMode } from '../../resp/text-modes.ts';
import { capture, Entry, making, type Phase, QUEUED, SETTLED, unset } from './entry.ts';

/**
 * A command that was sent or waits to be sent. You may await it any number of times, or never: a failed
 * request that is not awaited does not end the process.
 */
export interface Request<T> extends PromiseLike<T> {
  /** The command's name. */
  readonly command: string;
  /** It has resolved or rejected. */
  readonly settled: boolean;
  /** True once its bytes went to the socket. */
  readonly maybeExecuted: boolean;
  /**
   * Stops waiting and rejects with `reason`. An unsent request is never written; a written one keeps its
   * place.
   */
  cancel(reason?: unknown): void;
  catch<R = never>(onRejected?: ((reason: unknown) => R | PromiseLike<R>) | null): Promise<T | R>;
  finally(onFinally?: (() => void) | null): Promise<T>;
}

function ignore(): void {}

export interface RequestEntry extends Entry {}
/** The entry of a request in the connection's queue. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the constructor sets every field, and a test counts them.
export class RequestEntry {
  readonly info: CommandInfo;
  readonly phase: Phase;
  raise: boolean;
  resolve: (value: never) => void;
  reject: (reason: unknown) => void;
  readonly promise: PendingRequest<never>;

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
    this.leaseId = 0;
    this.signal = null;
    this.host = null;
    this.effect = null;
    this.raise = true;
    this.resolve = unset;
    this.reject = unset;
    making.target = this;
    this.promise = new PendingRequest<never>(capture);
    making.target = null;
    this.promise.belongTo(this);
  }

  succeed(value: Reply): void {
    this.resolve(value as never);
  }
  refuse(error: Error): void {
    if (this.raise) this.rejectQuietly(error);
    else this.resolve(error as never);
  }
  fail(error: unknown): void {
    this.rejectQuietly(error);
  }

  private rejectQuietly(error: unknown): void {
    // A request need not be awaited: a rejection without a handler must not end the process.
    this.promise.then(undefined, ignore);
    this.reject(error);
  }
}
takeMethods(RequestEntry, Entry);

/**
 * The promise of one command. Its constructor is `Promise`, so that `await` takes it as it is and `then` returns plain
 * promises.
 */
export class PendingRequest<T> extends Promise<T> implements Request<T> {
  #entry: RequestEntry | null = null;

  belongTo(entry: RequestEntry): void {
    this.#entry = entry;
  }

  get command(): string {
    return this.#entry!.info.name;
  }
  get settled(): boolean {
    return this.#entry!.phase === SETTLED;
  }
  get maybeExecuted(): boolean {
    return this.#entry!.sent;
  }

  cancel(reason?: unknown): void {
    if (this.settled) return;
    const { command, maybeExecuted } = this;
    const error = reason ?? new RequestAbortedError(`${command} was cancelled`, { maybeExecuted });
    const entry = this.#entry!;
    entry.host?.cancel(entry, error);
  }

  toJSON(): Record<string, unknown> {
    return this.#entry!.toJSON();
  }
  [inspect.custom](): string {
    return inspect(this.#entry);
  }
}
void Object.defineProperty(PendingRequest.prototype, 'constructor', { value: Promise });
