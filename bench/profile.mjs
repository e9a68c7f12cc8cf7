import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROWS } from './rows.mjs';
import { BENCH, Runner } from './runner.mjs';
import { table } from './report.mjs';

/** Milliseconds. */
const WARM_UP = 1000;
const PROFILED = 4000;

/** Self time by function. */
function selfTimes({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const times = new Map();
  let total = 0;
  for (const [index, id] of samples.entries()) {
    const { functionName, url, lineNumber } = byId.get(id);
    if (functionName === '(idle)') continue;
    const place = url === '' ? '' : ` ${url.replace(/^.*\/(dist|node_modules)\//, '$1/')}:${lineNumber + 1}`;
    const key = `${functionName || '(anonymous)'}${place}`;
    times.set(key, (times.get(key) ?? 0) + timeDeltas[index]);
    total += timeDeltas[index];
  }
  return [...times].sort((a, b) => b[1] - a[1]).map(([key, time]) => [key, (time / total) * 100]);
}

/** A CPU profile of one row, kept for a viewer and summed up by function. */
export async function profileRow(client, rowId, address) {
  const row = ROWS.find(({ id }) => id === rowId);
  if (row === undefined) throw new Error(`no row ${rowId}: ${ROWS.map(({ id }) => id).join(', ')}`);
  const results = join(BENCH, 'results');
  mkdirSync(results, { recursive: true });
  const folder = mkdtempSync(join(results, 'profile-'));
  const runner = await Runner.start(client, address, ['--cpu-prof', `--cpu-prof-dir=${folder}`]);
  const first = await runner.ask({ type: 'round', row: row.id, operations: 1000 });
  const perMs = first.operations / first.ms;
  const warm = await runner.ask({ type: 'round', row: row.id, operations: Math.ceil(perMs * WARM_UP) });
  const operations = Math.ceil((warm.operations / warm.ms) * PROFILED);
  await runner.ask({ type: 'round', row: row.id, operations });
  await runner.stop();
  const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile'));
  const times = selfTimes(JSON.parse(readFileSync(join(folder, file), 'utf8')));
  const lines = times
    .filter(([, share]) => share >= 0.5)
    .map(([key, share]) => [key, `${share.toFixed(1)} %`]);
  return `${client.title}, ${row.title}: ${join(folder, file)}\n\n${table([['function', 'self'], ...lines])}`;
}
