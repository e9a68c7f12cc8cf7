// npm run test:types: the type tests against the built declarations, on the oldest and newer compilers.
// They are in a folder of their own (tools/types); "npm ci" puts them there at the first run.
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { files, NPM, ROOT, run, TSC } from './lib.mjs';

const TOOLS = join(ROOT, 'tools/types');
const compiler = (name) => [process.execPath, join(TOOLS, 'node_modules', name, 'bin/tsc')];
const COMPILERS = { 5.4: compiler('typescript-5.4'), 5.9: compiler('typescript-5.9'), '7.0': TSC };
const CALLS = 500;
const CALLS_TIME = 3_000;
const OPTIONS = {
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  // The declarations of Node itself need a newer compiler than the oldest one here.
  skipLibCheck: true,
  preserveSymlinks: true,
  types: ['node'],
  typeRoots: [join(ROOT, 'node_modules/@types')],
};

/** So many calls of commands in one file. */
function manyCalls() {
  const calls = [
    "'GET', 'k'",
    "'SET', 'k', 'v', 'EX', 5",
    "'HGETALL', 'h'",
    "'ZRANGE', 'z', 0, -1, 'WITHSCORES'",
    "'CLIENT', 'LIST'",
  ];
  const lines = Array.from({ length: CALLS }, (_, n) => `void pool.execute(${calls[n % calls.length]});`);
  return `import { ConnectionPool } from 'respool';\nconst pool = ConnectionPool.fromUrl('redis://h', { decodeResponses: true });\n${lines.join('\n')}\n`;
}

async function check(folder, name, include) {
  const config = join(folder, `tsconfig.${name}.json`);
  writeFileSync(config, JSON.stringify({ compilerOptions: OPTIONS, include }));
  let failed = false;
  for (const [version, command] of Object.entries(COMPILERS)) {
    const { code, output } = await run(
      [...command, '-p', config, '--pretty', 'false', '--extendedDiagnostics'],
      {
        cwd: folder,
        quiet: true,
      },
    );
    const time = /Check time:\s*([\d.]+)s/.exec(output)?.[1] ?? '?';
    console.log(`${name}, TypeScript ${version}: ${code === 0 ? 'ok' : 'FAILED'} (checked in ${time} s)`);
    if (code !== 0) console.error(output.split('\n').slice(0, 20).join('\n'));
    if (name === 'calls' && Number(time) * 1_000 > CALLS_TIME) console.error(`more than ${CALLS_TIME} ms`);
    failed ||= code !== 0;
  }
  return failed;
}

if (!existsSync(join(TOOLS, 'node_modules')))
  await run([NPM, 'ci', '--no-audit', '--no-fund'], { cwd: TOOLS });
const built = await build();
const folder = mkdtempSync(join(ROOT, '.build-types-'));
try {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/respool'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  writeFileSync(join(folder, 'calls.ts'), manyCalls());
  mkdirSync(join(folder, 'types'));
  for (const path of files('test/types', (name) => name.endsWith('.ts')))
    symlinkSync(join(ROOT, path), join(folder, path.replace('test/', '')));
  const results = [await check(folder, 'calls', ['calls.ts']), await check(folder, 'types', ['types/*.ts'])];
  process.exitCode = built.code !== 0 || results.includes(true) ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
