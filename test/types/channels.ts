// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import {
  Channel,
  type ChannelGetOptions,
  type ChannelOptions,
  type ConnectionPool,
  type MessageDecoder,
  PatternChannel,
  type SubscriptionAck,
  type TCPConnection,
  type TextEncoding,
} from 'respool';

export async function whatMessagesAre(options: ChannelOptions<number>, encoding: TextEncoding | null) {
  const bytes = new Channel('x');
  expectTypeOf(bytes).toEqualTypeOf<Channel>();
  expectTypeOf(new Channel('x', { maxMessages: 5, encoding: null })).toEqualTypeOf<Channel<Buffer>>();
  const text = new Channel('x', { encoding: 'utf8', overflow: 'close' });
  expectTypeOf(text).toEqualTypeOf<Channel<string | Buffer>>();
  expectTypeOf(await text.get()).toEqualTypeOf<string | Buffer>();
  // @ts-expect-error: it is text, as far as it can be
  const wrong: Buffer = await text.get();
  for await (const message of text) expectTypeOf(message).toEqualTypeOf<string | Buffer>();
  const decoded = new Channel('x', { encoding: 'utf8', decoder: (message) => message.length });
  expectTypeOf(decoded).toEqualTypeOf<Channel<number>>();
  expectTypeOf(new Channel('x', { decoder: (message) => message.length })).toEqualTypeOf<Channel<number>>();
  expectTypeOf(new Channel('x', options)).toEqualTypeOf<Channel<number>>();
  expectTypeOf(new Channel('x', { encoding })).toEqualTypeOf<Channel<Buffer>>();
  return wrong;
}

export async function readInAnotherWay(channel: Channel<{ id: number }>) {
  expectTypeOf(await channel.get({ timeout: 5 })).toEqualTypeOf<{ id: number }>();
  expectTypeOf(await channel.get({ decoder: null })).toEqualTypeOf<unknown>();
  expectTypeOf(await channel.get({ decoder: String })).toEqualTypeOf<unknown>();
  // A subclass that hands its options on.
  class Counted extends Channel<number> {
    override async get(options?: ChannelGetOptions): Promise<number> {
      return Number(await super.get(options));
    }
  }
  return new Counted('x').get({ timeout: 1 });
}

export async function patterns(decoder: MessageDecoder<Date>) {
  const bytes = new Channel('x*', { isPattern: true });
  expectTypeOf(bytes).toEqualTypeOf<PatternChannel>();
  expectTypeOf(await bytes.get()).toEqualTypeOf<[channel: Buffer, message: Buffer]>();
  const text = new Channel('x*', { isPattern: true, encoding: 'utf-8' });
  expectTypeOf(text).toEqualTypeOf<PatternChannel<string | Buffer>>();
  for await (const [channel, message] of text) {
    expectTypeOf(channel).toEqualTypeOf<Buffer>();
    expectTypeOf(message).toEqualTypeOf<string | Buffer>();
  }
  expectTypeOf(new Channel('x*', { isPattern: true, decoder })).toEqualTypeOf<PatternChannel<Date>>();
  expectTypeOf(new PatternChannel('x*')).toEqualTypeOf<PatternChannel>();
  expectTypeOf(new PatternChannel('x*', { encoding: 'utf8' })).toEqualTypeOf<
    PatternChannel<string | Buffer>
  >();
  expectTypeOf(new PatternChannel<string>('x*', { encoding: 'utf8' })).toEqualTypeOf<
    PatternChannel<string>
  >();
  // @ts-expect-error: it is one already
  return new PatternChannel('x*', { isPattern: true });
}

export function callbacks() {
  const bytes = new Channel('x', {
    onMessage: (message, channel) => expectTypeOf([message, channel]).toEqualTypeOf<Buffer[]>(),
  });
  expectTypeOf(bytes).toEqualTypeOf<Channel>();
  const onText = (message: string | Buffer): void => void message;
  expectTypeOf(new Channel('x', { encoding: 'utf8', onMessage: onText })).toEqualTypeOf<
    Channel<string | Buffer>
  >();
  const decoder = (message: Buffer | string): number => message.length;
  const numbers = new PatternChannel('x*', {
    decoder,
    onMessage: (message) => expectTypeOf(message).toEqualTypeOf<number>(),
  });
  expectTypeOf(numbers).toEqualTypeOf<PatternChannel<number>>();
}

export async function triples(pool: ConnectionPool, connection: TCPConnection) {
  expectTypeOf(await pool.executePubsub('SUBSCRIBE', 'a')).toEqualTypeOf<SubscriptionAck[]>();
  expectTypeOf(await pool.with({ timeout: 1 }).executePubsub('SUBSCRIBE', 'a')).toEqualTypeOf<
    SubscriptionAck[]
  >();
  for (const [kind, name, count] of await connection.executePubsub('SUBSCRIBE', 'a')) {
    expectTypeOf([kind, name]).toEqualTypeOf<Buffer[]>();
    expectTypeOf(count).toEqualTypeOf<number>();
  }
}

/** The type that is said with the call holds. */
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
  override get(): Promise<T> {
    return super.get({ timeout: 5 });
  }
}
export class Pairs<T> extends PatternChannel<T> {
  override get(): Promise<[Buffer, T]> {
    return super.get({ timeout: 5 });
  }
}
