import type { Deadline } from '../base/deadline.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import type { Entry } from '../connection/requests/entry.ts';
import { Backlog } from './backlog.ts';

/** The calls of a node that have a connection and wait for room in its queue. */
export class Backlogs {
  /** Connections that somebody waits for. */
  #lines = new Map<ConnectionCore, Backlog>();
  readonly #full: () => boolean;

  /** `others`: how many of those who may wait do so elsewhere. */
  constructor(limit: number | null, others: () => number) {
    this.#full = limit === null ? () => false : () => this.length + others() >= limit;
  }

  /** Callers in line. */
  get length(): number {
    if (this.#lines.size === 0) return 0;
    let length = 0;
    for (const line of this.#lines.values()) length += line.length;
    return length;
  }

  get empty(): boolean {
    return this.#lines.size === 0;
  }

  /** Queues entries back to back, behind those that wait already. */
  enqueue(core: ConnectionCore, entries: readonly Entry[], deadline: Deadline): void | Promise<void> {
    const size = entries.reduce((sum, entry) => sum + entry.size, 0);
    const line = this.#lines.get(core);
    if (line === undefined && core.hasRoom(size)) {
      for (const entry of entries) core.submit(entry);
      return undefined;
    }
    return (line ?? this.#begin(core)).add(entries, size, deadline);
  }

  /** The connection has ended. */
  lost(core: ConnectionCore): void {
    this.#lines.get(core)?.lost();
  }
  close(): void {
    for (const line of [...this.#lines.values()]) line.close();
  }

  #begin(core: ConnectionCore): Backlog {
    const line = new Backlog(core, this.#full, () => this.#lines.delete(core));
    this.#lines.set(core, line);
    return line;
  }
}
