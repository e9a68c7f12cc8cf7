import { inspect } from 'node:util';
import { nameClass } from '../base/classes.ts';
import { Deadline, refuseUnknownWait, type WaitOptions } from '../base/deadline.ts';
import { TimeoutError } from '../errors/errors.ts';
import { WaitLine, Waiter } from './waiters.ts';

/**
 * Limits concurrent work with a fixed number of tokens. Waiters are served first in, first out.
 *
 * @example ConnectionPool.fromUrl(url, { processingBudget: new CapacityLimiter(100) })
 */
export class CapacityLimiter {
  static {
    nameClass(this, 'CapacityLimiter');
  }

  /** The number of tokens. */
  readonly total: number;
  #available: number;
  #line = new WaitLine<Waiter<void>>();

  constructor(total: number) {
    if (!Number.isInteger(total) || total < 1) {
      throw new TypeError(`total must be an integer of at least 1; got ${String(total)}`);
    }
    this.total = total;
    this.#available = total;
  }

  /** The number of free tokens. */
  get available(): number {
    return this.#available;
  }
  /** The number of waiting callers. */
  get waiting(): number {
    return this.#line.length;
  }

  /**
   * Takes a token, or waits for one. With `timeout: 0` it does not wait.
   * @throws TimeoutError if no token is free within `timeout` ms.
   */
  async acquire(options?: WaitOptions): Promise<void> {
    refuseUnknownWait(options);
    const deadline = Deadline.of(options, { allowZero: true });
    if (deadline.aborted) throw deadline.reason;
    if (this.tryAcquire()) return;
    if (deadline.expired) throw this.#exhausted(deadline);
    const waiter = new Waiter<void>(deadline, this);
    this.#line.push(waiter);
    deadline.watch(waiter);
    await waiter.promise;
  }

  /** Takes a token if one is free; returns whether it did. */
  tryAcquire(): boolean {
    if (this.#available === 0) return false;
    this.#available--;
    return true;
  }

  /**
   * Returns a token; the first waiter gets it, if there is one.
   * @throws TypeError if no token is taken.
   */
  release(): void {
    const next = this.#line.shift();
    if (next !== null) return next.resolve();
    if (this.#available === this.total) throw new TypeError('release() without acquire()');
    this.#available++;
  }

  toString(): string {
    return `CapacityLimiter<${this.#available} of ${this.total} free, ${this.waiting} waiting>`;
  }
  toJSON(): Record<string, unknown> {
    const { total, available, waiting } = this;
    return { type: 'CapacityLimiter', total, available, waiting };
  }
  [inspect.custom](): string {
    return this.toString();
  }

  /** @internal */
  aborted(waiter: Waiter<void>, reason: unknown): void {
    this.#line.remove(waiter);
    waiter.reject(reason);
  }
  /** @internal */
  timedOut(waiter: Waiter<void>): void {
    const error = this.#exhausted(waiter.deadline);
    this.#line.remove(waiter);
    waiter.reject(error);
  }

  #exhausted(deadline: Deadline): TimeoutError {
    const { total: max, available, waiting } = this;
    const text = `no token within ${deadline.timeout} ms (${available} of ${max} free, ${waiting} waiting)`;
    const pool = { max, inUse: max - available, idle: available, waiting };
    return new TimeoutError(text, { phase: 'acquire', pool });
  }
}
