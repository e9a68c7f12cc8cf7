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

const kept = (make) => {
  const made = new Map();
  return (key) => {
    if (!made.has(key)) made.set(key, make(key));
    return made.get(key);
  };
};
const linesOf = kept((file) => readFileSync(file, 'utf8').split('\n'));
const sourceMapOf = kept((file) =>
  existsSync(`${file}.map`) ? new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8'))) : null,
);

/** The source file of a line in a bundle; null if the bundle has no source map. */
function originOf(file, line) {
  for (let column = 0; column < 80; column += 4) {
    const { originalSource } = sourceMapOf(file)?.findEntry(line - 1, column) ?? {};
    if (originalSource !== undefined) return originalSource.replace(/^(\.\.\/)+/, '');
  }
  return null;
}

const HEAD = /^ *(?:(?:async|static|get|set|function) )*\*?(#?[\w$]+)\(.*\) \{$/;
const CONTROL = new Set(['if', 'for', 'while', 'switch', 'catch', 'with']);
/** Lines of code. Any other text at the left edge belongs to a multi-line string. */
const OUTERMOST = /^(?:\}|function|async|var|let|const|class|export|import|\s)/;
const indent = (text) => text.length - text.trimStart().length;

/** The function that contains a line: the nearest head above that is less indented, as the bundler formats code. */
function functionAt(file, line) {
  const lines = linesOf(file);
  let depth = indent(lines[line - 1]);
  for (let at = line - 1; at >= 0; at -= 1) {
    if (!OUTERMOST.test(lines[at])) continue;
    const name = HEAD.exec(lines[at])?.[1];
    const inner = at === line - 1 || indent(lines[at]) < depth;
    if (inner && name !== undefined && !CONTROL.has(name)) return name;
    if (inner && lines[at].trim() !== '') depth = Math.min(depth, indent(lines[at]));
  }
  return '(module)';
}

/**
 * Assigns samples to the function that contains their line. V8 counts an inlined function's samples for its caller, so
 * only lines show the function that did the work.
 */
function byLine({ nodes }) {
  const ticks = new Map();
  let total = 0;
  for (const { callFrame, positionTicks = [], hitCount } of nodes) {
    if (callFrame.functionName === '(idle)') continue;
    total += hitCount;
    if (!callFrame.url.startsWith('file:')) continue;
    for (const { line, ticks: count } of positionTicks) {
      const file = fileURLToPath(callFrame.url);
      // V8 gives line 0 if it does not know the line.
      const origin = line > 0 ? originOf(file, line) : null;
      if (origin === null) continue;
      const key = `${functionAt(file, line)} ${origin}`;
      ticks.set(key, (ticks.get(key) ?? 0) + count);
    }
  }
  return [...ticks].sort((a, b) => b[1] - a[1]).map(([key, count]) => [key, (count / total) * 100]);
}

const shares = (times) =>
  times.filter(([, share]) => share >= 0.5).map(([key, share]) => [key, `${share.toFixed(1)} %`]);

/** Records a CPU profile of one row, saves it for a viewer, and sums it up by function. */
export async function profileRow(client, rowId, address, runtime = process.execPath) {
  const row = ROWS.find(({ id }) => id === rowId);
  if (row === undefined) throw new Error(`no row ${rowId}: ${ROWS.map(({ id }) => id).join(', ')}`);
  const results = join(BENCH, 'results');
  mkdirSync(results, { recursive: true });
  const folder = mkdtempSync(join(results, 'profile-'));
  const flags = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=250'];
  const runner = await Runner.start(client, address, { runtime: [runtime, ...flags] });
  const first = await runner.ask({ type: 'round', row: row.id, operations: 1000 });
  const perMs = first.operations / first.ms;
  const warm = await runner.ask({ type: 'round', row: row.id, operations: Math.ceil(perMs * WARM_UP) });
  const operations = Math.ceil((warm.operations / warm.ms) * PROFILED);
  await runner.ask({ type: 'round', row: row.id, operations });
  await runner.stop();
  const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile'));
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const functions = table([['function', 'self'], ...shares(selfTimes(profile))]);
  const lines = table([['the package, by the function of the line', 'self'], ...shares(byLine(profile))]);
  return `${client.title}, ${row.title}: ${join(folder, file)}\n\n${functions}\n\n${lines}`;
}
