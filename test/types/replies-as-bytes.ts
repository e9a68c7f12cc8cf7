// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import { ConnectionPool, type Reply, type ReplyMap, type ReplyOf, type ReplySet } from 'respool';

const bytes = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0', { decodeResponses: false });

declare function both<A, B>(upper: Promise<A>, lower: Promise<B>): [A, B];
type Two<T> = [T, T];

/** 94 commands, in capitals and in small letters, without decoding. */
export function repliesAsBytes(): void {
  expectTypeOf(both(bytes.execute('APPEND', 'k', 'v'), bytes.execute('append', 'k', 'v'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(both(bytes.execute('COPY', 'k', 'l'), bytes.execute('copy', 'k', 'l'))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(both(bytes.execute('DECR', 'n'), bytes.execute('decr', 'n'))).toEqualTypeOf<
    Two<number | bigint>
  >();
  expectTypeOf(both(bytes.execute('DEL', 'k', 'l'), bytes.execute('del', 'k', 'l'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(both(bytes.execute('DUMP', 'k'), bytes.execute('dump', 'k'))).toEqualTypeOf<
    Two<Buffer | null>
  >();
  expectTypeOf(both(bytes.execute('EXISTS', 'k'), bytes.execute('exists', 'k'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(bytes.execute('EXPIRE', 'k', 5), bytes.execute('expire', 'k', 5))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(both(bytes.execute('EXPIRETIME', 'k'), bytes.execute('expiretime', 'k'))).toEqualTypeOf<
    Two<number | bigint>
  >();
  expectTypeOf(both(bytes.execute('GET', 'k'), bytes.execute('get', 'k'))).toEqualTypeOf<
    Two<Buffer | null>
  >();
  expectTypeOf(both(bytes.execute('GETDEL', 'k'), bytes.execute('getdel', 'k'))).toEqualTypeOf<
    Two<Buffer | null>
  >();
  expectTypeOf(
    both(bytes.execute('GETRANGE', 'k', 0, -1), bytes.execute('getrange', 'k', 0, -1)),
  ).toEqualTypeOf<Two<Buffer>>();
  expectTypeOf(both(bytes.execute('INCR', 'n'), bytes.execute('incr', 'n'))).toEqualTypeOf<
    Two<number | bigint>
  >();
  expectTypeOf(
    both(bytes.execute('INCRBYFLOAT', 'n', 1.5), bytes.execute('incrbyfloat', 'n', 1.5)),
  ).toEqualTypeOf<Two<Buffer>>();
  expectTypeOf(both(bytes.execute('KEYS', '*'), bytes.execute('keys', '*'))).toEqualTypeOf<Two<Buffer[]>>();
  expectTypeOf(both(bytes.execute('MGET', 'k', 'l'), bytes.execute('mget', 'k', 'l'))).toEqualTypeOf<
    Two<(Buffer | null)[]>
  >();
  expectTypeOf(both(bytes.execute('MSET', 'k', 'v'), bytes.execute('mset', 'k', 'v'))).toEqualTypeOf<
    Two<Buffer>
  >();
  expectTypeOf(both(bytes.execute('MSETNX', 'k', 'v'), bytes.execute('msetnx', 'k', 'v'))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(both(bytes.execute('PERSIST', 'k'), bytes.execute('persist', 'k'))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(both(bytes.execute('PTTL', 'k'), bytes.execute('pttl', 'k'))).toEqualTypeOf<
    Two<number | bigint>
  >();
  expectTypeOf(both(bytes.execute('RANDOMKEY'), bytes.execute('randomkey'))).toEqualTypeOf<
    Two<Buffer | null>
  >();
  expectTypeOf(both(bytes.execute('RENAME', 'k', 'l'), bytes.execute('rename', 'k', 'l'))).toEqualTypeOf<
    Two<Buffer>
  >();
  expectTypeOf(both(bytes.execute('SCAN', 0), bytes.execute('scan', 0))).toEqualTypeOf<
    Two<[Buffer, Buffer[]]>
  >();
  expectTypeOf(both(bytes.execute('SET', 'k', 'v'), bytes.execute('set', 'k', 'v'))).toEqualTypeOf<
    Two<Buffer | null>
  >();
  expectTypeOf(both(bytes.execute('STRLEN', 'k'), bytes.execute('strlen', 'k'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(bytes.execute('TTL', 'k'), bytes.execute('ttl', 'k'))).toEqualTypeOf<
    Two<number | bigint>
  >();
  expectTypeOf(both(bytes.execute('TYPE', 'k'), bytes.execute('type', 'k'))).toEqualTypeOf<Two<Buffer>>();
  expectTypeOf(both(bytes.execute('UNLINK', 'k'), bytes.execute('unlink', 'k'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(bytes.execute('GETBIT', 'k', 0), bytes.execute('getbit', 'k', 0))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(
    both(bytes.execute('BITFIELD', 'k', 'GET', 'u8', 0), bytes.execute('bitfield', 'k', 'GET', 'u8', 0)),
  ).toEqualTypeOf<Two<(number | bigint | null)[]>>();
  expectTypeOf(both(bytes.execute('PFADD', 'h', 'e'), bytes.execute('pfadd', 'h', 'e'))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(both(bytes.execute('PFCOUNT', 'h'), bytes.execute('pfcount', 'h'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(both(bytes.execute('HDEL', 'h', 'f'), bytes.execute('hdel', 'h', 'f'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(both(bytes.execute('HEXISTS', 'h', 'f'), bytes.execute('hexists', 'h', 'f'))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(both(bytes.execute('HGET', 'h', 'f'), bytes.execute('hget', 'h', 'f'))).toEqualTypeOf<
    Two<Buffer | null>
  >();
  expectTypeOf(both(bytes.execute('HGETALL', 'h'), bytes.execute('hgetall', 'h'))).toEqualTypeOf<
    Two<ReplyMap<Buffer, Buffer>>
  >();
  expectTypeOf(
    both(bytes.execute('HINCRBY', 'h', 'f', 1), bytes.execute('hincrby', 'h', 'f', 1)),
  ).toEqualTypeOf<Two<number | bigint>>();
  expectTypeOf(
    both(bytes.execute('HINCRBYFLOAT', 'h', 'f', 1), bytes.execute('hincrbyfloat', 'h', 'f', 1)),
  ).toEqualTypeOf<Two<Buffer>>();
  expectTypeOf(both(bytes.execute('HKEYS', 'h'), bytes.execute('hkeys', 'h'))).toEqualTypeOf<Two<Buffer[]>>();
  expectTypeOf(both(bytes.execute('HLEN', 'h'), bytes.execute('hlen', 'h'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(
    both(bytes.execute('HMGET', 'h', 'f', 'g'), bytes.execute('hmget', 'h', 'f', 'g')),
  ).toEqualTypeOf<Two<(Buffer | null)[]>>();
  expectTypeOf(
    both(
      bytes.execute('HRANDFIELD', 'h', 2, 'WITHVALUES'),
      bytes.execute('hrandfield', 'h', 2, 'WITHVALUES'),
    ),
  ).toEqualTypeOf<Two<[Buffer, Buffer][]>>();
  expectTypeOf(both(bytes.execute('HSCAN', 'h', 0), bytes.execute('hscan', 'h', 0))).toEqualTypeOf<
    Two<[Buffer, Buffer[]]>
  >();
  expectTypeOf(
    both(bytes.execute('HSET', 'h', 'f', 'v'), bytes.execute('hset', 'h', 'f', 'v')),
  ).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(bytes.execute('HVALS', 'h'), bytes.execute('hvals', 'h'))).toEqualTypeOf<Two<Buffer[]>>();
  expectTypeOf(both(bytes.execute('BLPOP', 'l', 1), bytes.execute('blpop', 'l', 1))).toEqualTypeOf<
    Two<[Buffer, Buffer] | null>
  >();
  expectTypeOf(
    both(
      bytes.execute('BLMOVE', 'l', 'm', 'LEFT', 'RIGHT', 1),
      bytes.execute('blmove', 'l', 'm', 'LEFT', 'RIGHT', 1),
    ),
  ).toEqualTypeOf<Two<Buffer | null>>();
  expectTypeOf(both(bytes.execute('LINDEX', 'l', 0), bytes.execute('lindex', 'l', 0))).toEqualTypeOf<
    Two<Buffer | null>
  >();
  expectTypeOf(both(bytes.execute('LLEN', 'l'), bytes.execute('llen', 'l'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(
    both(bytes.execute('LMPOP', 1, 'l', 'LEFT'), bytes.execute('lmpop', 1, 'l', 'LEFT')),
  ).toEqualTypeOf<Two<[Buffer, Buffer[]] | null>>();
  expectTypeOf(both(bytes.execute('LPOP', 'l'), bytes.execute('lpop', 'l'))).toEqualTypeOf<
    Two<Buffer | null>
  >();
  expectTypeOf(both(bytes.execute('LPOP', 'l', 2), bytes.execute('lpop', 'l', 2))).toEqualTypeOf<
    Two<Buffer[] | null>
  >();
  expectTypeOf(both(bytes.execute('LPOS', 'l', 'e'), bytes.execute('lpos', 'l', 'e'))).toEqualTypeOf<
    Two<number | null>
  >();
  expectTypeOf(
    both(bytes.execute('LPOS', 'l', 'e', 'COUNT', 0), bytes.execute('lpos', 'l', 'e', 'COUNT', 0)),
  ).toEqualTypeOf<Two<number[]>>();
  expectTypeOf(both(bytes.execute('LRANGE', 'l', 0, -1), bytes.execute('lrange', 'l', 0, -1))).toEqualTypeOf<
    Two<Buffer[]>
  >();
  expectTypeOf(both(bytes.execute('LSET', 'l', 0, 'v'), bytes.execute('lset', 'l', 0, 'v'))).toEqualTypeOf<
    Two<Buffer>
  >();
  expectTypeOf(both(bytes.execute('RPUSH', 'l', 'v'), bytes.execute('rpush', 'l', 'v'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(both(bytes.execute('SADD', 's', 'm'), bytes.execute('sadd', 's', 'm'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(
    both(bytes.execute('SISMEMBER', 's', 'm'), bytes.execute('sismember', 's', 'm')),
  ).toEqualTypeOf<Two<0 | 1>>();
  expectTypeOf(both(bytes.execute('SMEMBERS', 's'), bytes.execute('smembers', 's'))).toEqualTypeOf<
    Two<ReplySet<Buffer>>
  >();
  expectTypeOf(
    both(bytes.execute('SMISMEMBER', 's', 'm', 'n'), bytes.execute('smismember', 's', 'm', 'n')),
  ).toEqualTypeOf<Two<(0 | 1)[]>>();
  expectTypeOf(both(bytes.execute('SPOP', 's'), bytes.execute('spop', 's'))).toEqualTypeOf<
    Two<Buffer | null>
  >();
  expectTypeOf(both(bytes.execute('SPOP', 's', 2), bytes.execute('spop', 's', 2))).toEqualTypeOf<
    Two<ReplySet<Buffer>>
  >();
  expectTypeOf(
    both(bytes.execute('SRANDMEMBER', 's', 2), bytes.execute('srandmember', 's', 2)),
  ).toEqualTypeOf<Two<Buffer[]>>();
  expectTypeOf(both(bytes.execute('SUNION', 's', 't'), bytes.execute('sunion', 's', 't'))).toEqualTypeOf<
    Two<ReplySet<Buffer>>
  >();
  expectTypeOf(both(bytes.execute('BZPOPMIN', 'z', 1), bytes.execute('bzpopmin', 'z', 1))).toEqualTypeOf<
    Two<[Buffer, Buffer, number] | null>
  >();
  expectTypeOf(both(bytes.execute('ZADD', 'z', 1, 'm'), bytes.execute('zadd', 'z', 1, 'm'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(
    both(bytes.execute('ZADD', 'z', 'INCR', 1, 'm'), bytes.execute('zadd', 'z', 'INCR', 1, 'm')),
  ).toEqualTypeOf<Two<number | null>>();
  expectTypeOf(both(bytes.execute('ZCARD', 'z'), bytes.execute('zcard', 'z'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(
    both(bytes.execute('ZINCRBY', 'z', 1, 'm'), bytes.execute('zincrby', 'z', 1, 'm')),
  ).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(bytes.execute('ZMSCORE', 'z', 'm'), bytes.execute('zmscore', 'z', 'm'))).toEqualTypeOf<
    Two<(number | null)[]>
  >();
  expectTypeOf(both(bytes.execute('ZPOPMAX', 'z'), bytes.execute('zpopmax', 'z'))).toEqualTypeOf<
    Two<[Buffer, number] | []>
  >();
  expectTypeOf(both(bytes.execute('ZPOPMAX', 'z', 2), bytes.execute('zpopmax', 'z', 2))).toEqualTypeOf<
    Two<[Buffer, number][]>
  >();
  expectTypeOf(both(bytes.execute('ZRANGE', 'z', 0, -1), bytes.execute('zrange', 'z', 0, -1))).toEqualTypeOf<
    Two<Buffer[]>
  >();
  expectTypeOf(
    both(
      bytes.execute('ZRANGE', 'z', 0, -1, 'WITHSCORES'),
      bytes.execute('zrange', 'z', 0, -1, 'WITHSCORES'),
    ),
  ).toEqualTypeOf<Two<[Buffer, number][]>>();
  expectTypeOf(both(bytes.execute('ZRANK', 'z', 'm'), bytes.execute('zrank', 'z', 'm'))).toEqualTypeOf<
    Two<number | null>
  >();
  expectTypeOf(both(bytes.execute('ZSCORE', 'z', 'm'), bytes.execute('zscore', 'z', 'm'))).toEqualTypeOf<
    Two<number | null>
  >();
  expectTypeOf(
    both(bytes.execute('XADD', 'x', '*', 'f', 'v'), bytes.execute('xadd', 'x', '*', 'f', 'v')),
  ).toEqualTypeOf<Two<Buffer | null>>();
  expectTypeOf(both(bytes.execute('XLEN', 'x'), bytes.execute('xlen', 'x'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(
    both(bytes.execute('XRANGE', 'x', '-', '+'), bytes.execute('xrange', 'x', '-', '+')),
  ).toEqualTypeOf<Two<[Buffer, Buffer[]][]>>();
  expectTypeOf(
    both(bytes.execute('XREAD', 'STREAMS', 'x', 0), bytes.execute('xread', 'STREAMS', 'x', 0)),
  ).toEqualTypeOf<Two<ReplyMap<Buffer, [Buffer, Buffer[]][]> | null>>();
  expectTypeOf(
    both(bytes.execute('GEODIST', 'g', 'a', 'b'), bytes.execute('geodist', 'g', 'a', 'b')),
  ).toEqualTypeOf<Two<Buffer | null>>();
  expectTypeOf(both(bytes.execute('GEOPOS', 'g', 'a'), bytes.execute('geopos', 'g', 'a'))).toEqualTypeOf<
    Two<([number, number] | null)[]>
  >();
  expectTypeOf(both(bytes.execute('ECHO', 'm'), bytes.execute('echo', 'm'))).toEqualTypeOf<Two<Buffer>>();
  expectTypeOf(both(bytes.execute('PING'), bytes.execute('ping'))).toEqualTypeOf<Two<Buffer>>();
  expectTypeOf(both(bytes.execute('PUBLISH', 'c', 'm'), bytes.execute('publish', 'c', 'm'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(
    both(bytes.execute('EVAL', 'return 1', 0), bytes.execute('eval', 'return 1', 0)),
  ).toEqualTypeOf<Two<ReplyOf<false>>>();
  expectTypeOf(both(bytes.execute('DBSIZE'), bytes.execute('dbsize'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(bytes.execute('TIME'), bytes.execute('time'))).toEqualTypeOf<Two<[Buffer, Buffer]>>();
  expectTypeOf(both(bytes.execute('FLUSHALL'), bytes.execute('flushall'))).toEqualTypeOf<Two<Buffer>>();
  expectTypeOf(both(bytes.execute('CLIENT LIST'), bytes.execute('client list'))).toEqualTypeOf<Two<Buffer>>();
  expectTypeOf(both(bytes.execute('CLIENT ID'), bytes.execute('client id'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(bytes.execute('CONFIG GET', '*'), bytes.execute('config get', '*'))).toEqualTypeOf<
    Two<ReplyMap<Buffer, Buffer>>
  >();
  expectTypeOf(
    both(bytes.execute('CONFIG SET', 'a', 'b'), bytes.execute('config set', 'a', 'b')),
  ).toEqualTypeOf<Two<Buffer>>();
  expectTypeOf(
    both(bytes.execute('OBJECT ENCODING', 'k'), bytes.execute('object encoding', 'k')),
  ).toEqualTypeOf<Two<Buffer | null>>();
  expectTypeOf(
    both(bytes.execute('SCRIPT LOAD', 'return 1'), bytes.execute('script load', 'return 1')),
  ).toEqualTypeOf<Two<Buffer>>();
  expectTypeOf(both(bytes.execute('SCRIPT EXISTS', 'a'), bytes.execute('script exists', 'a'))).toEqualTypeOf<
    Two<(0 | 1)[]>
  >();
  expectTypeOf(both(bytes.execute('JSON.GET', 'k'), bytes.execute('json.get', 'k'))).toEqualTypeOf<
    Two<Buffer | null>
  >();
  expectTypeOf(
    both(bytes.execute('FT.SEARCH', 'i', 'q'), bytes.execute('ft.search', 'i', 'q')),
  ).toEqualTypeOf<Two<ReplyMap<Buffer, Reply> | Reply[]>>();
  expectTypeOf(both(bytes.execute('TS.ADD', 't', 1, 2), bytes.execute('ts.add', 't', 1, 2))).toEqualTypeOf<
    Two<number | bigint>
  >();
  expectTypeOf(both(bytes.execute('BF.ADD', 'b', 'i'), bytes.execute('bf.add', 'b', 'i'))).toEqualTypeOf<
    Two<boolean>
  >();
}
