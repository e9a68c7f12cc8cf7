import type { Cluster as OwnCluster } from './cluster.ts';
import type { ClusterNode, ClusterOptions } from './cluster-options.ts';
import type { Redis as OwnRedis } from './redis.ts';
import type { RedisOptions } from './redis-options.ts';

// ioredis' classes have private members, so that no other class is structurally one of them: where ioredis is
// installed, the exports have its types. Where it is not, the import does not resolve, every name is a key of `Peer`,
// and the exports have their own types. (A condition on `Peer` itself would make `any` of the whole type.) The
// directive stays in the declarations, and keeps the compiler of users quiet.
// biome-ignore lint/suspicious/noTsIgnore: @ts-expect-error would fail where ioredis is installed.
/** @ts-ignore: ioredis is an optional peer. */
export type Peer = typeof import('ioredis');

/** `Theirs` where ioredis is installed, else `Own`. */
export type Typed<Theirs, Own> = string extends keyof Peer ? Own : Theirs;
export type PeerInstance<K extends 'Redis' | 'Cluster'> = Peer[K] extends { prototype: infer I } ? I : never;

export type Redis = Typed<PeerInstance<'Redis'>, OwnRedis>;
export type Cluster = Typed<PeerInstance<'Cluster'>, OwnCluster>;

/** The class of ioredis, and its constructor with the options that only exist here. */
export type RedisConstructor = Typed<
  Peer['Redis'] & (new (options: RedisOptions) => PeerInstance<'Redis'>),
  typeof OwnRedis
>;
export type ClusterConstructor = Typed<
  Peer['Cluster'] & (new (startupNodes: ClusterNode[], options?: ClusterOptions) => PeerInstance<'Cluster'>),
  typeof OwnCluster
>;
