import { ClusterConnection } from '../connection/cluster-connection.ts';
import type { ClusterConnectionOptions } from '../connection/connection-options.ts';
import { addressKey, type HostAndPort, type TCPLocation } from '../transport/location.ts';
import { type ClusterNode, nodeOf } from './cluster-options.ts';
import type { RedisOptions } from './redis-options.ts';

export type NodeCredentials = Pick<RedisOptions, 'username' | 'password'>;

/** Credentials given with single start nodes, by address; a null password means none. */
export class CredentialsByNode {
  readonly #own = new Map<string, NodeCredentials>();

  constructor(nodes: readonly ClusterNode[]) {
    for (const node of nodes) {
      const { host, port, username, password } = nodeOf(node);
      if (password !== undefined) this.#own.set(addressKey(host, port), { username, password });
    }
  }

  /** Registers another address of a node. */
  alias(from: HostAndPort, to: HostAndPort): void {
    const own = this.#own.get(addressKey(from.host, from.port));
    if (own !== undefined) this.#own.set(addressKey(to.host, to.port), own);
  }
  of({ host, port }: HostAndPort): NodeCredentials | undefined {
    return this.#own.get(addressKey(host, port));
  }
  /** Whether any node has other credentials than the general ones. */
  differFrom({ username, password }: NodeCredentials): boolean {
    const same = (a: unknown, b: unknown): boolean => (a ?? null) === (b ?? null);
    return [...this.#own.values()].some(
      (own) => !same(own.username, username) || !same(own.password, password),
    );
  }

  /** A connection class that logs in with the credentials of its node. */
  connectionClass(): typeof ClusterConnection {
    const credentials = this;
    return class NodeConnection extends ClusterConnection {
      constructor(location: TCPLocation, options?: ClusterConnectionOptions) {
        const own = credentials.of(location);
        if (own === undefined) super(location, options);
        else {
          const { username, password } = own;
          super(location, {
            ...options,
            username: password ? (username ?? undefined) : undefined,
            password: password ?? undefined,
          });
        }
      }
    } as typeof ClusterConnection;
  }
}
