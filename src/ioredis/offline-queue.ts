import { channel } from 'node:diagnostics_channel';
import { OverloadedError } from '../errors/errors.ts';
import type { Command } from './command.ts';
import { abortedBy } from './errors.ts';
import { Pipeline, sizeOf } from './pipeline.ts';

/** A command or a whole pipeline that waits for a connection. */
export type Waiting = Command | Pipeline;

/** Waiting commands in the order of their calls, bounded in bytes. */
export class OfflineQueue {
  readonly #limit: number;
  #items: Waiting[] = [];
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#items.length;
  }

  /** Adds a command. Throws `OverloadedError` if it does not fit; a command above the bound may wait alone. */
  push(item: Waiting): void {
    const bytes = bytesOf(item);
    if (this.#items.length > 0 && this.#bytes + bytes > this.#limit) {
      throw new OverloadedError(
        `the offline queue holds ${this.#bytes} bytes, and offlineQueueBytes is ${this.#limit}`,
      );
    }
    this.#bytes += bytes;
    this.#items.push(item);
  }

  /** Puts unanswered commands of a lost connection first; they are never refused. */
  unshift(items: readonly Waiting[]): void {
    for (const item of items) this.#bytes += bytesOf(item);
    this.#items = [...items, ...this.#items];
  }

  take(): Waiting[] {
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    return items.filter((item) => !item.isSettled);
  }

  /** Rejects the rest of a transaction whose MULTI was lost with its connection; it must not run without MULTI. */
  dropFragments(): void {
    const kept: Waiting[] = [];
    let whole = false;
    for (const item of this.take()) {
      if (!(item instanceof Pipeline)) {
        if (item.name === 'multi') whole = true;
        else if (item.inTransaction && !whole) {
          item.reject(abortedBy(item));
          continue;
        }
        if (item.name === 'exec') whole = false;
      }
      kept.push(item);
    }
    this.unshift(kept);
  }

  fail(error: Error): void {
    failAll(this.take(), error);
  }
}

/** Rejects all that are not settled. */
export function failAll(items: readonly Waiting[], error: Error): void {
  for (const item of items) {
    if (item.isSettled) continue;
    if (item instanceof Pipeline) item.abort(error);
    else item.reject(item.blame(error));
  }
}

function bytesOf(item: Waiting): number {
  return item instanceof Pipeline ? item.size : sizeOf(item);
}

/** Publishes commands that are sent again, because their connection ended before they were answered. */
const resends = channel('respool:ioredis:resend');

export function tellResent(items: readonly Waiting[], endpoint: string): void {
  if (!resends.hasSubscribers) return;
  for (const item of items) {
    const commands = item instanceof Pipeline ? item.commands.map(({ name }) => name) : [item.name];
    resends.publish({ commands, endpoint });
  }
}
