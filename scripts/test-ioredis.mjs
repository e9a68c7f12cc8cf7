// Runs ioredis' own test suite against `respool/ioredis`: node scripts/test-ioredis.mjs <folder of a checkout> [part of
// a file's name …]. The checkout needs its development tools (`npm ci --ignore-scripts` there); none of it becomes part
// of this project. The tests need a server on port 6379, and the ports 17379 to about 30010 for fake servers.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { build } from './build.mjs';
import { isMain, ROOT } from './lib.mjs';

const LONGEST_FILE = 180_000;

/** The files of a checkout's functional tests. */
function testFiles(checkout, filters) {
  const top = join(checkout, 'test', 'functional');
  return readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(checkout, join(entry.parentPath, entry.name)))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort();
}

/** Runs one file in a process of its own: a crash affects only the tests of that file. */
function runFile(checkout, file, theirs) {
  const standIn = join(ROOT, 'scripts', 'ioredis-suite', 'stand-in.cjs');
  const args = [
    join(checkout, 'node_modules', 'mocha', 'bin', 'mocha.js'),
    ...(theirs ? [] : ['--require', standIn]),
    '--reporter',
    'json-stream',
    'test/helpers/*.ts',
    file,
  ];
  const env = {
    ...process.env,
    IOREDIS_CHECKOUT: checkout,
    RESPOOL_IOREDIS: join(ROOT, 'dist', 'ioredis', 'index.js'),
    TS_NODE_TRANSPILE_ONLY: 'true',
    NODE_ENV: 'test',
  };
  return new Promise((done) => {
    const child = spawn(process.execPath, args, { cwd: checkout, env, stdio: ['ignore', 'pipe', 'ignore'] });
    const limit = setTimeout(() => child.kill('SIGKILL'), LONGEST_FILE);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('close', () => {
      clearTimeout(limit);
      done(countsOf(output));
    });
  });
}

/** Counts the results; tests that a crashed process did not reach count as failed. */
function countsOf(output) {
  const events = output
    .split('\n')
    .filter((line) => /^\["(?:start|pass|fail|end)",/.test(line))
    .map((line) => JSON.parse(line));
  const of = (wanted) => events.filter(([event]) => event === wanted).map(([, details]) => details);
  const [{ total = 0 } = {}] = of('start');
  const [end] = of('end');
  const passes = of('pass').length;
  const failures = of('fail');
  if (end === undefined) {
    const missing = Math.max(1, total - passes - failures.length);
    for (let n = 0; n < missing; n++)
      failures.push({ fullTitle: '(not run)', err: 'the process broke or took too long' });
  }
  return { passes, failures, pending: end?.pending ?? 0, broken: end === undefined };
}

async function main(words) {
  const [given, ...rest] = words;
  if (given === undefined) {
    console.error(
      'usage: npm run test:ioredis -- <folder of a checkout of ioredis> [--theirs] [part of a file name …]',
    );
    return 2;
  }
  const checkout = resolve(given);
  const theirs = rest.includes('--theirs');
  const filters = rest.filter((word) => word !== '--theirs');
  if (!existsSync(join(checkout, 'node_modules', 'mocha'))) {
    console.error(`${checkout} has no node_modules/mocha: run npm ci --ignore-scripts there.`);
    return 2;
  }
  const { code } = await build({ quiet: true });
  if (code !== 0) return code;
  // An import by URL: the compiler checks the scripts before `dist` exists.
  const { startServer } = await import(new URL('../dist/testkit/index.js', import.meta.url).href);
  const server = await startServer({ port: 6379 });
  const total = { passes: 0, failures: 0, pending: 0, broken: 0 };
  try {
    for (const file of testFiles(checkout, filters)) {
      const { passes, failures, pending, broken } = await runFile(checkout, file, theirs);
      total.passes += passes;
      total.failures += failures.length;
      total.pending += pending;
      if (broken) total.broken++;
      for (const { fullTitle, err } of failures) {
        const name = file.replace('test/functional/', '');
        console.log(`  ${name} | ${fullTitle} | ${String(err).split('\n')[0].slice(0, 140)}`);
      }
    }
  } finally {
    await server.stop();
  }
  const all = total.passes + total.failures;
  const share = ((100 * total.passes) / Math.max(1, all)).toFixed(1);
  console.log(
    `${total.passes} of ${all} tests pass (${share} %); ${total.pending} are skipped for this server (${server.version}), and ${total.broken} files broke their process`,
  );
  return total.failures === 0 ? 0 : 1;
}

if (isMain(import.meta.url)) process.exitCode = await main(process.argv.slice(2));
