import { cache } from './cache.mjs';
import { cold } from './cold.mjs';
import { costs } from './costs.mjs';
import { far } from './far.mjs';
import { memory } from './memory.mjs';
import { open } from './open.mjs';
import { pubsub } from './pubsub.mjs';
import { rows } from './rows.mjs';
import { runtimes } from './runtimes.mjs';
import { scale } from './scale.mjs';
import { shards } from './shards.mjs';
import { threads } from './threads.mjs';
import { tls } from './tls.mjs';

/**
 * The parts of the benchmark, in the order of docs/bench.md. `measure` returns the text of the block and its data, or
 * null if this machine cannot measure the part.
 */
export const PARTS = [
  rows,
  open,
  pubsub,
  cache,
  tls,
  far,
  threads,
  runtimes,
  memory,
  costs,
  scale,
  shards,
  cold,
];
