// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import { ConnectionPool, FailoverPool } from 'respool';

export async function failover(): Promise<void> {
  const text = [1, 2].map((n) => ConnectionPool.fromUrl(`redis://h${n}`, { decodeResponses: true }));
  const bytes = ConnectionPool.fromUrl('redis://h');

  const both = new FailoverPool({ pools: text });
  expectTypeOf(both).toEqualTypeOf<FailoverPool<true>>();
  expectTypeOf(both.execute('GET', 'key')).resolves.toEqualTypeOf<string | null>();
  const plain = new FailoverPool({ pools: [{ pool: bytes, weight: 2 }, bytes] });
  expectTypeOf(plain.execute('GET', 'key')).resolves.toEqualTypeOf<Buffer | null>();
}
