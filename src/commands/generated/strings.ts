// Written by scripts/generate-commands.mjs; do not edit.
import type { ReplyMap } from '../../resp/reply-map.ts';
import type { RedisValue, Reply, Word } from '../../resp/types.ts';

export interface StringCommands<Text> {
  APPEND: { args: [key: RedisValue, value: RedisValue]; reply: number };
  BITCOUNT: { args: [key: RedisValue, ...options: RedisValue[]]; reply: number };
  BITFIELD: { args: [key: RedisValue, ...options: RedisValue[]]; reply: (number | bigint | null)[] };
  BITFIELD_RO: { args: [key: RedisValue, ...options: RedisValue[]]; reply: (number | bigint)[] };
  BITOP: {
    args: [operation: RedisValue, destkey: RedisValue, key: RedisValue, ...keys: RedisValue[]];
    reply: number;
  };
  BITPOS: { args: [key: RedisValue, bit: RedisValue, ...options: RedisValue[]]; reply: number | bigint };
  DECR: { args: [key: RedisValue]; reply: number | bigint };
  DECRBY: { args: [key: RedisValue, decrement: RedisValue]; reply: number | bigint };
  DELEX: { args: [key: RedisValue, ...options: RedisValue[]]; reply: 0 | 1 };
  DELIFEQ: { args: [key: RedisValue, value: RedisValue]; reply: 0 | 1 };
  DIGEST: { args: [key: RedisValue]; reply: Text | null };
  GET: { args: [key: RedisValue]; reply: Text | null };
  GETBIT: { args: [key: RedisValue, offset: RedisValue]; reply: 0 | 1 };
  GETDEL: { args: [key: RedisValue]; reply: Text | null };
  GETEX: { args: [key: RedisValue, ...options: RedisValue[]]; reply: Text | null };
  GETRANGE: { args: [key: RedisValue, start: RedisValue, end: RedisValue]; reply: Text };
  GETSET: { args: [key: RedisValue, value: RedisValue]; reply: Text | null };
  INCR: { args: [key: RedisValue]; reply: number | bigint };
  INCRBY: { args: [key: RedisValue, increment: RedisValue]; reply: number | bigint };
  INCRBYFLOAT: { args: [key: RedisValue, increment: RedisValue]; reply: Text };
  INCREX: { args: [key: RedisValue, ...options: RedisValue[]]; reply: Reply };
  LCS: {
    args: [key1: RedisValue, key2: RedisValue, ...options: RedisValue[]];
    reply: Text;
    options: { LEN: number; IDX: ReplyMap<Text, Reply> };
    after: 2;
  };
  MGET: { args: [key: RedisValue, ...keys: RedisValue[]]; reply: (Text | null)[] };
  MSET: { args: [key: RedisValue, value: RedisValue, ...more: RedisValue[]]; reply: Word<Text, 'OK'> };
  MSETEX: {
    args: [numkeys: RedisValue, key: RedisValue, value: RedisValue, ...more: RedisValue[]];
    reply: 0 | 1;
  };
  MSETNX: { args: [key: RedisValue, value: RedisValue, ...more: RedisValue[]]; reply: 0 | 1 };
  PFADD: { args: [key: RedisValue, ...options: RedisValue[]]; reply: 0 | 1 };
  PFCOUNT: { args: [key: RedisValue, ...keys: RedisValue[]]; reply: number };
  PFDEBUG: { args: [subcommand: RedisValue, key: RedisValue]; reply: Reply };
  PFMERGE: { args: [destkey: RedisValue, ...options: RedisValue[]]; reply: Word<Text, 'OK'> };
  PFSELFTEST: { args: []; reply: Reply };
  PSETEX: { args: [key: RedisValue, milliseconds: RedisValue, value: RedisValue]; reply: Word<Text, 'OK'> };
  SET: {
    args: [key: RedisValue, value: RedisValue, ...options: RedisValue[]];
    reply: Word<Text, 'OK'> | null;
    options: { GET: Text | null };
    after: 2;
  };
  SETBIT: { args: [key: RedisValue, offset: RedisValue, value: RedisValue]; reply: 0 | 1 };
  SETEX: { args: [key: RedisValue, seconds: RedisValue, value: RedisValue]; reply: Word<Text, 'OK'> };
  SETNX: { args: [key: RedisValue, value: RedisValue]; reply: 0 | 1 };
  SETRANGE: { args: [key: RedisValue, offset: RedisValue, value: RedisValue]; reply: number };
  STRLEN: { args: [key: RedisValue]; reply: number };
  SUBSTR: { args: [key: RedisValue, start: RedisValue, end: RedisValue]; reply: Text };
}
