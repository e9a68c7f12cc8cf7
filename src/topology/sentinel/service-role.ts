import type { BaseConnection } from '../../connection/base-connection.ts';
import type { WaitOptions } from '../../base/deadline.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import { keyOf, type TCPLocation } from '../../transport/location.ts';
import type { ServerRole } from '../single-node.ts';
import type { PrimaryListener } from './primary-followers.ts';

export interface FindOptions extends WaitOptions {
  /** Addresses that a dial has proved wrong; a sentinel that names no other is passed over. */
  readonly avoid?: ReadonlySet<string> | undefined;
}

/** Key of the method that subscribes to changes of a service's primary. */
export const FOLLOW: unique symbol = Symbol('respool.follow');

/** Key of the method that is told when a dial has verified a primary. */
export const PROVED: unique symbol = Symbol('respool.proved');

/** Looks up the primary and the replicas of a service. */
export interface Directory {
  discoverPrimary(service: string, options?: FindOptions): Promise<TCPLocation>;
  discoverReplicas(service: string, options?: FindOptions): Promise<TCPLocation[]>;
  [FOLLOW]?(service: string, listener: PrimaryListener): () => void;
  [PROVED]?(service: string, location: TCPLocation): void;
}

/** The parts of a pool that a role uses. */
export interface RoleParts {
  readonly service: string;
  readonly directory: Directory;
  /** Makes a connection, not yet run, whose handshake verifies the role. */
  readonly make: (location: TCPLocation, isPrimary: boolean) => BaseConnection;
  /** Lets the pool dial again at once. */
  readonly hurry: () => void;
  /** The node of the pool, once that is made. */
  readonly node: () => ConnectionNode;
}

/** Connects to the servers of one role of a service. */
export interface ServiceRole extends ServerRole {
  /** Makes a usable connection; tries every candidate that the sentinels name. */
  connect(signal: AbortSignal): Promise<BaseConnection>;
}

/** The open connections of a role with their locations, including those outside the pool. */
export class OpenConnections {
  readonly #places = new Map<BaseConnection, TCPLocation>();

  get size(): number {
    return this.#places.size;
  }
  add(connection: BaseConnection, location: TCPLocation): void {
    this.#places.set(connection, location);
    void connection.waitClosed().then(() => this.#places.delete(connection));
  }
  at(location: TCPLocation): BaseConnection[] {
    return this.select((address) => address === keyOf(location));
  }
  elsewhere(location: TCPLocation): BaseConnection[] {
    return this.select((address) => address !== keyOf(location));
  }
  select(passes: (address: string, connection: BaseConnection) => boolean): BaseConnection[] {
    const found: BaseConnection[] = [];
    for (const [connection, location] of this.#places) {
      if (!connection.closed && passes(keyOf(location), connection)) found.push(connection);
    }
    return found;
  }
}
