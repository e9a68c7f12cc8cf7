// npm run test:runtimes [-- node24 bun …] [--only=substring,…]: the compiled tests under other runtimes, file by file.
// The runtimes are packages of tools/runtimes/. Files that a runtime is known to fail stand in
// tools/runtimes/deviations.json with the reason; one that passes all the same is named, so that the list stays true.
// Ends with a table, and with 1 when a file failed that is not on the list.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from './compile.mjs';
import { installedIn } from './installed.mjs';
import { files, NPM, ROOT, run } from './lib.mjs';
import { runQuietly, splitArguments, tableOf } from './matrix.mjs';

const FOLDER = join(ROOT, 'tools', 'runtimes');
const PARTS = ['unit/', 'conformance/'];
const FILE_LIMIT = 180_000;
const TOGETHER = 2;

const at = (name, path) => join(FOLDER, 'node_modules', name, path);
const RUNTIMES = {
  node22: { binary: at('node22', 'bin/node'), test: (file) => ['--test', file] },
  node24: { binary: at('node24', 'bin/node'), test: (file) => ['--test', file] },
  node26: { binary: at('node26', 'bin/node'), test: (file) => ['--test', file] },
  bun: { binary: at('bun', 'bin/bun'), test: (file) => ['test', '--timeout', '120000', `./${file}`] },
  deno: { binary: at('deno', 'deno'), test: (file) => ['test', '-A', '--no-check', file] },
};

async function install() {
  if (installedIn(FOLDER)) return;
  const command = [NPM, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { code } = await run(command, { cwd: FOLDER });
  if (code !== 0) throw new Error('the runtimes could not be installed');
}

function deviationsOf(name) {
  const path = join(FOLDER, 'deviations.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8'))[name] ?? {}) : {};
}

async function testUnder(name, chosen) {
  const { binary, test } = RUNTIMES[name];
  const known = deviationsOf(name);
  const home = mkdtempSync(join(tmpdir(), 'respool-runtime-'));
  const env = { HOME: home, DENO_DIR: home, BUN_INSTALL: home, NODE_OPTIONS: '', RESPOOL_ROOT: ROOT };
  const counts = { passed: 0, known: 0, failed: 0 };
  const queue = [...chosen];
  const started = Date.now();
  const lane = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      let { code } = await runQuietly([binary, ...test(file)], env, FILE_LIMIT);
      const short = file.replace(/^\.build\//, '').replace(/\.js$/, '.ts');
      // Two files at a time share the machine: one that failed is asked once more.
      if (code !== 0 && known[short] === undefined)
        ({ code } = await runQuietly([binary, ...test(file)], env, FILE_LIMIT));
      if (code === 0) {
        counts.passed++;
        if (known[short] !== undefined) console.log(`  ${name}: ${short} passes, though it is on the list`);
      } else if (known[short] !== undefined) counts.known++;
      else {
        counts.failed++;
        console.log(`  ${name}: ${short} FAILED`);
      }
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, lane));
  rmSync(home, { recursive: true, force: true });
  const { output } = await runQuietly([binary, '--version'], env, 10_000);
  const time = `${Math.round((Date.now() - started) / 1_000)} s`;
  return [`${name} (${output.trim().split('\n')[0]})`, counts.passed, counts.known, counts.failed, time];
}

const { words, flags } = splitArguments(process.argv.slice(2));
const names = words.length > 0 ? words : Object.keys(RUNTIMES);
const unknown = names.filter((name) => !Object.hasOwn(RUNTIMES, name));
if (unknown.length > 0) {
  console.error(`No such runtime: ${unknown.join(', ')}. There are: ${Object.keys(RUNTIMES).join(', ')}.`);
  process.exit(2);
}
await install();
const compiled = await compile();
if (compiled.code !== 0) {
  console.error(compiled.output);
  process.exit(1);
}
const parts = flags.get('only')?.split(',') ?? PARTS;
// Of what was compiled, the tests that are still there.
const chosen = files(
  'test',
  (path) => path.endsWith('.test.ts') && parts.some((part) => path.includes(part)),
).map((path) => `.build/${path.replace(/\.ts$/, '.js')}`);
const rows = [];
for (const name of names) {
  console.log(`Testing under ${name}: ${chosen.length} files …`);
  rows.push(await testUnder(name, chosen));
}
console.log(`\n${tableOf(['runtime', 'files passed', 'known to fail', 'failed', 'time'], rows)}`);
process.exitCode = rows.every((row) => row[3] === 0) ? 0 : 1;
