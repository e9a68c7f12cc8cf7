import type { AbstractChannel } from './abstract-channel.ts';

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
