/** Concurrent callers share one run; the next caller after it starts a new one. */
export class SingleFlight<T> {
  #current: Promise<T> | null = null;

  run(start: () => Promise<T>): Promise<T> {
    if (this.#current !== null) return this.#current;
    // An async function turns a start that throws at once into a rejection; `finally` runs a turn later.
    const current = (async () => start())().finally(() => {
      this.#current = null;
    });
    this.#current = current;
    return current;
  }
}
