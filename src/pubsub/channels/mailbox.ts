import { RingQueue } from '../../base/ring-queue.ts';
import { OverloadedError } from '../../errors/errors.ts';
import type { ChannelGap } from '../../interfaces/abstract-channel.ts';
import type { DecodeMode } from '../../resp/text-modes.ts';
import { readMessage } from './message-reading.ts';
import type { RawMessage, Reading, TextMessage } from './message-reading.ts';
import type { FlowState, OverflowPolicy } from './flow.ts';

/** A waiting read. `serve` is called once, after the reader was removed from the queue. */
export interface Reader {
  /** Called when a message is there or the mailbox has ended; the reader takes the message itself. */
  serve(): void;
}

export interface MailboxSettings {
  readonly maxMessages: number;
  readonly overflow: OverflowPolicy;
  /** Null if gaps are not reported. */
  readonly onGap: ((gap: ChannelGap) => void) | null;
  readonly onFlow: (state: FlowState) => void;
  /** The mode in which messages that arrive as text were decoded. */
  readonly mode: DecodeMode;
}

/** A gap before the message of that number. */
interface Mark {
  readonly position: number;
  readonly gap: ChannelGap;
}

/** Beyond this many marks, gaps at one position are joined, so that an absent reader costs no memory. */
const MAX_MARKS = 1024;

/**
 * The unread messages of one channel, its waiting readers, and the gaps between messages. Messages are numbered from
 * 0; `taken` is the number of the first unread one.
 *
 *     taken                      taken + length
 *     [ message | message | ▲ mark | message ]
 *
 * A mark is passed, and its callback runs, when a reader asks for the message after it; at the latest one turn of the
 * event loop after the message before it was taken, when its reader has seen that message.
 */
export class Mailbox {
  closed = false;
  dropped = 0;
  paused = false;
  error: Error | undefined = undefined;
  #messages = new RingQueue<RawMessage | TextMessage>();
  #taken = 0;
  #readers = new Set<Reader>();
  /** A reader of everything, while it waits: it comes back after each message, which a set does slowly. */
  #standing: Reader | null = null;
  #marks: Mark[] = [];
  /** A message was handed out, and its reader may not have run yet. */
  #handedOut = false;
  #turnAwaited = false;
  readonly #settings: MailboxSettings;
  /** From this length on, `#admit` decides about a new message. */
  readonly #threshold: number;

  constructor(settings: MailboxSettings) {
    this.#settings = settings;
    this.#threshold = settings.overflow === 'pause' ? settings.maxMessages - 1 : settings.maxMessages;
  }

  get unread(): number {
    return this.#messages.length;
  }
  /** Whether a message can be taken now without overtaking a waiting reader. */
  get ready(): boolean {
    return this.#messages.length !== 0 && this.#readers.size === 0;
  }
  /** Whether the mailbox is closed and empty. */
  get ended(): boolean {
    return this.closed && this.#messages.length === 0;
  }

  put(raw: RawMessage | TextMessage): void {
    if (this.closed) return;
    if (this.#messages.length >= this.#threshold && !this.#admit()) return;
    this.#messages.push(raw);
    if (this.#standing !== null || this.#readers.size !== 0) this.#serveReaders();
  }

  /** Decodes the first message, then removes it: if the decoder throws, the message stays. */
  take(reading: Reading): unknown {
    if (this.#marks.length !== 0) this.#passMarks();
    const number = this.#taken;
    const value = readMessage(this.#messages.peek() as RawMessage, reading, this.#settings.mode);
    // The decoder may have read a message itself, or put one into a full mailbox.
    if (this.#taken === number && this.#messages.length !== 0) this.#remove();
    this.#handedOut = true;
    return value;
  }

  /** Removes the first message, which cannot be decoded. */
  skip(): void {
    if (this.#messages.length !== 0) this.#remove();
  }

  park(reader: Reader): void {
    this.#settle();
    this.#readers.add(reader);
    // The callback of a mark may have put a message or closed the mailbox.
    if (this.#messages.length !== 0 || this.closed) this.#serveReaders();
  }

  /** As `park`, for the one reader of a mailbox without others. */
  stand(reader: Reader): void {
    this.#settle();
    this.#standing = reader;
    // A mark's callback may have put or closed.
    if (this.#messages.length !== 0 || this.closed) this.#serveReaders();
  }

  /** The taker of the last message is here again: it has seen that message. */
  #settle(): void {
    this.#handedOut = false;
    if (this.#marks.length !== 0) this.#passMarks();
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

  /** Applies the overflow policy of a full mailbox; true if the new message is accepted. */
  #admit(): boolean {
    switch (this.#settings.overflow) {
      case 'pause':
        // A waiting reader takes the message at once.
        if (!this.paused && this.#standing === null && this.#readers.size === 0) {
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
    const standing = this.#standing;
    if (standing !== null) {
      if (this.#messages.length === 0 ? !this.closed : this.#marked()) return;
      this.#standing = null;
      standing.serve();
      return;
    }
    for (const reader of this.#readers) {
      if (this.#messages.length === 0 ? !this.closed : this.#marked()) return;
      this.#readers.delete(reader);
      reader.serve();
    }
  }

  /** Whether there is a mark before the first message. */
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
