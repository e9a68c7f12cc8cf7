// npm run docs: the API reference, from the docstrings of what the entries export, to docs/api/.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installedIn } from './installed.mjs';
import { NPM, ROOT, run } from './lib.mjs';

const tools = join(ROOT, 'tools', 'docs');
if (!existsSync(join(tools, 'node_modules')) || !installedIn(tools)) {
  const { code } = await run([NPM, 'ci', '--prefix', tools, '--no-audit', '--no-fund', '--loglevel=error']);
  if (code !== 0) {
    console.error('npm ci failed in tools/docs: this command needs the package registry once.');
    process.exit(code);
  }
}
const typedoc = join(tools, 'node_modules', 'typedoc', 'bin', 'typedoc');
const command = [
  process.execPath,
  typedoc,
  '--options',
  join(tools, 'typedoc.json'),
  ...process.argv.slice(2),
];
process.exitCode = (await run(command, { cwd: tools })).code;
