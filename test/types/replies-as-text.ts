// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import { ConnectionPool, type Reply, type ReplyMap, type ReplyOf, type ReplySet } from 'respool';

const text = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0', { decodeResponses: true });

declare function both<A, B>(upper: Promise<A>, lower: Promise<B>): [A, B];
type Two<T> = [T, T];

/** 94 commands, in capitals and in small letters, with decoding. */
export function repliesAsText(): void {
  expectTypeOf(both(text.execute('APPEND', 'k', 'v'), text.execute('append', 'k', 'v'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(both(text.execute('COPY', 'k', 'l'), text.execute('copy', 'k', 'l'))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(both(text.execute('DECR', 'n'), text.execute('decr', 'n'))).toEqualTypeOf<
    Two<number | bigint>
  >();
  expectTypeOf(both(text.execute('DEL', 'k', 'l'), text.execute('del', 'k', 'l'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(both(text.execute('DUMP', 'k'), text.execute('dump', 'k'))).toEqualTypeOf<
    Two<string | null>
  >();
  expectTypeOf(both(text.execute('EXISTS', 'k'), text.execute('exists', 'k'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(text.execute('EXPIRE', 'k', 5), text.execute('expire', 'k', 5))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(both(text.execute('EXPIRETIME', 'k'), text.execute('expiretime', 'k'))).toEqualTypeOf<
    Two<number | bigint>
  >();
  expectTypeOf(both(text.execute('GET', 'k'), text.execute('get', 'k'))).toEqualTypeOf<Two<string | null>>();
  expectTypeOf(both(text.execute('GETDEL', 'k'), text.execute('getdel', 'k'))).toEqualTypeOf<
    Two<string | null>
  >();
  expectTypeOf(
    both(text.execute('GETRANGE', 'k', 0, -1), text.execute('getrange', 'k', 0, -1)),
  ).toEqualTypeOf<Two<string>>();
  expectTypeOf(both(text.execute('INCR', 'n'), text.execute('incr', 'n'))).toEqualTypeOf<
    Two<number | bigint>
  >();
  expectTypeOf(
    both(text.execute('INCRBYFLOAT', 'n', 1.5), text.execute('incrbyfloat', 'n', 1.5)),
  ).toEqualTypeOf<Two<string>>();
  expectTypeOf(both(text.execute('KEYS', '*'), text.execute('keys', '*'))).toEqualTypeOf<Two<string[]>>();
  expectTypeOf(both(text.execute('MGET', 'k', 'l'), text.execute('mget', 'k', 'l'))).toEqualTypeOf<
    Two<(string | null)[]>
  >();
  expectTypeOf(both(text.execute('MSET', 'k', 'v'), text.execute('mset', 'k', 'v'))).toEqualTypeOf<
    Two<'OK'>
  >();
  expectTypeOf(both(text.execute('MSETNX', 'k', 'v'), text.execute('msetnx', 'k', 'v'))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(both(text.execute('PERSIST', 'k'), text.execute('persist', 'k'))).toEqualTypeOf<Two<0 | 1>>();
  expectTypeOf(both(text.execute('PTTL', 'k'), text.execute('pttl', 'k'))).toEqualTypeOf<
    Two<number | bigint>
  >();
  expectTypeOf(both(text.execute('RANDOMKEY'), text.execute('randomkey'))).toEqualTypeOf<
    Two<string | null>
  >();
  expectTypeOf(both(text.execute('RENAME', 'k', 'l'), text.execute('rename', 'k', 'l'))).toEqualTypeOf<
    Two<'OK'>
  >();
  expectTypeOf(both(text.execute('SCAN', 0), text.execute('scan', 0))).toEqualTypeOf<
    Two<[string, string[]]>
  >();
  expectTypeOf(both(text.execute('SET', 'k', 'v'), text.execute('set', 'k', 'v'))).toEqualTypeOf<
    Two<'OK' | null>
  >();
  expectTypeOf(both(text.execute('STRLEN', 'k'), text.execute('strlen', 'k'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(text.execute('TTL', 'k'), text.execute('ttl', 'k'))).toEqualTypeOf<
    Two<number | bigint>
  >();
  expectTypeOf(both(text.execute('TYPE', 'k'), text.execute('type', 'k'))).toEqualTypeOf<Two<string>>();
  expectTypeOf(both(text.execute('UNLINK', 'k'), text.execute('unlink', 'k'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(text.execute('GETBIT', 'k', 0), text.execute('getbit', 'k', 0))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(
    both(text.execute('BITFIELD', 'k', 'GET', 'u8', 0), text.execute('bitfield', 'k', 'GET', 'u8', 0)),
  ).toEqualTypeOf<Two<(number | bigint | null)[]>>();
  expectTypeOf(both(text.execute('PFADD', 'h', 'e'), text.execute('pfadd', 'h', 'e'))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(both(text.execute('PFCOUNT', 'h'), text.execute('pfcount', 'h'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(text.execute('HDEL', 'h', 'f'), text.execute('hdel', 'h', 'f'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(both(text.execute('HEXISTS', 'h', 'f'), text.execute('hexists', 'h', 'f'))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(both(text.execute('HGET', 'h', 'f'), text.execute('hget', 'h', 'f'))).toEqualTypeOf<
    Two<string | null>
  >();
  expectTypeOf(both(text.execute('HGETALL', 'h'), text.execute('hgetall', 'h'))).toEqualTypeOf<
    Two<ReplyMap<string, string>>
  >();
  expectTypeOf(
    both(text.execute('HINCRBY', 'h', 'f', 1), text.execute('hincrby', 'h', 'f', 1)),
  ).toEqualTypeOf<Two<number | bigint>>();
  expectTypeOf(
    both(text.execute('HINCRBYFLOAT', 'h', 'f', 1), text.execute('hincrbyfloat', 'h', 'f', 1)),
  ).toEqualTypeOf<Two<string>>();
  expectTypeOf(both(text.execute('HKEYS', 'h'), text.execute('hkeys', 'h'))).toEqualTypeOf<Two<string[]>>();
  expectTypeOf(both(text.execute('HLEN', 'h'), text.execute('hlen', 'h'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(
    both(text.execute('HMGET', 'h', 'f', 'g'), text.execute('hmget', 'h', 'f', 'g')),
  ).toEqualTypeOf<Two<(string | null)[]>>();
  expectTypeOf(
    both(text.execute('HRANDFIELD', 'h', 2, 'WITHVALUES'), text.execute('hrandfield', 'h', 2, 'WITHVALUES')),
  ).toEqualTypeOf<Two<[string, string][]>>();
  expectTypeOf(both(text.execute('HSCAN', 'h', 0), text.execute('hscan', 'h', 0))).toEqualTypeOf<
    Two<[string, string[]]>
  >();
  expectTypeOf(both(text.execute('HSET', 'h', 'f', 'v'), text.execute('hset', 'h', 'f', 'v'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(both(text.execute('HVALS', 'h'), text.execute('hvals', 'h'))).toEqualTypeOf<Two<string[]>>();
  expectTypeOf(both(text.execute('BLPOP', 'l', 1), text.execute('blpop', 'l', 1))).toEqualTypeOf<
    Two<[string, string] | null>
  >();
  expectTypeOf(
    both(
      text.execute('BLMOVE', 'l', 'm', 'LEFT', 'RIGHT', 1),
      text.execute('blmove', 'l', 'm', 'LEFT', 'RIGHT', 1),
    ),
  ).toEqualTypeOf<Two<string | null>>();
  expectTypeOf(both(text.execute('LINDEX', 'l', 0), text.execute('lindex', 'l', 0))).toEqualTypeOf<
    Two<string | null>
  >();
  expectTypeOf(both(text.execute('LLEN', 'l'), text.execute('llen', 'l'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(
    both(text.execute('LMPOP', 1, 'l', 'LEFT'), text.execute('lmpop', 1, 'l', 'LEFT')),
  ).toEqualTypeOf<Two<[string, string[]] | null>>();
  expectTypeOf(both(text.execute('LPOP', 'l'), text.execute('lpop', 'l'))).toEqualTypeOf<
    Two<string | null>
  >();
  expectTypeOf(both(text.execute('LPOP', 'l', 2), text.execute('lpop', 'l', 2))).toEqualTypeOf<
    Two<string[] | null>
  >();
  expectTypeOf(both(text.execute('LPOS', 'l', 'e'), text.execute('lpos', 'l', 'e'))).toEqualTypeOf<
    Two<number | null>
  >();
  expectTypeOf(
    both(text.execute('LPOS', 'l', 'e', 'COUNT', 0), text.execute('lpos', 'l', 'e', 'COUNT', 0)),
  ).toEqualTypeOf<Two<number[]>>();
  expectTypeOf(both(text.execute('LRANGE', 'l', 0, -1), text.execute('lrange', 'l', 0, -1))).toEqualTypeOf<
    Two<string[]>
  >();
  expectTypeOf(both(text.execute('LSET', 'l', 0, 'v'), text.execute('lset', 'l', 0, 'v'))).toEqualTypeOf<
    Two<'OK'>
  >();
  expectTypeOf(both(text.execute('RPUSH', 'l', 'v'), text.execute('rpush', 'l', 'v'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(both(text.execute('SADD', 's', 'm'), text.execute('sadd', 's', 'm'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(both(text.execute('SISMEMBER', 's', 'm'), text.execute('sismember', 's', 'm'))).toEqualTypeOf<
    Two<0 | 1>
  >();
  expectTypeOf(both(text.execute('SMEMBERS', 's'), text.execute('smembers', 's'))).toEqualTypeOf<
    Two<ReplySet<string>>
  >();
  expectTypeOf(
    both(text.execute('SMISMEMBER', 's', 'm', 'n'), text.execute('smismember', 's', 'm', 'n')),
  ).toEqualTypeOf<Two<(0 | 1)[]>>();
  expectTypeOf(both(text.execute('SPOP', 's'), text.execute('spop', 's'))).toEqualTypeOf<
    Two<string | null>
  >();
  expectTypeOf(both(text.execute('SPOP', 's', 2), text.execute('spop', 's', 2))).toEqualTypeOf<
    Two<ReplySet<string>>
  >();
  expectTypeOf(both(text.execute('SRANDMEMBER', 's', 2), text.execute('srandmember', 's', 2))).toEqualTypeOf<
    Two<string[]>
  >();
  expectTypeOf(both(text.execute('SUNION', 's', 't'), text.execute('sunion', 's', 't'))).toEqualTypeOf<
    Two<ReplySet<string>>
  >();
  expectTypeOf(both(text.execute('BZPOPMIN', 'z', 1), text.execute('bzpopmin', 'z', 1))).toEqualTypeOf<
    Two<[string, string, number] | null>
  >();
  expectTypeOf(both(text.execute('ZADD', 'z', 1, 'm'), text.execute('zadd', 'z', 1, 'm'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(
    both(text.execute('ZADD', 'z', 'INCR', 1, 'm'), text.execute('zadd', 'z', 'INCR', 1, 'm')),
  ).toEqualTypeOf<Two<number | null>>();
  expectTypeOf(both(text.execute('ZCARD', 'z'), text.execute('zcard', 'z'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(
    both(text.execute('ZINCRBY', 'z', 1, 'm'), text.execute('zincrby', 'z', 1, 'm')),
  ).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(text.execute('ZMSCORE', 'z', 'm'), text.execute('zmscore', 'z', 'm'))).toEqualTypeOf<
    Two<(number | null)[]>
  >();
  expectTypeOf(both(text.execute('ZPOPMAX', 'z'), text.execute('zpopmax', 'z'))).toEqualTypeOf<
    Two<[string, number] | []>
  >();
  expectTypeOf(both(text.execute('ZPOPMAX', 'z', 2), text.execute('zpopmax', 'z', 2))).toEqualTypeOf<
    Two<[string, number][]>
  >();
  expectTypeOf(both(text.execute('ZRANGE', 'z', 0, -1), text.execute('zrange', 'z', 0, -1))).toEqualTypeOf<
    Two<string[]>
  >();
  expectTypeOf(
    both(text.execute('ZRANGE', 'z', 0, -1, 'WITHSCORES'), text.execute('zrange', 'z', 0, -1, 'WITHSCORES')),
  ).toEqualTypeOf<Two<[string, number][]>>();
  expectTypeOf(both(text.execute('ZRANK', 'z', 'm'), text.execute('zrank', 'z', 'm'))).toEqualTypeOf<
    Two<number | null>
  >();
  expectTypeOf(both(text.execute('ZSCORE', 'z', 'm'), text.execute('zscore', 'z', 'm'))).toEqualTypeOf<
    Two<number | null>
  >();
  expectTypeOf(
    both(text.execute('XADD', 'x', '*', 'f', 'v'), text.execute('xadd', 'x', '*', 'f', 'v')),
  ).toEqualTypeOf<Two<string | null>>();
  expectTypeOf(both(text.execute('XLEN', 'x'), text.execute('xlen', 'x'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(
    both(text.execute('XRANGE', 'x', '-', '+'), text.execute('xrange', 'x', '-', '+')),
  ).toEqualTypeOf<Two<[string, string[]][]>>();
  expectTypeOf(
    both(text.execute('XREAD', 'STREAMS', 'x', 0), text.execute('xread', 'STREAMS', 'x', 0)),
  ).toEqualTypeOf<Two<ReplyMap<string, [string, string[]][]> | null>>();
  expectTypeOf(
    both(text.execute('GEODIST', 'g', 'a', 'b'), text.execute('geodist', 'g', 'a', 'b')),
  ).toEqualTypeOf<Two<string | null>>();
  expectTypeOf(both(text.execute('GEOPOS', 'g', 'a'), text.execute('geopos', 'g', 'a'))).toEqualTypeOf<
    Two<([number, number] | null)[]>
  >();
  expectTypeOf(both(text.execute('ECHO', 'm'), text.execute('echo', 'm'))).toEqualTypeOf<Two<string>>();
  expectTypeOf(both(text.execute('PING'), text.execute('ping'))).toEqualTypeOf<Two<string>>();
  expectTypeOf(both(text.execute('PUBLISH', 'c', 'm'), text.execute('publish', 'c', 'm'))).toEqualTypeOf<
    Two<number>
  >();
  expectTypeOf(both(text.execute('EVAL', 'return 1', 0), text.execute('eval', 'return 1', 0))).toEqualTypeOf<
    Two<ReplyOf<true>>
  >();
  expectTypeOf(both(text.execute('DBSIZE'), text.execute('dbsize'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(text.execute('TIME'), text.execute('time'))).toEqualTypeOf<Two<[string, string]>>();
  expectTypeOf(both(text.execute('FLUSHALL'), text.execute('flushall'))).toEqualTypeOf<Two<'OK'>>();
  expectTypeOf(both(text.execute('CLIENT LIST'), text.execute('client list'))).toEqualTypeOf<Two<string>>();
  expectTypeOf(both(text.execute('CLIENT ID'), text.execute('client id'))).toEqualTypeOf<Two<number>>();
  expectTypeOf(both(text.execute('CONFIG GET', '*'), text.execute('config get', '*'))).toEqualTypeOf<
    Two<ReplyMap<string, string>>
  >();
  expectTypeOf(
    both(text.execute('CONFIG SET', 'a', 'b'), text.execute('config set', 'a', 'b')),
  ).toEqualTypeOf<Two<'OK'>>();
  expectTypeOf(
    both(text.execute('OBJECT ENCODING', 'k'), text.execute('object encoding', 'k')),
  ).toEqualTypeOf<Two<string | null>>();
  expectTypeOf(
    both(text.execute('SCRIPT LOAD', 'return 1'), text.execute('script load', 'return 1')),
  ).toEqualTypeOf<Two<string>>();
  expectTypeOf(both(text.execute('SCRIPT EXISTS', 'a'), text.execute('script exists', 'a'))).toEqualTypeOf<
    Two<(0 | 1)[]>
  >();
  expectTypeOf(both(text.execute('JSON.GET', 'k'), text.execute('json.get', 'k'))).toEqualTypeOf<
    Two<string | null>
  >();
  expectTypeOf(both(text.execute('FT.SEARCH', 'i', 'q'), text.execute('ft.search', 'i', 'q'))).toEqualTypeOf<
    Two<ReplyMap<string, Reply> | Reply[]>
  >();
  expectTypeOf(both(text.execute('TS.ADD', 't', 1, 2), text.execute('ts.add', 't', 1, 2))).toEqualTypeOf<
    Two<number | bigint>
  >();
  expectTypeOf(both(text.execute('BF.ADD', 'b', 'i'), text.execute('bf.add', 'b', 'i'))).toEqualTypeOf<
    Two<boolean>
  >();
}
