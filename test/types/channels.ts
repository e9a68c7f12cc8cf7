// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import { Channel, type ChannelOptions, type MessageDecoder, type TextEncoding } from 'respool';

type Message<T> = T | [Buffer, T];

export async function whatMessagesAre(options: ChannelOptions<number>, encoding: TextEncoding | null) {
  const bytes = new Channel('x');
  expectTypeOf(bytes).toEqualTypeOf<Channel>();
  expectTypeOf(new Channel('x', { maxMessages: 5, encoding: null })).toEqualTypeOf<Channel<Buffer>>();
  const text = new Channel('x', { encoding: 'utf8', overflow: 'close' });
  expectTypeOf(text).toEqualTypeOf<Channel<string | Buffer>>();
  expectTypeOf(await text.get()).toEqualTypeOf<Message<string | Buffer>>();
  // @ts-expect-error: it is text, as far as it can be
  const wrong: Message<Buffer> = await text.get();
  for await (const message of text) expectTypeOf(message).toEqualTypeOf<Message<string | Buffer>>();
  const decoded = new Channel('x', { encoding: 'utf8', decoder: (message) => message.length });
  expectTypeOf(decoded).toEqualTypeOf<Channel<number>>();
  expectTypeOf(new Channel('x', { decoder: (message) => message.length })).toEqualTypeOf<Channel<number>>();
  expectTypeOf(new Channel('x', options)).toEqualTypeOf<Channel<number>>();
  expectTypeOf(new Channel('x', { encoding })).toEqualTypeOf<Channel<Buffer>>();
}

/** Whoever says the type has the say. */
export function whatIsSaid(decoder: MessageDecoder<Date> | undefined, unknown: unknown) {
  expectTypeOf(new Channel<string>('x', { encoding: 'utf8' })).toEqualTypeOf<Channel<string>>();
  expectTypeOf(new Channel<Date>('x', { encoding: 'utf8' })).toEqualTypeOf<Channel<Date>>();
  expectTypeOf(new Channel<Date>('x', { encoding: 'utf8', decoder })).toEqualTypeOf<Channel<Date>>();
  const channel: Channel = new Channel('x', { encoding: 'utf8' });
  const channels: Channel<string>[] = [new Channel('x', { encoding: 'utf8' })];
  if (unknown instanceof Channel) expectTypeOf(unknown.paused).toEqualTypeOf<boolean>();
  return [channel, channels];
}

export class Plain extends Channel {}
export class Texts extends Channel<string> {
  constructor(name: string) {
    super(name, { encoding: 'utf8' });
  }
}
export class Own<T> extends Channel<T> {
  constructor(name: string, decoder: MessageDecoder<T>) {
    super(name, { encoding: 'utf8', decoder });
  }
  override get(): Promise<T | [Buffer, T]> {
    return super.get({ timeout: 5 });
  }
}
