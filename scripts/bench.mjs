// npm run bench / npm run bench:gate: builds the package, installs the other clients in their own folder, measures.
import { join } from 'node:path';
import { build } from './build.mjs';
import { installedIn } from './installed.mjs';
import { NPM, ROOT, run } from './lib.mjs';

async function install(folder, ...flags) {
  if (installedIn(join(ROOT, folder))) return true;
  console.error(`Installing ${folder} (npm ci) …`);
  const { code } = await run([
    NPM,
    'ci',
    '--prefix',
    folder,
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    ...flags,
  ]);
  return code === 0;
}

const args = process.argv.slice(2);
const gate = args.includes('--gate');
const built = await build({ quiet: true });
if (built.code !== 0) {
  console.error(built.output);
  console.error('The package does not build.');
  if (gate) process.exit(1);
}
if (!gate && !(await install('bench', '--ignore-scripts'))) process.exit(1);
if (['--bun', '--runtimes'].some((name) => args.includes(name)))
  await install('tools/runtimes', '--ignore-scripts');
const script = join(ROOT, 'bench', gate ? 'gate.mjs' : 'run.mjs');
const rest = args.filter((argument) => argument !== '--gate');
process.exitCode = (await run([process.execPath, script, ...rest])).code;
