// node scripts/matrix-block.mjs [--write]: writes the results of test:runtimes and test:servers (tools/matrix.json)
// into the marked block of the README and of docs/versioning.md. Without --write it compares: the exit code is 1 if a
// block differs from the results, or if the results and the list of deviations disagree.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMain, read, ROOT } from './lib.mjs';
import { DEVIATIONS, deviationsOf, tableOf } from './matrix.mjs';

const RESULTS = 'tools/matrix.json';
const BLOCK = /(<!-- matrix:start -->\n)[^]*?(<!-- matrix:end -->)/;
const TITLES = { node: 'Node', bun: 'Bun', deno: 'Deno', redis: 'Redis', valkey: 'Valkey', redict: 'Redict' };

const kindOf = (name) => Object.keys(TITLES).find((kind) => name.startsWith(kind)) ?? name;
/** The order of the results: kinds as in `TITLES`, older releases first. */
const rank = (name, { version }) => {
  const order = Object.keys(TITLES).indexOf(kindOf(name));
  return version.split('.').reduce((sum, part) => sum * 1_000 + Number(part), order);
};

function section(part, results) {
  const rows = Object.entries(results)
    .sort((a, b) => rank(...a) - rank(...b))
    .map(([name, { version, passed, known, failed }]) => [
      `${TITLES[kindOf(name)]} ${version}`,
      passed,
      known,
      failed,
    ]);
  return tableOf([part, 'files passed', 'known to fail', 'failed'], rows);
}

function tables({ runtimes, servers }) {
  return [
    'Test files of `test/unit` and `test/conformance` under other runtimes (`npm run test:runtimes`):',
    section('runtime', runtimes),
    'Test files of `test/conformance`, `test/integration` and `test/servers` on each server (`npm run test:servers`):',
    section('server', servers),
  ].join('\n\n');
}

/** The list of files that are known to fail, with the runtime or server and the reason. */
function deviations(results) {
  const names = Object.keys({ ...results.runtimes, ...results.servers });
  const lines = names.flatMap((name) =>
    Object.entries(deviationsOf(name)).map(
      ([file, reason]) => `- ${TITLES[kindOf(name)]}, \`${file}\`: ${reason}.`,
    ),
  );
  return lines.length === 0 ? 'No file is known to fail.' : `Known to fail:\n\n${lines.join('\n')}`;
}

/** The text between the marks of each page. */
const PAGES = {
  'README.md': (results) =>
    `${tables(results)}\n\nFiles that are known to fail, each with its reason: [supported versions](docs/versioning.md#supported-versions).`,
  'docs/versioning.md': (results) => `${tables(results)}\n\n${deviations(results)}`,
};

function pageOf(path, results) {
  return read(path).replace(BLOCK, (_, start, end) => `${start}\n${PAGES[path](results)}\n\n${end}`);
}

function writePages(results) {
  for (const path of Object.keys(PAGES)) writeFileSync(join(ROOT, path), pageOf(path, results));
}

/** Replaces the results of the same runtimes or servers, and writes the blocks. */
export function writeResults(part, results) {
  const all = JSON.parse(read(RESULTS));
  for (const { name, version, passed, known, failed } of results)
    all[part][name] = { version, passed, known, failed: failed.length };
  writeFileSync(join(ROOT, RESULTS), `${JSON.stringify(all, null, 2)}\n`);
  writePages(all);
}

function problemsOf(results) {
  const found = Object.keys(PAGES)
    .filter((path) => !BLOCK.test(read(path)) || pageOf(path, results) !== read(path))
    .map(
      (path) =>
        `${path}: the block "matrix" is not what ${RESULTS} says: node scripts/matrix-block.mjs --write`,
    );
  for (const [name, { known, failed }] of Object.entries({ ...results.runtimes, ...results.servers })) {
    const listed = Object.keys(deviationsOf(name)).length;
    if (known !== listed)
      found.push(`${name}: ${known} files were known to fail, ${DEVIATIONS} has ${listed}`);
    if (failed > 0) found.push(`${name}: ${failed} files failed that ${DEVIATIONS} does not have`);
  }
  return found;
}

if (isMain(import.meta.url)) {
  const results = JSON.parse(read(RESULTS));
  if (process.argv.includes('--write')) writePages(results);
  const problems = problemsOf(results);
  for (const problem of problems) console.error(problem);
  console.log(`${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
