/** Buckets grow by 2 %: percentiles of any number of samples in a few kilobytes. */
const GROWTH = Math.log(1.02);
const SMALLEST = 0.001;
const BUCKETS = 1_200;

/** Durations in milliseconds. */
export class Histogram {
  readonly #buckets = new Uint32Array(BUCKETS);
  count = 0;
  max = 0;

  add(ms: number): void {
    const bucket = ms <= SMALLEST ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(ms / SMALLEST) / GROWTH));
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.count++;
    if (ms > this.max) this.max = ms;
  }

  /** The time that this share of the samples did not exceed; 0 without samples. */
  percentile(share: number): number {
    const wanted = Math.ceil(this.count * share);
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#buckets[bucket] ?? 0;
      if (seen >= wanted && seen > 0) return Math.min(this.max, SMALLEST * Math.exp(bucket * GROWTH));
    }
    return 0;
  }
}
