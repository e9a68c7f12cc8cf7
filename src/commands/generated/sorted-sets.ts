// Written by scripts/generate-commands.mjs; do not edit.
import type { ReplyMap } from '../../resp/reply-map.ts';
import type { RedisValue, Reply, Word } from '../../resp/types.ts';

export interface SortedSetCommands<Text> {
  BZMOVE: {
    args: [source: RedisValue, destination: RedisValue, where: RedisValue, timeout: RedisValue, ...options: RedisValue[]];
    reply: [member: Text, score: number][] | null;
  };
  BZMPOP: {
    args: [timeout: RedisValue, numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[], where: RedisValue];
    reply: [key: Text, members: [member: Text, score: number][]] | null;
  };
  BZPOPMAX: {
    args: [key: RedisValue, ...keys: RedisValue[], timeout: RedisValue];
    reply: [key: Text, member: Text, score: number] | null;
  };
  BZPOPMIN: {
    args: [key: RedisValue, ...keys: RedisValue[], timeout: RedisValue];
    reply: [key: Text, member: Text, score: number] | null;
  };
  GEOADD: {
    args: [key: RedisValue, ...options: RedisValue[], longitude: RedisValue, latitude: RedisValue, member: RedisValue];
    reply: number;
  };
  GEODIST: {
    args: [key: RedisValue, member1: RedisValue, member2: RedisValue, ...options: RedisValue[]];
    reply: Text | null;
  };
  GEOHASH: { args: [key: RedisValue, ...options: RedisValue[]]; reply: (Text | null)[] };
  GEOPOS: {
    args: [key: RedisValue, ...options: RedisValue[]];
    reply: ([longitude: number, latitude: number] | null)[];
  };
  GEORADIUS: {
    args: [key: RedisValue, longitude: RedisValue, latitude: RedisValue, radius: RedisValue, unit: RedisValue, ...options: RedisValue[]];
    reply: Text[];
    options: { WITHCOORD: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][]; WITHDIST: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][]; WITHHASH: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][]; STORE: number; STOREDIST: number };
    after: 5;
  };
  GEORADIUSBYMEMBER: {
    args: [key: RedisValue, member: RedisValue, radius: RedisValue, unit: RedisValue, ...options: RedisValue[]];
    reply: Text[];
    options: { WITHCOORD: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][]; WITHDIST: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][]; WITHHASH: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][]; STORE: number; STOREDIST: number };
    after: 4;
  };
  GEORADIUSBYMEMBER_RO: {
    args: [key: RedisValue, member: RedisValue, radius: RedisValue, unit: RedisValue, ...options: RedisValue[]];
    reply: Text[];
    options: { WITHCOORD: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][]; WITHDIST: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][]; WITHHASH: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][] };
    after: 4;
  };
  GEORADIUS_RO: {
    args: [key: RedisValue, longitude: RedisValue, latitude: RedisValue, radius: RedisValue, unit: RedisValue, ...options: RedisValue[]];
    reply: Text[];
    options: { WITHCOORD: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][]; WITHDIST: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][]; WITHHASH: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][] };
    after: 5;
  };
  GEOSEARCH: {
    args: [key: RedisValue, frommemberToken: RedisValue, member: RedisValue, ...more: RedisValue[], byradiusToken: RedisValue, radius: RedisValue, unit: RedisValue];
    reply: Text[];
    options: { WITHCOORD: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][]; WITHDIST: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][]; WITHHASH: [member: Text, ...details: (Text | number | bigint | [longitude: number, latitude: number])[]][] };
    after: 3;
  };
  GEOSEARCHSTORE: {
    args: [destination: RedisValue, source: RedisValue, frommemberToken: RedisValue, member: RedisValue, ...more: RedisValue[], byradiusToken: RedisValue, radius: RedisValue, unit: RedisValue];
    reply: number;
  };
  VADD: {
    args: [key: RedisValue, ...options: RedisValue[], format: RedisValue, vector: RedisValue, element: RedisValue];
    reply: boolean;
  };
  VCARD: { args: [key: RedisValue]; reply: number };
  VDIM: { args: [key: RedisValue]; reply: number };
  VEMB: {
    args: [key: RedisValue, element: RedisValue, ...options: RedisValue[]];
    reply: number[] | null;
    options: { RAW: Reply[] | null };
    after: 2;
  };
  VGETATTR: { args: [key: RedisValue, element: RedisValue]; reply: Text | null };
  VINFO: { args: [key: RedisValue]; reply: ReplyMap<Text, Reply> | null };
  VISMEMBER: { args: [key: RedisValue, element: RedisValue]; reply: boolean };
  VLINKS: {
    args: [key: RedisValue, element: RedisValue, ...options: RedisValue[]];
    reply: Text[][] | null;
    options: { WITHSCORES: ReplyMap<Text, number>[] | null };
    after: 2;
  };
  VRANDMEMBER: { args: [key: RedisValue, count?: RedisValue]; reply: Text | null; from: 2; then: Text[] };
  VRANGE: { args: [key: RedisValue, start: RedisValue, end: RedisValue, count?: RedisValue]; reply: Text[] };
  VREM: { args: [key: RedisValue, element: RedisValue]; reply: boolean };
  VSETATTR: { args: [key: RedisValue, element: RedisValue, json: RedisValue]; reply: boolean };
  VSIM: {
    args: [key: RedisValue, format: RedisValue, vectorOrElement: RedisValue, ...options: RedisValue[]];
    reply: Text[];
    options: { WITHSCORES: ReplyMap<Text, number>; WITHATTRIBS: ReplyMap<Text, Reply> };
    after: 3;
  };
  XACK: { args: [key: RedisValue, group: RedisValue, id: RedisValue, ...ids: RedisValue[]]; reply: number };
  XACKDEL: {
    args: [key: RedisValue, group: RedisValue, ...options: RedisValue[], idsToken: RedisValue, numids: RedisValue, id: RedisValue];
    reply: number[];
  };
  XADD: {
    args: [key: RedisValue, ...options: RedisValue[], idSelector: RedisValue, field: RedisValue, value: RedisValue];
    reply: Text | null;
  };
  XAUTOCLAIM: {
    args: [key: RedisValue, group: RedisValue, consumer: RedisValue, minIdleTime: RedisValue, start: RedisValue, ...options: RedisValue[]];
    reply: [next: Text, entries: [id: Text, fields: Text[]][], deleted: Text[]];
    options: { JUSTID: [next: Text, ids: Text[], deleted: Text[]] };
    after: 5;
  };
  XCFGSET: { args: [key: RedisValue, ...options: RedisValue[]]; reply: Reply };
  XCLAIM: {
    args: [key: RedisValue, group: RedisValue, consumer: RedisValue, minIdleTime: RedisValue, id: RedisValue, ...ids: RedisValue[]];
    reply: [id: Text, fields: Text[]][];
    options: { JUSTID: Text[] };
    after: 5;
  };
  XDEL: { args: [key: RedisValue, id: RedisValue, ...ids: RedisValue[]]; reply: number };
  XDELEX: {
    args: [key: RedisValue, ...options: RedisValue[], idsToken: RedisValue, numids: RedisValue, id: RedisValue];
    reply: number[];
  };
  'XGROUP CREATE': {
    args: [key: RedisValue, group: RedisValue, idSelector: RedisValue, ...options: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  'XGROUP CREATECONSUMER': { args: [key: RedisValue, group: RedisValue, consumer: RedisValue]; reply: 0 | 1 };
  'XGROUP DELCONSUMER': { args: [key: RedisValue, group: RedisValue, consumer: RedisValue]; reply: number };
  'XGROUP DESTROY': { args: [key: RedisValue, group: RedisValue]; reply: 0 | 1 };
  'XGROUP HELP': { args: []; reply: Text[] };
  'XGROUP SETID': {
    args: [key: RedisValue, group: RedisValue, idSelector: RedisValue, ...options: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  XIDMPRECORD: {
    args: [key: RedisValue, pid: RedisValue, iid: RedisValue, streamId: RedisValue];
    reply: Reply;
  };
  'XINFO CONSUMERS': {
    args: [key: RedisValue, group: RedisValue];
    reply: ReplyMap<Text, Text | number | bigint>[];
  };
  'XINFO GROUPS': { args: [key: RedisValue]; reply: ReplyMap<Text, Text | number | bigint | null>[] };
  'XINFO HELP': { args: []; reply: Text[] };
  'XINFO STREAM': { args: [key: RedisValue, ...options: RedisValue[]]; reply: ReplyMap<Text, Reply> };
  XLEN: { args: [key: RedisValue]; reply: number };
  XNACK: {
    args: [key: RedisValue, group: RedisValue, mode: RedisValue, idsToken: RedisValue, numids: RedisValue, id: RedisValue, ...ids: RedisValue[]];
    reply: Reply;
  };
  XPENDING: {
    args: [key: RedisValue, group: RedisValue, ...options: RedisValue[]];
    reply: [count: number, first: Text | null, last: Text | null, consumers: [consumer: Text, count: Text][] | null];
    from: 3;
    then: [id: Text, consumer: Text, idle: number | bigint, deliveries: number][];
  };
  XRANGE: {
    args: [key: RedisValue, start: RedisValue, end: RedisValue, ...options: RedisValue[]];
    reply: [id: Text, fields: Text[]][];
  };
  XREAD: {
    args: [...options: RedisValue[], streamsToken: RedisValue, key: RedisValue, id: RedisValue];
    reply: ReplyMap<Text, [id: Text, fields: Text[]][]> | null;
  };
  XREADGROUP: {
    args: [groupToken: RedisValue, group: RedisValue, consumer: RedisValue, ...options: RedisValue[], streamsToken: RedisValue, key: RedisValue, id: RedisValue];
    reply: ReplyMap<Text, [id: Text, fields: Text[] | null][]> | null;
  };
  XREVRANGE: {
    args: [key: RedisValue, end: RedisValue, start: RedisValue, ...options: RedisValue[]];
    reply: [id: Text, fields: Text[]][];
  };
  XSETID: { args: [key: RedisValue, lastId: RedisValue, ...options: RedisValue[]]; reply: Word<Text, 'OK'> };
  XTRIM: {
    args: [key: RedisValue, strategy: RedisValue, ...options: RedisValue[], threshold: RedisValue];
    reply: number;
  };
  ZADD: {
    args: [key: RedisValue, ...options: RedisValue[], score: RedisValue, member: RedisValue];
    reply: number;
    options: { INCR: number | null };
    after: 1;
  };
  ZCARD: { args: [key: RedisValue]; reply: number };
  ZCOUNT: { args: [key: RedisValue, min: RedisValue, max: RedisValue]; reply: number };
  ZDIFF: {
    args: [numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[]];
    reply: Text[];
    options: { WITHSCORES: [member: Text, score: number][] };
    keysAt: 0;
  };
  ZDIFFSTORE: {
    args: [destination: RedisValue, numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[]];
    reply: number;
  };
  ZINCRBY: { args: [key: RedisValue, increment: RedisValue, member: RedisValue]; reply: number };
  ZINTER: {
    args: [numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[]];
    reply: Text[];
    options: { WITHSCORES: [member: Text, score: number][] };
    keysAt: 0;
  };
  ZINTERCARD: { args: [numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[]]; reply: number };
  ZINTERSTORE: {
    args: [destination: RedisValue, numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[]];
    reply: number;
  };
  ZLEXCOUNT: { args: [key: RedisValue, min: RedisValue, max: RedisValue]; reply: number };
  ZMOVE: {
    args: [source: RedisValue, destination: RedisValue, where: RedisValue, ...options: RedisValue[]];
    reply: [member: Text, score: number][] | null;
  };
  ZMPOP: {
    args: [numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[], where: RedisValue];
    reply: [key: Text, members: [member: Text, score: number][]] | null;
  };
  ZMSCORE: {
    args: [key: RedisValue, member: RedisValue, ...members: RedisValue[]];
    reply: (number | null)[];
  };
  ZPOPMAX: {
    args: [key: RedisValue, count?: RedisValue];
    reply: [member: Text, score: number] | [];
    from: 2;
    then: [member: Text, score: number][];
  };
  ZPOPMIN: {
    args: [key: RedisValue, count?: RedisValue];
    reply: [member: Text, score: number] | [];
    from: 2;
    then: [member: Text, score: number][];
  };
  ZRANDMEMBER: {
    args: [key: RedisValue, ...options: RedisValue[]];
    reply: Text | null;
    options: { WITHSCORES: [member: Text, score: number][] };
    after: 1;
    from: 2;
    then: Text[];
  };
  ZRANGE: {
    args: [key: RedisValue, start: RedisValue, stop: RedisValue, ...options: RedisValue[]];
    reply: Text[];
    options: { WITHSCORES: [member: Text, score: number][] };
    after: 3;
  };
  ZRANGEBYLEX: {
    args: [key: RedisValue, min: RedisValue, max: RedisValue, ...options: RedisValue[]];
    reply: Text[];
  };
  ZRANGEBYSCORE: {
    args: [key: RedisValue, min: RedisValue, max: RedisValue, ...options: RedisValue[]];
    reply: Text[];
    options: { WITHSCORES: [member: Text, score: number][] };
    after: 3;
  };
  ZRANGESTORE: {
    args: [dst: RedisValue, src: RedisValue, min: RedisValue, max: RedisValue, ...options: RedisValue[]];
    reply: number;
  };
  ZRANK: {
    args: [key: RedisValue, member: RedisValue, ...options: RedisValue[]];
    reply: number | null;
    options: { WITHSCORE: [rank: number, score: number] | null };
    after: 2;
  };
  ZREM: { args: [key: RedisValue, member: RedisValue, ...members: RedisValue[]]; reply: number };
  ZREMRANGEBYLEX: { args: [key: RedisValue, min: RedisValue, max: RedisValue]; reply: number };
  ZREMRANGEBYRANK: { args: [key: RedisValue, start: RedisValue, stop: RedisValue]; reply: number };
  ZREMRANGEBYSCORE: { args: [key: RedisValue, min: RedisValue, max: RedisValue]; reply: number };
  ZREVRANGE: {
    args: [key: RedisValue, start: RedisValue, stop: RedisValue, ...options: RedisValue[]];
    reply: Text[];
    options: { WITHSCORES: [member: Text, score: number][] };
    after: 3;
  };
  ZREVRANGEBYLEX: {
    args: [key: RedisValue, max: RedisValue, min: RedisValue, ...options: RedisValue[]];
    reply: Text[];
  };
  ZREVRANGEBYSCORE: {
    args: [key: RedisValue, max: RedisValue, min: RedisValue, ...options: RedisValue[]];
    reply: Text[];
    options: { WITHSCORES: [member: Text, score: number][] };
    after: 3;
  };
  ZREVRANK: {
    args: [key: RedisValue, member: RedisValue, ...options: RedisValue[]];
    reply: number | null;
    options: { WITHSCORE: [rank: number, score: number] | null };
    after: 2;
  };
  ZSCAN: {
    args: [key: RedisValue, cursor: RedisValue, ...options: RedisValue[]];
    reply: [cursor: Text, membersAndScores: Text[]];
  };
  ZSCORE: { args: [key: RedisValue, member: RedisValue]; reply: number | null };
  ZUNION: {
    args: [numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[]];
    reply: Text[];
    options: { WITHSCORES: [member: Text, score: number][] };
    keysAt: 0;
  };
  ZUNIONSTORE: {
    args: [destination: RedisValue, numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[]];
    reply: number;
  };
}
