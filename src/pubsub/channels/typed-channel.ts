import type { TextEncoding } from '../../resp/types.ts';
import { Channel as AnyChannel, type ChannelOptions } from './channel.ts';

/** Messages as text, without a decoder. */
export type TextChannelOptions<E extends TextEncoding> = Omit<
  ChannelOptions<never>,
  'encoding' | 'decoder'
> & {
  encoding: E;
  decoder?: undefined;
};

/**
 * The messages of one channel or pattern, in order: a bounded queue with any number of readers, each message
 * for one of them, first come, first served.
 */
export interface Channel<T = Buffer> extends AnyChannel<T> {}

/**
 * The class as its users see it: what its messages are follows from the options it is constructed with, which the
 * constructor of a class cannot declare.
 */
export interface ChannelClass {
  /**
   * Bytes that are not valid in the encoding stay Buffers. The second parameter keeps this signature apart for
   * whoever names the type: `new Channel<T>` and `extends Channel<T>` mean the next one.
   */
  new <T extends string | Buffer, E extends TextEncoding>(
    name: string | Uint8Array,
    options: TextChannelOptions<E>,
  ): Channel<T>;
  new <T = Buffer>(name: string | Uint8Array, options?: ChannelOptions<T>): Channel<T>;
  readonly prototype: Channel<unknown>;
}

export const Channel: ChannelClass = AnyChannel;
