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

/** The calls that have a connection and wait for room in its queue, first in first out per connection. */
export class Backlog {
  /** The waiters of each connection that has any. */
  readonly #lines = new Map<ConnectionCore, Waiting[]>();
  readonly #full: () => boolean;

  /** `others` counts the pool's waiters, which fall under the same `limit`. */
  constructor(limit: number | null, others: () => number) {
    this.#full = limit === null ? () => false : () => this.length + others() >= limit;
  }

  /** Number of waiting callers. */
  get length(): number {
    if (this.#lines.size === 0) return 0;
    let length = 0;
    for (const line of this.#lines.values()) length += line.length;
    return length;
  }

  /** Queues the entries back to back, behind the callers that wait already. */
  enqueue(core: ConnectionCore, entries: readonly Entry[], deadline: Deadline): void | Promise<void> {
    const size = entries.reduce((sum, entry) => sum + entry.size, 0);
    const line = this.#lines.get(core);
    if (line === undefined && core.hasRoom(size)) {
      for (const entry of entries) core.submit(entry);
      return undefined;
    }
    if (this.#full()) {
      const text = 'its queue is full, and maxWaiting callers already wait';
      return Promise.reject(core.error(OverloadedError, text));
    }
    return this.#wait(core, line ?? this.#begin(core), { entries, size, deadline });
  }

  /** Queues the waiting entries of a connection while it has room for them. */
  advance(core: ConnectionCore): void {
    const line = this.#lines.get(core) ?? [];
    for (let next = line[0]; next !== undefined && core.hasRoom(next.size); next = line[0]) {
      line.shift();
      next.deadline.unwatch();
      for (const entry of next.entries) core.submit(entry);
      next.resolve();
    }
    if (line.length === 0) this.#end(core);
  }

  /** Fails the waiting entries of an ended connection; they were never sent, so their owners may retry them. */
  lost(core: ConnectionCore): void {
    const line = this.#end(core);
    if (line.length === 0) return;
    const error = core.error(ConnectionError, 'lost before there was room', { cause: core.failure });
    for (const waiting of line) {
      waiting.resolve();
      for (const entry of waiting.entries) entry.fail(error);
    }
  }

  close(): void {
    const error = new PoolClosedError('the pool is closed');
    for (const core of [...this.#lines.keys()]) for (const { reject } of this.#end(core)) reject(error);
  }

  #begin(core: ConnectionCore): Waiting[] {
    const line: Waiting[] = [];
    this.#lines.set(core, line);
    core.backlogged = true;
    return line;
  }

  /** Removes the connection's waiters and returns them. */
  #end(core: ConnectionCore): Waiting[] {
    const line = this.#lines.get(core);
    if (line === undefined) return [];
    this.#lines.delete(core);
    core.backlogged = false;
    for (const { deadline } of line) deadline.unwatch();
    return line;
  }

  #wait(
    core: ConnectionCore,
    line: Waiting[],
    call: Pick<Waiting, 'entries' | 'size' | 'deadline'>,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { ...call, resolve, reject };
      line.push(waiting);
      const leave = (error: unknown): void => {
        const index = line.indexOf(waiting);
        if (index === -1) return;
        line.splice(index, 1);
        if (line.length === 0) this.#end(core);
        reject(error);
      };
      call.deadline.watch({
        onAbort: leave,
        onTimeout: () => leave(core.error(TimeoutError, 'its queue stayed full', { phase: 'acquire' })),
      });
    });
  }
}
