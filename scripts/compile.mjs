import { run, TSC } from './lib.mjs';

/** Everything to `.build`; output is written even when types are wrong, and the code says so. */
export function compile({ quiet = true } = {}) {
  return run([...TSC, '-p', 'tsconfig.json', '--pretty', 'false'], { quiet });
}
