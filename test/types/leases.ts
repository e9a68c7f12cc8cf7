// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import { type BaseConnection, ConnectionPool, type Lease, type Request } from 'respool';
import { startServer } from 'respool/testkit';

export async function leases(): Promise<void> {
  const pool = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0', { maxConnections: 4, timeout: undefined });
  const lease = await pool.acquire({ timeout: 100 });
  expectTypeOf(lease).toExtend<Lease<BaseConnection>>();
  const request: Request<number> = lease.connection.createRequest<number>('INCR', ['n']);
  expectTypeOf(await request).toEqualTypeOf<number>();
  lease.release();
  const used = await pool.use(async (connection) => connection.createRequest<number>('INCR', ['n']));
  expectTypeOf(used).toEqualTypeOf<number>();
  const free = pool.tryGetConnection();
  if (free !== null) pool.release(free);
}

export function refusedOptions(): void {
  // @ts-expect-error: no such option
  ConnectionPool.fromUrl('redis://127.0.0.1:6379', { maxConnection: 4 });
  // @ts-expect-error: a number
  ConnectionPool.fromUrl('redis://127.0.0.1:6379', { maxConnections: '4' });
}

export async function testServers(): Promise<void> {
  const server = await startServer();
  expectTypeOf(server.url).toEqualTypeOf<string>();
  await server.stop();
}
