/// <reference types="node" preserve="true" />
import { Cluster } from './cluster.ts';
import { Command } from './command.ts';
import { AbortError, ClusterAllFailedError, MaxRetriesPerRequestError, ReplyError } from './errors.ts';
import { Pipeline } from './pipeline.ts';
import { Redis } from './redis.ts';
import { ScanStream } from './scan-stream.ts';

export { Cluster } from './cluster.ts';
export type { ClusterStatus, NodeRole } from './cluster.ts';
export type { ClusterNode, ClusterOptions } from './cluster-options.ts';
export { Command } from './command.ts';
export {
  AbortError,
  ClusterAllFailedError,
  MaxRetriesPerRequestError,
  ReplyError,
} from './errors.ts';
export { Pipeline } from './pipeline.ts';
// biome-ignore lint/style/noDefaultExport: callers of ioredis import it so, and `require` gives the class itself.
export { Redis, Redis as default, Redis as 'module.exports' } from './redis.ts';
export type { RedisStatus } from './redis.ts';
export type { RedisOptions } from './redis-options.ts';
export { ScanStream } from './scan-stream.ts';
export type { ScanStreamOptions } from './scan-stream.ts';

/** With `require` the class stands for the module, and has the other exports as fields. */
Object.assign(Redis, {
  AbortError,
  Cluster,
  ClusterAllFailedError,
  Command,
  MaxRetriesPerRequestError,
  Pipeline,
  Redis,
  ReplyError,
  ScanStream,
  default: Redis,
});
