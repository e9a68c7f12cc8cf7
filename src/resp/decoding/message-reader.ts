import { OPENED, QuickReader } from './quick-reader.ts';
import type { Reply } from '../types.ts';
import { BYTES, type DecodeMode } from '../text-modes.ts';
import { CR, LF } from '../wire-types.ts';

/** Receives the messages of one name. */
export interface MessageListener {
  /** How messages are decoded. */
  readonly mode: DecodeMode;
  hear(message: Reply): void;
  /** Takes a pattern's message with its channel; false to have it decoded as an ordinary push. */
  hearFrom(channel: Buffer, message: Reply): boolean;
}

export type MessageKind = 'channel' | 'pattern' | 'shard';

export interface MessageListeners {
  /** The listener for the name in `bytes[start, end)`; null to have the message decoded as an ordinary push. */
  find(bytes: Buffer, start: number, end: number, kind: MessageKind): MessageListener | null;
}

const MESSAGE = Buffer.from('>3\r\n$7\r\nmessage\r\n$');
const SHARD_MESSAGE = Buffer.from('>3\r\n$8\r\nsmessage\r\n$');
const PATTERN_MESSAGE = Buffer.from('>4\r\n$8\r\npmessage\r\n$');
const FOUR = 0x34;
const EIGHT = 0x38;
const DOLLAR = 0x24;

/** Reads pub/sub messages on a fast path that builds no frame for each. */
export abstract class MessageReader extends QuickReader {
  /** Whether no part of the next message has been read. */
  protected abstract get fresh(): boolean;

  /** Delivers the next message if it is complete and has a listener; false if it read nothing. */
  message(listeners: MessageListeners): boolean {
    const { chunk, pos, end } = this;
    if (pos + 30 > end || !this.fresh) return false;
    const kind = chunk[pos + 1] === FOUR ? 'pattern' : chunk[pos + 5] === EIGHT ? 'shard' : 'channel';
    const head = kind === 'channel' ? MESSAGE : kind === 'shard' ? SHARD_MESSAGE : PATTERN_MESSAGE;
    for (let at = 0; at < head.length; at++) if (chunk[pos + at] !== head[at]) return false;
    let at = pos + head.length;
    let length = 0;
    for (; at < end && chunk[at] !== CR; at++) {
      const digit = chunk[at]! - 0x30;
      if (!(digit >= 0 && digit <= 9)) return false;
      length = length * 10 + digit;
    }
    const start = at + 2;
    const stop = start + length;
    if (stop + 3 > end || chunk[at + 1] !== LF || chunk[stop] !== CR || chunk[stop + 1] !== LF) return false;
    const listener = listeners.find(chunk, start, stop, kind);
    if (listener === null || chunk[stop + 2] !== DOLLAR) return false;
    this.pos = stop + 2;
    if (kind === 'pattern') return this.patternMessage(listener, pos);
    const message = this.quickBulk(listener.mode);
    if (message === OPENED) {
      this.pos = pos;
      return false;
    }
    listener.hear(message);
    return true;
  }

  /** Delivers the rest of a pattern's message, which began at `from`. */
  private patternMessage(listener: MessageListener, from: number): boolean {
    const channel = this.quickBulk(BYTES);
    const whole = channel !== OPENED && this.chunk[this.pos] === DOLLAR && this.pos < this.end;
    const message = whole ? this.quickBulk(listener.mode) : OPENED;
    if (message !== OPENED && listener.hearFrom(channel as Buffer, message)) return true;
    this.pos = from;
    return false;
  }
}
