// node scripts/test.mjs [substring …]: compiles everything, then runs the test files whose path contains a substring.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from './compile.mjs';
import { ensureChromium } from './ensure-chromium.mjs';
import { files, ROOT, run } from './lib.mjs';

/** Milliseconds. A file that takes longer is considered hung. */
const FILE_TIMEOUT = 240_000;
/** The limit of the whole run. */
const RUN_TIMEOUT = 1_500_000;
/** If more files fail, none is run again: that is no accident. */
const MOST_AGAIN = 8;
/** The order of the tests, quick ones first: a mistake in the core shows before the servers start. */
const ORDER = [
  'test/unit/',
  'test/conformance/',
  'test/integration/',
  'test/issues/',
  'test/chaos/',
  'test/',
];

/** Tests with servers and proxies that some machines lack: `npm run test:servers` runs them. */
const ON_REQUEST = 'test/servers/';

const rank = (path) => ORDER.findIndex((prefix) => path.startsWith(prefix));

function select(filters) {
  const all = files('test', (path) => path.endsWith('.test.ts') && !path.startsWith('test/types/'));
  const asked = (path) => filters.some((text) => path.includes(text));
  const chosen = all.filter((path) => asked(path) || (filters.length === 0 && !path.startsWith(ON_REQUEST)));
  return chosen.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

const filters = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const chosen = select(filters);
if (chosen.length === 0) {
  console.error(`No test file matches ${filters.join(', ') || 'test/**/*.test.ts'}.`);
  process.exit(1);
}

const started = Date.now();
const compiled = await compile();
if (compiled.code !== 0)
  console.error(`${compiled.output}\nThe compiler found errors: this run will fail at its end.\n`);

const outputs = chosen.map((path) => `.build/${path.replace(/\.ts$/, '.js')}`);
const missing = outputs.filter((path) => !existsSync(join(ROOT, path)));
for (const path of missing) console.error(`not compiled: ${path}`);

const strict = '--unhandled-rejections=strict --enable-source-maps';
const nodeTest = [process.execPath, '--test', `--test-timeout=${FILE_TIMEOUT}`];
const env = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${strict}`.trim(), RESPOOL_ROOT: ROOT };
// The tests of the live page need a browser.
if (chosen.some((path) => path.includes('live-page'))) env.CHROMIUM = (await ensureChromium()) ?? '';
const report = join(ROOT, '.build', 'tests.txt');
const own = flags.some((flag) => flag.startsWith('--test-reporter'));
const reporter = own
  ? []
  : ['stdout', report].flatMap((to) => ['--test-reporter=spec', `--test-reporter-destination=${to}`]);

/** The compiled test files that failed according to the report. */
function failing() {
  if (own || !existsSync(report)) return [];
  const named = readFileSync(report, 'utf8').matchAll(/^test at (?:\S*\.build\/)?(test\/\S+?)\.(?:ts|js):/gm);
  return [...new Set([...named].map(([, path]) => `.build/${path}.js`))].filter((path) =>
    outputs.includes(path),
  );
}

/**
 * Runs failed files once more, alone, if there are only a few: tests with real clusters and clocks disturb each other
 * on two cores. The files are named in any case.
 */
async function again() {
  const suspects = failing();
  if (suspects.length === 0 || suspects.length > MOST_AGAIN) return 1;
  console.log(`\nOnce more, alone: ${suspects.join(', ')}\n`);
  const { code } = await run([...nodeTest, '--test-concurrency=1', '--test-reporter=spec', ...suspects], {
    env,
  });
  if (code === 0) console.log(`UNSTEADY (failed beside others, passed alone): ${suspects.join(', ')}`);
  return code;
}
const clock = setTimeout(() => {
  console.error(`The test run took longer than ${RUN_TIMEOUT / 1000} s.`);
  process.exit(1);
}, RUN_TIMEOUT);
const present = outputs.filter((path) => !missing.includes(path));
const first = await run([...nodeTest, '--test-concurrency=2', ...reporter, ...flags, ...present], { env });
const code = first.code === 0 ? 0 : await again();
clearTimeout(clock);

const failed = code !== 0 || compiled.code !== 0 || missing.length > 0;
const seconds = ((Date.now() - started) / 1000).toFixed(1);
console.log(`${failed ? 'FAILED' : 'passed'}: ${chosen.length} test files in ${seconds} s`);
if (compiled.code !== 0) console.log('The compiler found errors (above).');
process.exit(failed ? 1 : 0);
