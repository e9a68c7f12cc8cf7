import { AbstractChannel } from '../../interfaces/abstract-channel.ts';
import type { TextMode } from '../../resp/types.ts';
import { channelName } from '../channels/channel.ts';
import { flowOf } from '../channels/overflow.ts';
import type { SubscriptionKind } from './subscription-kinds.ts';

/** What can be given to a pub/sub command. */
export type SubscriptionTarget = string | Uint8Array | AbstractChannel;

/**
 * The name a target stands for; throws `TypeError` when it does not fit the command. `text`: what a name in letters
 * is encoded with.
 */
export function targetName(
  kind: SubscriptionKind,
  target: SubscriptionTarget,
  subscribing: boolean,
  text: TextMode,
): Buffer {
  if (!(target instanceof AbstractChannel)) return channelName(target, text);
  if (target.isPattern !== (kind === 'pattern')) {
    throw new TypeError(kind === 'pattern' ? 'the channel is not a pattern' : 'the channel is a pattern');
  }
  if (subscribing && flowOf(target)?.state === 'closed') throw new TypeError('the channel is closed');
  return channelName(target.name);
}
