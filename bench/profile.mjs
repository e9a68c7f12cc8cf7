import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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

/** Where a line of a bundle comes from; null: it has no map. */
function originOf() {
  const maps = new Map();
  return (url, line) => {
    if (!maps.has(url)) {
      const file = url.startsWith('file:') ? `${fileURLToPath(url)}.map` : '';
      maps.set(url, existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8'))) : null);
    }
    const map = maps.get(url);
    if (map === null) return null;
    for (let column = 0; column < 80; column += 4) {
      const { originalSource } = map.findEntry(line - 1, column);
      if (originalSource !== undefined) return originalSource.replace(/^(\.\.\/)+/, '');
    }
    return null;
  };
}

/**
 * Samples by the source file of their line. What the engine has inlined it books on the function that holds it, so
 * only lines tell whose work it is.
 */
function byFile({ nodes }) {
  const origin = originOf();
  const ticks = new Map();
  let total = 0;
  for (const { callFrame, positionTicks = [], hitCount } of nodes) {
    if (callFrame.functionName === '(idle)') continue;
    total += hitCount;
    for (const { line, ticks: count } of positionTicks) {
      const file = origin(callFrame.url, line);
      if (file !== null) ticks.set(file, (ticks.get(file) ?? 0) + count);
    }
  }
  return [...ticks].sort((a, b) => b[1] - a[1]).map(([file, count]) => [file, (count / total) * 100]);
}

const shares = (times) =>
  times.filter(([, share]) => share >= 0.5).map(([key, share]) => [key, `${share.toFixed(1)} %`]);

/** A CPU profile of one row, kept for a viewer and summed up by function. */
export async function profileRow(client, rowId, address) {
  const row = ROWS.find(({ id }) => id === rowId);
  if (row === undefined) throw new Error(`no row ${rowId}: ${ROWS.map(({ id }) => id).join(', ')}`);
  const results = join(BENCH, 'results');
  mkdirSync(results, { recursive: true });
  const folder = mkdtempSync(join(results, 'profile-'));
  const runner = await Runner.start(client, address, [
    '--cpu-prof',
    `--cpu-prof-dir=${folder}`,
    '--cpu-prof-interval=250',
  ]);
  const first = await runner.ask({ type: 'round', row: row.id, operations: 1000 });
  const perMs = first.operations / first.ms;
  const warm = await runner.ask({ type: 'round', row: row.id, operations: Math.ceil(perMs * WARM_UP) });
  const operations = Math.ceil((warm.operations / warm.ms) * PROFILED);
  await runner.ask({ type: 'round', row: row.id, operations });
  await runner.stop();
  const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile'));
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const functions = table([['function', 'self'], ...shares(selfTimes(profile))]);
  const files = table([['the package, by file of the line', 'self'], ...shares(byFile(profile))]);
  return `${client.title}, ${row.title}: ${join(folder, file)}\n\n${functions}\n\n${files}`;
}
