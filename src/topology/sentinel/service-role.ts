import type { BaseConnection } from '../../connection/base-connection.ts';
import type { WaitOptions } from '../../base/deadline.ts';
import { keyOf, type TCPLocation } from '../../transport/location.ts';
import type { ServerRole } from '../single-node.ts';
import type { PrimaryListener } from './primary-followers.ts';

export interface FindOptions extends WaitOptions {
  /** Addresses that have proved wrong: a sentinel that names nothing else is passed over. */
  readonly avoid?: ReadonlySet<string> | undefined;
}

/** Key of the method by which a directory tells of changes. */
export const FOLLOW: unique symbol = Symbol('respool.follow');

/** Key of the method that takes the proof of a dial: the server there says that it is the primary. */
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
  /** A connection not yet run; it verifies the role. */
  readonly make: (location: TCPLocation, isPrimary: boolean) => BaseConnection;
  /** The pool is worth another dial, now. */
  readonly hurry: () => void;
}

/** Where connections of one role go. */
export interface ServiceRole extends ServerRole {
  /** A usable connection: every candidate that the sentinels name is tried. */
  connect(signal: AbortSignal): Promise<BaseConnection>;
}

/** The open connections of a pool and where they go, those outside its bound included. */
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
