import { expectTypeOf } from 'expect-type';
import DefaultRedis, { Cluster, Redis, type RedisOptions } from 'respool/ioredis';

// Without ioredis the exports have types of their own.
const options: RedisOptions = { host: 'h', offlineQueueBytes: 1_000_000 };
const redis: Redis = new Redis(options);
expectTypeOf<typeof DefaultRedis>().toEqualTypeOf<typeof Redis>();
expectTypeOf(redis.get('key')).toEqualTypeOf<Promise<string | null>>();
expectTypeOf(redis).not.toBeAny();
expectTypeOf(redis.duplicate()).toEqualTypeOf<Redis>();

const cluster: Cluster = new Cluster([{ host: 'h', port: 7000 }], { scaleReads: 'slave' });
expectTypeOf(cluster).not.toBeAny();
expectTypeOf(cluster.isCluster).toEqualTypeOf<boolean>();

class Named extends Redis {
  label = 'named';
}
expectTypeOf(new Named('redis://h').label).toEqualTypeOf<string>();
