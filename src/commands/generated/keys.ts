// Written by scripts/generate-commands.mjs; do not edit.
import type { ReplyMap } from '../../resp/reply-map.ts';
import type { RedisValue, Reply, Word } from '../../resp/types.ts';

export interface KeyCommands<Text> {
  COPY: { args: [source: RedisValue, destination: RedisValue, ...options: RedisValue[]]; reply: 0 | 1 };
  DEL: { args: [key: RedisValue, ...keys: RedisValue[]]; reply: number };
  DISCARD: { args: []; reply: Word<Text, 'OK'> };
  DUMP: { args: [key: RedisValue]; reply: Text | null };
  EVAL: { args: [script: RedisValue, numkeys: RedisValue, ...options: RedisValue[]]; reply: Reply };
  EVALSHA: { args: [sha1: RedisValue, numkeys: RedisValue, ...options: RedisValue[]]; reply: Reply };
  EVALSHA_RO: { args: [sha1: RedisValue, numkeys: RedisValue, ...options: RedisValue[]]; reply: Reply };
  EVAL_RO: { args: [script: RedisValue, numkeys: RedisValue, ...options: RedisValue[]]; reply: Reply };
  EXEC: { args: []; reply: Reply[] | null };
  EXISTS: { args: [key: RedisValue, ...keys: RedisValue[]]; reply: number };
  EXPIRE: { args: [key: RedisValue, seconds: RedisValue, ...options: RedisValue[]]; reply: 0 | 1 };
  EXPIREAT: { args: [key: RedisValue, unixTimeSeconds: RedisValue, ...options: RedisValue[]]; reply: 0 | 1 };
  EXPIRETIME: { args: [key: RedisValue]; reply: number | bigint };
  FCALL: { args: [function: RedisValue, numkeys: RedisValue, ...options: RedisValue[]]; reply: Reply };
  FCALL_RO: { args: [function: RedisValue, numkeys: RedisValue, ...options: RedisValue[]]; reply: Reply };
  'FUNCTION DELETE': { args: [libraryName: RedisValue]; reply: Word<Text, 'OK'> };
  'FUNCTION DUMP': { args: []; reply: Text };
  'FUNCTION FLUSH': { args: [...options: RedisValue[]]; reply: Word<Text, 'OK'> };
  'FUNCTION HELP': { args: []; reply: Text[] };
  'FUNCTION KILL': { args: []; reply: Word<Text, 'OK'> };
  'FUNCTION LIST': { args: [...options: RedisValue[]]; reply: ReplyMap<Text, Reply>[] };
  'FUNCTION LOAD': { args: [...options: RedisValue[], functionCode: RedisValue]; reply: Text };
  'FUNCTION RESTORE': {
    args: [serializedValue: RedisValue, ...options: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  'FUNCTION STATS': { args: []; reply: ReplyMap<Text, Reply> };
  KEYS: { args: [pattern: RedisValue]; reply: Text[] };
  MIGRATE: {
    args: [host: RedisValue, port: RedisValue, keySelector: RedisValue, destinationDb: RedisValue, timeout: RedisValue, ...options: RedisValue[]];
    reply: Word<Text, 'OK'> | Word<Text, 'NOKEY'>;
  };
  MOVE: { args: [key: RedisValue, db: RedisValue]; reply: 0 | 1 };
  MULTI: { args: []; reply: Word<Text, 'OK'> };
  'OBJECT ENCODING': { args: [key: RedisValue]; reply: Text | null };
  'OBJECT FREQ': { args: [key: RedisValue]; reply: number | null };
  'OBJECT HELP': { args: []; reply: Text[] };
  'OBJECT IDLETIME': { args: [key: RedisValue]; reply: number | null };
  'OBJECT REFCOUNT': { args: [key: RedisValue]; reply: number | null };
  PERSIST: { args: [key: RedisValue]; reply: 0 | 1 };
  PEXPIRE: { args: [key: RedisValue, milliseconds: RedisValue, ...options: RedisValue[]]; reply: 0 | 1 };
  PEXPIREAT: {
    args: [key: RedisValue, unixTimeMilliseconds: RedisValue, ...options: RedisValue[]];
    reply: 0 | 1;
  };
  PEXPIRETIME: { args: [key: RedisValue]; reply: number | bigint };
  PSUBSCRIBE: { args: [pattern: RedisValue, ...patterns: RedisValue[]]; reply: Reply };
  PTTL: { args: [key: RedisValue]; reply: number | bigint };
  PUBLISH: { args: [channel: RedisValue, message: RedisValue]; reply: number };
  'PUBSUB CHANNELS': { args: [pattern?: RedisValue]; reply: Text[] };
  'PUBSUB HELP': { args: []; reply: Text[] };
  'PUBSUB NUMPAT': { args: []; reply: number };
  'PUBSUB NUMSUB': { args: [...options: RedisValue[]]; reply: (Text | number)[] };
  'PUBSUB SHARDCHANNELS': { args: [pattern?: RedisValue]; reply: Text[] };
  'PUBSUB SHARDNUMSUB': { args: [...options: RedisValue[]]; reply: (Text | number)[] };
  PUNSUBSCRIBE: { args: [...options: RedisValue[]]; reply: Reply };
  RANDOMKEY: { args: []; reply: Text | null };
  RENAME: { args: [key: RedisValue, newkey: RedisValue]; reply: Word<Text, 'OK'> };
  RENAMENX: { args: [key: RedisValue, newkey: RedisValue]; reply: 0 | 1 };
  RESTORE: {
    args: [key: RedisValue, ttl: RedisValue, serializedValue: RedisValue, ...options: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  SCAN: { args: [cursor: RedisValue, ...options: RedisValue[]]; reply: [cursor: Text, keys: Text[]] };
  'SCRIPT DEBUG': { args: [mode: RedisValue]; reply: Word<Text, 'OK'> };
  'SCRIPT EXISTS': { args: [sha1: RedisValue, ...sha1s: RedisValue[]]; reply: (0 | 1)[] };
  'SCRIPT FLUSH': { args: [...options: RedisValue[]]; reply: Word<Text, 'OK'> };
  'SCRIPT HELP': { args: []; reply: Text[] };
  'SCRIPT KILL': { args: []; reply: Word<Text, 'OK'> };
  'SCRIPT LOAD': { args: [script: RedisValue]; reply: Text };
  'SCRIPT SHOW': { args: [sha1: RedisValue]; reply: Text };
  SORT: {
    args: [key: RedisValue, ...options: RedisValue[]];
    reply: (Text | null)[];
    options: { STORE: number };
    after: 1;
  };
  SORT_RO: { args: [key: RedisValue, ...options: RedisValue[]]; reply: (Text | null)[] };
  SPUBLISH: { args: [shardchannel: RedisValue, message: RedisValue]; reply: number };
  SSUBSCRIBE: { args: [shardchannel: RedisValue, ...shardchannels: RedisValue[]]; reply: Reply };
  SUBSCRIBE: { args: [channel: RedisValue, ...channels: RedisValue[]]; reply: Reply };
  SUNSUBSCRIBE: { args: [...options: RedisValue[]]; reply: Reply };
  TOUCH: { args: [key: RedisValue, ...keys: RedisValue[]]; reply: number };
  TTL: { args: [key: RedisValue]; reply: number | bigint };
  TYPE: { args: [key: RedisValue]; reply: Text };
  UNLINK: { args: [key: RedisValue, ...keys: RedisValue[]]; reply: number };
  UNSUBSCRIBE: { args: [...options: RedisValue[]]; reply: Reply };
  UNWATCH: { args: []; reply: Word<Text, 'OK'> };
  WAIT: { args: [numreplicas: RedisValue, timeout: RedisValue]; reply: number };
  WAITAOF: {
    args: [numlocal: RedisValue, numreplicas: RedisValue, timeout: RedisValue];
    reply: [local: number, replicas: number];
  };
  WATCH: { args: [key: RedisValue, ...keys: RedisValue[]]; reply: Word<Text, 'OK'> };
}
