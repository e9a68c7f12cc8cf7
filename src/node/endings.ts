import type { BaseConnection } from '../connection/base-connection.ts';

/** A transport of somebody else's may never say that it is gone: it is not waited for longer. */
const PATIENCE = 1_000;

/** The sockets of a node, until the last of them is gone. */
export class Endings {
  readonly #open = new Set<Promise<void>>();

  watch(connection: BaseConnection): void {
    const gone = connection.waitClosed();
    this.#open.add(gone);
    void gone.then(() => this.#open.delete(gone));
  }

  /** Resolves when the sockets of connections that have ended are gone. */
  async over(): Promise<void> {
    if (this.#open.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE);
    });
    await Promise.race([Promise.all(this.#open), late]);
    clearTimeout(timer);
  }
}
