// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import {
  type ConnectionPool,
  type Lease,
  Sentinel,
  SentinelConnectionPool,
  SentinelManagedConnection,
  TCPLocation,
} from 'respool';

export async function pools(): Promise<void> {
  const bytes = SentinelConnectionPool.fromUrl('redis+sentinel://h/m');
  expectTypeOf(bytes).toEqualTypeOf<SentinelConnectionPool<false>>();
  const value: Buffer | null = await bytes.execute<Buffer | null>('GET', 'k');
  console.log(value);
  // @ts-expect-error: no string at top level without decodeResponses
  await bytes.execute<string>('GET', 'k');
  expectTypeOf(await bytes.acquire()).toEqualTypeOf<Lease<SentinelManagedConnection>>();

  const text = SentinelConnectionPool.fromUrl('redis+sentinel://h/m', { decodeResponses: true });
  expectTypeOf(text).toEqualTypeOf<SentinelConnectionPool<true>>();
  expectTypeOf(await text.execute<string>('GET', 'k')).toEqualTypeOf<string>();
  const plain: ConnectionPool<SentinelManagedConnection, true> = text;
  await plain.close();
  // @ts-expect-error: no such option
  SentinelConnectionPool.fromUrl('redis+sentinel://h/m', { sentinelPasword: 'p' });
}

export async function sentinels(): Promise<void> {
  const manager: Sentinel = new Sentinel({ sentinels: [new TCPLocation('h', 1)] });
  expectTypeOf(manager.primaryFor('m')).toEqualTypeOf<SentinelConnectionPool<false>>();
  expectTypeOf(manager.replicaFor('m', { decodeResponses: true })).toEqualTypeOf<
    SentinelConnectionPool<true>
  >();
  const decoding = new Sentinel({ sentinels: [{ host: 'h', port: 1 }], decodeResponses: true });
  expectTypeOf(decoding.primaryFor('m')).toEqualTypeOf<SentinelConnectionPool<true>>();
  expectTypeOf(await decoding.discoverPrimary('m', { timeout: null })).toEqualTypeOf<TCPLocation>();
  new SentinelConnectionPool({
    serviceName: 'm',
    sentinelManager: decoding,
    isPrimary: false,
    checkConnection: true,
  });
}

class OwnConnection extends SentinelManagedConnection {}

export function customClass(sentinelManager: Sentinel): void {
  new SentinelConnectionPool({ serviceName: 'm', sentinelManager, connectionClass: OwnConnection });
  sentinelManager.primaryFor('m', { connectionClass: OwnConnection });
}

class Own extends SentinelConnectionPool<true> {
  readonly own = 1;
}

export function subclass(): void {
  expectTypeOf(Own.fromUrl('redis+sentinel://h/m')).toEqualTypeOf<Own>();
}
