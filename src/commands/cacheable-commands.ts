/**
 * Reads whose answer depends on one key, their first argument, and on nothing else, so that an `invalidate`
 * of that key is all that can make a copy of it stale. Left out: what depends on the clock (`TTL`) or on
 * chance (`RANDOMKEY`, `SRANDMEMBER`), cursors (`HSCAN`), what speaks of storage instead of value (`OBJECT`,
 * `MEMORY USAGE`, `DUMP`), expiring members (`HTTL`), pending entries and consumer groups of streams (they
 * change with reads), and everything of several keys.
 */
export const CACHEABLE_COMMANDS =
  'GET GETRANGE SUBSTR STRLEN GETBIT BITCOUNT BITPOS BITFIELD_RO TYPE EXISTS ' +
  'HGET HMGET HGETALL HKEYS HVALS HLEN HEXISTS HSTRLEN ' +
  'LRANGE LINDEX LLEN LPOS ' +
  'SMEMBERS SISMEMBER SMISMEMBER SCARD ' +
  'ZSCORE ZMSCORE ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX ' +
  'ZRANK ZREVRANK ZCARD ZCOUNT ZLEXCOUNT ' +
  'GEODIST GEOHASH GEOPOS GEOSEARCH GEORADIUS_RO GEORADIUSBYMEMBER_RO ' +
  'XLEN XRANGE XREVRANGE ' +
  'JSON.GET JSON.TYPE JSON.STRLEN JSON.ARRLEN JSON.ARRINDEX JSON.OBJLEN JSON.OBJKEYS JSON.RESP';
