import type { CommandInfo } from '../../commands/command-info.ts';
import type { Wire } from '../../resp/encoder.ts';
import type { DecodeMode, Reply } from '../../resp/types.ts';
import { type Acknowledgement, Entry } from './entry.ts';
import { sizeOf } from '../writing/outbox.ts';

/**
 * A command of the SUBSCRIBE family: its place is freed by one push per name, matched by kind and name. One
 * without names unsubscribes from everything and is done when nothing of its kind is left.
 */
export abstract class SubscriptionEntry extends Entry {
  readonly #kind: string;
  readonly #names: Map<string, number> | null;
  #left: number;

  /** `names` as latin1 text, one character per byte. */
  constructor(info: CommandInfo, wire: Wire, mode: DecodeMode, names: readonly string[]) {
    super(info, wire, sizeOf(wire), mode);
    this.byPush = true;
    this.#kind = info.name.toLowerCase();
    this.#left = names.length;
    this.#names = names.length === 0 ? null : new Map();
    for (const name of names) this.#names?.set(name, (this.#names.get(name) ?? 0) + 1);
  }

  override acknowledge(
    kind: string,
    name: string | null,
    _frame: Reply[],
    subscribed: ReadonlySet<string>,
  ): Acknowledgement {
    if (kind !== this.#kind) return 'other';
    if (this.#names === null) return name === null || subscribed.size === 0 ? 'done' : 'part';
    const expected = name === null ? undefined : this.#names.get(name);
    if (name === null || expected === undefined || expected === 0) return 'other';
    this.#names.set(name, expected - 1);
    this.#left--;
    return this.#left === 0 ? 'done' : 'part';
  }
}
