import type { Cluster as OwnCluster } from './cluster.ts';
import type { ClusterNode, ClusterOptions } from './cluster-options.ts';
import type { Redis as OwnRedis } from './redis.ts';
import type { RedisOptions } from './redis-options.ts';

// ioredis' classes have private members, so no other class is structurally assignable to them. If ioredis is
// installed, the exports therefore have its types. If not, the import does not resolve, every name is a key of
// `Peer`, and the exports have their own types. (A condition on `Peer` itself would turn the whole type into `any`.)
// The directive stays in the declarations, and keeps the users' compiler quiet.
// biome-ignore lint/suspicious/noTsIgnore: @ts-expect-error would fail where ioredis is installed.
/** @ts-ignore: ioredis is an optional peer. */
export type Peer = typeof import('ioredis');

/** `Theirs` if ioredis is installed, otherwise `Own`. */
export type Typed<Theirs, Own> = string extends keyof Peer ? Own : Theirs;
export type PeerInstance<K extends 'Redis' | 'Cluster'> = Peer[K] extends { prototype: infer I } ? I : never;

export type Redis = Typed<PeerInstance<'Redis'>, OwnRedis>;
export type Cluster = Typed<PeerInstance<'Cluster'>, OwnCluster>;

/** The class of ioredis, with a constructor that also accepts this package's own options. */
export type RedisConstructor = Typed<
  Peer['Redis'] & (new (options: RedisOptions) => PeerInstance<'Redis'>),
  typeof OwnRedis
>;
export type ClusterConstructor = Typed<
  Peer['Cluster'] & (new (startupNodes: ClusterNode[], options?: ClusterOptions) => PeerInstance<'Cluster'>),
  typeof OwnCluster
>;
