// Written by scripts/generate-commands.mjs; do not edit.
import type { ReplyMap, ReplySet } from '../../resp/reply-map.ts';
import type { RedisValue, Reply, Word } from '../../resp/types.ts';

export interface ModuleCommands<Text> {
  'BF.ADD': { args: [key: RedisValue, item: RedisValue]; reply: boolean };
  'BF.CARD': { args: [key: RedisValue]; reply: number };
  'BF.EXISTS': { args: [key: RedisValue, item: RedisValue]; reply: boolean };
  'BF.INFO': {
    args: [key: RedisValue, ...options: RedisValue[]];
    reply: ReplyMap<Text, number | bigint | null> | number | bigint[];
  };
  'BF.INSERT': {
    args: [key: RedisValue, ...options: RedisValue[], items: RedisValue, item: RedisValue];
    reply: Reply;
  };
  'BF.LOADCHUNK': {
    args: [key: RedisValue, iterator: RedisValue, data: RedisValue];
    reply: Word<Text, 'OK'>;
  };
  'BF.MADD': { args: [key: RedisValue, item: RedisValue, ...items: RedisValue[]]; reply: Reply };
  'BF.MEXISTS': { args: [key: RedisValue, item: RedisValue, ...items: RedisValue[]]; reply: boolean[] };
  'BF.RESERVE': {
    args: [key: RedisValue, errorRate: RedisValue, capacity: RedisValue, ...options: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  'BF.SCANDUMP': {
    args: [key: RedisValue, iterator: RedisValue];
    reply: [next: number | bigint, data: Text];
  };
  'CF.ADD': { args: [key: RedisValue, item: RedisValue]; reply: boolean };
  'CF.ADDNX': { args: [key: RedisValue, item: RedisValue]; reply: boolean };
  'CF.COUNT': { args: [key: RedisValue, item: RedisValue]; reply: number };
  'CF.DEL': { args: [key: RedisValue, item: RedisValue]; reply: boolean };
  'CF.EXISTS': { args: [key: RedisValue, item: RedisValue]; reply: boolean };
  'CF.INFO': { args: [key: RedisValue]; reply: ReplyMap<Text, number | bigint> };
  'CF.INSERT': {
    args: [key: RedisValue, ...options: RedisValue[], items: RedisValue, item: RedisValue];
    reply: Reply;
  };
  'CF.INSERTNX': {
    args: [key: RedisValue, ...options: RedisValue[], items: RedisValue, item: RedisValue];
    reply: Reply;
  };
  'CF.LOADCHUNK': {
    args: [key: RedisValue, iterator: RedisValue, data: RedisValue];
    reply: Word<Text, 'OK'>;
  };
  'CF.MEXISTS': { args: [key: RedisValue, item: RedisValue, ...items: RedisValue[]]; reply: boolean[] };
  'CF.RESERVE': {
    args: [key: RedisValue, capacity: RedisValue, ...options: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  'CF.SCANDUMP': {
    args: [key: RedisValue, iterator: RedisValue];
    reply: [next: number | bigint, data: Text | null];
  };
  'CMS.INCRBY': {
    args: [key: RedisValue, item: RedisValue, increment: RedisValue, ...more: RedisValue[]];
    reply: number[];
  };
  'CMS.INFO': { args: [key: RedisValue]; reply: ReplyMap<Text, number | bigint> };
  'CMS.INITBYDIM': { args: [key: RedisValue, width: RedisValue, depth: RedisValue]; reply: Word<Text, 'OK'> };
  'CMS.INITBYPROB': {
    args: [key: RedisValue, error: RedisValue, probability: RedisValue];
    reply: Word<Text, 'OK'>;
  };
  'CMS.MERGE': {
    args: [destination: RedisValue, numkeys: RedisValue, source: RedisValue, ...sources: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  'CMS.QUERY': { args: [key: RedisValue, item: RedisValue, ...items: RedisValue[]]; reply: number[] };
  'FT.AGGREGATE': {
    args: [index: RedisValue, query: RedisValue, ...options: RedisValue[]];
    reply: ReplyMap<Text, Reply> | Reply[];
  };
  'FT.ALIASADD': { args: [alias: RedisValue, index: RedisValue]; reply: Word<Text, 'OK'> };
  'FT.ALIASDEL': { args: [alias: RedisValue]; reply: Word<Text, 'OK'> };
  'FT.ALIASLIST': { args: [index: RedisValue]; reply: Reply };
  'FT.ALIASUPDATE': { args: [alias: RedisValue, index: RedisValue]; reply: Word<Text, 'OK'> };
  'FT.ALTER': {
    args: [index: RedisValue, ...options: RedisValue[], schema: RedisValue, add: RedisValue, field: RedisValue, options2: RedisValue];
    reply: Word<Text, 'OK'>;
  };
  'FT.CONFIG GET': { args: [option: RedisValue]; reply: Reply };
  'FT.CONFIG HELP': { args: [option: RedisValue]; reply: Reply };
  'FT.CONFIG SET': { args: [option: RedisValue, value: RedisValue]; reply: Word<Text, 'OK'> };
  'FT.CREATE': {
    args: [index: RedisValue, ...options: RedisValue[], schema: RedisValue, fieldName: RedisValue, fieldType: RedisValue];
    reply: Word<Text, 'OK'>;
  };
  'FT.CURSOR DEL': { args: [index: RedisValue, cursorId: RedisValue]; reply: Word<Text, 'OK'> };
  'FT.CURSOR READ': {
    args: [index: RedisValue, cursorId: RedisValue, ...options: RedisValue[]];
    reply: ReplyMap<Text, Reply> | Reply[];
  };
  'FT.DICTADD': { args: [dict: RedisValue, term: RedisValue, ...terms: RedisValue[]]; reply: number };
  'FT.DICTDEL': { args: [dict: RedisValue, term: RedisValue, ...terms: RedisValue[]]; reply: number };
  'FT.DICTDUMP': { args: [dict: RedisValue]; reply: ReplySet<Text> | Text[] };
  'FT.DROPINDEX': { args: [index: RedisValue, ...options: RedisValue[]]; reply: Word<Text, 'OK'> };
  'FT.EXPLAIN': { args: [index: RedisValue, query: RedisValue, ...options: RedisValue[]]; reply: Text };
  'FT.EXPLAINCLI': { args: [index: RedisValue, query: RedisValue, ...options: RedisValue[]]; reply: Text[] };
  'FT.HYBRID': {
    args: [index: RedisValue, search: RedisValue, query: RedisValue, ...options: RedisValue[], vsim: RedisValue, field: RedisValue, vector: RedisValue];
    reply: Reply;
  };
  'FT.INFO': { args: [index: RedisValue]; reply: ReplyMap<Text, Reply> };
  'FT.PROFILE': {
    args: [index: RedisValue, querytype: RedisValue, ...options: RedisValue[], queryword: RedisValue, query: RedisValue];
    reply: Reply;
  };
  'FT.SEARCH': {
    args: [index: RedisValue, query: RedisValue, ...options: RedisValue[]];
    reply: ReplyMap<Text, Reply> | Reply[];
  };
  'FT.SPELLCHECK': {
    args: [index: RedisValue, query: RedisValue, ...options: RedisValue[]];
    reply: ReplyMap<Text, Reply>;
  };
  'FT.SUGADD': {
    args: [key: RedisValue, string: RedisValue, score: RedisValue, ...options: RedisValue[]];
    reply: number;
  };
  'FT.SUGDEL': { args: [key: RedisValue, string: RedisValue]; reply: 0 | 1 };
  'FT.SUGGET': {
    args: [key: RedisValue, prefix: RedisValue, ...options: RedisValue[]];
    reply: (Text | number | null)[] | null;
  };
  'FT.SUGLEN': { args: [key: RedisValue]; reply: number };
  'FT.SYNDUMP': { args: [index: RedisValue]; reply: ReplyMap<Text, Text[]> };
  'FT.SYNUPDATE': {
    args: [index: RedisValue, synonymGroupId: RedisValue, ...options: RedisValue[], term: RedisValue];
    reply: Word<Text, 'OK'>;
  };
  'FT.TAGVALS': { args: [index: RedisValue, fieldName: RedisValue]; reply: ReplySet<Text> | Text[] };
  'FT._LIST': { args: []; reply: ReplySet<Text> | Text[] };
  'JSON.ARRAPPEND': {
    args: [key: RedisValue, path: RedisValue, value: RedisValue, ...values: RedisValue[]];
    reply: (number | null)[] | number | null;
  };
  'JSON.ARRINDEX': {
    args: [key: RedisValue, path: RedisValue, value: RedisValue, ...options: RedisValue[]];
    reply: (number | null)[] | number | null;
  };
  'JSON.ARRINSERT': {
    args: [key: RedisValue, path: RedisValue, index: RedisValue, value: RedisValue, ...values: RedisValue[]];
    reply: (number | null)[] | number | null;
  };
  'JSON.ARRLEN': { args: [key: RedisValue, path?: RedisValue]; reply: (number | null)[] | number | null };
  'JSON.ARRPOP': { args: [key: RedisValue, ...options: RedisValue[]]; reply: (Text | null)[] | Text | null };
  'JSON.ARRTRIM': {
    args: [key: RedisValue, path: RedisValue, start: RedisValue, stop: RedisValue];
    reply: (number | null)[] | number | null;
  };
  'JSON.CLEAR': { args: [key: RedisValue, path?: RedisValue]; reply: number };
  'JSON.DEBUG HELP': { args: []; reply: Text[] };
  'JSON.DEBUG MEMORY': { args: [key: RedisValue, path?: RedisValue]; reply: number[] | number };
  'JSON.DEL': { args: [key: RedisValue, path?: RedisValue]; reply: number };
  'JSON.FORGET': { args: [key: RedisValue, path?: RedisValue]; reply: number };
  'JSON.GET': { args: [key: RedisValue, ...options: RedisValue[]]; reply: Text | null };
  'JSON.MERGE': {
    args: [key: RedisValue, path: RedisValue, value: RedisValue];
    reply: Word<Text, 'OK'> | null;
  };
  'JSON.MGET': { args: [key: RedisValue, ...keys: RedisValue[], path: RedisValue]; reply: (Text | null)[] };
  'JSON.MSET': {
    args: [key: RedisValue, path: RedisValue, value: RedisValue, ...more: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  'JSON.NUMINCRBY': {
    args: [key: RedisValue, path: RedisValue, value: RedisValue];
    reply: (number | bigint | null)[] | Text | null;
  };
  'JSON.NUMMULTBY': {
    args: [key: RedisValue, path: RedisValue, value: RedisValue];
    reply: (number | bigint | null)[] | Text | null;
  };
  'JSON.OBJKEYS': { args: [key: RedisValue, path?: RedisValue]; reply: (Text[] | null)[] | Text[] | null };
  'JSON.OBJLEN': { args: [key: RedisValue, path?: RedisValue]; reply: (number | null)[] | number | null };
  'JSON.RESP': { args: [key: RedisValue, path?: RedisValue]; reply: Reply };
  'JSON.SET': {
    args: [key: RedisValue, path: RedisValue, value: RedisValue, ...options: RedisValue[]];
    reply: Word<Text, 'OK'> | null;
  };
  'JSON.STRAPPEND': {
    args: [key: RedisValue, ...options: RedisValue[], value: RedisValue];
    reply: (number | null)[] | number | null;
  };
  'JSON.STRLEN': { args: [key: RedisValue, path?: RedisValue]; reply: (number | null)[] | number | null };
  'JSON.TOGGLE': { args: [key: RedisValue, path: RedisValue]; reply: (0 | 1 | null)[] | Text | 0 | 1 | null };
  'JSON.TYPE': {
    args: [key: RedisValue, path?: RedisValue];
    reply: (Text | null | (Text | null)[])[] | Text | null;
  };
  'TDIGEST.ADD': {
    args: [key: RedisValue, value: RedisValue, ...more: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  'TDIGEST.BYRANK': { args: [key: RedisValue, rank: RedisValue, ...ranks: RedisValue[]]; reply: number[] };
  'TDIGEST.BYREVRANK': {
    args: [key: RedisValue, reverseRank: RedisValue, ...reverseRanks: RedisValue[]];
    reply: number[];
  };
  'TDIGEST.CDF': { args: [key: RedisValue, value: RedisValue, ...values: RedisValue[]]; reply: number[] };
  'TDIGEST.CREATE': { args: [key: RedisValue, ...options: RedisValue[]]; reply: Word<Text, 'OK'> };
  'TDIGEST.INFO': { args: [key: RedisValue]; reply: ReplyMap<Text, number> };
  'TDIGEST.MAX': { args: [key: RedisValue]; reply: number };
  'TDIGEST.MERGE': {
    args: [destinationKey: RedisValue, numkeys: RedisValue, sourceKey: RedisValue, ...sourceKeys: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  'TDIGEST.MIN': { args: [key: RedisValue]; reply: number };
  'TDIGEST.QUANTILE': {
    args: [key: RedisValue, quantile: RedisValue, ...quantiles: RedisValue[]];
    reply: number[];
  };
  'TDIGEST.RANK': { args: [key: RedisValue, value: RedisValue, ...values: RedisValue[]]; reply: number[] };
  'TDIGEST.RESET': { args: [key: RedisValue]; reply: Word<Text, 'OK'> };
  'TDIGEST.REVRANK': { args: [key: RedisValue, value: RedisValue, ...values: RedisValue[]]; reply: number[] };
  'TDIGEST.TRIMMED_MEAN': {
    args: [key: RedisValue, lowCutQuantile: RedisValue, highCutQuantile: RedisValue];
    reply: number;
  };
  'TOPK.ADD': {
    args: [key: RedisValue, items: RedisValue, ...moreItems: RedisValue[]];
    reply: (Text | null)[];
  };
  'TOPK.COUNT': { args: [key: RedisValue, item: RedisValue, ...items: RedisValue[]]; reply: number[] };
  'TOPK.INCRBY': {
    args: [key: RedisValue, item: RedisValue, increment: RedisValue, ...more: RedisValue[]];
    reply: (Text | null)[];
  };
  'TOPK.INFO': { args: [key: RedisValue]; reply: ReplyMap<Text, number> };
  'TOPK.LIST': {
    args: [key: RedisValue, ...options: RedisValue[]];
    reply: Text[];
    options: { WITHCOUNT: (Text | number)[] };
    after: 1;
  };
  'TOPK.QUERY': { args: [key: RedisValue, item: RedisValue, ...items: RedisValue[]]; reply: boolean[] };
  'TOPK.RESERVE': {
    args: [key: RedisValue, topk: RedisValue, ...options: RedisValue[]];
    reply: Word<Text, 'OK'>;
  };
  'TS.ADD': {
    args: [key: RedisValue, timestamp: RedisValue, value: RedisValue, ...options: RedisValue[]];
    reply: number | bigint;
  };
  'TS.ALTER': { args: [key: RedisValue, ...options: RedisValue[]]; reply: Word<Text, 'OK'> };
  'TS.CREATE': { args: [key: RedisValue, ...options: RedisValue[]]; reply: Word<Text, 'OK'> };
  'TS.CREATERULE': {
    args: [sourcekey: RedisValue, destkey: RedisValue, aggregationToken: RedisValue, aggregator: RedisValue, bucketduration: RedisValue, aligntimestamp?: RedisValue];
    reply: Word<Text, 'OK'>;
  };
  'TS.DECRBY': {
    args: [key: RedisValue, value: RedisValue, ...options: RedisValue[]];
    reply: number | bigint;
  };
  'TS.DEL': { args: [key: RedisValue, fromTimestamp: RedisValue, toTimestamp: RedisValue]; reply: number };
  'TS.DELETERULE': { args: [sourcekey: RedisValue, destkey: RedisValue]; reply: Word<Text, 'OK'> };
  'TS.GET': {
    args: [key: RedisValue, latest?: RedisValue];
    reply: [timestamp: number | bigint, value: number] | [];
  };
  'TS.INCRBY': {
    args: [key: RedisValue, value: RedisValue, ...options: RedisValue[]];
    reply: number | bigint;
  };
  'TS.INFO': { args: [key: RedisValue, debug?: RedisValue]; reply: ReplyMap<Text, Reply> };
  'TS.MADD': {
    args: [key: RedisValue, timestamp: RedisValue, value: RedisValue, ...more: RedisValue[]];
    reply: Reply;
  };
  'TS.MGET': {
    args: [...options: RedisValue[], filterToken: RedisValue, filterexpr: RedisValue];
    reply: ReplyMap<Text, Reply>;
  };
  'TS.MRANGE': {
    args: [fromtimestamp: RedisValue, totimestamp: RedisValue, ...options: RedisValue[], filterToken: RedisValue, filterexpr: RedisValue];
    reply: ReplyMap<Text, Reply>;
  };
  'TS.MREVRANGE': {
    args: [fromtimestamp: RedisValue, totimestamp: RedisValue, ...options: RedisValue[], filterToken: RedisValue, filterexpr: RedisValue];
    reply: ReplyMap<Text, Reply>;
  };
  'TS.NRANGE': {
    args: [numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[], fromtimestamp: RedisValue, totimestamp: RedisValue];
    reply: Reply;
  };
  'TS.NREVRANGE': {
    args: [numkeys: RedisValue, key: RedisValue, ...keys: RedisValue[], fromtimestamp: RedisValue, totimestamp: RedisValue];
    reply: Reply;
  };
  'TS.QUERYINDEX': { args: [filterexpr: RedisValue]; reply: ReplySet<Text> };
  'TS.QUERYLABELS': { args: [subtype: RedisValue, ...more: RedisValue[]]; reply: Reply };
  'TS.RANGE': {
    args: [key: RedisValue, fromtimestamp: RedisValue, totimestamp: RedisValue, ...options: RedisValue[]];
    reply: [timestamp: number | bigint, ...values: number[]][];
  };
  'TS.READ': {
    args: [key: RedisValue, timestamp: RedisValue, ...options: RedisValue[]];
    reply: [timestamp: number | bigint, ...values: number[]][];
  };
  'TS.REVRANGE': {
    args: [key: RedisValue, fromtimestamp: RedisValue, totimestamp: RedisValue, ...options: RedisValue[]];
    reply: [timestamp: number | bigint, ...values: number[]][];
  };
}
