/** Traits of a command, as bits of `CommandInfo.flags`. */

/** Blocks on the server until an event: gets its own connection. */
export const BLOCKING = 1 << 0;
/** Blocks only with certain arguments (`XREAD … BLOCK`): `blockingTime` looks at them. */
export const MAY_BLOCK = 1 << 1;
/** Speaks of the connection it runs on: refused by the calls of a pool. */
export const STATEFUL = 1 << 2;
/** `SUBSCRIBE`, `UNSUBSCRIBE` and their pattern and shard forms. */
export const SUBSCRIBE_FAMILY = 1 << 3;
/** `CLIENT REPLY`. */
export const CLIENT_REPLY = 1 << 4;
/** `MONITOR`. */
export const MONITOR = 1 << 5;
/** Has subcommands and the command string named none: the first argument tells which. */
export const CONTAINER = 1 << 6;
/** Never writes: may be answered by a replica. */
export const READONLY = 1 << 7;
/** May write. */
export const WRITE = 1 << 8;
/** A pure read of exactly one key, its first argument: may be answered by a cache. */
export const CACHEABLE = 1 << 9;
/** On a cluster one node's answer is no answer: `executeOn` says which nodes. */
export const NEEDS_EXECUTE_ON = 1 << 10;
/** Can be split by slot without changing its meaning for one key. */
export const MULTI_KEY_SPLITTABLE = 1 << 11;
/** An error answer does not prove that nothing was executed. */
export const SCRIPT_LIKE = 1 << 12;
/** Changes the state of its connection: `effectOf` says how. */
export const HAS_EFFECT = 1 << 13;
/** No table has it: a server has to be asked. */
export const UNKNOWN = 1 << 14;
/** The server said so; its time-out may stand anywhere. */
export const LEARNED = 1 << 15;
