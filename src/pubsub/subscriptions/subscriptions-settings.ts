import type { AbstractChannel } from '../../interfaces/abstract-channel.ts';
import type { TextMode } from '../../resp/types.ts';
import type { SubscriptionKind } from './subscription-kinds.ts';

export interface SubscriptionsSettings {
  /** The channel object of a name that came as text or bytes. */
  readonly makeChannel: (kind: SubscriptionKind, name: Buffer) => AbstractChannel;
  /** What names in letters are encoded with; UTF-8. */
  readonly textMode?: TextMode | undefined;
  /** How many names the acknowledgements tell of; by default what the server said. */
  readonly count?: ((kind: SubscriptionKind) => number) | undefined;
  /** A link's `missing()` or `surplus()` may have something; may be called often, also from within calls. */
  readonly onWork: () => void;
  /** A channel is full, or none is any more: stop or go on reading the subscriber's socket. */
  readonly onPause?: ((paused: boolean) => void) | undefined;
  /** Epoch ms. */
  readonly now?: (() => number) | undefined;
}
