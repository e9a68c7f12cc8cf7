import { OPENED, QuickReader } from './quick-reader.ts';
import type { Reply } from '../types.ts';
import type { DecodeMode } from '../text-modes.ts';
import { CR, LF } from '../wire-types.ts';

/** Receives the messages of one name. */
export interface MessageListener {
  /** How messages are decoded. */
  readonly mode: DecodeMode;
  hear(message: Reply): void;
}

export interface MessageListeners {
  /** The listener for the name in `bytes[start, end)`; null: decode the message as an ordinary push. */
  find(bytes: Buffer, start: number, end: number, shard: boolean): MessageListener | null;
}

const MESSAGE = Buffer.from('>3\r\n$7\r\nmessage\r\n$');
const SHARD_MESSAGE = Buffer.from('>3\r\n$8\r\nsmessage\r\n$');
const EIGHT = 0x38;

/** Messages of channels, which are mostly alike but for their last string, without what their frames are made of. */
export abstract class MessageReader extends QuickReader {
  /** Nothing of the next message has been read. */
  protected abstract get fresh(): boolean;

  /** Hands over a message that has arrived whole and whose listener is known; false: nothing was read. */
  message(listeners: MessageListeners): boolean {
    const { chunk, pos, end } = this;
    if (pos + 30 > end || !this.fresh) return false;
    const shard = chunk[pos + 5] === EIGHT;
    const head = shard ? SHARD_MESSAGE : MESSAGE;
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
    const listener = listeners.find(chunk, start, stop, shard);
    if (listener === null || chunk[stop + 2] !== 0x24) return false;
    this.pos = stop + 2;
    const message = this.quickBulk(listener.mode);
    if (message === OPENED) {
      this.pos = pos;
      return false;
    }
    listener.hear(message);
    return true;
  }
}
