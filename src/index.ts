/// <reference types="node" preserve="true" />
// The reference of the manual is grouped by these headings.

// # Pools
export { ConnectionPool } from './pool/connection-pool.ts';
export type { BytesPool, TextPool } from './pool/connection-pool.ts';
export { ClusterConnectionPool } from './pool/cluster-connection-pool.ts';
export { SentinelConnectionPool } from './pool/sentinel-connection-pool.ts';
export { Sentinel } from './pool/sentinel.ts';
export { FailoverPool } from './pool/failover-pool.ts';
export type { Executor } from './pool/executor.ts';
export { ClusterLayout } from './topology/cluster/cluster-layout.ts';
export { BaseConnectionPool } from './pool/base-connection-pool.ts';
export { AbstractPool } from './interfaces/abstract-pool.ts';

// # Leases and connections
export type { Lease } from './interfaces/abstract-pool.ts';
export { BaseConnection } from './connection/base-connection.ts';
export { TCPConnection } from './connection/tcp-connection.ts';
export { UnixDomainSocketConnection } from './connection/unix-domain-socket-connection.ts';
export { ClusterConnection } from './connection/cluster-connection.ts';
export { SentinelManagedConnection } from './connection/sentinel-managed-connection.ts';
export {
  ClusterNodeLocation,
  Location,
  TCPLocation,
  UnixDomainSocketLocation,
} from './transport/location.ts';
export { CapacityLimiter } from './pooling/capacity-limiter.ts';
export { AbstractConnection } from './interfaces/abstract-connection.ts';

// # Calls and replies
export { command, unwrap } from './commands/typed-command.ts';
export type {
  AnsweredCommand,
  BatchReplies,
  DecodingOf,
  ReplyByOptions,
  ReplyOfCommand,
  TypedCommand,
  Unspecified,
} from './commands/typed-command.ts';
export { commandInfo } from './commands/describe-command.ts';
export type { CommandDescription } from './commands/describe-command.ts';
export type { ExecuteOnOptions, PoolRequest, PoolRequestOptions } from './pool/calls/call-options.ts';
export type { Request } from './connection/requests/request.ts';
export type { RequestBatch } from './connection/requests/request-batch.ts';
export type { ReplyStream } from './connection/requests/reply-stream.ts';
export type {
  BatchOptions,
  CommandRequest,
  RequestOptions,
  StreamOptions,
} from './connection/requests/request-options.ts';
export type { Decoding, RedisValue, Reply, ReplyOf, TextOf, Word } from './resp/types.ts';
export { ReplyMap, ReplySet } from './resp/reply-map.ts';
export type { TextEncoding } from './resp/text-modes.ts';
export type {
  AnyCommand,
  ArgumentsOf,
  ByCommand,
  CallArguments,
  CallReply,
  CommandName,
  Commands,
  ListedArguments,
  ReplyTo,
} from './commands/commands.ts';
export type { NodesReply } from './commands/typed-command.ts';

// # Transactions, scripts, scans
export { defineScript, Script, type ScriptCommand, type ScriptOptions } from './pool/scripts/script.ts';
export type { KeyScanOptions, Scan, ScanOptions } from './pool/scans/scan.ts';
export type { TransactionOptions } from './pool/transactions/transaction-call.ts';
export type { WatchCallOptions } from './pool/transactions/transactions.ts';

// # Publish and subscribe
export { Channel, PatternChannel } from './pubsub/channels/typed-channel.ts';
export type {
  ChannelClass,
  PatternChannelClass,
  TextChannelOptions,
  TextPatternOptions,
} from './pubsub/channels/typed-channel.ts';
export type { ChannelGetOptions, ChannelOptions, MessageCallback } from './pubsub/channels/channel.ts';
export type { OverflowPolicy } from './pubsub/channels/flow.ts';
export type { MessageDecoder } from './pubsub/channels/message-reading.ts';
export { AbstractChannel } from './interfaces/abstract-channel.ts';
export type { ChannelGap } from './interfaces/abstract-channel.ts';
export type { ChannelMap } from './interfaces/abstract-channel.ts';
export type { SubscriptionAck } from './pubsub/subscriptions/subscription-kinds.ts';
export type { SubscriptionTarget } from './pubsub/pubsub-command.ts';

// # Cache
export { LRUCache } from './cache/lru-cache.ts';
export type { LRUCacheOptions } from './cache/lru-cache.ts';
export type { Cacheable } from './pool/cache/cache-setup.ts';
export type { CacheTracking } from './pool/cache/cache-setup.ts';
export { AbstractCache } from './interfaces/abstract-cache.ts';
export type { CacheStatistics, CacheSummary } from './interfaces/abstract-cache.ts';

// # Options
export type { FromUrlOptions } from './pool/connection-pool.ts';
export type {
  BaseConnectionPoolOptions,
  BaseConnectionPoolParams,
  ClusterAcquireOptions,
  ClusterConnectionPoolOptions,
  ClusterConnectionPoolParams,
  ConnectionClass,
  ConnectionPoolOptions,
  ConnectionPoolParams,
  ReadOptions,
  SentinelConnectionClass,
  SentinelConnectionPoolOptions,
  SentinelManager,
} from './pool/options/pool-options.ts';
export type { SentinelUrlOptions } from './pool/sentinel-connection-pool.ts';
export type { SentinelOptions, SentinelServiceOptions } from './pool/options/sentinel-options.ts';
export type { FailoverMemberOptions, FailoverPoolOptions, PoolThatDecodes } from './pool/failover-pool.ts';
export type {
  BaseConnectionOptions,
  BaseConnectionParams,
  ClusterConnectionOptions,
  SocketKeepaliveOptions,
  SSLContext,
  TCPConnectionOptions,
} from './connection/connection-options.ts';
export type { WaitOptions } from './base/deadline.ts';
export type { AcquireOptions } from './interfaces/abstract-pool.ts';
export { ExponentialBackoffRetryPolicy } from './pool/calls/retry-policy.ts';
export type { ExponentialBackoffOptions, RetryContext, RetryPolicy } from './pool/calls/retry-policy.ts';
export type { ReadFrom } from './topology/reads/read-from.ts';
export type { ZoneOf } from './topology/reads/zones.ts';
export type { AddressMap } from './topology/cluster/address-map.ts';
export type { ConnectCallback } from './pool/new-connections.ts';
export type { HostAndPort } from './transport/location.ts';

// # Credentials
export { AbstractCredentialProvider, UserPassCredentialProvider } from './interfaces/credential-provider.ts';
export type { Credentials } from './interfaces/credential-provider.ts';
export type { CredentialsFunction, ExpiringCredentials } from './pool/credentials.ts';

// # Errors
export {
  AskError,
  AuthenticationError,
  AuthenticationFailureError,
  AuthenticationRequiredError,
  AuthorizationError,
  BusyLoadingError,
  ChannelClosedError,
  ClusterCrossSlotError,
  ClusterDownError,
  ConnectionError,
  ExecAbortError,
  InvalidResponse,
  MovedError,
  NoKeyError,
  NoScriptError,
  NotBusyError,
  OverloadedError,
  PoolClosedError,
  PrimaryNotFoundError,
  ProtocolError,
  ReadOnlyError,
  RedisClusterError,
  RedisError,
  ReplicaNotFoundError,
  RequestAbortedError,
  ResponseError,
  SentinelError,
  StalePrimaryError,
  StreamConsumerError,
  StreamConsumerGroupError,
  StreamDuplicateConsumerGroupError,
  TimeoutError,
  TryAgainError,
  UnblockedError,
  UnknownCommandError,
  WatchError,
  WrongTypeError,
} from './errors/errors.ts';
export type { ExhaustionFigures, TimeoutPhase } from './errors/errors.ts';
export { SplitCommandError } from './pool/calls/split-command.ts';
export { DecodingError, type DecodingErrorOptions } from './resp/decoding-error.ts';

// # Telemetry
export type { TelemetryAttributeProvider } from './interfaces/abstract-connection.ts';
export type { FailoverStateChange } from './pool/failover-pool.ts';
export type { ConnectionStatistics } from './connection/connection-statistics.ts';
export type { PoolStateChange } from './node/pool-reports.ts';
export type {
  CacheEvent,
  ConnectAttemptEvent,
  ConnectionClosedEvent,
  ConnectionReadyEvent,
  FailoverEvent,
  LayoutEvent,
  LeaseReleasedEvent,
  PoolCreatedEvent,
  PoolLeakEvent,
  PoolStateEvent,
  PoolWaitEvent,
  PubsubGapEvent,
  RedirectEvent,
  RetryEvent,
} from './telemetry/events.ts';
export type {
  AcquireTrace,
  BatchTrace,
  CommandTrace,
  ConnectTrace,
  SubscribeTrace,
} from './telemetry/traces.ts';
export type { SanitizeArguments } from './connection/requests/request-traces.ts';
export type { ConnectionPoolStatistics } from './pool/pool-statistics.ts';

// # Types of the ones above
export type { Random as RandomSource } from './base/backoff.ts';
export type { CacheStats } from './cache/lru-cache.ts';
export type {
  ArgumentsBehind,
  General as GeneralReply,
  NameOf,
  ReplyOfEntry,
  TupleOf,
} from './commands/commands.ts';
export type { CollectionCommands } from './commands/generated/collections.ts';
export type { KeyCommands } from './commands/generated/keys.ts';
export type { ModuleCommands } from './commands/generated/modules.ts';
export type { ServerCommands } from './commands/generated/servers.ts';
export type { SortedSetCommands } from './commands/generated/sorted-sets.ts';
export type { StringCommands } from './commands/generated/strings.ts';
export type { Merged as MergedReply } from './commands/typed-command.ts';
export type { MergeOf, REPLY, UNSPECIFIED } from './commands/typed-command.ts';
export type { TCPOptions } from './connection/connection-options.ts';
export type {
  DeliveryErrorOptions,
  ErrorClass,
  RedirectErrorOptions,
  RedisErrorOptions,
  TimeoutErrorOptions,
} from './errors/errors.ts';
export type { ClusterConnectionPoolClass, ClusterPool } from './pool/cluster-connection-pool.ts';
export type { ConnectionPoolClass } from './pool/connection-pool.ts';
export type { SentinelConnectionPoolClass, SentinelPool } from './pool/sentinel-connection-pool.ts';
export type { Channel as BaseChannel } from './pubsub/channels/channel.ts';
export type { DecodesMark } from './resp/types.ts';
export type { Place as TracePlace } from './telemetry/traces.ts';
export type { Directory, FindOptions } from './topology/sentinel/service-role.ts';
export type { CheckOptions, ClusterNodeDescription, ClusterServerType } from './transport/location.ts';
export type {
  Options as OptionArguments,
  ReplyByCount,
  ReplyByOption,
  SubcommandOf,
  WordsOf,
} from './commands/commands.ts';
export type { MergedToOne, NeverMerged } from './commands/generated/tips.ts';
export type { Joined as JoinedReply } from './commands/typed-command.ts';
export type { ClusterOptionHints, ClusterPoolOf, NodeTarget } from './pool/cluster-connection-pool.ts';
export type { PoolOf, PoolOptionHints } from './pool/connection-pool.ts';
export type { Misspelt, WithOwnOptions } from './pool/options/pool-options.ts';
export type { AnyClass, SentinelOptionHints, SentinelPoolOf } from './pool/sentinel-connection-pool.ts';
export type { PrimaryListener } from './topology/sentinel/primary-followers.ts';
export type { Behind, Places } from './commands/commands.ts';
export type { Element } from './commands/typed-command.ts';
export type { ClassOf } from './pool/connection-pool.ts';
export type { DecodeOfUrl, NoSuchOption, OptionsOfClass } from './pool/options/pool-options.ts';
export type { P } from './commands/commands.ts';
export type { DecodeInUrl, DecodeOf, DecodeOfOptions, HasGap } from './pool/options/pool-options.ts';
export type { DecodeInQuery } from './pool/options/pool-options.ts';
export type { DecodeOfPair } from './pool/options/pool-options.ts';
