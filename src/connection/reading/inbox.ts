import { BY_PUSH } from '../../commands/session-effects.ts';
import type { CapacityLimiter } from '../../pooling/capacity-limiter.ts';
import { type Acknowledgement, readAcknowledgement } from '../../pubsub/subscriptions/subscription-kinds.ts';
import type { MessageListeners } from '../../resp/decoding/message-reader.ts';
import type { Reply } from '../../resp/types.ts';
import { BYTES, type DecodeMode } from '../../resp/text-modes.ts';
import type { ConnectionCore } from '../connection-core.ts';
import type { Entry } from '../requests/entry.ts';
import { MessageBuffer, weigh } from './message-buffer.ts';
import { bytesOf, frameBytes, frameIn } from '../../resp/recoding.ts';

/** Gets pushes first, their strings as bytes. Methods return false if the push is not theirs. */
export interface PubsubTaker {
  /** Listeners that the decoder may call directly, without building a frame for each message. */
  readonly listeners: MessageListeners;
  message(frame: readonly Reply[]): boolean;
  acknowledged(ack: Acknowledgement): boolean;
  ended(error: Error): void;
}

const MESSAGES = new Set(['message', 'pmessage', 'smessage']);

/**
 * Receives pushes and replies that belong to no request (`sendCommand`, MONITOR). Acknowledgements of the SUBSCRIBE
 * family change the session and free their entries' places at once. Messages go to the channels, otherwise to the
 * bounded buffers behind `pushMessages` and `streamedMessages`.
 */
export class Inbox {
  readonly pushes = new MessageBuffer<Reply[]>();
  readonly streamed = new MessageBuffer<Reply>();
  /** True while no message waits to be read. */
  empty = true;
  /** How pushes are decoded: as bytes once a pub/sub listener is set. */
  pushMode: DecodeMode;
  pubsub: PubsubTaker | null = null;
  /** Gives a cache its invalidations in order with the replies, never throttled; returns false for other pushes. */
  invalidations: ((frame: readonly Reply[]) => boolean) | null = null;
  /** Takes the server's maintenance announcements and unknown pushes; returns false for other pushes. */
  notices: ((frame: readonly Reply[]) => boolean) | null = null;
  limiter: CapacityLimiter | null = null;
  /** The socket is paused. */
  paused = false;
  /** A channel is full and has asked for a pause. */
  full = false;
  #strict = false;
  /** Bytes of messages taken for full channels since the pause was requested. */
  #excess = 0;
  readonly #core: ConnectionCore;
  #held: (() => void)[] = [];
  #heldBytes = 0;
  /** Aborts the wait for a token of the limiter when the connection ends. */
  #waiting: AbortController | null = null;

  constructor(core: ConnectionCore) {
    this.#core = core;
    this.pushMode = core.settings.ownMode;
    this.pushes.onTaken = () => this.#taken();
    this.streamed.onTaken = () => this.#taken();
  }

  /** Sets the pub/sub listener, which gets messages from now on. */
  serve(pubsub: PubsubTaker): void {
    this.pubsub = pubsub;
    this.pushMode = BYTES;
  }

  /** Listeners that the decoder may call directly; null while the inbox has to see every message. */
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

  /** Takes a line of MONITOR. */
  monitored(value: Reply): void {
    if (this.limiter !== null) this.#throttle(value, () => this.stream(value));
    else this.stream(value);
  }

  /** Buffers the reply to a command sent with `sendCommand`. */
  stream(value: Reply): void {
    this.streamed.push(value);
    this.#bound();
  }

  /** On RESP2 pub/sub messages are ordinary arrays: takes the ones that belong to a subscription. */
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
    this.#count();
  }

  /** Called wherever messages come or go. */
  #count(): void {
    this.empty = this.pushes.length === 0 && this.streamed.length === 0 && this.#held.length === 0;
  }

  /**
   * Resumes reading, because a paused socket would hold back replies too. If channels are full, it is paused again
   * once all replies are in. A strict pause, on connections that carry only messages, stays.
   */
  resumeForReplies(): void {
    if (this.full && this.#strict) return;
    this.paused = false;
    this.#core.transport?.resume();
  }

  /** Called when channels become full, and when none is full any more. `strict`: do not even read for replies. */
  setFull(full: boolean, strict: boolean): void {
    this.full = full;
    this.#strict = strict;
    this.#excess = 0;
    if (full) this.settled();
    else this.#taken();
  }

  /** Pauses the socket for full channels once no reply is outstanding. */
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

  /** Full channels still get the messages that arrive between replies; this bounds them. */
  #overfill(frame: Reply[]): void {
    this.#excess += weigh(frame);
    if (this.#excess > this.#core.settings.maxBufferedBytes) this.#core.overflowed('messages');
  }

  /** Books an acknowledgement. True if a call or the registry waited for it. */
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
      // If the limiter gives no more tokens, held messages are delivered. At the end of the connection `end` does so.
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
    this.#count();
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
    this.#count();
    if (this.#bytes <= limit || this.paused || core.state === 'closed') return;
    if (core.outstanding > 0) core.overflowed('messages');
    else {
      this.paused = true;
      core.transport?.pause();
    }
  }

  #taken(): void {
    this.#count();
    if (!this.paused || this.full || this.#bytes * 2 > this.#core.settings.maxBufferedBytes) return;
    this.paused = false;
    this.#core.transport?.resume();
  }
}
