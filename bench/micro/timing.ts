/** Nanoseconds per operation: the best of several rounds, which comes from a quiet moment of the machine. */
export function nanoseconds(operations: number, run: () => void, rounds = 15): number {
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    const start = process.hrtime.bigint();
    run();
    best = Math.min(best, Number(process.hrtime.bigint() - start) / operations);
  }
  return best;
}

export function report(name: string, value: number): void {
  console.log(`${name.padEnd(44)} ${value.toFixed(value < 1000 ? 1 : 0).padStart(10)} ns`);
}
