// npm run check [-- step …]: runs every step, even after one has failed; the last lines name the failed ones.
import { build } from './build.mjs';
import { bin, ROOT, run, TSC } from './lib.mjs';
import { join } from 'node:path';

const own = (name) => [process.execPath, join(ROOT, 'scripts', name)];
const biome = bin('@biomejs/biome', 'bin/biome');
const knip = bin('knip', 'bin/knip.js');

/** The steps in their order; `dist` is built once, before the first step that reads it. */
const STEPS = [
  {
    name: 'types',
    commands: [
      [...TSC, '-p', 'tsconfig.json', '--noEmit'],
      [...TSC, '-p', 'tsconfig.scripts.json'],
    ],
  },
  { name: 'format', commands: [[...biome, 'format', '.']] },
  { name: 'lint', commands: [[...biome, 'lint', '--diagnostic-level=warn', '--error-on-warnings', '.']] },
  {
    name: 'promises',
    commands: [[...bin('oxlint', 'bin/oxlint'), '--type-aware', 'src', 'test', 'examples', 'demo']],
  },
  { name: 'layers', commands: [own('check-layers.mjs')] },
  { name: 'words', commands: [own('check-words.mjs')] },
  // The second run leaves out the tests: it finds code that only tests use.
  { name: 'unused', commands: [knip, [...knip, '--production', '--tags=-testable']] },
  { name: 'matrix', commands: [own('matrix-block.mjs')] },
  { name: 'options', commands: [own('check-options.mjs')] },
  { name: 'api', dist: true, commands: [own('check-api.mjs')] },
  { name: 'exports', dist: true, commands: [own('check-exports.mjs')] },
  { name: 'names', dist: true, commands: [own('check-names.mjs')] },
  {
    name: 'package',
    dist: true,
    commands: [
      own('check-version.mjs'),
      [...bin('publint', 'src/cli.js'), '--strict'],
      [...bin('@arethetypeswrong/cli', 'dist/index.js'), '--pack', '.', '--no-emoji'],
    ],
  },
  { name: 'size', dist: true, commands: [own('check-size.mjs')] },
  { name: 'consumers', dist: true, commands: [own('check-consumers.mjs')] },
  { name: 'release', dist: true, commands: [own('check-release.mjs')] },
];

const args = process.argv.slice(2);
const wanted = args.filter((argument) => !argument.startsWith('--'));
const flags = args.filter((argument) => argument.startsWith('--'));
const unknown = wanted.filter((name) => !STEPS.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`No such step: ${unknown.join(', ')}. Steps: ${STEPS.map((step) => step.name).join(', ')}`);
  process.exit(2);
}

let built = null;
const failed = [];
for (const step of STEPS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const started = Date.now();
  console.log(`── ${step.name}`);
  let code = 0;
  if (step.dist) {
    built ??= await build();
    code = built.code;
  }
  for (const command of code === 0 ? step.commands : []) {
    const result = await run([...command, ...flags], { env: { NO_COLOR: '1', FORCE_COLOR: undefined } });
    code ||= result.code;
  }
  console.log(
    `── ${step.name}: ${code === 0 ? 'ok' : 'FAILED'} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`,
  );
  if (code !== 0) failed.push(step.name);
}
console.log(failed.length === 0 ? 'check: all steps passed' : `check: failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
