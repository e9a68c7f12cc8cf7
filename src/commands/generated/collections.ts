// Written by scripts/generate-commands.mjs; do not edit.
import type { ReplyMap, ReplySet } from '../../resp/reply-map.ts';
import type { RedisValue, Reply, Word } from '../../resp/types.ts';

export interface CollectionCommands<Text> {
  ARCOUNT: { args: [key: RedisValue]; reply: Reply };
  ARDEL: { args: [key: RedisValue, index: RedisValue, ...moreIndex: RedisValue[]]; reply: Reply };
  ARDELRANGE: {
    args: [key: RedisValue, start: RedisValue, end: RedisValue, ...more: RedisValue[]];
    reply: Reply;
  };
  ARGET: { args: [key: RedisValue, index: RedisValue]; reply: Reply };
  ARGETRANGE: { args: [key: RedisValue, start: RedisValue, end: RedisValue]; reply: Reply };
  ARGREP: {
    args: [key: RedisValue, start: RedisValue, end: RedisValue, exact: RedisValue, string: RedisValue, ...options: RedisValue[]];
    reply: Reply;
  };
  ARINFO: { args: [key: RedisValue, ...options: RedisValue[]]; reply: Reply };
  ARINSERT: { args: [key: RedisValue, value: RedisValue, ...values: RedisValue[]]; reply: Reply };
  ARLASTITEMS: { args: [key: RedisValue, count: RedisValue, ...options: RedisValue[]]; reply: Reply };
  ARLEN: { args: [key: RedisValue]; reply: Reply };
  ARMGET: { args: [key: RedisValue, index: RedisValue, ...moreIndex: RedisValue[]]; reply: Reply };
  ARMSET: {
    args: [key: RedisValue, index: RedisValue, value: RedisValue, ...more: RedisValue[]];
    reply: Reply;
  };
  ARNEXT: { args: [key: RedisValue]; reply: Reply };
  AROP: {
    args: [key: RedisValue, start: RedisValue, end: RedisValue, operation: RedisValue, ...more: RedisValue[]];
    reply: Reply;
  };
  ARRING: {
    args: [key: RedisValue, size: RedisValue, value: RedisValue, ...values: RedisValue[]];
    reply: Reply;
  };
  ARSCAN: {
    args: [key: RedisValue, start: RedisValue, end: RedisValue, ...options: RedisValue[]];
    reply: Reply;
  };
  ARSEEK: { args: [key: RedisValue, index: RedisValue]; reply: Reply };
  ARSET: {
    args: [key: RedisValue, index: RedisValue, value: RedisValue, ...values: RedisValue[]];
    reply: Reply;
  };
  BLMOVE: {
    args: [source: RedisValue, destination: RedisValue, wherefrom: RedisValue, whereto: RedisValue, timeout: RedisValue];
    reply: Text | null;
  };
  BLMOVEM: {
    args: [source: RedisValue, destination: RedisValue, wherefrom: RedisValue, whereto: RedisValue, timeout: RedisValue, ...options: RedisValue[]];
    reply: Text[] | null;
  };
  BLMPOP: {
    args: [timeout: RedisValue, numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[], where: RedisValue];
    reply: [key: Text, elements: Text[]] | null;
  };
  BLPOP: {
    args: [key: RedisValue, ...keys: RedisValue[], timeout: RedisValue];
    reply: [key: Text, element: Text] | null;
  };
  BRPOP: {
    args: [key: RedisValue, ...keys: RedisValue[], timeout: RedisValue];
    reply: [key: Text, element: Text] | null;
  };
  BRPOPLPUSH: {
    args: [source: RedisValue, destination: RedisValue, timeout: RedisValue];
    reply: Text | null;
  };
  HDEL: { args: [key: RedisValue, field: RedisValue, ...fields: RedisValue[]]; reply: number };
  HEXISTS: { args: [key: RedisValue, field: RedisValue]; reply: 0 | 1 };
  HEXPIRE: {
    args: [key: RedisValue, seconds: RedisValue, ...options: RedisValue[], fieldsToken: RedisValue, numfields: RedisValue, field: RedisValue];
    reply: number[];
  };
  HEXPIREAT: {
    args: [key: RedisValue, unixTimeSeconds: RedisValue, ...options: RedisValue[], fieldsToken: RedisValue, numfields: RedisValue, field: RedisValue];
    reply: number[];
  };
  HEXPIRETIME: {
    args: [key: RedisValue, fieldsToken: RedisValue, numfields: RedisValue, field: RedisValue, ...fields: RedisValue[]];
    reply: (number | bigint)[];
  };
  HGET: { args: [key: RedisValue, field: RedisValue]; reply: Text | null };
  HGETALL: { args: [key: RedisValue]; reply: ReplyMap<Text, Text> };
  HGETDEL: {
    args: [key: RedisValue, fieldsToken: RedisValue, numfields: RedisValue, field: RedisValue, ...fields: RedisValue[]];
    reply: (Text | null)[];
  };
  HGETEX: {
    args: [key: RedisValue, ...options: RedisValue[], fieldsToken: RedisValue, numfields: RedisValue, field: RedisValue];
    reply: (Text | null)[];
  };
  'HIMPORT DISCARD': { args: [fieldsetName: RedisValue]; reply: 0 | 1 };
  'HIMPORT DISCARDALL': { args: []; reply: number };
  'HIMPORT PREPARE': {
    args: [fieldsetName: RedisValue, field: RedisValue, ...fields: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  'HIMPORT SET': {
    args: [key: RedisValue, fieldsetName: RedisValue, value: RedisValue, ...values: RedisValue[]];
    reply: Reply;
  };
  HINCRBY: { args: [key: RedisValue, field: RedisValue, increment: RedisValue]; reply: number | bigint };
  HINCRBYFLOAT: { args: [key: RedisValue, field: RedisValue, increment: RedisValue]; reply: Text };
  HKEYS: { args: [key: RedisValue]; reply: Text[] };
  HLEN: { args: [key: RedisValue]; reply: number };
  HMGET: { args: [key: RedisValue, field: RedisValue, ...fields: RedisValue[]]; reply: (Text | null)[] };
  HMSET: {
    args: [key: RedisValue, field: RedisValue, value: RedisValue, ...more: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  HPERSIST: {
    args: [key: RedisValue, fieldsToken: RedisValue, numfields: RedisValue, field: RedisValue, ...fields: RedisValue[]];
    reply: number[];
  };
  HPEXPIRE: {
    args: [key: RedisValue, milliseconds: RedisValue, ...options: RedisValue[], fieldsToken: RedisValue, numfields: RedisValue, field: RedisValue];
    reply: number[];
  };
  HPEXPIREAT: {
    args: [key: RedisValue, unixTimeMilliseconds: RedisValue, ...options: RedisValue[], fieldsToken: RedisValue, numfields: RedisValue, field: RedisValue];
    reply: number[];
  };
  HPEXPIRETIME: {
    args: [key: RedisValue, fieldsToken: RedisValue, numfields: RedisValue, field: RedisValue, ...fields: RedisValue[]];
    reply: (number | bigint)[];
  };
  HPTTL: {
    args: [key: RedisValue, fieldsToken: RedisValue, numfields: RedisValue, field: RedisValue, ...fields: RedisValue[]];
    reply: (number | bigint)[];
  };
  HRANDFIELD: {
    args: [key: RedisValue, ...options: RedisValue[]];
    reply: Text | null;
    options: { WITHVALUES: [field: Text, value: Text][] };
    after: 1;
    from: 2;
    then: Text[];
  };
  HSCAN: {
    args: [key: RedisValue, cursor: RedisValue, ...options: RedisValue[]];
    reply: [cursor: Text, fieldsAndValues: Text[]];
    options: { NOVALUES: [cursor: Text, fields: Text[]] };
    after: 2;
  };
  HSET: {
    args: [key: RedisValue, field: RedisValue, value: RedisValue, ...more: RedisValue[]];
    reply: number;
  };
  HSETEX: {
    args: [key: RedisValue, ...options: RedisValue[], fieldsToken: RedisValue, numfields: RedisValue, field: RedisValue, value: RedisValue];
    reply: 0 | 1;
  };
  HSETNX: { args: [key: RedisValue, field: RedisValue, value: RedisValue]; reply: 0 | 1 };
  HSTRLEN: { args: [key: RedisValue, field: RedisValue]; reply: number };
  HTTL: {
    args: [key: RedisValue, fieldsToken: RedisValue, numfields: RedisValue, field: RedisValue, ...fields: RedisValue[]];
    reply: (number | bigint)[];
  };
  HVALS: { args: [key: RedisValue]; reply: Text[] };
  LINDEX: { args: [key: RedisValue, index: RedisValue]; reply: Text | null };
  LINSERT: {
    args: [key: RedisValue, where: RedisValue, pivot: RedisValue, element: RedisValue];
    reply: number;
  };
  LLEN: { args: [key: RedisValue]; reply: number };
  LMOVE: {
    args: [source: RedisValue, destination: RedisValue, wherefrom: RedisValue, whereto: RedisValue];
    reply: Text | null;
  };
  LMOVEM: {
    args: [source: RedisValue, destination: RedisValue, wherefrom: RedisValue, whereto: RedisValue, ...options: RedisValue[]];
    reply: Text[] | null;
  };
  LMPOP: {
    args: [numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[], where: RedisValue];
    reply: [key: Text, elements: Text[]] | null;
  };
  LPOP: { args: [key: RedisValue, count?: RedisValue]; reply: Text | null; from: 2; then: Text[] | null };
  LPOS: {
    args: [key: RedisValue, element: RedisValue, ...options: RedisValue[]];
    reply: number | null;
    options: { COUNT: number[] };
    after: 2;
  };
  LPUSH: { args: [key: RedisValue, element: RedisValue, ...elements: RedisValue[]]; reply: number };
  LPUSHX: { args: [key: RedisValue, element: RedisValue, ...elements: RedisValue[]]; reply: number };
  LRANGE: { args: [key: RedisValue, start: RedisValue, stop: RedisValue]; reply: Text[] };
  LREM: { args: [key: RedisValue, count: RedisValue, element: RedisValue]; reply: number };
  LSET: { args: [key: RedisValue, index: RedisValue, element: RedisValue]; reply: Word<Text, 'OK'> };
  LTRIM: { args: [key: RedisValue, start: RedisValue, stop: RedisValue]; reply: Word<Text, 'OK'> };
  RPOP: { args: [key: RedisValue, count?: RedisValue]; reply: Text | null; from: 2; then: Text[] | null };
  RPOPLPUSH: { args: [source: RedisValue, destination: RedisValue]; reply: Text | null };
  RPUSH: { args: [key: RedisValue, element: RedisValue, ...elements: RedisValue[]]; reply: number };
  RPUSHX: { args: [key: RedisValue, element: RedisValue, ...elements: RedisValue[]]; reply: number };
  SADD: { args: [key: RedisValue, member: RedisValue, ...members: RedisValue[]]; reply: number };
  SCARD: { args: [key: RedisValue]; reply: number };
  SDIFF: { args: [key: RedisValue, ...keys: RedisValue[]]; reply: ReplySet<Text> };
  SDIFFCARD: { args: [numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[]]; reply: number };
  SDIFFSTORE: { args: [destination: RedisValue, key: RedisValue, ...keys: RedisValue[]]; reply: number };
  SINTER: { args: [key: RedisValue, ...keys: RedisValue[]]; reply: ReplySet<Text> };
  SINTERCARD: { args: [numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[]]; reply: number };
  SINTERSTORE: { args: [destination: RedisValue, key: RedisValue, ...keys: RedisValue[]]; reply: number };
  SISMEMBER: { args: [key: RedisValue, member: RedisValue]; reply: 0 | 1 };
  SMEMBERS: { args: [key: RedisValue]; reply: ReplySet<Text> };
  SMISMEMBER: { args: [key: RedisValue, member: RedisValue, ...members: RedisValue[]]; reply: (0 | 1)[] };
  SMOVE: { args: [source: RedisValue, destination: RedisValue, member: RedisValue]; reply: 0 | 1 };
  SPOP: { args: [key: RedisValue, count?: RedisValue]; reply: Text | null; from: 2; then: ReplySet<Text> };
  SRANDMEMBER: { args: [key: RedisValue, count?: RedisValue]; reply: Text | null; from: 2; then: Text[] };
  SREM: { args: [key: RedisValue, member: RedisValue, ...members: RedisValue[]]; reply: number };
  SSCAN: {
    args: [key: RedisValue, cursor: RedisValue, ...options: RedisValue[]];
    reply: [cursor: Text, members: Text[]];
  };
  SUNION: { args: [key: RedisValue, ...keys: RedisValue[]]; reply: ReplySet<Text> };
  SUNIONCARD: { args: [numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[]]; reply: number };
  SUNIONSTORE: { args: [destination: RedisValue, key: RedisValue, ...keys: RedisValue[]]; reply: number };
}
