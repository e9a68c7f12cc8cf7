import assert from 'node:assert/strict';
import { after } from 'node:test';
import {
  type BaseConnection,
  type CacheTracking,
  ConnectionPool,
  type ConnectionPoolOptions,
  LRUCache,
  type LRUCacheOptions,
  type RedisValue,
  type Reply,
} from '../../../src/index.ts';
import { reply, ScriptedServer, type ScriptedTable, type TestServer } from '../../../src/testkit/index.ts';
import { useServer } from '../../support/servers.ts';

/** A cache that records its calls. */
export class SpiedCache extends LRUCache {
  readonly puts: string[] = [];
  readonly dropped: string[] = [];
  readonly verdicts: boolean[] = [];
  resets = 0;

  constructor(options?: LRUCacheOptions) {
    super(options);
  }
  override put(command: string, key: string | Uint8Array, args: readonly RedisValue[], value: Reply): void {
    this.puts.push(`${command} ${String(key)}`);
    super.put(command, key, args, value);
  }
  override invalidate(...keys: (string | Uint8Array)[]): void {
    this.dropped.push(...keys.map(String));
    super.invalidate(...keys);
  }
  override feedback(
    command: string,
    key: string | Uint8Array,
    args: readonly RedisValue[],
    match: boolean,
  ): void {
    this.verdicts.push(match);
    super.feedback(command, key, args, match);
  }
  override reset(): void {
    this.resets++;
    super.reset();
  }
}

/** Starts a server and a pool that writes to it, before the tests of the file; ends both after them. */
export function useServerAndWriter(started: (server: TestServer, writer: ConnectionPool) => unknown): void {
  let writer: ConnectionPool;
  useServer((server) => {
    writer = new ConnectionPool({ location: server.location });
    return started(server, writer);
  });
  after(() => writer.close());
}

/** A pool with a cache that reads text. */
export function cachedPool(
  { location }: Pick<TestServer | ScriptedServer, 'location'>,
  options: Omit<ConnectionPoolOptions<BaseConnection, true>, 'location' | 'decodeResponses'> = {},
): ConnectionPool<BaseConnection, true> {
  return new ConnectionPool({ location, decodeResponses: true, cache: new LRUCache(), ...options });
}

/** A server that answers GET with the number of the call, and knows tracking. */
export async function countingServer(
  table: ScriptedTable = {},
): Promise<ScriptedServer & { gets(): number }> {
  let calls = 0;
  const server = await ScriptedServer.start({ GET: () => reply.bulk(`v${++calls}`), ...table });
  return Object.assign(server, { gets: () => server.commands.filter(({ name }) => name === 'GET').length });
}

export function invalidation(...keys: (string | Uint8Array)[]): string {
  return reply.push(reply.bulk('invalidate'), reply.array(...keys.map((key) => reply.bulk(key))));
}
export const flushed: string = reply.push(reply.bulk('invalidate'), reply.null);

/** The process warnings with the cache's code while `run` runs. */
export async function cacheWarnings(run: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const onWarning = (warning: Error & { code?: string }): void => {
    if (warning.code === 'RESPOOL_CACHE') warnings.push(warning.message);
  };
  process.on('warning', onWarning);
  try {
    await run();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('warning', onWarning);
  }
  return warnings;
}

/** The one warning of a pool whose cache stays off: every read of a counting server is a new one. */
export async function warningOfUncached(
  server: ScriptedServer,
  cacheTracking: CacheTracking = {},
): Promise<string> {
  const cache = new LRUCache();
  await using pool = cachedPool(server, { cache, cacheTracking });
  const warnings = await cacheWarnings(async () => {
    assert.equal(await pool.execute('GET', 'k'), 'v1');
    assert.equal(await pool.execute('GET', 'k'), 'v2');
    pool.disconnect();
    assert.equal(await pool.execute('GET', 'k'), 'v3');
  });
  assert.equal(cache.size, 0);
  assert.equal(warnings.length, 1);
  return warnings[0] ?? '';
}
