// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import {
  type BaseConnection,
  ClusterConnectionPool,
  type ClusterNodeLocation,
  ConnectionPool,
  command,
  defineScript,
  type RedisError,
  type Reply,
  type ReplyMap,
  type ReplyOf,
  type ReplySet,
  type Script,
  SentinelConnectionPool,
  unwrap,
} from 'respool';

const url = 'redis://127.0.0.1:6379/0';
const text = ConnectionPool.fromUrl(url, { decodeResponses: true });
const bytes = ConnectionPool.fromUrl(url);
const lenient = ConnectionPool.fromUrl(url, { decodeResponses: 'lenient' });
const cluster = ClusterConnectionPool.fromUrl(url, { decodeResponses: true });
const byteCluster = ClusterConnectionPool.fromUrl(url);

type OnNodes<T> = Map<ClusterNodeLocation, T | RedisError>;

export async function severalNodes(merge: boolean, name: string): Promise<void> {
  expectTypeOf(await cluster.executeOn('all', 'PING')).toEqualTypeOf<OnNodes<string>>();
  expectTypeOf(await cluster.executeOn('primaries', 'dbsize', [])).toEqualTypeOf<OnNodes<number>>();
  expectTypeOf(await cluster.executeOn('all', 'CONFIG', ['GET', '*'])).toEqualTypeOf<
    OnNodes<ReplyMap<string, string>>
  >();
  expectTypeOf(await byteCluster.executeOn('all', 'TIME', [])).toEqualTypeOf<OnNodes<[Buffer, Buffer]>>();
  expectTypeOf(await byteCluster.executeOn('all', 'TIME', [], { decode: true })).toEqualTypeOf<
    OnNodes<[string, string]>
  >();
  expectTypeOf(await cluster.executeOn('all', 'DBSIZE', [], { noreply: true })).toEqualTypeOf<
    OnNodes<number | null>
  >();
  expectTypeOf(await cluster.executeOn({ host: 'h', port: 1 }, name, ['a'])).toEqualTypeOf<
    OnNodes<ReplyOf<true>>
  >();
  expectTypeOf(await cluster.executeOn<number>('all', name, ['a'])).toEqualTypeOf<OnNodes<number>>();
  expectTypeOf(await cluster.executeOn('all', 'DBSIZE', [], { merge: false })).toEqualTypeOf<
    OnNodes<number>
  >();
  expectTypeOf(await cluster.executeOn('all', 'DBSIZE', [], { merge })).toEqualTypeOf<
    OnNodes<number> | number
  >();
  // @ts-expect-error: no parameter
  await cluster.executeOn('all', 'CONFIG GET', []);
  // @ts-expect-error: no such option
  await cluster.executeOn('all', 'DBSIZE', [], { merged: true });
}

export async function mergedAnswers(name: string): Promise<void> {
  const merge = { merge: true } as const;
  expectTypeOf(await cluster.executeOn('primaries', 'DBSIZE', [], merge)).toEqualTypeOf<number>();
  expectTypeOf(await cluster.executeOn('primaries', 'keys', ['*'], merge)).toEqualTypeOf<string[]>();
  expectTypeOf(await byteCluster.executeOn('primaries', 'KEYS', ['*'], { merge: true })).toEqualTypeOf<
    Buffer[]
  >();
  expectTypeOf(await cluster.executeOn('all', 'SCRIPT', ['EXISTS', 'a'], merge)).toEqualTypeOf<(0 | 1)[]>();
  expectTypeOf(await cluster.executeOn('all', 'SCRIPT LOAD', ['return 1'], merge)).toEqualTypeOf<string>();
  expectTypeOf(await cluster.executeOn('all', 'FLUSHALL', [], merge)).toEqualTypeOf<'OK'>();
  expectTypeOf(await cluster.executeOn('all', 'CONFIG GET', ['*'], merge)).toEqualTypeOf<
    ReplyMap<string, string>
  >();
  expectTypeOf(await cluster.executeOn('all', 'CLIENT ID', [], merge)).toEqualTypeOf<number[]>();
  expectTypeOf(await cluster.executeOn('all', 'TIME', [], merge)).toEqualTypeOf<string[]>();
  expectTypeOf(cluster.executeOn('all', 'INFO', [], merge)).toEqualTypeOf<Promise<never>>();
  expectTypeOf(await cluster.executeOn('all', name, [], merge)).toEqualTypeOf<ReplyOf<true>>();
  expectTypeOf(await cluster.executeOn<number>('all', 'KEYS', ['*'], merge)).toEqualTypeOf<number>();
}

/** `decodeResponses` of a literal URL is before the option of that name, as when the program runs. */
export function urls(unknown: string, port: number): void {
  type Plain<D extends boolean | 'lenient'> = ConnectionPool<BaseConnection, D>;
  expectTypeOf(ConnectionPool.fromUrl('redis://h/0?decodeResponses=true')).toEqualTypeOf<Plain<true>>();
  expectTypeOf(ConnectionPool.fromUrl('redis://h?db=1&decode_responses=YES')).toEqualTypeOf<Plain<true>>();
  expectTypeOf(ConnectionPool.fromUrl('redis://h?decodeResponses=lenient&db=1')).toEqualTypeOf<
    Plain<'lenient'>
  >();
  expectTypeOf(
    ConnectionPool.fromUrl('redis://h?decodeResponses=0', { decodeResponses: true }),
  ).toEqualTypeOf<Plain<false>>();
  expectTypeOf(ConnectionPool.fromUrl('redis://h?db=1', { decodeResponses: true })).toEqualTypeOf<
    Plain<true>
  >();
  expectTypeOf(ConnectionPool.fromUrl('redis://h?db=1')).toEqualTypeOf<Plain<false>>();
  expectTypeOf(ConnectionPool.fromUrl(`redis://h:${port}/0`)).toEqualTypeOf<Plain<false>>();
  // The compiler does not know: any reply may come.
  expectTypeOf(ConnectionPool.fromUrl(unknown)).toEqualTypeOf<Plain<boolean>>();
  expectTypeOf(ConnectionPool.fromUrl(`redis://${unknown}`)).toEqualTypeOf<Plain<boolean>>();
  expectTypeOf(ConnectionPool.fromUrl(`redis://h?decodeResponses=${unknown}`)).toEqualTypeOf<
    Plain<boolean>
  >();
  expectTypeOf(ConnectionPool.fromUrl(`redis://h?db=1&${unknown}`)).toEqualTypeOf<Plain<boolean>>();
  expectTypeOf(ConnectionPool.fromUrl(unknown, { decodeResponses: true })).toEqualTypeOf<Plain<true>>();
  expectTypeOf(ConnectionPool.fromUrl(unknown, { decodeResponses: false })).toEqualTypeOf<Plain<false>>();
  expectTypeOf(ClusterConnectionPool.fromUrl('rediss://h?decodeResponses=on')).toEqualTypeOf<
    ClusterConnectionPool<true>
  >();
  expectTypeOf(SentinelConnectionPool.fromUrl('redis+sentinel://h/m?decodeResponses=true')).toEqualTypeOf<
    SentinelConnectionPool<true>
  >();
}

export async function views(connection: BaseConnection): Promise<void> {
  expectTypeOf(await lenient.executeRequest('GET', ['k'], { decode: true })).toEqualTypeOf<string | null>();
  expectTypeOf(await lenient.executeRequest('GET', ['k'], { decode: false })).toEqualTypeOf<Buffer | null>();
  const view = text.with({ decode: false, noreply: true });
  expectTypeOf(await view.execute('HGETALL', 'h')).toEqualTypeOf<ReplyMap<Buffer, Buffer> | null>();
  expectTypeOf(await bytes.with({ decode: true }).executeBatch([command('GET', 'k')])).toEqualTypeOf<
    [string | null | RedisError]
  >();
  using lease = await text.acquire();
  expectTypeOf(await lease.connection.execute('SMEMBERS', 's')).toEqualTypeOf<ReplySet<string | Buffer>>();
  expectTypeOf(await lease.connection.executeBatch([command('INCR', 'n')])).toEqualTypeOf<
    [number | bigint | RedisError]
  >();
  expectTypeOf(await text.use((own) => own.execute('HLEN', 'h'))).toEqualTypeOf<number>();
  expectTypeOf(
    await connection.createRequest('GET', ['k'], { decode: false }),
  ).toEqualTypeOf<Buffer | null>();
}

export async function transactions(): Promise<void> {
  const replies = await text.transaction([command('GET', 'a'), command('incr', 'n')]);
  expectTypeOf(replies).toEqualTypeOf<[string | null | RedisError, number | bigint | RedisError]>();
  expectTypeOf(unwrap(replies)).toEqualTypeOf<[string | null, number | bigint]>();
  expectTypeOf(
    await text.transaction([
      { command: 'SET', args: ['a', 1] },
      { command: 'GET', args: ['a'], decode: false },
    ]),
  ).toEqualTypeOf<['OK' | null | RedisError, Buffer | null | RedisError]>();
  const watched = await text.watch(['a'], async (connection) => {
    const value = await connection.execute('GET', 'a');
    return value === null ? null : [command('SET', 'a', 1), command('LLEN', 'l')];
  });
  expectTypeOf(watched).toEqualTypeOf<['OK' | null | RedisError, number | RedisError] | null>();
}

export async function scripts(): Promise<void> {
  const script = defineScript<number>({ lua: 'return 1', keys: 1 });
  expectTypeOf(script).toEqualTypeOf<Script<number>>();
  expectTypeOf(await text.run(script, ['k'])).toEqualTypeOf<number>();
  expectTypeOf(text.run(script, ['k'], [1], { timeout: 5 }).maybeExecuted).toEqualTypeOf<boolean>();
  expectTypeOf(await text.run(defineScript({ lua: 'return 1' }), [])).toEqualTypeOf<Reply>();
  expectTypeOf(await text.executeBatch([script.command(['k']), command('PING')])).toEqualTypeOf<
    [number | RedisError, string | RedisError]
  >();
  expectTypeOf(await bytes.transaction([command('GET', 'k'), script.command(['k'], [1])])).toEqualTypeOf<
    [Buffer | null | RedisError, number | RedisError]
  >();
  expectTypeOf(await cluster.watch(['k'], () => [script.command(['k'])])).toEqualTypeOf<
    [number | RedisError] | null
  >();
}

export async function scans(): Promise<void> {
  for await (const key of text.scan({ type: 'hash' })) expectTypeOf(key).toEqualTypeOf<string>();
  for await (const key of bytes.scan()) expectTypeOf(key).toEqualTypeOf<Buffer>();
  for await (const keys of lenient.scan().pages()) expectTypeOf(keys).toEqualTypeOf<(string | Buffer)[]>();
  for await (const pair of text.hscan('h')) expectTypeOf(pair).toEqualTypeOf<[string, string]>();
  for await (const member of bytes.sscan('s', { match: 'a*' })) expectTypeOf(member).toEqualTypeOf<Buffer>();
  for await (const pair of cluster.zscan('z')) expectTypeOf(pair).toEqualTypeOf<[string, number]>();
  // @ts-expect-error: only of keys
  text.hscan('h', { type: 'hash' });
}
