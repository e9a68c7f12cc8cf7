import { BY_PUSH } from '../../commands/session-effects.ts';
import type { CapacityLimiter } from '../../pooling/capacity-limiter.ts';
import { type Acknowledgement, readAcknowledgement } from '../../pubsub/subscriptions/subscription-kinds.ts';
import type { MessageListeners } from '../../resp/decoding/message-reader.ts';
import type { Reply } from '../../resp/types.ts';
import { BYTES, type DecodeMode } from '../../resp/text-modes.ts';
import type { ConnectionCore } from '../connection-core.ts';
import type { Entry } from '../requests/entry.ts';
import { MessageBuffer, weigh } from './message-buffer.ts';
import { bytesOf, frameBytes, frameIn } from './push-frames.ts';

/** Takes pub/sub pushes first, with strings as bytes. False: the push is no pub/sub message. */
export interface PubsubTaker {
  /** Readers whose messages need not become frames. */
  readonly listeners: MessageListeners;
  message(frame: readonly Reply[]): boolean;
  acknowledged(ack: Acknowledgement): boolean;
  ended(error: Error): void;
}

const MESSAGES = new Set(['message', 'pmessage', 'smessage']);

/**
 * Receives unrequested messages: pushes, and replies that belong to no request. Acknowledgements of the SUBSCRIBE
 * family change the session and free their places at once; the messages themselves go to the channels that
 * want them, else to the buffers behind `pushMessages` and `streamedMessages`, which are bounded.
 */
export class Inbox {
  readonly pushes = new MessageBuffer<Reply[]>();
  readonly streamed = new MessageBuffer<Reply>();
  pubsub: PubsubTaker | null = null;
  /** Takes what a cache must hear in order with the replies, whatever else is throttled; false: not mine. */
  invalidations: ((frame: readonly Reply[]) => boolean) | null = null;
  /** Takes announcements of the server, and pushes that nobody knows; false: not mine. */
  notices: ((frame: readonly Reply[]) => boolean) | null = null;
  limiter: CapacityLimiter | null = null;
  /** The socket is not read. */
  paused = false;
  /** Channels have asked for a pause. */
  full = false;
  #strict = false;
  /** Messages taken for channels that are full, since the pause was asked for. */
  #excess = 0;
  readonly #core: ConnectionCore;
  #held: (() => void)[] = [];
  #heldBytes = 0;
  /** Ends the wait for a token when the connection ends. */
  #waiting: AbortController | null = null;

  constructor(core: ConnectionCore) {
    this.#core = core;
    this.pushes.onTaken = () => this.#taken();
    this.streamed.onTaken = () => this.#taken();
  }

  get empty(): boolean {
    return this.pushes.length === 0 && this.streamed.length === 0 && this.#held.length === 0;
  }

  /** How pushes are decoded: as bytes while a listener takes messages. */
  get pushMode(): DecodeMode {
    return this.pubsub === null ? this.#core.settings.ownMode : BYTES;
  }

  /** Listeners that the decoder may call directly; null while the inbox must handle messages itself. */
  get shortcut(): MessageListeners | null {
    if (this.pubsub === null || this.limiter !== null || (this.full && !this.#strict)) return null;
    return this.pubsub.listeners;
  }

  push(arrived: Reply[], head: Entry | undefined): void {
    if (this.invalidations?.(arrived) === true || this.notices?.(arrived) === true) return;
    const { pubsub } = this;
    let frame = arrived;
    if (pubsub !== null) {
      if (typeof frame[0] === 'string') frame = frameBytes(frame, this.#core.settings.ownMode);
      if (this.limiter === null && this.#message(frame)) return;
    }
    const ack = readAcknowledgement(frame, (name) => bytesOf(name, this.#core.settings.ownMode));
    if (ack !== null && this.#acknowledged(ack, frame, head)) return;
    if (this.limiter !== null) this.#throttle(frame, () => this.#deliverPush(frame));
    else this.#deliverPush(frame);
  }

  /** A line of MONITOR. */
  monitored(value: Reply): void {
    if (this.limiter !== null) this.#throttle(value, () => this.stream(value));
    else this.stream(value);
  }

  /** The reply to a command without a waiter. */
  stream(value: Reply): void {
    this.streamed.push(value);
    this.#bound();
  }

  /** On RESP2 pub/sub comes as ordinary arrays. */
  takesAsPush(value: Reply, head: Entry | undefined): boolean {
    if (!Array.isArray(value)) return false;
    const first = value[0];
    const kind = typeof first === 'string' ? first : Buffer.isBuffer(first) ? first.toString('latin1') : '';
    const expected = BY_PUSH.has(kind) ? head?.byPush === true || this.#core.session.subscribed > 0 : false;
    if (!expected && !(MESSAGES.has(kind) && this.#core.session.subscribed > 0)) return false;
    if (this.pubsub !== null && typeof first === 'string' && head !== undefined) {
      this.push(frameBytes(value, head.mode), head);
    } else this.push(value, head);
    return true;
  }

  end(error: Error, discard: boolean): void {
    if (discard) this.#held = [];
    this.#waiting?.abort(error);
    this.#deliverHeld();
    this.pubsub?.ended(error);
    this.pushes.end(error, discard);
    this.streamed.end(error, discard);
  }

  /**
   * A paused socket would hold back replies as well. For full channels it is paused again when they are in,
   * unless the connection is there for its messages only.
   */
  resumeForReplies(): void {
    if (this.full && this.#strict) return;
    this.paused = false;
    this.#core.transport?.resume();
  }

  /** Channels are full, or none is any more. `strict`: not even replies are a reason to read. */
  setFull(full: boolean, strict: boolean): void {
    this.full = full;
    this.#strict = strict;
    this.#excess = 0;
    if (full) this.settled();
    else this.#taken();
  }

  /** For full channels, when nothing may be outstanding any more. */
  settled(): void {
    if (!this.full || this.paused || (this.#core.outstanding > 0 && !this.#strict)) return;
    this.paused = true;
    this.#core.transport?.pause();
  }

  #message(frame: Reply[]): boolean {
    if (this.pubsub?.message(frame) !== true) return false;
    if (this.full && !this.#strict) this.#overfill(frame);
    return true;
  }

  /** A full channel still takes messages between replies; those that no pause could stop are bounded too. */
  #overfill(frame: Reply[]): void {
    this.#excess += weigh(frame);
    if (this.#excess > this.#core.settings.maxBufferedBytes) this.#core.overflowed('messages');
  }

  /** True: the frame is an acknowledgement that a call waited for. */
  #acknowledged(ack: Acknowledgement, frame: Reply[], head: Entry | undefined): boolean {
    const { pubsub } = this;
    const { names } = this.#core.session;
    names.book(ack);
    const match = head?.byPush === true ? head.acknowledge(ack, names.count(ack.kind)) : 'other';
    if (match === 'done' && head !== undefined) this.#core.acknowledged(head, frame);
    const taken = pubsub?.acknowledged(ack) === true;
    return (taken || match !== 'other') && head?.streamed !== true;
  }

  #throttle(message: Reply, deliver: () => void): void {
    const limiter = this.limiter as CapacityLimiter;
    if (this.#held.length === 0 && limiter.available > 0) {
      deliver();
      return;
    }
    this.#held.push(deliver);
    this.#heldBytes += weigh(message);
    if (this.#held.length === 1) void this.#release(limiter);
    this.#bound();
  }

  async #release(limiter: CapacityLimiter): Promise<void> {
    this.#waiting = new AbortController();
    const { signal } = this.#waiting;
    try {
      await limiter.acquire({ signal });
    } catch {
      // It will give no token any more, or the connection has ended: nothing is kept from its reader.
      if (!signal.aborted) this.#deliverHeld();
      return;
    }
    try {
      this.#deliverHeld();
    } finally {
      limiter.release();
      this.#taken();
    }
  }

  #deliverHeld(): void {
    this.#heldBytes = 0;
    for (const deliver of this.#held.splice(0)) deliver();
  }

  #deliverPush(frame: Reply[]): void {
    if (this.pubsub !== null && this.#message(frame)) return;
    this.pushes.push(this.pubsub === null ? frame : frameIn(frame, this.#core.settings.ownMode));
    this.#bound();
  }

  get #bytes(): number {
    return this.pushes.bytes + this.streamed.bytes + this.#heldBytes;
  }

  #bound(): void {
    const core = this.#core;
    const limit = core.settings.maxBufferedBytes;
    while (this.#bytes > limit && !this.pushes.everRead && this.pushes.length > 0) {
      this.pushes.dropOldest();
      core.counters.messagesDropped++;
    }
    if (this.#bytes <= limit || this.paused || core.state === 'closed') return;
    if (core.outstanding > 0) core.overflowed('messages');
    else {
      this.paused = true;
      core.transport?.pause();
    }
  }

  #taken(): void {
    if (!this.paused || this.full || this.#bytes * 2 > this.#core.settings.maxBufferedBytes) return;
    this.paused = false;
    this.#core.transport?.resume();
  }
}
