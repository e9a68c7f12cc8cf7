// A file imports from its own folder or a lower layer, and imports form no cycle. Type-only imports may form one (two
// files that hold one recursive type), but must point down as well.
import { dirname, join, normalize } from 'node:path';
import { files, isMain, read, withoutComments } from './lib.mjs';

const LAYERS = new Map([
  ['base', 0],
  ['errors', 1],
  ['telemetry', 1],
  ['resp', 2],
  ['transport', 2],
  ['pooling', 2],
  ['interfaces', 3],
  ['commands', 3],
  ['pubsub', 4],
  ['cache', 4],
  ['connection', 5],
  ['node', 6],
  ['topology', 7],
  ['pool', 8],
  ['index.ts', 9],
]);
/** Separate entries: they may import everything, and no other folder imports them. */
const APART = new Set(['cli', 'ioredis', 'otel', 'testkit']);
/** A file holds one noun and is read in one sitting. */
const LINES = { advised: 350, allowed: 450, short: 40 };
const IMPORT = /(?:\b(import|export)\s+(type\s)?[^'";]*?\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"\n]+)\3/g;

/** Node collects a timeout signal that only `any` refers to, so it never fires. `Deadline` combines signals safely. */
const LOST_LIMIT = /\bAbortSignal\.(?:any|timeout)\b/;

const folderOf = (path) => path.split('/')[1];

export function importsOf(path) {
  return [...withoutComments(read(path)).matchAll(IMPORT)].map(([, , type, , specifier]) => ({
    specifier,
    typeOnly: type !== undefined,
    target: specifier.startsWith('.')
      ? normalize(join(dirname(path), specifier)).replaceAll('\\', '/')
      : null,
  }));
}

/** Optional peer dependencies, and the entry that may import each. */
const PEERS = new Map([
  ['@opentelemetry/api', 'otel'],
  // Types only.
  ['ioredis', 'ioredis'],
]);

function judge(path, { specifier, target }, known) {
  if (target === null) {
    const allowed = specifier.startsWith('node:') || PEERS.get(specifier) === folderOf(path);
    return allowed ? null : `uses the package ${specifier}`;
  }
  if (!known.has(target)) return `imports ${specifier}, which is not a file of src (specifiers end in .ts)`;
  const [from, to] = [folderOf(path), folderOf(target)];
  if (from === to || APART.has(from)) return null;
  if (APART.has(to)) return `imports ${target}: ${to} is an entry of its own`;
  const [high, low] = [LAYERS.get(from), LAYERS.get(to)];
  if (high === undefined) return `lies in ${from}, which has no layer`;
  if (low === undefined) return `imports from ${to}, which has no layer`;
  if (low < high) return null;
  return low === high
    ? `imports ${target}: ${from} and ${to} are strangers`
    : `imports upward: ${target} (${high} → ${low})`;
}

function cycles(graph) {
  const found = [];
  const state = new Map();
  const visit = (path, trail) => {
    state.set(path, 'open');
    for (const next of graph.get(path) ?? []) {
      if (state.get(next) === 'open') found.push([...trail.slice(trail.indexOf(next)), next].join(' → '));
      else if (!state.has(next)) visit(next, [...trail, next]);
    }
    state.set(path, 'done');
  };
  for (const path of graph.keys()) if (!state.has(path)) visit(path, [path]);
  return found;
}

export function checkLayers() {
  const paths = files('src', (path) => path.endsWith('.ts'));
  const known = new Set(paths);
  const problems = [];
  const graph = new Map();
  for (const path of paths) {
    const imports = importsOf(path);
    if (LOST_LIMIT.test(withoutComments(read(path))))
      problems.push(`${path} uses AbortSignal.any or AbortSignal.timeout: use Deadline`);
    graph.set(
      path,
      imports
        .filter(({ typeOnly }) => !typeOnly)
        .map(({ target }) => target)
        .filter((target) => known.has(target)),
    );
    for (const one of imports) {
      const problem = judge(path, one, known);
      if (problem !== null) problems.push(`${path} ${problem}`);
    }
  }
  for (const circle of cycles(graph)) problems.push(`circle: ${circle}`);
  return { problems, paths };
}

function checkLengths(paths) {
  const problems = [];
  const long = [];
  let short = 0;
  for (const path of paths) {
    const lines = read(path).trimEnd().split('\n').length;
    if (lines > LINES.allowed) problems.push(`${path} has ${lines} lines, ${LINES.allowed} are allowed`);
    else if (lines > LINES.advised) long.push(`${path} ${lines}`);
    else if (lines < LINES.short && path !== 'src/index.ts') short++;
  }
  return { problems, long, short };
}

if (isMain(import.meta.url)) {
  const { problems, paths } = checkLayers();
  const lengths = checkLengths(paths);
  if (lengths.long.length > 0) console.log(`longer than ${LINES.advised} lines: ${lengths.long.join(', ')}`);
  console.log(`shorter than ${LINES.short} lines: ${lengths.short} files`);
  const all = [...problems, ...lengths.problems];
  for (const problem of all) console.error(problem);
  console.log(`${paths.length} files of src, ${all.length} problems`);
  process.exitCode = all.length === 0 ? 0 : 1;
}
