/** Lets concurrent callers share one run; the next caller after its end starts a new one. */
export class SingleFlight<T> {
  #current: Promise<T> | null = null;

  run(start: () => Promise<T>): Promise<T> {
    if (this.#current !== null) return this.#current;
    // The async function turns a synchronous throw into a rejection, and makes `finally` run after `#current` is set.
    const current = (async () => start())().finally(() => {
      this.#current = null;
    });
    this.#current = current;
    return current;
  }
}
