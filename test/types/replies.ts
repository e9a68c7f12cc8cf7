// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import {
  type BaseConnection,
  ClusterConnectionPool,
  ConnectionPool,
  type ConnectionPoolOptions,
  type Reply,
  type ReplyOf,
  TCPConnection,
  TCPLocation,
  type WaitOptions,
} from 'respool';

type Decoded = null | boolean | number | bigint | string;

export async function decodedReplies(): Promise<void> {
  const pool = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0', { decodeResponses: true });
  const reply = await pool.execute('GET k');
  expectTypeOf(reply).toEqualTypeOf<Exclude<Reply, Buffer>>();
  expectTypeOf<string>().toExtend<typeof reply>();
  const text: string | null = await pool.execute<string | null>('GET k');
  expectTypeOf(text).toEqualTypeOf<string | null>();
  expectTypeOf<Extract<Reply, Decoded>>().toEqualTypeOf<Decoded>();
  await pool.close({ timeout: null });
}

export async function byteReplies(): Promise<void> {
  const pool = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0');
  const reply = await pool.execute('GET k');
  expectTypeOf(reply).toEqualTypeOf<Exclude<Reply, string>>();
  expectTypeOf<Extract<typeof reply, string>>().toEqualTypeOf<never>();
  expectTypeOf<Extract<typeof reply, Buffer>>().toEqualTypeOf<Buffer>();
  // @ts-expect-error: no string at top level without decodeResponses
  const wrong: string = reply;
  // @ts-expect-error: nor may a caller claim one
  await pool.execute<string>('GET', 'k');
}

export async function byConstructor(): Promise<void> {
  const options = { location: new TCPLocation('127.0.0.1', 6379) };
  const decoded = new ConnectionPool({ ...options, decodeResponses: true });
  const bytes = new ConnectionPool({ ...options, decodeResponses: false });
  expectTypeOf(await decoded.execute('GET', 'k')).toEqualTypeOf<string | null>();
  expectTypeOf(await bytes.execute('GET', 'k')).toEqualTypeOf<Buffer | null>();
  expectTypeOf(await decoded.execute('NO.SUCH', 'k')).toEqualTypeOf<ReplyOf<true>>();
  expectTypeOf(await bytes.execute('NO.SUCH', 'k')).toEqualTypeOf<ReplyOf<false>>();
}

export async function argumentsOfCommands(): Promise<void> {
  const pool = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0');
  await pool.execute('SET', 'k', 1, 2n, new Uint8Array(2), Buffer.from('x'));
  await pool.execute(Buffer.from('GET'), 'k');
  // @ts-expect-error: not a RedisValue
  await pool.execute('SET', 'k', undefined);
  // @ts-expect-error: not a RedisValue
  await pool.execute('SET', 'k', { a: 1 });
  // @ts-expect-error: not a RedisValue
  await pool.execute('SET', 'k', true);
}

export async function requests(): Promise<void> {
  const pool = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0', { decodeResponses: true });
  const pending = pool.executeRequest('GET', ['k'], { timeout: 100, signal: AbortSignal.timeout(5) });
  expectTypeOf(pending.maybeExecuted).toEqualTypeOf<boolean>();
  const wait: WaitOptions = { signal: undefined, timeout: null };
  const entries = await pool.executeBatch([{ command: 'GET', args: ['k'] }], wait);
  expectTypeOf(entries).toBeArray();
}

/** Options whose kind of replies is not known to the compiler: either may come. */
export async function undecided(
  flag: boolean | undefined,
  general: ConnectionPoolOptions,
  decoded: ConnectionPoolOptions<BaseConnection, true>,
): Promise<void> {
  const url = 'redis://127.0.0.1:6379/0';
  const undecidedPools = [
    ConnectionPool.fromUrl(url, { decodeResponses: flag }),
    ConnectionPool.fromUrl(url, general),
    ConnectionPool.fromUrl(url, decoded),
  ];
  expectTypeOf(undecidedPools).toEqualTypeOf<ConnectionPool<BaseConnection, boolean>[]>();
  for (const pool of undecidedPools) {
    const reply = await pool.execute('GET', 'k');
    expectTypeOf(reply).toEqualTypeOf<Reply>();
  }
  expectTypeOf(ConnectionPool.fromUrl(url, { db: 1 })).toEqualTypeOf<ConnectionPool<BaseConnection, false>>();
  expectTypeOf(ClusterConnectionPool.fromUrl(url, { decodeResponses: true })).toEqualTypeOf<
    ClusterConnectionPool<true>
  >();
  expectTypeOf(ClusterConnectionPool.fromUrl(url, { decodeResponses: flag })).toEqualTypeOf<
    ClusterConnectionPool<boolean>
  >();
}

class Tunnel extends TCPConnection {
  readonly tunnel: string;

  constructor(location: TCPLocation, options?: { tunnel?: string }) {
    super(location);
    this.tunnel = options?.tunnel ?? '';
  }
}

export function ownOptions(): void {
  const pool = new ConnectionPool({
    host: '127.0.0.1',
    connectionClass: Tunnel,
    tunnel: 'x',
    decodeResponses: true,
  });
  expectTypeOf(pool).toEqualTypeOf<ConnectionPool<Tunnel, true>>();
  expectTypeOf(pool.tryGetConnection()).toEqualTypeOf<Tunnel | null>();
  // @ts-expect-error: nobody knows it
  void new ConnectionPool({ host: '127.0.0.1', tunnel: 'x' });
  // @ts-expect-error: the pool knows better
  void new ConnectionPool({ connectionClass: Tunnel, tunnel: 'x', maxConnections: 'many' });
}
