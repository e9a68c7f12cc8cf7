import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from './compile.mjs';
import { ROOT, run } from './lib.mjs';

const entry = join(ROOT, '.build', 'examples', 'demo.js');
const { code, output } = await compile();
if (!existsSync(entry)) {
  console.error(output);
  console.error('The demo did not compile.');
  process.exit(code || 1);
}
const command = [process.execPath, '--enable-source-maps', entry, ...process.argv.slice(2)];
process.exitCode = (await run(command, { input: 'inherit' })).code;
