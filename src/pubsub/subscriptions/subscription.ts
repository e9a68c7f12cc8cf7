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
 * `wanted`: a caller wants the name, and it was not acknowledged yet. `heard`: its messages arrive. `lost`: it was
 * heard before, and a gap is open. `left`: it is no longer wanted; the record stays until no server has the name and no
 * call waits for its end.
 *
 *     left ─▶ wanted ─▶ heard ◀─▶ lost      wanted, heard, lost ─▶ left
 */
export type SubscriptionState = 'left' | 'wanted' | 'heard' | 'lost';

/** A link over which a name is heard. */
export interface Holder {
  /** Epoch ms of the last byte from its connection. */
  readonly heard: number;
}

/** A call that waits for the unsubscription. */
export interface LeavingCall {
  readonly place: CallPlace;
  /** The number of remaining names at the time of the call; null to use the server's count. */
  readonly count: number | null;
}

/** A gap that is still open. */
interface OpenGap {
  readonly reason: Error;
  readonly from: number;
  /** The channels to notify: those present when the gap opened. Later ones miss nothing. */
  readonly owed: readonly AbstractChannel[];
}

const PUT = 'putNowait() of a channel';

/** The record of one name of one kind: its state, channels, waiting calls and gap. */
export class Subscription implements MessageListener {
  readonly kind: SubscriptionKind;
  readonly key: string;
  readonly name: Buffer;
  /** Its messages are local to each node, so a link of every node subscribes to it. */
  readonly spread: boolean;
  /** The mode in which to decode its messages: that of its channels if all agree, otherwise bytes. */
  mode: DecodeMode = BYTES;
  /** A shared command with this name was refused, so the name is sent alone. */
  alone = false;
  /** Counts how often the name was left, so that the failure of an older call undoes nothing. */
  era = 0;
  /** Calls that wait for the acknowledgement. */
  waiting: CallPlace[] = [];
  /** Calls that wait for the unsubscription. */
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
  /** Whether the name was acknowledged at least once and is still wanted. */
  get established(): boolean {
    return this.#state === 'heard' || this.#state === 'lost';
  }
  get holders(): readonly Holder[] {
    return this.#holders;
  }

  /** The channels. The list is replaced when it changes, so that a delivery in progress keeps its own. */
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

  /** Adds a link over which the name is subscribed. */
  hold(holder: Holder): void {
    if (!this.#holders.includes(holder)) {
      const [before] = this.#holders;
      if (before !== undefined && !this.spread) this.#openGap(movedError(), before.heard);
      this.#holders = this.spread ? [...this.#holders, holder] : [holder];
    }
    this.alone = false;
  }

  /** Called when every node that should serve the name does: closes the gap. */
  complete(now: number): void {
    if (this.#state !== 'heard') this.#move('heard');
    this.#closeGap(now);
  }

  /** Removes a link that lost the name. Opens a gap, unless other links suffice or one is open. */
  unhold(holder: Holder, reason: Error, from: number, complete: () => boolean): void {
    if (!this.#holders.includes(holder)) return;
    this.#holders = this.#holders.filter((other) => other !== holder);
    if (!complete()) this.miss(reason, from);
  }

  /** Opens a gap, because not every node that should serve the name does. */
  miss(reason: Error, from: number): void {
    if (this.#state !== 'heard') return;
    this.#openGap(reason, from);
    this.#move('lost');
  }

  /** Makes the name unwanted. */
  leave(): void {
    this.era++;
    this.alone = false;
    this.#holders = [];
    this.#gap = null;
    this.#move('left');
  }

  /** Takes a message, decoded with `mode` if it is valid. */
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

  /** Resolves the calls that waited for the unsubscription. `ack` gets the count at the time of the call, if known. */
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
