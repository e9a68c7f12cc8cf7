// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import {
  type ClusterAcquireOptions,
  type ClusterConnection,
  ClusterConnectionPool,
  type ClusterNodeLocation,
  type Lease,
  type RedisError,
  type ReplyOf,
  SplitCommandError,
  TCPLocation,
} from 'respool';

class Own<D extends boolean = false> extends ClusterConnectionPool<D> {
  readonly own = 1;
}

export async function pools(decodeResponses: boolean): Promise<void> {
  const startupNodes = [new TCPLocation('h', 1)];
  const bytes = new ClusterConnectionPool({ startupNodes });
  expectTypeOf(bytes).toEqualTypeOf<ClusterConnectionPool<false>>();
  const either = new ClusterConnectionPool({ startupNodes, decodeResponses });
  expectTypeOf(either).toEqualTypeOf<ClusterConnectionPool<boolean>>();
  const text = ClusterConnectionPool.fromUrl('redis://h', { decodeResponses: true, startupNodes });
  expectTypeOf(text).toEqualTypeOf<ClusterConnectionPool<true>>();
  const value: ReplyOf<true> = await text.execute('GET', 'k');
  console.log(value);
  expectTypeOf(ClusterConnectionPool.fromUrl('redis://h')).toEqualTypeOf<ClusterConnectionPool<false>>();
  expectTypeOf(Own.fromUrl('redis://h').own).toEqualTypeOf<number>();

  const wish: ClusterAcquireOptions = {
    node: bytes.clusterLayout.nodes[0],
    primary: undefined,
    timeout: null,
  };
  expectTypeOf(await bytes.acquire(wish)).toEqualTypeOf<Lease<ClusterConnection>>();
  expectTypeOf(await bytes.executeOn('all', 'PING', [], { timeout: 1 })).toEqualTypeOf<
    Map<ClusterNodeLocation, Buffer | RedisError>
  >();
  // @ts-expect-error: no such target
  await bytes.executeOn('some', 'PING');
}

export function positions(error: unknown): readonly number[] {
  return error instanceof SplitCommandError ? error.failed : [];
}
