import { channels, observed } from '../../telemetry/channels.ts';
import { reportCallbackError, reportLater, runCallback } from '../../base/callback-errors.ts';
import { RedisClusterError } from '../../errors/errors.ts';
import type { AbstractChannel, ChannelGap } from '../../interfaces/abstract-channel.ts';
import type { MessageListener } from '../../resp/decoding/message-reader.ts';
import type { Reply } from '../../resp/types.ts';
import { BYTES, type DecodeMode } from '../../resp/text-modes.ts';
import { flowOf } from '../channels/flow.ts';
import type { CallPlace } from './pubsub-call.ts';
import { isProbe, type SubscriptionAck, type SubscriptionKind } from './subscription-kinds.ts';

/**
 * `wanted`: a caller wants it, and it was never acknowledged. `heard`: its messages arrive. `lost`: it was heard, and
 * a gap is open. `left`: it is unwanted; the record stays until no server has the name and no call waits for its end.
 *
 *     left ─▶ wanted ─▶ heard ◀─▶ lost      wanted, heard, lost ─▶ left
 */
export type SubscriptionState = 'left' | 'wanted' | 'heard' | 'lost';

/** The link that a name is heard over. */
export interface Holder {
  /** Epoch ms of the last byte that came over its connection. */
  readonly heard: number;
}

/** A call that waits for the end of the subscription. */
export interface LeavingCall {
  readonly place: CallPlace;
  /** How many names were left when this one was given up; null: the server says. */
  readonly count: number | null;
}

/** A gap that has not ended. */
interface OpenGap {
  readonly reason: Error;
  readonly from: number;
  /** The channels that heard it before; one that came later misses nothing. */
  readonly owed: readonly AbstractChannel[];
}

const PUT = 'putNowait() of a channel';

/** Everything about one subscribed name of one kind: its channels, the calls that wait for it, and its gap. */
export class Subscription implements MessageListener {
  readonly kind: SubscriptionKind;
  readonly key: string;
  readonly name: Buffer;
  /** Its messages are local to each node: one link of every node hears it. */
  readonly spread: boolean;
  /** The form in which its channels want messages; bytes, unless all want the same. */
  mode: DecodeMode = BYTES;
  /** A command of several names with this one was refused: it goes alone from now on. */
  alone = false;
  /** Counts how often it was left: a call of an earlier time takes nothing back. */
  era = 0;
  /** Calls that wait for its acknowledgement. */
  waiting: CallPlace[] = [];
  /** Calls that wait for its end. */
  leaving: LeavingCall[] = [];
  #state: SubscriptionState = 'left';
  #channels: readonly AbstractChannel[] = [];
  #holders: readonly Holder[] = [];
  #gap: OpenGap | null = null;
  readonly #moved: (subscription: Subscription, from: SubscriptionState) => void;

  constructor(
    kind: SubscriptionKind,
    key: string,
    name: Buffer,
    spread: boolean,
    moved: (subscription: Subscription, from: SubscriptionState) => void,
  ) {
    this.kind = kind;
    this.key = key;
    this.name = name;
    this.spread = spread;
    this.#moved = moved;
  }

  get state(): SubscriptionState {
    return this.#state;
  }
  get wanted(): boolean {
    return this.#state !== 'left';
  }
  /** It was acknowledged at least once and is still wanted. */
  get established(): boolean {
    return this.#state === 'heard' || this.#state === 'lost';
  }
  get holders(): readonly Holder[] {
    return this.#holders;
  }

  /** Replaced when it changes, so that a delivery under way keeps its list. */
  get channels(): readonly AbstractChannel[] {
    return this.#channels;
  }
  set channels(channels: readonly AbstractChannel[]) {
    this.#channels = channels;
    const modes = new Set(channels.map((channel) => flowOf(channel)?.mode ?? BYTES));
    const [mode = BYTES] = modes;
    this.mode = modes.size === 1 ? mode : BYTES;
  }

  want(): void {
    if (this.#state === 'left') this.#move('wanted');
  }

  /** Its server has it, and nothing under way takes it away again. */
  hold(holder: Holder): void {
    if (!this.#holders.includes(holder)) {
      const [before] = this.#holders;
      if (before !== undefined && !this.spread) this.#openGap(movedError(), before.heard);
      this.#holders = this.spread ? [...this.#holders, holder] : [holder];
    }
    this.alone = false;
  }

  /** Every node that must hear it does. */
  complete(now: number): void {
    if (this.#state !== 'heard') this.#move('heard');
    this.#closeGap(now);
  }

  /** The link lost the name: a gap opens, unless other links suffice. An open gap continues. */
  unhold(holder: Holder, reason: Error, from: number, complete: () => boolean): void {
    if (!this.#holders.includes(holder)) return;
    this.#holders = this.#holders.filter((other) => other !== holder);
    if (!complete()) this.miss(reason, from);
  }

  /** Not every node that must hear it does. */
  miss(reason: Error, from: number): void {
    if (this.#state !== 'heard') return;
    this.#openGap(reason, from);
    this.#move('lost');
  }

  /** It is no longer wanted. */
  leave(): void {
    this.era++;
    this.alone = false;
    this.#holders = [];
    this.#gap = null;
    this.#move('left');
  }

  /** A message, decoded with `mode` where that is possible. */
  hear(message: Reply): void {
    if (typeof message === 'string') this.#take(message);
    else this.deliver(message as Buffer);
  }

  hearFrom(channel: Buffer, message: Reply): boolean {
    if (isProbe(channel)) return false;
    if (typeof message === 'string') this.#take([channel, message]);
    else this.deliver([channel, message as Buffer]);
    return true;
  }

  #take(message: string | readonly [Buffer, string]): void {
    for (const channel of this.#channels) {
      try {
        const result = flowOf(channel)?.take(message);
        if (result !== undefined) reportLater(channel, PUT, result);
      } catch (error) {
        reportCallbackError(channel, PUT, error);
      }
    }
  }

  deliver(message: Buffer | readonly [Buffer, Buffer]): void {
    for (const channel of this.#channels) {
      try {
        const result: unknown = channel.putNowait(message);
        if (result !== undefined) reportLater(channel, PUT, result);
      } catch (error) {
        reportCallbackError(channel, PUT, error);
      }
    }
  }

  closeChannels(channels: readonly AbstractChannel[], error?: Error): void {
    for (const channel of channels) runCallback(channel, 'close() of a channel', () => channel.close(error));
  }

  acknowledge(ack: () => SubscriptionAck): void {
    const { waiting } = this;
    this.waiting = [];
    for (const { call, index } of waiting) call.done(index, ack());
  }
  failWaiting(reason: unknown): void {
    const { waiting } = this;
    this.waiting = [];
    for (const { call } of waiting) call.fail(reason);
  }

  /** No server has it any more. `ack`: the acknowledgement with the count at the time of the call, where it is known. */
  acknowledgeLeaving(ack: (count: number | null) => SubscriptionAck): void {
    const { leaving } = this;
    this.leaving = [];
    for (const { place, count } of leaving) place.call.done(place.index, ack(count));
  }
  failLeaving(reason: unknown): void {
    const { leaving } = this;
    this.leaving = [];
    for (const { place } of leaving) place.call.fail(reason);
  }

  #move(to: SubscriptionState): void {
    const from = this.#state;
    this.#state = to;
    this.#moved(this, from);
  }

  #openGap(reason: Error, from: number): void {
    this.#gap ??= { reason, from, owed: this.#channels };
  }

  #closeGap(now: number): void {
    const open = this.#gap;
    if (open === null) return;
    this.#gap = null;
    const gap: ChannelGap = { reason: open.reason, from: open.from, to: now };
    if (observed(channels.pubsubGap))
      channels.pubsubGap.publish({ ...gap, kind: this.kind, channel: this.name.toString() });
    for (const channel of open.owed) {
      if (this.#channels.includes(channel))
        runCallback(channel, 'gap() of a channel', () => channel.gap?.(gap));
    }
  }
}

export function movedError(): Error {
  return new RedisClusterError('the subscription moved to another node');
}
