import { nameClass, refuseDirectConstruction } from '../base/classes.ts';
import type { WaitOptions } from '../base/deadline.ts';

/** A stretch of time in which messages may have been missed. */
export interface ChannelGap {
  /** Why the old subscription ended. */
  readonly reason: Error;
  /** Epoch ms of the last byte that came over the old subscription. */
  readonly from: number;
  /** Epoch ms of the acknowledgement of the new one. */
  readonly to: number;
}

/**
 * Receives the messages of one name. A connection or a pool calls `putNowait`, `gap` and `close`, and no
 * other method; `get` is for your code.
 *
 * @example class LatestMessage extends AbstractChannel { … } // channelConformance() of the test kit tests it
 */
export abstract class AbstractChannel {
  static {
    nameClass(this, 'AbstractChannel');
  }

  constructor() {
    refuseDirectConstruction(new.target, AbstractChannel);
  }
  /** The channel's name, or the pattern. */
  abstract get name(): Buffer;
  /** Its name is a pattern, and its messages are pairs of channel and message. */
  abstract get isPattern(): boolean;
  /** Unread messages are left, or it is not closed. */
  abstract get isActive(): boolean;
  /**
   * Takes a message, without waiting; ignored after `close`. Bytes, or `[channel, message]` for a pattern. Other channels
   * of the same name get the same `Buffer`.
   */
  abstract putNowait(data: Buffer | readonly [channel: Buffer, message: Buffer]): void;
  /** The next message; rejects with `ChannelClosedError` once the channel is closed and drained. */
  abstract get(options?: WaitOptions): Promise<unknown>;
  /**
   * Ends the channel; unread messages stay readable. Without error: it was unsubscribed, or the pool was
   * closed.
   */
  abstract close(error?: Error): void;
  /** Optional: called between the last message before a gap and the first one after it. */
  gap?(gap: ChannelGap): void;
}

/** A live, read-only view of what is subscribed. Names are found by text or bytes alike. */
export interface ChannelMap extends Iterable<[name: Buffer, channels: readonly AbstractChannel[]]> {
  /** The number of names. */
  readonly size: number;
  /** The first channel object of the name. */
  get(name: string | Uint8Array): AbstractChannel | undefined;
  /** Every channel object of the name, in the order they came. */
  all(name: string | Uint8Array): readonly AbstractChannel[];
  has(name: string | Uint8Array): boolean;
  keys(): Iterable<Buffer>;
}
