import type { CommandInfo } from '../commands/command-info.ts';
import type { Wire } from '../resp/encoder.ts';
import type { DecodeMode, Reply } from '../resp/types.ts';
import { type Acknowledgement, Entry } from './entry.ts';
import { sizeOf } from './outbox.ts';

/**
 * A command of the SUBSCRIBE family: its place is freed by one push per name, matched by kind and name. One
 * without names unsubscribes from everything and is done when nothing of its kind is left.
 */
export class SubscriptionEntry extends Entry {
  readonly #kind: string;
  readonly #names: Map<string, number> | null;
  #left: number;
  readonly #frames: Reply[][] = [];
  readonly #done: (frames: Reply[][]) => void;
  readonly #failed: (error: unknown) => void;

  constructor(
    info: CommandInfo,
    wire: Wire,
    mode: DecodeMode,
    names: readonly string[],
    done: (frames: Reply[][]) => void,
    failed: (error: unknown) => void,
  ) {
    super(info, wire, sizeOf(wire), mode);
    this.byPush = true;
    this.#kind = info.name.toLowerCase();
    this.#left = names.length;
    this.#names = names.length === 0 ? null : new Map();
    for (const name of names) this.#names?.set(name, (this.#names.get(name) ?? 0) + 1);
    this.#done = done;
    this.#failed = failed;
  }

  override acknowledge(
    kind: string,
    name: string | null,
    frame: Reply[],
    subscribed: ReadonlySet<string>,
  ): Acknowledgement {
    if (kind !== this.#kind) return 'other';
    if (this.#names === null) {
      this.#frames.push(frame);
      return name === null || subscribed.size === 0 ? 'done' : 'part';
    }
    const expected = name === null ? undefined : this.#names.get(name);
    if (name === null || expected === undefined || expected === 0) return 'other';
    this.#names.set(name, expected - 1);
    this.#frames.push(frame);
    this.#left--;
    return this.#left === 0 ? 'done' : 'part';
  }

  succeed(): void {
    this.#done(this.#frames);
  }
  refuse(error: Error): void {
    this.#failed(error);
  }
  fail(error: unknown): void {
    this.#failed(error);
  }
}
