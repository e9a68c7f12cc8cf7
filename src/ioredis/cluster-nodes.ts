import type { HostAndPort } from '../transport/location.ts';
import type { Redis } from './redis.ts';

export type NodeRole = 'all' | 'master' | 'slave';

/** A node of the layout. */
export interface KnownNode extends HostAndPort {
  readonly serverType: string;
}

/** The members of the cluster that `ClusterNodes` uses. */
export interface NodesOwner {
  emit(event: string, ...details: unknown[]): unknown;
  makeNode(host: string, port: number, readOnly: boolean): Redis;
  /** Whether primaries get the fieldsets of `HIMPORT` as soon as they are reached. */
  readonly preparesPrimaries: boolean;
}

interface Known {
  readonly redis: Redis;
  primary: boolean;
}

/** The clients of single nodes (`cluster.nodes()`); the cluster's own commands use the pool. */
export class ClusterNodes {
  readonly #owner: NodesOwner;
  readonly #known = new Map<string, Known>();
  /** Nodes without a connection; they return when the pool reaches them again. */
  readonly #down = new Set<string>();

  constructor(owner: NodesOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Adopts a layout: adds and removes clients. */
  meet(nodes: readonly KnownNode[]): void {
    const seen = new Set<string>();
    for (const { host, port, serverType } of nodes) {
      const key = `${host}:${port}`;
      seen.add(key);
      if (!this.#down.has(key)) this.#add(key, host, port, serverType === 'primary');
    }
    for (const key of this.#known.keys()) if (!seen.has(key)) this.#remove(key);
    this.#owner.emit('refresh');
  }

  #add(key: string, host: string, port: number, primary: boolean): Redis {
    const known = this.#known.get(key);
    if (known !== undefined) {
      const promoted = primary && !known.primary;
      known.primary = primary;
      known.redis.options.readOnly = !primary;
      if (promoted) this.#prepare(known.redis);
      return known.redis;
    }
    const redis = this.#owner.makeNode(host, port, !primary);
    this.#known.set(key, { redis, primary });
    redis.once('end', () => {
      if (this.#known.get(key)?.redis === redis) this.#remove(key);
    });
    this.#owner.emit('+node', redis);
    return redis;
  }

  #remove(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    this.#known.delete(key);
    known.redis.disconnect();
    process.nextTick(() => this.#owner.emit('-node', known.redis));
  }

  #prepare(redis: Redis): void {
    if (!this.#owner.preparesPrimaries) return;
    const told = redis.status === 'wait' ? redis.connect() : redis.prepareFieldsets();
    // The client's `error` events report it.
    told.catch(() => {});
  }

  /** The client of one node, even if the layout does not list it. */
  at({ host, port }: HostAndPort, primary = true): Redis {
    const key = `${host}:${port}`;
    return this.#known.get(key)?.redis ?? this.#add(key, host, port, primary);
  }

  list(role: NodeRole): Redis[] {
    return [...this.#known.values()]
      .filter(({ primary }) => role === 'all' || primary === (role === 'master'))
      .map(({ redis }) => redis);
  }

  /** Called when the pool has a connection to a node again. */
  reached({ host, port, serverType }: KnownNode): void {
    const key = `${host}:${port}`;
    const wasDown = this.#down.delete(key);
    if (!wasDown && !this.#owner.preparesPrimaries) return;
    const primary = serverType === 'primary';
    const redis = this.#add(key, host, port, primary);
    if (primary) this.#prepare(redis);
  }
  /** Called when the pool has lost its last connection to a node. */
  lost({ host, port }: HostAndPort): void {
    const key = `${host}:${port}`;
    this.#down.add(key);
    this.#remove(key);
  }

  drop(): void {
    const gone = [...this.#known.values()];
    this.#known.clear();
    this.#down.clear();
    for (const { redis } of gone) redis.disconnect();
  }
}
