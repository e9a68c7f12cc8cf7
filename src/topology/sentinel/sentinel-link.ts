import { SentinelError } from '../../errors/errors.ts';
import type { TCPConnection } from '../../connection/tcp-connection.ts';
import { setRef } from '../../node/pooled-connection.ts';
import type { Reply } from '../../resp/types.ts';
import type { AskOptions } from '../first-answer.ts';

/**
 * Questions to one sentinel, over one connection that is dialled when there is something to ask. An idle connection
 * does not keep the process alive; one with a waiter does. It is no service connection: several sentinels are asked in
 * a race, and the pause of an address that was down must not hold back the first answer after it is up.
 */
export class SentinelLink {
  readonly #make: () => TCPConnection;
  #connection: TCPConnection | null = null;
  #dialling: Promise<TCPConnection> | null = null;
  #asking = 0;
  #closed = false;

  constructor(make: () => TCPConnection) {
    this.#make = make;
  }

  async ask(
    command: string,
    args: readonly string[],
    timeout: number,
    dialling?: AskOptions['dialling'],
  ): Promise<Reply> {
    this.#asking++;
    let connection: TCPConnection | null = null;
    const dialled = dialling?.();
    try {
      connection = await this.#usable();
      dialled?.();
      setRef(connection, true);
      return await connection.createRequest(command, args, { timeout, disconnectOnCancellation: true });
    } finally {
      this.#asking--;
      if (this.#asking === 0 && connection !== null) setRef(connection, false);
    }
  }

  /** The next question dials again. */
  drop(reason: string): void {
    this.#connection?.invalidate(reason);
    this.#connection = null;
  }
  close(): void {
    this.#closed = true;
    this.drop('closed');
  }

  #usable(): Promise<TCPConnection> {
    if (this.#closed) return Promise.reject(new SentinelError('the Sentinel is closed'));
    if (this.#connection?.usable === true) return Promise.resolve(this.#connection);
    this.#dialling ??= this.#dial().finally(() => {
      this.#dialling = null;
    });
    return this.#dialling;
  }

  async #dial(): Promise<TCPConnection> {
    const connection = this.#make();
    this.#connection = connection;
    await connection.run();
    return connection;
  }
}
