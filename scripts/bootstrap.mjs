// Runs on a fresh clone: nothing here may import a package that `npm ci` installs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installedIn } from './installed.mjs';
import { NPM, ROOT, run } from './lib.mjs';

const TASKS = {
  build: { script: 'build.mjs' },
  check: { script: 'check.mjs' },
  test: { script: 'test.mjs', servers: true },
  'test-servers': { script: 'test-servers.mjs' },
  'test-runtimes': { script: 'test-runtimes.mjs', servers: true },
  demo: { script: 'demo.mjs', input: 'inherit' },
  docs: { script: 'docs.mjs' },
  bench: { script: 'bench.mjs' },
  chaos: { script: 'chaos.mjs', servers: true },
  'chaos-mutants': { script: 'chaos-mutants.mjs', servers: true },
  release: { script: 'release.mjs', servers: true },
  'bench-gate': { script: 'bench.mjs', args: ['--gate'] },
};

async function install() {
  if (installedIn(ROOT)) return;
  console.log('Installing the development tools (npm ci) …');
  const { code } = await run([NPM, 'ci', '--no-audit', '--no-fund', '--loglevel=error']);
  if (code !== 0) {
    console.error('npm ci failed: this command needs the package registry once.');
    process.exit(code);
  }
}

async function servers() {
  const script = join(ROOT, 'scripts', 'ensure-servers.mjs');
  if (!existsSync(script)) return;
  const { code } = await run([process.execPath, script]);
  if (code !== 0) console.error('Not every server binary could be made available; see the lines above.');
}

const [name, ...args] = process.argv.slice(2);
const task = TASKS[name];
if (task === undefined) {
  console.error(`usage: node scripts/bootstrap.mjs ${Object.keys(TASKS).join('|')} [arguments]`);
  process.exit(2);
}
await install();
if (task.servers) await servers();
const command = [process.execPath, join(ROOT, 'scripts', task.script), ...(task.args ?? []), ...args];
process.exitCode = (await run(command, { input: task.input })).code;
