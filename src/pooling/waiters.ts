import type { Deadline, DeadlineSubscriber } from '../base/deadline.ts';

/** Where a waiter goes when its signal or its time limit ends the wait. */
export interface WaiterOwner<W> {
  aborted(waiter: W, reason: unknown): void;
  timedOut(waiter: W): void;
}

/**
 * One waiting caller. It is in at most one line and settles once: whoever takes it out of its line
 * settles it, so a cancelled waiter can neither be served nor swallow what was meant for the next one.
 */
export class Waiter<T> implements DeadlineSubscriber {
  readonly deadline: Deadline;
  readonly promise: Promise<T>;
  resolve!: (value: T | PromiseLike<T>) => void;
  reject!: (reason: unknown) => void;
  line: WaitLine<this> | null = null;
  previous: this | null = null;
  next: this | null = null;
  #owner: WaiterOwner<Waiter<T>>;

  constructor(deadline: Deadline, owner: WaiterOwner<never>) {
    this.deadline = deadline;
    this.#owner = owner as WaiterOwner<Waiter<T>>;
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
  onAbort(reason: unknown): void {
    this.#owner.aborted(this, reason);
  }
  onTimeout(): void {
    this.#owner.timedOut(this);
  }
}

interface Linked<W> {
  readonly deadline: Deadline;
  line: unknown;
  previous: W | null;
  next: W | null;
}

/** First in, first out, with removal from the middle in constant time: cancelled waiters leave nothing. */
export class WaitLine<W extends Linked<W>> {
  length = 0;
  head: W | null = null;
  #tail: W | null = null;

  push(waiter: W): void {
    waiter.line = this;
    waiter.previous = this.#tail;
    if (this.#tail === null) this.head = waiter;
    else this.#tail.next = waiter;
    this.#tail = waiter;
    this.length++;
  }

  /** Takes the waiter out of the line and off its deadline; whoever calls this settles it. */
  remove(waiter: W): void {
    if (waiter.line !== this) return;
    const { previous, next } = waiter;
    if (previous === null) this.head = next;
    else previous.next = next;
    if (next === null) this.#tail = previous;
    else next.previous = previous;
    waiter.line = waiter.previous = waiter.next = null;
    this.length--;
    waiter.deadline.unwatch();
  }

  shift(): W | null {
    const first = this.head;
    if (first !== null) this.remove(first);
    return first;
  }
}
