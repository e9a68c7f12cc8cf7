import type { Deadline } from '../base/deadline.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import type { Entry } from '../connection/requests/entry.ts';
import { ConnectionError, OverloadedError, PoolClosedError, TimeoutError } from '../errors/errors.ts';

interface Waiting {
  readonly entries: readonly Entry[];
  readonly size: number;
  readonly deadline: Deadline;
  resolve(): void;
  reject(error: unknown): void;
}

/** Calls that wait for room in the queue of one connection, first in first out; it exists while somebody waits. */
export class Backlog {
  readonly #core: ConnectionCore;
  readonly #full: () => boolean;
  readonly #empty: () => void;
  readonly #line: Waiting[] = [];

  /** `full`: nobody more may wait. */
  constructor(core: ConnectionCore, full: () => boolean, empty: () => void) {
    this.#core = core;
    this.#full = full;
    this.#empty = empty;
    core.onRoom = () => this.#advance();
  }

  get length(): number {
    return this.#line.length;
  }

  add(entries: readonly Entry[], size: number, deadline: Deadline): Promise<void> {
    if (this.#full()) {
      const error = new OverloadedError(
        this.#core.text('its queue is full, and as many calls as may wait already (maxWaiting)'),
      );
      if (this.#line.length === 0) this.#finish();
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { entries, size, deadline, resolve, reject };
      this.#line.push(waiting);
      deadline.watch({
        onAbort: (reason) => this.#leave(waiting, reason),
        onTimeout: () =>
          this.#leave(
            waiting,
            new TimeoutError(this.#core.text('its queue stayed full'), { phase: 'acquire' }),
          ),
      });
    });
  }

  /** The connection has ended: the entries fail unsent, and whoever owns them takes them to another one. */
  lost(): void {
    const error = new ConnectionError(this.#core.text('lost before there was room'), {
      cause: this.#core.failure,
    });
    for (const waiting of this.#takeAll()) {
      waiting.resolve();
      for (const entry of waiting.entries) entry.fail(error);
    }
  }
  close(): void {
    const error = new PoolClosedError('the pool was closed');
    for (const waiting of this.#takeAll()) waiting.reject(error);
  }

  #advance(): void {
    for (
      let next = this.#line[0];
      next !== undefined && this.#core.hasRoom(next.size);
      next = this.#line[0]
    ) {
      this.#line.shift();
      next.deadline.unwatch();
      for (const entry of next.entries) this.#core.submit(entry);
      next.resolve();
    }
    if (this.#line.length === 0) this.#finish();
  }

  #leave(waiting: Waiting, error: unknown): void {
    const index = this.#line.indexOf(waiting);
    if (index === -1) return;
    this.#line.splice(index, 1);
    waiting.reject(error);
    if (this.#line.length === 0) this.#finish();
  }

  #takeAll(): Waiting[] {
    const all = this.#line.splice(0);
    for (const { deadline } of all) deadline.unwatch();
    this.#finish();
    return all;
  }

  #finish(): void {
    this.#core.onRoom = null;
    this.#empty();
  }
}
