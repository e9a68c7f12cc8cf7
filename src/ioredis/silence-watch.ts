import type { Duplex } from 'node:stream';
import type { Link } from './link.ts';

/** `socketTimeout`: closes a connection that receives nothing for so long while requests are outstanding. */
export class SilenceWatch {
  readonly #limit: number;
  readonly #link: Link;
  readonly #stream: Duplex | null;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(limit: number, link: Link, stream: Duplex | null) {
    this.#limit = limit;
    this.#link = link;
    this.#stream = stream;
  }

  /** Starts the timer when a request is sent. */
  arm(): void {
    if (this.#timer === undefined) this.#wait(this.#limit);
  }

  #wait(pause: number): void {
    const armed = Date.now();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const { requestsPending, lastByteReceivedAt } = this.#link.statistics;
      if (requestsPending === 0) return;
      const heard = Math.max(armed - (this.#limit - pause), lastByteReceivedAt ?? 0);
      const left = heard + this.#limit - Date.now();
      if (left > 0) return this.#wait(left);
      const text = `Socket timeout. Expecting data, but didn't receive any in ${this.#limit}ms.`;
      this.#stream?.destroy(new Error(text));
    }, pause);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
