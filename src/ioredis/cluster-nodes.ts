import type { HostAndPort } from '../transport/location.ts';
import type { Redis } from './redis.ts';

export type NodeRole = 'all' | 'master' | 'slave';

/** A node of the layout. */
export interface KnownNode extends HostAndPort {
  readonly serverType: string;
}

/** The cluster, as the clients of its single nodes see it. */
export interface NodesOwner {
  emit(event: string, ...details: unknown[]): unknown;
  makeNode(host: string, port: number, readOnly: boolean): Redis;
  /** Primaries are told of fieldsets as soon as commands reach them. */
  readonly preparesPrimaries: boolean;
}

interface Known {
  readonly redis: Redis;
  primary: boolean;
}

/** Clients of the single nodes of a cluster, beside the pool that its commands use. */
export class ClusterNodes {
  readonly #owner: NodesOwner;
  readonly #known = new Map<string, Known>();
  /** Without connections: they come back when the pool has reached them again. */
  readonly #down = new Set<string>();

  constructor(owner: NodesOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Takes over a layout. */
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
    // Its `error` events tell of it.
    told.catch(() => {});
  }

  /** The client of one node, in the layout or not. */
  at({ host, port }: HostAndPort, primary = true): Redis {
    const key = `${host}:${port}`;
    return this.#known.get(key)?.redis ?? this.#add(key, host, port, primary);
  }

  list(role: NodeRole): Redis[] {
    return [...this.#known.values()]
      .filter(({ primary }) => role === 'all' || primary === (role === 'master'))
      .map(({ redis }) => redis);
  }

  /** The pool has a connection to it again. */
  reached({ host, port, serverType }: KnownNode): void {
    const key = `${host}:${port}`;
    const wasDown = this.#down.delete(key);
    if (!wasDown && !this.#owner.preparesPrimaries) return;
    const primary = serverType === 'primary';
    const redis = this.#add(key, host, port, primary);
    if (primary) this.#prepare(redis);
  }
  /** The pool has lost its last connection to it. */
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
