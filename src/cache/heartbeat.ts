/** A hit is never staler than this, in ms; below the second that the documentation promises. */
export const TRUST = 800;
/** While entries are read, the connections that guard them are asked for a sign of life this often, in ms. */
export const ASK_EVERY = 250;

/**
 * Tells whether the server's invalidations still arrive. A reply proves that every invalidation from before its
 * request has arrived, because replies and invalidations come over one connection, in order.
 */
export class Heartbeat {
  /** All invalidations from before this time have arrived; monotonic ms. */
  verified: number;
  /** When the pending request was sent; monotonic ms, 0 for none. */
  asked = 0;
  readonly #send: () => boolean;

  /** `send` sends a request whose reply calls `answered`; it returns false if it cannot send now. */
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

  /** A reply came to a request sent at that time. */
  heard(at: number): void {
    if (at > this.verified) this.verified = at;
  }
}

/** A heartbeat that is always fresh and needs no server. */
export function alwaysTrusted(): Heartbeat {
  return new Heartbeat(() => true, Number.POSITIVE_INFINITY);
}
