/** A hit tells nothing that was not true this many ms ago; within the second that is promised. */
export const TRUST = 800;
/** While entries are read, those who guard them are asked this often for a sign of life. */
export const ASK_EVERY = 250;

/**
 * Whether the server still tells what changes. Its answer to a question proves that it had told everything it
 * did before the question was put: answers and invalidations come over one connection, in order.
 */
export class Heartbeat {
  /** Everything the server did before this moment has been heard; monotonic ms. */
  verified: number;
  /** When the question was put that is still open; 0: none is. */
  asked = 0;
  readonly #send: () => boolean;

  /** `send` puts a question whose answer calls `answered`; false: it cannot be put now. */
  constructor(send: () => boolean, verified = Number.NEGATIVE_INFINITY) {
    this.#send = send;
    this.verified = verified;
  }

  ask(now: number): boolean {
    if (this.asked !== 0) return true;
    this.asked = now;
    if (this.#send()) return true;
    this.asked = 0;
    return false;
  }

  answered(): void {
    this.heard(this.asked);
    this.asked = 0;
  }

  /** A reply came to what was asked at that moment. */
  heard(at: number): void {
    if (at > this.verified) this.verified = at;
  }
}

/** Guards without a server behind them. */
export function alwaysTrusted(): Heartbeat {
  return new Heartbeat(() => true, Number.POSITIVE_INFINITY);
}
