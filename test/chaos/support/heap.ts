// Measures the growth of the heap during a run.
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MB = 1024 * 1024;
const EVERY = 5_000;

/** Heap after a collection, measured every five seconds. */
export class HeapWatch {
  readonly #samples: (readonly [minutes: number, megabytes: number])[] = [];
  readonly #began = performance.now();
  readonly #collect: () => void;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    setFlagsFromString('--expose-gc');
    this.#collect = runInNewContext('gc') as () => void;
    this.#timer = setInterval(() => this.#measure(), EVERY);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Megabytes at the end, and by how many they grew in a minute over the last half; null: too few samples. */
  get figures(): { readonly end: number; readonly slope: number } | null {
    const half = this.#samples.slice(this.#samples.length >> 1);
    if (half.length < 4) return null;
    const [x, y] = [0, 1].map((at) => half.reduce((sum, one) => sum + one[at]!, 0) / half.length) as [
      number,
      number,
    ];
    let above = 0;
    let below = 0;
    for (const [minutes, megabytes] of half) {
      above += (minutes - x) * (megabytes - y);
      below += (minutes - x) ** 2;
    }
    return { end: half.at(-1)![1], slope: above / below };
  }

  /** Megabytes after a collection. */
  now(): number {
    this.#collect();
    // Not from `process.memoryUsage()`, which needs a file descriptor: a fault uses them up.
    const { used_heap_size: used, external_memory: external } = getHeapStatistics();
    return (used + external) / MB;
  }

  #measure(): void {
    this.#samples.push([(performance.now() - this.#began) / 60_000, this.now()]);
  }
}
