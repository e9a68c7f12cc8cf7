import { Entry } from '../../connection/requests/entry.ts';
import type { Reply } from '../../resp/types.ts';
import type { PoolCall } from './pool-call.ts';

/** How long each blocking call may block at the server, in ms; Infinity for ever. */
export const blockTimes = new WeakMap<PoolCall, number>();

/** One attempt of a blocking call, on an exclusive connection. */
export class BlockingAttempt extends Entry {
  readonly answer: Promise<Reply>;
  readonly allowed: number;
  readonly blockTime: number;
  readonly detached: boolean;
  refused = false;
  undone = false;
  readonly #call: PoolCall;
  #resolve!: (value: Reply) => void;
  #reject!: (error: unknown) => void;

  constructor(call: PoolCall) {
    super(call.info, call.wire, call.size, call.mode);
    this.#call = call;
    this.traced = call.traced;
    this.blocking = true;
    this.keepsBytes = true;
    this.allowed = call.limit;
    this.blockTime = blockTimes.get(call) ?? Number.POSITIVE_INFINITY;
    this.dropOnCancel = call.dropOnCancel;
    this.detached = call.noreply;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // The call may have settled before; a late rejection must not end the process.
    this.answer.catch(() => {});
  }

  get wasQueued(): boolean {
    return this.host !== null;
  }

  override written(): void {
    this.#call.written();
  }

  succeed(value: Reply): void {
    this.#resolve(value);
  }
  refuse(error: Error): void {
    this.refused = true;
    this.#reject(error);
  }
  fail(error: unknown): void {
    this.#reject(error);
  }
}
