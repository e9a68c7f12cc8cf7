import { run, TSC } from './lib.mjs';

/** Compiles everything to `.build`. It writes output even if there are type errors; the exit code tells. */
export function compile({ quiet = true } = {}) {
  return run([...TSC, '-p', 'tsconfig.json', '--pretty', 'false'], { quiet });
}
