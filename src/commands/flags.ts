/** Traits of a command, as bits of `CommandInfo.flags`. */

/** Blocks at the server until an event: gets an exclusive connection. */
export const BLOCKING = 1 << 0;
/** Blocks only with certain arguments (`XREAD … BLOCK`), which `blockingTime` reads. */
export const MAY_BLOCK = 1 << 1;
/** Changes or depends on its connection: refused by calls of a pool. */
export const STATEFUL = 1 << 2;
/** `SUBSCRIBE`, `UNSUBSCRIBE` and their pattern and shard forms. */
export const SUBSCRIBE_FAMILY = 1 << 3;
/** `CLIENT REPLY`. */
export const CLIENT_REPLY = 1 << 4;
/** `MONITOR`. */
export const MONITOR = 1 << 5;
/** Has subcommands, and the command string names none: the first argument does. */
export const CONTAINER = 1 << 6;
/** Never writes: a replica may run it. */
export const READONLY = 1 << 7;
/** May write. */
export const WRITE = 1 << 8;
/** Reads exactly one key, its first argument, and nothing else: a cache may answer it. */
export const CACHEABLE = 1 << 9;
/** Concerns each node of a cluster separately: needs `executeOn`. */
export const NEEDS_EXECUTE_ON = 1 << 10;
/** Can be split by slot, because each key is handled separately. */
export const MULTI_KEY_SPLITTABLE = 1 << 11;
/** An error reply does not prove that nothing was executed. */
export const SCRIPT_LIKE = 1 << 12;
/** Changes the state of its connection; `effectOf` returns how. */
export const HAS_EFFECT = 1 << 13;
/** Missing in every table: a server must be asked. */
export const UNKNOWN = 1 << 14;
/** Learned from a server; its timeout may be at any position. */
export const LEARNED = 1 << 15;
