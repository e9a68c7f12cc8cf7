// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import { ConnectionPool, type Reply, type ReplyOf, TCPLocation, type WaitOptions } from 'respool';

type Decoded = null | boolean | number | bigint | string;

export async function decodedReplies(): Promise<void> {
  const pool = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0', { decodeResponses: true });
  const reply = await pool.execute('GET', 'k');
  expectTypeOf(reply).toEqualTypeOf<Reply>();
  expectTypeOf<string>().toExtend<typeof reply>();
  const text: string | null = await pool.execute<string | null>('GET', 'k');
  expectTypeOf(text).toEqualTypeOf<string | null>();
  expectTypeOf<Extract<Reply, Decoded>>().toEqualTypeOf<Decoded>();
  await pool.close({ timeout: null });
}

export async function byteReplies(): Promise<void> {
  const pool = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0');
  const reply = await pool.execute('GET', 'k');
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
  const text = await decoded.execute('GET', 'k');
  const raw = await bytes.execute('GET', 'k');
  expectTypeOf(text).toEqualTypeOf<ReplyOf<true>>();
  expectTypeOf(raw).toEqualTypeOf<ReplyOf<false>>();
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
