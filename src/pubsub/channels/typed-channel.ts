import { nameClass } from '../../base/classes.ts';
import type { TextEncoding } from '../../resp/text-modes.ts';
import { Channel as AnyChannel, type ChannelOptions, type MessageCallback } from './channel.ts';

/** Messages as text, without a decoder. */
export type TextChannelOptions<E extends TextEncoding> = Omit<
  ChannelOptions<never>,
  'encoding' | 'decoder' | 'isPattern' | 'onMessage'
> & {
  encoding: E;
  decoder?: undefined;
  isPattern?: false | undefined;
  onMessage?: MessageCallback<string | Buffer> | undefined;
};
/** The same for a pattern. */
export type TextPatternOptions<E extends TextEncoding> = Omit<TextChannelOptions<E>, 'isPattern'> & {
  isPattern: true;
};

/**
 * The messages of one channel, in order: a bounded queue. If it has several readers, each message goes to one
 * of them.
 */
export interface Channel<T = Buffer> extends AnyChannel<T> {}

/** The messages of one pattern, in order: pairs of the channel that a message was published to, and the message. */
export interface PatternChannel<T = Buffer> extends Channel<[channel: Buffer, message: T]> {}

/**
 * The class as its users see it: what its messages are follows from the options it is constructed with, which the
 * constructor of a class cannot declare.
 */
export interface ChannelClass {
  /**
   * Bytes that are not valid in the encoding stay Buffers. A second type parameter keeps a signature apart from
   * the last one, which is meant by `new Channel<T>` and `extends Channel<T>`.
   */
  new <T extends string | Buffer, E extends TextEncoding>(
    name: string | Uint8Array,
    options: TextChannelOptions<E>,
  ): Channel<T>;
  new <T extends string | Buffer, E extends TextEncoding>(
    name: string | Uint8Array,
    options: TextPatternOptions<E>,
  ): PatternChannel<T>;
  new <P extends true, E extends TextEncoding | null, T = Buffer>(
    name: string | Uint8Array,
    options: ChannelOptions<T> & { isPattern: P; encoding?: E | undefined },
  ): PatternChannel<T>;
  /** For a pattern whose messages you name yourself, `PatternChannel<T>` has the right type. */
  new <T = Buffer>(name: string | Uint8Array, options?: ChannelOptions<T>): Channel<T>;
  readonly prototype: Channel<unknown>;
}

/**
 * The messages of one channel, or of a pattern with `isPattern: true`.
 *
 * @example
 * const news = new Channel('news', { encoding: 'utf-8' });
 * await pool.executePubsub('SUBSCRIBE', news);
 * for await (const message of news) console.log(message);
 */
export const Channel: ChannelClass = AnyChannel as ChannelClass;

/** `PatternChannel` as its users see it. */
export interface PatternChannelClass {
  new <T extends string | Buffer, E extends TextEncoding>(
    name: string | Uint8Array,
    options: Omit<TextChannelOptions<E>, 'isPattern'>,
  ): PatternChannel<T>;
  new <T = Buffer>(
    name: string | Uint8Array,
    options?: Omit<ChannelOptions<T>, 'isPattern'>,
  ): PatternChannel<T>;
  readonly prototype: PatternChannel<unknown>;
}

class AnyPatternChannel<T> extends AnyChannel<T> {
  /** Every channel with `isPattern` is an instance, however it was made. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this === AnyPatternChannel) return value instanceof AnyChannel && value.isPattern;
    return Function.prototype[Symbol.hasInstance].call(this, value);
  }

  constructor(name: string | Uint8Array, options?: ChannelOptions<T>) {
    super(name, { ...options, isPattern: true });
  }
}
nameClass(AnyPatternChannel, 'PatternChannel');

/**
 * The messages of one pattern, each with its channel: `new Channel(name, { isPattern: true })` under a name of its own.
 *
 * @example
 * const users = new PatternChannel('user:*', { encoding: 'utf-8' });
 * await pool.executePubsub('PSUBSCRIBE', users);
 * for await (const [channel, message] of users) console.log(String(channel), message);
 */
export const PatternChannel: PatternChannelClass = AnyPatternChannel as PatternChannelClass;
