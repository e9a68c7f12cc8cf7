import { ChannelClosedError } from '../../errors/errors.ts';
import type { AbstractChannel, ChannelGap } from '../../interfaces/abstract-channel.ts';
import type { MessageListener } from '../../resp/decoding/message-reader.ts';
import { BYTES, type DecodeMode, type Reply } from '../../resp/types.ts';
import { reportCallbackError, reportLater, runCallback } from '../../base/callback-errors.ts';
import { flowOf } from '../channels/overflow.ts';
import type { SubscriptionAck, SubscriptionKind } from './subscription-kinds.ts';
import type { SubscriptionLink } from './subscription-link.ts';

const PUT = 'putNowait() of a channel';

/** One call's place for the acknowledgement of one name. */
export interface CallPlace {
  readonly call: PubsubCall;
  readonly index: number;
}

/** One `executePubsub`: done when every name of it was acknowledged. */
export class PubsubCall {
  readonly promise: Promise<SubscriptionAck[]>;
  /** What the call brought in, taken out again when it fails. */
  readonly added: [wish: Wish, channel: AbstractChannel][] = [];
  settled = false;
  /** It has a limit of its own: a dial that fails is no reason to give up. */
  readonly patient: boolean;
  #acks: SubscriptionAck[];
  #left: number;
  readonly #told: (index: number) => boolean;
  #onFail: (call: PubsubCall, reason: unknown) => void;
  #resolve!: (acks: SubscriptionAck[]) => void;
  #reject!: (reason: unknown) => void;

  constructor(
    names: number,
    patient: boolean,
    told: (index: number) => boolean,
    onFail: (call: PubsubCall, reason: unknown) => void,
  ) {
    this.patient = patient;
    this.#told = told;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#acks = new Array<SubscriptionAck>(names);
    this.#left = names;
    this.#onFail = onFail;
    if (names === 0) this.#settle(() => this.#resolve([]));
  }

  /** Some server was told of it. */
  get sent(): boolean {
    return Array.from(this.#acks).some((ack, index) => ack !== undefined || this.#told(index));
  }

  done(index: number, ack: SubscriptionAck): void {
    if (this.settled || this.#acks[index] !== undefined) return;
    this.#acks[index] = ack;
    this.#left--;
    if (this.#left === 0) this.#settle(() => this.#resolve(this.#acks));
  }

  /** Also for whoever stops waiting: wishes that only this call had are dropped. */
  fail(reason: unknown): void {
    if (this.settled) return;
    this.#settle(() => this.#reject(reason));
    this.#onFail(this, reason);
  }

  #settle(how: () => void): void {
    this.settled = true;
    how();
  }
}

/** What a call hears whose subscription ends before it is acknowledged. `cause`: what ended its connection. */
export function unacknowledged(cause?: Error): ChannelClosedError {
  return new ChannelClosedError('the channel was closed before its subscription was acknowledged', { cause });
}

/** Time in which nobody heard this name, not yet over. */
interface Hole {
  readonly reason: Error;
  readonly from: number;
  /** Who heard it before; a channel that came later misses nothing. */
  readonly owed: readonly AbstractChannel[];
}

/** One name that somebody wants to hear. */
export class Wish implements MessageListener {
  readonly kind: SubscriptionKind;
  readonly key: string;
  readonly name: Buffer;
  /** What its channels want messages as; bytes, unless all want the same. */
  mode: DecodeMode = BYTES;
  #channels: readonly AbstractChannel[] = [];
  /** Whose messages count: where the newest acknowledgement came from. Null: nobody hears it now. */
  holder: SubscriptionLink | null = null;
  /** It was acknowledged at least once. */
  established = false;
  /** No longer in the registry. */
  dropped = false;
  /** A command of several names with this one was refused: it goes alone from now on. */
  alone = false;
  waiting: CallPlace[] = [];
  #hole: Hole | null = null;

  constructor(kind: SubscriptionKind, key: string, name: Buffer) {
    this.kind = kind;
    this.key = key;
    this.name = name;
  }

  /** Who hears it. Replaced when it changes, so that a delivery under way keeps its list. */
  get channels(): readonly AbstractChannel[] {
    return this.#channels;
  }
  set channels(channels: readonly AbstractChannel[]) {
    this.#channels = channels;
    const modes = new Set(channels.map((channel) => flowOf(channel)?.mode ?? BYTES));
    const [mode = BYTES] = modes;
    this.mode = modes.size === 1 ? mode : BYTES;
  }

  /** Nobody hears it from now on. A hole that is open already goes on. */
  openHole(reason: Error, from: number): void {
    this.holder = null;
    this.#hole ??= { reason, from, owed: this.channels };
  }

  /** Heard by `link` from now on. */
  hold(link: SubscriptionLink, now: number): void {
    this.holder = link;
    this.established = true;
    this.alone = false;
    const hole = this.#hole;
    if (hole === null) return;
    this.#hole = null;
    const gap: ChannelGap = { reason: hole.reason, from: hole.from, to: now };
    for (const channel of hole.owed) {
      if (this.channels.includes(channel)) this.#tell(channel, 'gap()', () => channel.gap?.(gap));
    }
  }

  /** A message, decoded with `mode` where that is possible. */
  hear(message: Reply): void {
    if (typeof message !== 'string') return this.deliver(message as Buffer);
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
    for (const channel of channels) this.#tell(channel, 'close()', () => channel.close(error));
  }

  acknowledge(ack: () => SubscriptionAck): void {
    const { waiting } = this;
    this.waiting = [];
    for (const place of waiting) place.call.done(place.index, ack());
  }

  failWaiting(reason: unknown): void {
    const { waiting } = this;
    this.waiting = [];
    for (const place of waiting) place.call.fail(reason);
  }

  #tell(channel: AbstractChannel, what: string, callback: () => unknown): void {
    runCallback(channel, `${what} of a channel`, callback);
  }
}
