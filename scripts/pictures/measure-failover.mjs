// Measures a failover of a cluster under load with the test kit, and writes the picture's data:
// docs/pictures/failover.json.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { compile } from '../compile.mjs';
import { ROOT } from '../lib.mjs';

const STEP = 100;
const BEFORE = 1_000;
const AFTER = 4_000;
const CALLERS = 50;
const PATIENCE = 15_000;

const compiled = await compile();
if (compiled.code !== 0) throw new Error(compiled.output);
const built = (path) => import(pathToFileURL(join(ROOT, '.build', path)).href);
const { ClusterConnectionPool } = await built('src/index.js');
const { startCluster } = await built('src/testkit/index.js');

const cluster = await startCluster({ args: ['--cluster-require-full-coverage', 'no'] });
const pool = await ClusterConnectionPool.fromUrl(cluster.url, { decodeResponses: true }).open();

/** One key for each shard, in the order of the slots. */
const keys = pool.clusterLayout.primaries.map((node) => {
  for (let index = 0; ; index++)
    if (pool.clusterLayout.nodeForKey(`key:${index}`) === node) return `key:${index}`;
});
const started = performance.now();
const answered = keys.map(() => []);
const failures = [];
let running = true;
let killedAt = Number.POSITIVE_INFINITY;
let writtenAt = null;

async function call(shard) {
  while (running) {
    const begun = performance.now();
    const request = pool.executeRequest('SET', [keys[shard], 'x'], { timeout: PATIENCE });
    try {
      await request;
      const now = performance.now();
      answered[shard].push(now);
      if (shard === 0 && writtenAt === null && begun > killedAt) writtenAt = now;
    } catch (error) {
      failures.push({ at: performance.now(), shard, name: error.name, maybeExecuted: request.maybeExecuted });
    }
    await sleep(1);
  }
}
const callers = keys.flatMap((_, shard) => Array.from({ length: CALLERS }, () => call(shard)));

await sleep(BEFORE + 200);
const slot = await cluster.keySlot(keys[0]);
const dead = await cluster.nodeForSlot(slot);
killedAt = performance.now();
await dead.kill();
await cluster.waitForNewPrimary(slot, dead);
const elected = performance.now();
await sleep(Math.max(0, AFTER - (elected - killedAt)) + 200);
running = false;
await Promise.all(callers);

const since = (at) => Math.round(at - killedAt);
const buckets = (times) =>
  Array.from({ length: (BEFORE + AFTER) / STEP }, (_, index) => {
    const from = -BEFORE + index * STEP;
    return times.filter((at) => since(at) >= from && since(at) < from + STEP).length;
  });
const measured = {
  about: `${cluster.kind} ${cluster.version}, 3 primaries and 3 replicas, cluster-node-timeout of the test kit, Node ${process.version}`,
  step: STEP,
  before: BEFORE,
  callers: CALLERS,
  answered: answered.map(buckets),
  rejected: failures.map(({ at, shard, name, maybeExecuted }) => ({
    at: since(at),
    shard,
    name,
    maybeExecuted,
  })),
  elected: since(elected),
  written: since(writtenAt),
};
const file = join(ROOT, 'docs', 'pictures', 'failover.json');
writeFileSync(file, `${JSON.stringify(measured, null, 1).replaceAll(/\n\s+(?=-?\d|\])/g, ' ')}\n`);
console.log(file, `measured over ${Math.round(performance.now() - started)} ms`);
console.log({ ...measured, answered: undefined, rejected: failures.length });
await pool.close();
await cluster.stop();
