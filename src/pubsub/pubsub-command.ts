import { isUint8Array } from 'node:util/types';
import { AbstractChannel } from '../interfaces/abstract-channel.ts';
import { latin1Text } from '../resp/decoding/native-slices.ts';
import type { TextMode } from '../resp/text-modes.ts';
import { channelName } from './channels/channel.ts';
import { flowOf } from './channels/flow.ts';
import { pubsubAction } from './subscriptions/subscription-kinds.ts';
import type { PubsubAction, SubscriptionKind } from './subscriptions/subscription-kinds.ts';

/** An argument of a pub/sub command. */
export type SubscriptionTarget = string | Uint8Array | AbstractChannel;

/** The action of an `executePubsub`; throws `TypeError` if the command is not of the SUBSCRIBE family. */
export function readPubsubCommand(
  command: string | Uint8Array,
  targets: readonly SubscriptionTarget[],
): PubsubAction {
  const word = isUint8Array(command) ? latin1Text(command) : command;
  const action = typeof word === 'string' ? pubsubAction(word.trim()) : null;
  if (action === null) {
    throw new TypeError('executePubsub() takes SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their opposites only');
  }
  if (action.subscribe && targets.length === 0) {
    throw new TypeError('a subscription needs at least one channel');
  }
  return action;
}

/**
 * The name of a target; throws `TypeError` if it does not fit the command. `text`: the encoding of names given as
 * strings.
 */
export function targetName(
  kind: SubscriptionKind,
  target: SubscriptionTarget,
  subscribing: boolean,
  text: TextMode,
): Buffer {
  if (!(target instanceof AbstractChannel)) {
    if (typeof target === 'object' && target !== null && !isUint8Array(target))
      throw new TypeError(
        'a channel is a name, as text or bytes, or an object of a class that extends AbstractChannel',
      );
    return channelName(target, text);
  }
  if (target.isPattern !== (kind === 'pattern')) {
    throw new TypeError(
      kind === 'pattern'
        ? 'PSUBSCRIBE and PUNSUBSCRIBE take patterns, and this channel is none: make it with new PatternChannel(name)'
        : 'the channel is a pattern: PSUBSCRIBE and PUNSUBSCRIBE take it',
    );
  }
  if (subscribing && flowOf(target)?.state === 'closed')
    throw new TypeError('the channel is closed, and does not open again: make another one');
  return channelName(target.name);
}
