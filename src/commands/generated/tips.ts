// Written by scripts/generate-commands.mjs; do not edit.

/** Commands whose answers from several nodes become one of the same kind: a sum, the first one. */
export type MergedToOne =
  | 'ACL DELUSER'
  | 'ACL SAVE'
  | 'ACL SETUSER'
  | 'CLIENT SETINFO'
  | 'CLIENT SETNAME'
  | 'COMMANDLOG LEN'
  | 'COMMANDLOG RESET'
  | 'CONFIG RESETSTAT'
  | 'CONFIG REWRITE'
  | 'CONFIG SET'
  | 'DBSIZE'
  | 'DEL'
  | 'EXISTS'
  | 'FLUSHALL'
  | 'FLUSHDB'
  | 'FUNCTION DELETE'
  | 'FUNCTION FLUSH'
  | 'FUNCTION KILL'
  | 'FUNCTION LOAD'
  | 'FUNCTION RESTORE'
  | 'LATENCY RESET'
  | 'MEMORY PURGE'
  | 'MSET'
  | 'MSETEX'
  | 'PING'
  | 'SCRIPT EXISTS'
  | 'SCRIPT FLUSH'
  | 'SCRIPT KILL'
  | 'SCRIPT LOAD'
  | 'SLOWLOG LEN'
  | 'SLOWLOG RESET'
  | 'TOUCH'
  | 'UNLINK'
  | 'WAIT'
  | 'WAITAOF';

/** Commands whose answers from several nodes mean different things. */
export type NeverMerged =
  | 'CLUSTERSCAN'
  | 'FUNCTION STATS'
  | 'HOTKEYS GET'
  | 'INFO'
  | 'LATENCY DOCTOR'
  | 'LATENCY GRAPH'
  | 'LATENCY HISTOGRAM'
  | 'LATENCY HISTORY'
  | 'LATENCY LATEST'
  | 'MEMORY DOCTOR'
  | 'MEMORY MALLOC-STATS'
  | 'MEMORY STATS'
  | 'RANDOMKEY'
  | 'SCAN';

/** Groups of commands with the same tips of the servers, such as `request_policy:all_shards`. */
export const COMMAND_TIPS: readonly (readonly [tips: string, names: string])[] = [
  ['dont_cache', 'TS.QUERYLABELS TS.READ'],
  [
    'nondeterministic_output',
    'CLIENT|INFO CLIENT|LIST CLUSTER|BUMPEPOCH CLUSTER|COUNT-FAILURE-REPORTS CLUSTER|GETKEYSINSLOT ' +
      'CLUSTER|INFO CLUSTER|LINKS CLUSTER|MYSHARDID CLUSTER|NODES CLUSTER|REPLICAS CLUSTER|SHARDS ' +
      'CLUSTER|SLAVES CLUSTER|SLOTS CLUSTER|SYNCSLOTS DUMP HPTTL HRANDFIELD HSCAN HTTL LASTSAVE MIGRATE ' +
      'OBJECT|ENCODING OBJECT|FREQ OBJECT|IDLETIME OBJECT|REFCOUNT PTTL SPOP SRANDMEMBER SSCAN TIME TTL ' +
      'XADD XAUTOCLAIM XCLAIM XINFO|CONSUMERS XPENDING XTRIM ZRANDMEMBER ZSCAN',
  ],
  ['nondeterministic_output request_policy:all_nodes', 'COMMANDLOG|GET SLOWLOG|GET'],
  ['nondeterministic_output request_policy:all_nodes response_policy:agg_sum', 'COMMANDLOG|LEN SLOWLOG|LEN'],
  [
    'nondeterministic_output request_policy:all_nodes response_policy:special',
    'LATENCY|DOCTOR LATENCY|GRAPH LATENCY|HISTOGRAM LATENCY|HISTORY LATENCY|LATEST',
  ],
  ['nondeterministic_output request_policy:all_shards', 'CLUSTER|SLOT-STATS'],
  [
    'nondeterministic_output request_policy:all_shards response_policy:special',
    'FUNCTION|STATS INFO MEMORY|DOCTOR MEMORY|MALLOC-STATS MEMORY|STATS RANDOMKEY',
  ],
  ['nondeterministic_output request_policy:special response_policy:special', 'CLUSTERSCAN HOTKEYS|GET SCAN'],
  [
    'nondeterministic_output_order',
    'COMMAND COMMAND|DOCS COMMAND|INFO COMMAND|LIST FUNCTION|LIST HGETALL HKEYS HVALS MODULE|LIST ' +
      'SDIFF SINTER SMEMBERS SUNION',
  ],
  ['nondeterministic_output_order request_policy:all_shards', 'KEYS'],
  ['request_policy:all_nodes response_policy:agg_sum', 'LATENCY|RESET'],
  [
    'request_policy:all_nodes response_policy:all_succeeded',
    'ACL|DELUSER ACL|SAVE ACL|SETUSER CLIENT|SETINFO CLIENT|SETNAME COMMANDLOG|RESET CONFIG|RESETSTAT ' +
      'CONFIG|REWRITE CONFIG|SET SCRIPT|FLUSH SCRIPT|LOAD SLOWLOG|RESET',
  ],
  ['request_policy:all_shards', 'HIMPORT|DISCARD HIMPORT|DISCARDALL HIMPORT|PREPARE'],
  ['request_policy:all_shards response_policy:agg_logical_and', 'SCRIPT|EXISTS'],
  ['request_policy:all_shards response_policy:agg_min', 'WAIT WAITAOF'],
  ['request_policy:all_shards response_policy:agg_sum', 'DBSIZE'],
  [
    'request_policy:all_shards response_policy:all_succeeded',
    'FLUSHALL FLUSHDB FUNCTION|DELETE FUNCTION|FLUSH FUNCTION|LOAD FUNCTION|RESTORE MEMORY|PURGE PING',
  ],
  ['request_policy:all_shards response_policy:one_succeeded', 'FUNCTION|KILL SCRIPT|KILL'],
  ['request_policy:multi_shard', 'MGET'],
  ['request_policy:multi_shard response_policy:agg_sum', 'DEL EXISTS TOUCH UNLINK'],
  ['request_policy:multi_shard response_policy:all_succeeded', 'MSET MSETEX'],
  ['request_policy:special', 'HOTKEYS|RESET HOTKEYS|START HOTKEYS|STOP'],
];
