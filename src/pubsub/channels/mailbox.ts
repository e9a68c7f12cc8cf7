import { RingQueue } from '../../base/ring-queue.ts';
import { OverloadedError } from '../../errors/errors.ts';
import type { ChannelGap } from '../../interfaces/abstract-channel.ts';
import type { DecodeMode } from '../../resp/text-modes.ts';
import { readMessage } from './message-reading.ts';
import type { RawMessage, Reading, TextMessage } from './message-reading.ts';
import type { FlowState, OverflowPolicy } from './flow.ts';

/** A parked call. It is called once, after its removal from the line. */
export interface Reader {
  /** A message is at the head, or the mailbox has ended; takes what it wants. */
  serve(): void;
}

export interface MailboxSettings {
  readonly maxMessages: number;
  readonly overflow: OverflowPolicy;
  /** Null: gaps are not reported. */
  readonly onGap: ((gap: ChannelGap) => void) | null;
  readonly onFlow: (state: FlowState) => void;
  /** The mode in which messages that come as text were decoded. */
  readonly mode: DecodeMode;
}

/** A gap stands before the message of that number. */
interface Mark {
  readonly position: number;
  readonly gap: ChannelGap;
}

/** Gaps at one place beyond this number are joined, so that a reader who is away costs no memory. */
const MAX_MARKS = 1024;

/**
 * The unread messages of one channel, the readers that wait for some, and the gaps between them. Messages
 * are numbered from 0; `taken` is the number of the first unread one.
 *
 *     taken                      taken + length
 *     [ message | message | ▲ mark | message ]
 *
 * A mark is passed (its callback runs) when a reader asks for what comes after it, and at the latest one turn
 * of the event loop after the message before it was taken: by then the taker has seen that message.
 */
export class Mailbox {
  closed = false;
  dropped = 0;
  paused = false;
  error: Error | undefined = undefined;
  #messages = new RingQueue<RawMessage | TextMessage>();
  #taken = 0;
  #readers = new Set<Reader>();
  #marks: Mark[] = [];
  /** A message was handed out, and its taker may not have run yet. */
  #handedOut = false;
  #turnAwaited = false;
  readonly #settings: MailboxSettings;
  /** From this length on a message needs a decision. */
  readonly #threshold: number;

  constructor(settings: MailboxSettings) {
    this.#settings = settings;
    this.#threshold = settings.overflow === 'pause' ? settings.maxMessages - 1 : settings.maxMessages;
  }

  get unread(): number {
    return this.#messages.length;
  }
  /** A message can be taken at once without overtaking anybody. */
  get ready(): boolean {
    return this.#messages.length !== 0 && this.#readers.size === 0;
  }
  /** Closed, and nothing is left. */
  get ended(): boolean {
    return this.closed && this.#messages.length === 0;
  }

  put(raw: RawMessage | TextMessage): void {
    if (this.closed) return;
    if (this.#messages.length >= this.#threshold && !this.#admit()) return;
    this.#messages.push(raw);
    if (this.#readers.size !== 0) this.#serveReaders();
  }

  /** Decodes the head and only then removes it: what a decoder throws leaves the message where it is. */
  take(reading: Reading): unknown {
    if (this.#marks.length !== 0) this.#passMarks();
    const number = this.#taken;
    const value = readMessage(this.#messages.peek() as RawMessage, reading, this.#settings.mode);
    // A decoder may have read on, or have put into a full mailbox.
    if (this.#taken === number && this.#messages.length !== 0) this.#remove();
    this.#handedOut = true;
    return value;
  }

  /** Removes the head, which cannot be decoded. */
  skip(): void {
    if (this.#messages.length !== 0) this.#remove();
  }

  park(reader: Reader): void {
    this.#handedOut = false;
    if (this.#marks.length !== 0) this.#passMarks();
    this.#readers.add(reader);
    // A mark's callback may have put or closed.
    if (this.#messages.length !== 0 || this.closed) this.#serveReaders();
  }

  unpark(reader: Reader): void {
    this.#readers.delete(reader);
  }

  mark(gap: ChannelGap): void {
    if (this.closed || this.#settings.onGap === null) return;
    if (this.#messages.length === 0 && this.#marks.length === 0 && !this.#handedOut) {
      this.#settings.onGap(gap);
      return;
    }
    const position = this.#taken + this.#messages.length;
    const last = this.#marks.at(-1);
    if (last !== undefined && last.position === position && this.#marks.length >= MAX_MARKS) {
      this.#marks[this.#marks.length - 1] = { position, gap: { ...gap, from: last.gap.from } };
    } else {
      this.#marks.push({ position, gap });
    }
    this.#awaitTurn();
  }

  close(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.paused = false;
    this.error = error;
    this.#serveReaders();
    this.#settings.onFlow('closed');
  }

  /** The decision at a full mailbox: whether the new message comes in. */
  #admit(): boolean {
    switch (this.#settings.overflow) {
      case 'pause':
        // With a reader waiting the message is gone in a moment.
        if (!this.paused && this.#readers.size === 0) {
          this.paused = true;
          this.#settings.onFlow('paused');
        }
        return !this.closed;
      case 'drop-oldest':
        this.dropped++;
        this.#remove();
        return true;
      case 'drop-newest':
        this.dropped++;
        return false;
      case 'close':
        this.dropped++;
        this.close(new OverloadedError(`the channel has ${this.unread} unread messages: it was closed`));
        return false;
    }
  }

  #remove(): void {
    this.#messages.shift();
    this.#taken++;
    if (this.#marks.length !== 0) this.#awaitTurn();
    if (this.paused && this.#messages.length <= this.#settings.maxMessages / 2) {
      this.paused = false;
      this.#settings.onFlow('flowing');
    }
  }

  #serveReaders(): void {
    for (const reader of this.#readers) {
      if (this.#messages.length === 0 ? !this.closed : this.#marked()) return;
      this.#readers.delete(reader);
      reader.serve();
    }
  }

  /** A mark stands before the head. */
  #marked(): boolean {
    const mark = this.#marks[0];
    return mark !== undefined && mark.position <= this.#taken;
  }

  #passMarks(): void {
    while (this.#marked()) this.#settings.onGap?.((this.#marks.shift() as Mark).gap);
  }

  #awaitTurn(): void {
    if (this.#turnAwaited || !this.#marked()) return;
    this.#turnAwaited = true;
    setImmediate(() => {
      this.#turnAwaited = false;
      this.#passMarks();
      this.#serveReaders();
    });
  }
}
