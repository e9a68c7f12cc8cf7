// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import {
  type AbstractConnection,
  type AnyCommand,
  type BaseConnection,
  type BaseConnectionPool,
  type ByCommand,
  type CallArguments,
  type CallReply,
  type Commands,
  ConnectionPool,
  command,
  type Executor,
  type RedisError,
  type RedisValue,
  type Reply,
  type ReplyMap,
  type ReplyOf,
  type ReplySet,
  unwrap,
} from 'respool';

declare module 'respool' {
  interface Commands<Text> {
    'MY.COMMAND': { args: [key: RedisValue, count?: RedisValue]; reply: Text[] };
  }
}

const url = 'redis://127.0.0.1:6379/0';
const text = ConnectionPool.fromUrl(url, { decodeResponses: true });
const bytes = ConnectionPool.fromUrl(url);
const lenient = ConnectionPool.fromUrl(url, { decodeResponses: 'lenient' });
type Scored<T> = [member: T, score: number][];

export async function spellings(name: string, keys: string[], more: RedisValue[]): Promise<void> {
  expectTypeOf(await text.execute('GET', 'k')).toEqualTypeOf<string | null>();
  expectTypeOf(await text.execute('get', 'k')).toEqualTypeOf<string | null>();
  expectTypeOf(await bytes.execute('Get', 'k')).toEqualTypeOf<Buffer | null>();
  expectTypeOf(await lenient.execute('GET', 'k')).toEqualTypeOf<string | Buffer | null>();
  expectTypeOf(await text.execute('CLIENT LIST')).toEqualTypeOf<string>();
  expectTypeOf(await text.execute('CLIENT', 'LIST')).toEqualTypeOf<string>();
  expectTypeOf(await text.execute('client', 'list', 'TYPE', 'normal')).toEqualTypeOf<string>();
  expectTypeOf(await text.execute('CONFIG', 'GET', '*')).toEqualTypeOf<ReplyMap<string, string>>();
  expectTypeOf(await bytes.execute('CONFIG GET', '*')).toEqualTypeOf<ReplyMap<Buffer, Buffer>>();
  expectTypeOf(await text.execute(name, 'k')).toEqualTypeOf<ReplyOf<true>>();
  expectTypeOf(await text.execute(Buffer.from('GET'), 'k')).toEqualTypeOf<ReplyOf<true>>();
  expectTypeOf(await text.execute('MY.COMMAND', 'k')).toEqualTypeOf<string[]>();
  expectTypeOf(await bytes.execute('my.command', 'k', 1)).toEqualTypeOf<Buffer[]>();
  expectTypeOf(await text.execute('DEL', ...keys)).toEqualTypeOf<number>();
  expectTypeOf(await text.execute('SET', 'k', ...more)).toEqualTypeOf<string | null>();
  expectTypeOf(await text.execute('EVAL', 'return 1', 0)).toEqualTypeOf<ReplyOf<true>>();
  expectTypeOf<Commands<string>['GET']['args']>().toEqualTypeOf<[key: RedisValue]>();
}

export async function repliesByArguments(option: string): Promise<void> {
  expectTypeOf(await text.execute('SET', 'k', 'v')).toEqualTypeOf<'OK' | null>();
  expectTypeOf(await bytes.execute('SET', 'k', 'v')).toEqualTypeOf<Buffer | null>();
  expectTypeOf(await text.execute('SET', 'k', 'v', 'EX', 5)).toEqualTypeOf<'OK' | null>();
  expectTypeOf(await text.execute('SET', 'k', 'v', 'EX', 5, 'get')).toEqualTypeOf<string | null>();
  expectTypeOf(await text.execute('SET', 'k', 'GET')).toEqualTypeOf<'OK' | null>();
  expectTypeOf(await text.execute('SET', 'k', 'v', option)).toEqualTypeOf<string | null>();
  expectTypeOf(await text.execute('ZRANGE', 'k', 0, -1)).toEqualTypeOf<string[]>();
  expectTypeOf(await bytes.execute('ZRANGE', 'k', 0, -1, 'WITHSCORES')).toEqualTypeOf<Scored<Buffer>>();
  expectTypeOf(await text.execute('ZDIFF', 2, 'a', 'WITHSCORES')).toEqualTypeOf<string[]>();
  expectTypeOf(await text.execute('ZDIFF', 2, 'a', option, 'WITHSCORES')).toEqualTypeOf<Scored<string>>();
  expectTypeOf(await text.execute('LPOP', 'k')).toEqualTypeOf<string | null>();
  expectTypeOf(await text.execute('LPOP', 'k', 2)).toEqualTypeOf<string[] | null>();
  expectTypeOf(await text.execute('ZADD', 'k', 1, 'm')).toEqualTypeOf<number>();
  expectTypeOf(await text.execute('ZADD', 'k', 'INCR', 1, 'm')).toEqualTypeOf<number | null>();
  expectTypeOf(await text.execute('LCS', 'a', 'b', 'LEN')).toEqualTypeOf<number>();
  expectTypeOf(await text.execute('CLIENT', 'KILL', '127.0.0.1:1')).toEqualTypeOf<'OK'>();
  expectTypeOf(await text.execute('CLIENT KILL', 'ID', 5)).toEqualTypeOf<number>();
}

export async function missingArguments(): Promise<void> {
  // @ts-expect-error: no value
  await text.execute('SET', 'k');
  // @ts-expect-error: one too many
  await text.execute('GET', 'k', 'l');
  // @ts-expect-error: no parameter
  await text.execute('CONFIG', 'GET');
  // @ts-expect-error: no time-out
  await text.execute('BLPOP', 'k');
  // @ts-expect-error: no value
  await text.executeRequest('SET', ['k']);
  // @ts-expect-error: no value
  void command('SET', 'k');
}

export async function explicitTypes(): Promise<void> {
  expectTypeOf(await text.execute<string>('GET', 'k')).toEqualTypeOf<string>();
  expectTypeOf(await text.execute<number>('INCR', 'n')).toEqualTypeOf<number>();
  expectTypeOf(await bytes.executeRequest<Buffer>('GET', ['k'])).toEqualTypeOf<Buffer>();
  const hint: string | null = await text.execute('GET', 'k');
  expectTypeOf(hint).toEqualTypeOf<string | null>();
}

export async function requests(flag: boolean): Promise<void> {
  expectTypeOf(await text.executeRequest('GET', ['k'])).toEqualTypeOf<string | null>();
  expectTypeOf(await text.executeRequest('GET', ['k'], { timeout: 5 })).toEqualTypeOf<string | null>();
  expectTypeOf(await text.executeRequest('GET', ['k'], { decode: false })).toEqualTypeOf<Buffer | null>();
  expectTypeOf(await bytes.executeRequest('GET', ['k'], { decode: true })).toEqualTypeOf<string | null>();
  expectTypeOf(await bytes.executeRequest('GET', ['k'], { decode: flag })).toEqualTypeOf<Reply>();
  expectTypeOf(await text.executeRequest('INCR', ['n'], { raiseExceptions: false })).toEqualTypeOf<
    number | bigint | RedisError
  >();
  expectTypeOf(await text.executeRequest('PING', [], { noreply: true })).toEqualTypeOf<string | null>();
  expectTypeOf(text.executeRequest('PING').maybeExecuted).toEqualTypeOf<boolean>();
  expectTypeOf(await text.with({ timeout: 5 }).execute('GET', 'k')).toEqualTypeOf<string | null>();
  expectTypeOf(await text.with({ decode: false }).execute('GET', 'k')).toEqualTypeOf<Buffer | null>();
  expectTypeOf(await text.with({ raiseExceptions: false }).execute('GET', 'k')).toEqualTypeOf<
    string | RedisError | null
  >();
}

export async function batches(plain: { command: string; args: string[] }[]): Promise<void> {
  const entries = await text.executeBatch([command('GET', 'a'), command('INCR', 'n')]);
  expectTypeOf(entries).toEqualTypeOf<[string | null | RedisError, number | bigint | RedisError]>();
  expectTypeOf(unwrap(entries)).toEqualTypeOf<[string | null, number | bigint]>();
  const [name] = unwrap(await bytes.executeBatch([command('HGET', 'h', 'name')]));
  expectTypeOf(name).toEqualTypeOf<Buffer | null>();
  expectTypeOf(await text.executeBatch(plain)).toEqualTypeOf<(ReplyOf<true> | RedisError)[]>();
  const [a, b] = await text.executeBatch([
    { command: 'GET', args: ['a'] },
    { command: 'SMEMBERS', args: ['s'], decode: false },
  ]);
  expectTypeOf(a).toEqualTypeOf<string | null | RedisError>();
  expectTypeOf(b).toEqualTypeOf<ReplySet<Buffer> | RedisError>();
}

export async function connections(connection: BaseConnection): Promise<void> {
  expectTypeOf(await connection.execute('GET', 'k')).toEqualTypeOf<string | Buffer | null>();
  expectTypeOf(await connection.execute('INCR', 'k')).toEqualTypeOf<number | bigint>();
  expectTypeOf(await connection.createRequest('GET', ['k'], { decode: true })).toEqualTypeOf<string | null>();
  expectTypeOf(await connection.createRequest<string>('GET', ['k'])).toEqualTypeOf<string>();
  const lease = await text.acquire();
  expectTypeOf(await lease.connection.execute('EXISTS', 'k')).toEqualTypeOf<number>();
}

class Traced extends ConnectionPool<BaseConnection, true> {
  override execute<
    T extends ReplyOf<true> | ByCommand = ByCommand,
    const K extends AnyCommand = string | Uint8Array,
    const A extends readonly RedisValue[] = RedisValue[],
  >(name: K, ...args: CallArguments<K, A>): Promise<CallReply<T, K, A, true>> {
    return super.execute<T, K, A>(name, ...args);
  }
}

export function assignable(general: BaseConnectionPool<BaseConnection>): void {
  const executor: Executor<true> = text;
  const view: Executor<true> = text.with({ timeout: 5 });
  const any: Executor<boolean> = executor;
  const base: BaseConnectionPool<BaseConnection> = text;
  const connection: AbstractConnection = bytes;
  expectTypeOf(new Traced({ host: 'h' }).execute('GET', 'k')).toEqualTypeOf<Promise<string | null>>();
  void [executor, view, any, base, connection, general];
}
