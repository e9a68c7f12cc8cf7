import { inspect } from 'node:util';
import { nameClass } from '../../base/classes.ts';
import { isUint8Array } from 'node:util/types';
import { demandKnown } from '../../base/known-options.ts';
import { AbstractChannel } from '../../interfaces/abstract-channel.ts';
import type { ChannelGap } from '../../interfaces/abstract-channel.ts';
import type { WaitOptions } from '../../base/deadline.ts';
import { textContent } from '../../resp/encoder.ts';
import { BYTES, type DecodeMode, type TextEncoding, type TextMode, UTF8 } from '../../resp/text-modes.ts';
import { reportCallbackError, runCallback } from '../../base/callback-errors.ts';
import { Mailbox } from './mailbox.ts';
import { makeReading, rawMessage } from './message-reading.ts';
import type { MessageDecoder, Reading } from './message-reading.ts';
import { checkMaxMessages, checkOverflow, exposeFlow } from './flow.ts';
import type { FlowListener, FlowState, OverflowPolicy } from './flow.ts';
import { awaitMessage, CallbackReader, MessageIterator, readNext } from './readers.ts';
import { wrongName } from '../subscriptions/subscription-kinds.ts';

/** Called with a message and the channel that it was published to. */
export type MessageCallback<T> = (message: T, channel: Buffer) => unknown;

export interface ChannelOptions<T> {
  /** The name is a pattern; messages are `[channel, message]`. */
  isPattern?: boolean | undefined;
  /**
   * Messages are text of this encoding; a message that is not valid text stays a Buffer. Default null:
   * Buffers.
   */
  encoding?: TextEncoding | null | undefined;
  /**
   * Turns a message, after `encoding`, into your value. If it throws, the message stays readable. It must not be
   * asynchronous: a message whose promise rejects is lost.
   */
  decoder?: MessageDecoder<T> | undefined;
  /** The most unread messages that are kept; default 65,536; null: no limit. */
  maxMessages?: number | null | undefined;
  /** The policy of a full channel. Default `'pause'`: it stops reading the subscriber's socket. */
  overflow?: OverflowPolicy | undefined;
  /**
   * Runs after the reader has read the last message before the gap and before it reads the first one after
   * it.
   */
  onGap?: ((gap: ChannelGap) => void) | undefined;
  /**
   * Called for every message, in order; the channel then has no readers. If it returns a promise, the next
   * message waits for it, and `maxMessages` and `overflow` limit the waiting messages. If it or the `decoder`
   * throws, the message is skipped, and a process warning (`RESPOOL_CALLBACK`) reports the first one.
   */
  onMessage?: MessageCallback<T> | undefined;
}

export interface ChannelGetOptions extends WaitOptions {
  /** Overrides the channel's `encoding`; `null`: bytes. */
  encoding?: TextEncoding | null | undefined;
  /**
   * Overrides the channel's `decoder`; `null`: none. With both null you can read a message that cannot be
   * decoded.
   */
  decoder?: MessageDecoder<unknown> | null | undefined;
}

const OPTIONS = new Set([
  'isPattern',
  'encoding',
  'decoder',
  'maxMessages',
  'overflow',
  'onGap',
  'onMessage',
]);
const GET_OPTIONS = new Set(['signal', 'timeout', 'encoding', 'decoder']);
const WAIT_OPTIONS = new Set(['signal', 'timeout']);

/** The bytes of a channel's name; a copy, so that the caller's buffer may change. */
export function channelName(name: string | Uint8Array, text: TextMode = UTF8): Buffer {
  if (typeof name === 'string') {
    return Buffer.from(textContent(name, text, 'the name of a channel'), 'latin1');
  }
  if (isUint8Array(name)) return Buffer.from(name);
  throw wrongName(name);
}

/**
 * The messages of one channel or pattern, in order: a bounded queue. If it has several readers, each message
 * goes to one of them.
 */
export class Channel<T = Buffer> extends AbstractChannel implements AsyncIterable<T> {
  static {
    nameClass(this, 'Channel');
  }

  readonly #name: Buffer;
  readonly #isPattern: boolean;
  readonly #encoding: TextEncoding | null;
  readonly #decoder: MessageDecoder<T> | null;
  readonly #reading: Reading;
  readonly #mailbox: Mailbox;
  readonly #listeners = new Set<FlowListener>();
  readonly #hasCallback: boolean;
  #gaps = 0;

  constructor(name: string | Uint8Array, options: ChannelOptions<T> = {}) {
    super();
    demandKnown(options, OPTIONS, 'a channel');
    const { onGap, onMessage, isPattern = false } = options;
    if (typeof isPattern !== 'boolean') throw new TypeError('isPattern must be true or false');
    if (onGap !== undefined && typeof onGap !== 'function') throw new TypeError('onGap must be a function');
    if (onMessage !== undefined && typeof onMessage !== 'function')
      throw new TypeError('onMessage must be a function');
    this.#name = channelName(name);
    this.#isPattern = isPattern;
    this.#encoding = options.encoding ?? null;
    this.#decoder = options.decoder ?? null;
    this.#reading = makeReading(options.encoding, options.decoder);
    this.#mailbox = new Mailbox({
      maxMessages: checkMaxMessages(options.maxMessages),
      overflow: checkOverflow(options.overflow),
      onGap: onGap === undefined ? null : (gap) => this.#tell('onGap', () => onGap(gap)),
      onFlow: (state) => this.#flow(state),
      mode: this.#reading.mode,
    });
    this.#exposeFlow(options.overflow ?? 'pause');
    this.#hasCallback = onMessage !== undefined;
    if (onMessage !== undefined) this.#callBack(onMessage as MessageCallback<unknown>);
  }

  /** A copy: writing into it does not rename the channel. */
  get name(): Buffer {
    return Buffer.from(this.#name);
  }
  get isPattern(): boolean {
    return this.#isPattern;
  }
  get isActive(): boolean {
    return !this.#mailbox.ended;
  }
  /** Messages that the overflow policy has dropped. */
  get dropped(): number {
    return this.#mailbox.dropped;
  }
  /** It was full, and less than half of its messages have been read since. */
  get paused(): boolean {
    return this.#mailbox.paused;
  }
  /** The number of gaps so far, also of those that the reader has not reached. */
  get gaps(): number {
    return this.#gaps;
  }

  putNowait(data: Buffer | readonly [channel: Buffer, message: Buffer]): void {
    const bytes = Array.isArray(data) ? data.length === 2 && data.every(isUint8Array) : isUint8Array(data);
    if (!bytes || Array.isArray(data) !== this.#isPattern) {
      throw new TypeError(this.#isPattern ? 'a pattern takes [channel, message]' : 'a channel takes bytes');
    }
    this.#mailbox.put(data);
  }

  override gap(gap: ChannelGap): void {
    if (this.#mailbox.closed) return;
    this.#gaps++;
    this.#mailbox.mark(gap);
  }

  /** Waits for the next message. A message whose decoding fails rejects and stays the next one. */
  get(options?: ChannelGetOptions & { encoding?: undefined; decoder?: undefined }): Promise<T>;
  /** With an `encoding` or `decoder` of its own the message is what these make of it. */
  get(options?: ChannelGetOptions): Promise<unknown>;
  async get(options?: ChannelGetOptions): Promise<unknown> {
    if (options !== undefined) demandKnown(options, GET_OPTIONS, 'get()');
    this.#demandReaders();
    return readNext(this.#mailbox, this.#readingOf(options), options);
  }

  /** True when a message is ready, false when the channel is closed and drained. */
  async waitMessage(options?: WaitOptions): Promise<boolean> {
    if (options !== undefined) demandKnown(options, WAIT_OPTIONS, 'waitMessage()');
    this.#demandReaders();
    return awaitMessage(this.#mailbox, options);
  }

  /**
   * Waiting readers get `ChannelClosedError` with `error` as its cause; iterations end normally. A second
   * call does nothing.
   */
  close(error?: Error): void {
    this.#mailbox.close(error);
  }

  /**
   * Ends when the channel is closed and has no more messages. `break` ends it at once; unread messages stay.
   */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> & AsyncIterable<T> {
    this.#demandReaders();
    return new MessageIterator(this.#mailbox, this.#reading);
  }

  override toString(): string {
    const state = this.#mailbox.ended ? 'ended' : this.#mailbox.paused ? 'paused' : 'open';
    return `${this.constructor.name}<${this.#name.toString()}, ${state}, ${this.#mailbox.unread} unread>`;
  }
  toJSON(): Record<string, unknown> {
    const { dropped, gaps, paused, isActive } = this;
    const name = this.#name.toString();
    return {
      type: this.constructor.name,
      name,
      isActive,
      paused,
      unread: this.#mailbox.unread,
      dropped,
      gaps,
    };
  }
  [inspect.custom](): string {
    return this.toString();
  }

  #callBack(onMessage: MessageCallback<unknown>): void {
    const { name } = this;
    const isPattern = this.#isPattern;
    void new CallbackReader(this.#mailbox, this.#reading, {
      receive(message) {
        if (!isPattern) return onMessage(message, name);
        const [channel, text] = message as [Buffer, unknown];
        return onMessage(text, channel);
      },
      failed: (error) => reportCallbackError(this, 'onMessage', error),
    });
  }

  #demandReaders(): void {
    if (this.#hasCallback)
      throw new TypeError('onMessage gets the messages of this channel: it has no readers');
  }

  #readingOf(options: ChannelGetOptions | undefined): Reading {
    if (options?.encoding === undefined && options?.decoder === undefined) return this.#reading;
    const { encoding, decoder } = options;
    return makeReading(
      encoding === undefined ? this.#encoding : encoding,
      decoder === undefined ? this.#decoder : decoder,
    );
  }

  #exposeFlow(overflow: OverflowPolicy): void {
    const mailbox = this.#mailbox;
    const { mode } = this.#reading;
    const takesItself = (): boolean => this.putNowait === ownPut;
    exposeFlow(this, {
      pauses: overflow === 'pause',
      get mode(): DecodeMode {
        return takesItself() ? mode : BYTES;
      },
      // An overridden `putNowait` gets bytes, even if it is replaced later.
      take: (message) => (takesItself() ? mailbox.put(message) : this.putNowait(rawMessage(message, mode))),
      get state(): FlowState {
        if (mailbox.closed) return 'closed';
        return mailbox.paused ? 'paused' : 'flowing';
      },
      listeners: this.#listeners,
    });
  }

  #flow(state: FlowState): void {
    for (const listener of this.#listeners) listener(state, this);
  }

  #tell(what: string, callback: () => unknown): void {
    runCallback(this, what, callback);
  }
}

const { putNowait: ownPut } = Channel.prototype;
