// npm run test:runtimes [-- node24 bun …] [--only=substring,…] [--write]: runs the compiled tests under other runtimes
// (packages of tools/runtimes/), file by file, and prints a table. The exit code is 1 if a file failed twice that is
// not in tools/deviations.json. `--write` puts the results into the README and the guide (scripts/matrix-block.mjs).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installedIn } from './installed.mjs';
import { NPM, ROOT, run } from './lib.mjs';
import { writeResults } from './matrix-block.mjs';
import { compiledTests, NODE_TEST, resultTable, runFiles, runQuietly, splitArguments } from './matrix.mjs';

const FOLDER = join(ROOT, 'tools', 'runtimes');
const PARTS = ['unit/', 'conformance/'];

const at = (name, path) => join(FOLDER, 'node_modules', name, path);
const RUNTIMES = {
  node22: { binary: at('node22', 'bin/node'), test: (file) => [...NODE_TEST, file] },
  node24: { binary: at('node24', 'bin/node'), test: (file) => [...NODE_TEST, file] },
  node26: { binary: at('node26', 'bin/node'), test: (file) => [...NODE_TEST, file] },
  bun: { binary: at('bun', 'bin/bun'), test: (file) => ['test', '--timeout', '120000', `./${file}`] },
  deno: { binary: at('deno', 'deno'), test: (file) => ['test', '-A', '--no-check', file] },
};

async function install() {
  if (installedIn(FOLDER)) return;
  const command = [NPM, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { code } = await run(command, { cwd: FOLDER });
  if (code !== 0) throw new Error('the runtimes could not be installed');
}

async function testUnder(name, chosen) {
  const { binary, test } = RUNTIMES[name];
  const home = mkdtempSync(join(tmpdir(), 'respool-runtime-'));
  const env = { HOME: home, DENO_DIR: home, BUN_INSTALL: home, NODE_OPTIONS: '', RESPOOL_ROOT: ROOT };
  const started = Date.now();
  const result = await runFiles(name, chosen, { command: (file) => [binary, ...test(file)], env });
  rmSync(home, { recursive: true, force: true });
  const { output } = await runQuietly([binary, '--version'], env, 10_000);
  const version = /\d+\.\d+\.\d+/.exec(output)?.[0] ?? '?';
  return { name, version, ...result, seconds: Math.round((Date.now() - started) / 1_000) };
}

const { words, flags } = splitArguments(process.argv.slice(2));
const names = words.length > 0 ? words : Object.keys(RUNTIMES);
const unknown = names.filter((name) => !Object.hasOwn(RUNTIMES, name));
if (unknown.length > 0) {
  console.error(`No such runtime: ${unknown.join(', ')}. There are: ${Object.keys(RUNTIMES).join(', ')}.`);
  process.exit(2);
}
if (flags.has('write') && flags.has('only')) {
  console.error('--write needs the whole run: leave --only out.');
  process.exit(2);
}
await install();
const chosen = await compiledTests(flags.get('only')?.split(',') ?? PARTS);
const results = [];
for (const name of names) {
  console.log(`Testing under ${name}: ${chosen.length} files …`);
  results.push(await testUnder(name, chosen));
  if (flags.has('write')) writeResults('runtimes', results);
}
console.log(`\n${resultTable('runtime', results)}`);
process.exitCode = results.every(({ failed }) => failed.length === 0) ? 0 : 1;
