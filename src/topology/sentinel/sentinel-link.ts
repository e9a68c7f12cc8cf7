import type { TCPConnection } from '../../connection/tcp-connection.ts';
import { dialGovernor } from '../../node/dials.ts';
import { runConnection } from '../../node/dials.ts';
import { ServiceConnection } from '../../node/service-connection.ts';
import type { Reply } from '../../resp/types.ts';
import type { TCPLocation } from '../../transport/location.ts';
import type { AskOptions } from '../first-answer.ts';

/**
 * Asks one sentinel over one connection, dialled at the first question. The connection keeps the process alive only
 * while a question is open.
 */
export class SentinelLink {
  readonly #service: ServiceConnection;
  #asking = 0;

  constructor(location: TCPLocation, make: () => TCPConnection) {
    this.#service = new ServiceConnection({
      address: location.toString(),
      governor: dialGovernor,
      deadPeerTimeout: null,
      atOnce: true,
      dial: (signal) => runConnection(make(), signal),
      unref: () => this.#asking === 0,
    });
  }

  async ask(
    command: string,
    args: readonly string[],
    timeout: number,
    dialling?: AskOptions['dialling'],
  ): Promise<Reply> {
    this.#asking++;
    const dialled = dialling?.();
    try {
      const connection = await this.#service.ready(null);
      dialled?.();
      this.#service.refresh();
      return await connection.createRequest(command, args, { timeout, disconnectOnCancellation: true });
    } finally {
      this.#asking--;
      if (this.#asking === 0) this.#service.refresh();
    }
  }

  /** Drops the connection; the next question dials again. */
  drop(reason: string): void {
    this.#service.drop(reason);
  }
  close(): void {
    void this.#service.close('the Sentinel is closed');
  }
}
