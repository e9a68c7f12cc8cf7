import { nameClass, refuseDirectConstruction } from '../base/classes.ts';
import { AbstractConnection } from './abstract-connection.ts';
import type { WaitOptions } from '../base/deadline.ts';

/** How long to wait for a connection. */
export interface AcquireOptions extends WaitOptions {}

/** A connection for one caller alone, until `release()` or the end of the scope (`using`). */
export interface Lease<C> extends Disposable, AsyncDisposable {
  readonly connection: C;
  /** Idempotent: a later lease of the connection is left alone. Replies may still be outstanding: they arrive all the same. */
  release(): void;
}

/**
 * A pool implements the interface of a connection: code that takes a connection also takes a pool.
 *
 * @example class SplitPool extends AbstractPool { … } // poolConformance() of the test kit tests it
 */
export abstract class AbstractPool<
  C extends AbstractConnection = AbstractConnection,
> extends AbstractConnection {
  static {
    nameClass(this, 'AbstractPool');
  }

  constructor() {
    super();
    refuseDirectConstruction(new.target, AbstractPool);
  }
  /** A connection if one is free, else null. Release it after use. */
  abstract tryGetConnection(): C | null;
  /** Leases a connection to the caller alone; rejects with `TimeoutError` if none is free in time. */
  abstract acquire(options?: AcquireOptions): Promise<Lease<C>>;
  /** Throws for a connection that this pool has not leased. */
  abstract release(connection: C): void;
}
