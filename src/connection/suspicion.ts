/** A request timed out and nothing has arrived since it was written: the peer has one more time limit to speak. */
export class Suspicion {
  readonly #expired: (limit: number) => void;
  readonly #changed: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(expired: (limit: number) => void, changed: () => void) {
    this.#expired = expired;
    this.#changed = changed;
  }

  get active(): boolean {
    return this.#timer !== null;
  }

  raise(limit: number): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => this.#expired(limit), Math.max(1, Math.ceil(limit)));
    this.#timer.unref();
    this.#changed();
  }

  /** Something was heard. */
  clear(): void {
    if (this.#timer === null) return;
    this.stop();
    this.#changed();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
