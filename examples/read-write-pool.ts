// A pool over two servers: what only reads goes to the replica, everything else to the primary. Written against the
// abstract classes alone, it can be handed in wherever a pool or a connection is wanted.
import {
  AbstractPool,
  type AcquireOptions,
  type BaseConnection,
  type BaseConnectionPool,
  type ChannelMap,
  type Lease,
  type RedisValue,
  type Reply,
  type TextEncoding,
  type WaitOptions,
} from '../src/index.ts';

type Pool = BaseConnectionPool<BaseConnection>;

/** Replicas lag behind: whoever must see its own writes reads from the primary, by a lease. */
const READS: ReadonlySet<string> = new Set([
  'EXISTS',
  'GET',
  'GETRANGE',
  'HGET',
  'HGETALL',
  'HMGET',
  'LRANGE',
  'MGET',
  'SCARD',
  'SISMEMBER',
  'SMEMBERS',
  'STRLEN',
  'TTL',
  'TYPE',
  'ZRANGE',
  'ZSCORE',
]);

export class ReadWritePool extends AbstractPool<BaseConnection> {
  readonly #primary: Pool;
  readonly #replica: Pool;
  #closing: Promise<void> | null = null;

  constructor(primary: Pool, replica: Pool) {
    super();
    this.#primary = primary;
    this.#replica = replica;
  }

  get address(): string | null {
    return this.#primary.address;
  }
  get db(): number {
    return this.#primary.db;
  }
  get encoding(): TextEncoding | null {
    return this.#primary.encoding;
  }
  get closed(): boolean {
    return this.#closing !== null;
  }

  execute(command: string | Uint8Array, ...args: RedisValue[]): Promise<Reply> {
    const name = String(Buffer.from(command as string))
      .trim()
      .toUpperCase();
    const pool = READS.has(name) ? this.#replica : this.#primary;
    return pool.execute(command, ...args);
  }

  // Leases may write, and a message that is published reaches both: these belong to the primary.
  tryGetConnection(): BaseConnection | null {
    return this.#primary.tryGetConnection();
  }
  acquire(options?: AcquireOptions): Promise<Lease<BaseConnection>> {
    return this.#primary.acquire(options);
  }
  release(connection: BaseConnection): void {
    this.#primary.release(connection);
  }
  executePubsub(...args: Parameters<Pool['executePubsub']>): Promise<Reply[]> {
    return this.#primary.executePubsub(...args);
  }
  get inPubsub(): number {
    return this.#primary.inPubsub;
  }
  get pubsubChannels(): ChannelMap {
    return this.#primary.pubsubChannels;
  }
  get pubsubPatterns(): ChannelMap {
    return this.#primary.pubsubPatterns;
  }
  get pubsubShardChannels(): ChannelMap {
    return this.#primary.pubsubShardChannels;
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all([this.#primary.close(), this.#replica.close()]).then(() => undefined);
    return this.#closing;
  }
  async waitClosed(options?: WaitOptions): Promise<void> {
    await Promise.all([this.#primary.waitClosed(options), this.#replica.waitClosed(options)]);
  }
}
