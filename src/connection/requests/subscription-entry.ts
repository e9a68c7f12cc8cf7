import type { CommandInfo } from '../../commands/command-info.ts';
import { type Acknowledgement, pubsubAction } from '../../pubsub/subscriptions/subscription-kinds.ts';
import type { PubsubAction } from '../../pubsub/subscriptions/subscription-kinds.ts';
import type { Wire } from '../../resp/encoder.ts';
import type { DecodeMode } from '../../resp/types.ts';
import { sizeOf } from '../writing/outbox.ts';
import { Entry, type PushMatch } from './entry.ts';

/**
 * A command of the SUBSCRIBE family: its place is freed by one push per name, in the order of the names. One
 * without names unsubscribes from everything and is done when nothing of its kind is left.
 */
export abstract class SubscriptionEntry extends Entry {
  readonly #action: PubsubAction;
  readonly #names: readonly string[];
  #acknowledged = 0;

  /** `names` as latin1 text, one character per byte. */
  constructor(info: CommandInfo, wire: Wire, mode: DecodeMode, names: readonly string[]) {
    super(info, wire, sizeOf(wire), mode);
    this.byPush = true;
    this.#action = pubsubAction(info.name) as PubsubAction;
    this.#names = names;
  }

  override acknowledge({ kind, subscribe, key }: Acknowledgement, left: number): PushMatch {
    if (kind !== this.#action.kind || subscribe !== this.#action.subscribe) return 'other';
    if (this.#names.length === 0) return key === null || left === 0 ? 'done' : 'part';
    if (key !== this.#names[this.#acknowledged]) return 'other';
    this.#acknowledged++;
    return this.#acknowledged === this.#names.length ? 'done' : 'part';
  }
}
