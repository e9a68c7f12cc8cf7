/// <reference types="node" preserve="true" />
import { Cluster as ClusterClass } from './cluster.ts';
import { Command } from './command.ts';
import { AbortError, ClusterAllFailedError, MaxRetriesPerRequestError, ReplyError } from './errors.ts';
import type * as peer from './peer.ts';
import { Pipeline } from './pipeline.ts';
import { Redis as RedisClass } from './redis.ts';
import { DEFAULT_OPTIONS } from './redis-options.ts';
import { ScanStream } from './scan-stream.ts';

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
export type { RedisStatus } from './redis.ts';
export type { RedisOptions } from './redis-options.ts';
export { ScanStream } from './scan-stream.ts';

/** One connection that is dialled again when it is lost; with the types of ioredis where that is installed. */
export const Redis: peer.RedisConstructor = RedisClass;
export type Redis = peer.Redis;
/** A cluster; with the types of ioredis where that is installed. */
export const Cluster: peer.ClusterConstructor = ClusterClass;
export type Cluster = peer.Cluster;
// biome-ignore lint/style/noDefaultExport: callers of ioredis import it so, and `require` gives the class itself.
export { Redis as default, Redis as 'module.exports' };

/** A callback that shows what a command came to on the console. */
export function print(error: Error | null, reply?: unknown): void {
  if (error) console.log(`Error: ${String(error)}`);
  else console.log(`Reply: ${String(reply)}`);
}

/** With `require` the class stands for the module, and has the other exports as fields. */
Object.assign(RedisClass, {
  AbortError,
  Cluster,
  ClusterAllFailedError,
  Command,
  MaxRetriesPerRequestError,
  Pipeline,
  Redis,
  ReplyError,
  ScanStream,
  print,
  defaultOptions: DEFAULT_OPTIONS,
  default: Redis,
});

/** Types that the ones above are made of. */
export type { DnsLookup, ResolveSrv, ScaleReads, StartNode } from './cluster-options.ts';
export type { HimportFieldset } from './fieldsets.ts';
export type { Callback, CommandFlag, CommandOptions, WaitLimits } from './command.ts';
export type { FailedCommand } from './errors.ts';
export type { ClusterConstructor, RedisConstructor } from './peer.ts';
export type { PipelineEntry, PipelineOwner } from './pipeline.ts';
export type {
  Connector,
  NatMap,
  PreferredSlaves,
  ReconnectOnError,
  RetryStrategy,
  SentinelAddress,
} from './redis-options.ts';
export type { AskForPage, ScanStreamOptions } from './scan-stream.ts';
export type { Script, ScriptDefinition } from './script.ts';
export type { Shape } from './shapes.ts';
export type { ArgumentTransformer, ReplyContext, ReplyTransformer } from './transformers.ts';
export type { Cluster as OwnCluster } from './cluster.ts';
export type { FLAGS } from './command.ts';
export type { Peer, PeerInstance, Typed } from './peer.ts';
export type { Redis as OwnRedis } from './redis.ts';
export type { ConnectorNotice, ListedReplica } from './redis-options.ts';
export type { Client } from './client.ts';
export type { CommandMethods } from './methods.ts';
export type { Waiting } from './offline-queue.ts';
export type { SessionOwner } from './session.ts';
export type { Batch, MultiOptions } from './client.ts';
export type { CommandName, MethodArgument, Own, TextReply } from './methods.ts';
export type { FirstWord } from './methods.ts';
export type { ReplyTransformerContext } from './transformers.ts';
