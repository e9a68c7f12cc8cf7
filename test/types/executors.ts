// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import {
  type AbstractConnection,
  type AnyCommand,
  type BaseConnection,
  type ByCommand,
  type BytesPool,
  type CallArguments,
  type CallReply,
  Channel,
  type ClusterConnectionPool,
  ConnectionPool,
  type Decoding,
  type Executor,
  type PatternChannel,
  type RedisValue,
  type ReplyOf,
  type SubscriptionAck,
  type TextPool,
} from 'respool';

export async function poolsAreExecutors(
  text: TextPool,
  bytes: BytesPool,
  cluster: ClusterConnectionPool<true>,
): Promise<void> {
  const all: Executor<true>[] = [
    text,
    cluster,
    ConnectionPool.fromUrl('redis://h', { decodeResponses: true }),
    text.with({ timeout: 5 }),
    bytes.with({ decode: true }),
  ];
  const ofBytes: Executor<false> = bytes;
  for (const one of all) expectTypeOf(await one.execute('GET', 'k')).toEqualTypeOf<string | null>();
  expectTypeOf(await ofBytes.execute('GET', 'k')).toEqualTypeOf<Buffer | null>();
  // @ts-expect-error: its replies are bytes
  const wrong: Executor<true> = bytes;
  void wrong;
}

export async function decodedCalls(bytes: BytesPool): Promise<void> {
  const options = { decode: true } as const;
  expectTypeOf(await bytes.executeRequest('GET', ['k'], options)).toEqualTypeOf<string | null>();
  expectTypeOf(await bytes.executeRequest('NO.SUCH', ['k'], options)).toEqualTypeOf<ReplyOf<true>>();
  expectTypeOf(await bytes.with(options).execute('GET', 'k')).toEqualTypeOf<string | null>();
  expectTypeOf(await bytes.with(options).execute<string>('GET', 'k')).toEqualTypeOf<string>();
  const batch = await bytes.executeBatch([{ command: 'GET', args: ['k'], decode: true }]);
  expectTypeOf(batch[0]).extract<string | null>().toEqualTypeOf<string | null>();
}

/** The signature of `execute` as the declarations print it. */
export class Traced extends ConnectionPool<BaseConnection, true> {
  override execute<
    T extends ReplyOf<true> | ByCommand = ByCommand,
    const K extends AnyCommand = string | Uint8Array,
    const A extends readonly RedisValue[] = RedisValue[],
  >(command: K, ...args: CallArguments<K, A>): Promise<CallReply<T, K, A, true>> {
    return super.execute<T, K, A>(command, ...args);
  }
}
export class AnyTraced<C extends BaseConnection, D extends Decoding> extends ConnectionPool<C, D> {
  override execute<
    T extends ReplyOf<D> | ByCommand = ByCommand,
    const K extends AnyCommand = string | Uint8Array,
    const A extends readonly RedisValue[] = RedisValue[],
  >(command: K, ...args: CallArguments<K, A>): Promise<CallReply<T, K, A, D>> {
    return super.execute<T, K, A>(command, ...args);
  }
}

interface Message {
  readonly id: number;
}
export async function readers(channel: Channel<Message>, pattern: PatternChannel<Message>): Promise<void> {
  for await (const message of channel) expectTypeOf(message).toEqualTypeOf<Message>();
  expectTypeOf(await channel.get()).toEqualTypeOf<Message>();
  for await (const [name, message] of pattern) {
    expectTypeOf(name).toEqualTypeOf<Buffer>();
    expectTypeOf(message).toEqualTypeOf<Message>();
  }
  const made = new Channel('x', { decoder: (bytes): Message => ({ id: bytes.length }) });
  for await (const message of made) expectTypeOf(message).toEqualTypeOf<Message>();
}

export async function acknowledgements(pool: TextPool, any: AbstractConnection): Promise<void> {
  for (const [kind, name, count] of await pool.executePubsub('SUBSCRIBE', 'a')) {
    expectTypeOf(kind).toEqualTypeOf<Buffer>();
    expectTypeOf(name).toEqualTypeOf<SubscriptionAck[1]>();
    expectTypeOf(count).toEqualTypeOf<number>();
  }
  expectTypeOf(await any.executePubsub('SUBSCRIBE', 'a')).toBeArray();
}
