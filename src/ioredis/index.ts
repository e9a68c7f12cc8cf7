/// <reference types="node" preserve="true" />
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
