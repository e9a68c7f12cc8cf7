// npm run test:types: compiles the type tests against the built declarations, with the oldest supported and newer
// compilers. These are in a folder of their own (tools/types); the first run installs them with `npm ci`.
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { bin, files, NPM, ROOT, run, TSC } from './lib.mjs';
import { silentOptions } from './types/hover.mjs';

const TOOLS = join(ROOT, 'tools/types');
const compiler = (name) => [process.execPath, join(TOOLS, 'node_modules', name, 'bin/tsc')];
const COMPILERS = { 5.4: compiler('typescript-5.4'), 5.9: bin('typescript-5.9', 'bin/tsc'), '7.0': TSC };
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
  skipLibCheck: false,
  preserveSymlinks: true,
  types: ['node'],
  typeRoots: [join(ROOT, 'node_modules/@types')],
};

/** Code with one mistake, and the option that the compiler's message has to name. */
const MISTAKES = [
  ["new ConnectionPool({ host: 'h', maxConection: 5 });", 'maxConection'],
  ["new ConnectionPool({ host: 'h', connectionClass: TCPConnection, maxConection: 5 });", 'maxConection'],
  ["ConnectionPool.fromUrl('redis://h', { maxConection: 5 });", 'maxConection'],
  ["ConnectionPool.fromUrl('redis://h', { db: 1, maxConection: 5 });", 'maxConection'],
  [
    "ConnectionPool.fromUrl('redis://h', { connectionClass: TCPConnection, maxConection: 5 });",
    'maxConection',
  ],
  ['new ClusterConnectionPool({ startupNodes: [], maxConection: 5 });', 'maxConection'],
  ["ClusterConnectionPool.fromUrl('redis://h', { db: 0, maxConection: 5 });", 'maxConection'],
];

/** A file with many command calls, to measure the compiler's time. */
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

function configOf(folder, name, include) {
  const config = join(folder, `tsconfig.${name}.json`);
  writeFileSync(config, JSON.stringify({ compilerOptions: OPTIONS, include }));
  return config;
}

/** Checks that each mistake gives a single error of one line, which names the option and no other. */
async function checkMessages(folder) {
  const head = "import { ClusterConnectionPool, ConnectionPool, TCPConnection } from 'respool';";
  writeFileSync(join(folder, 'mistakes.ts'), `${head}\n${MISTAKES.map(([code]) => code).join('\n')}\n`);
  const config = configOf(folder, 'mistakes', ['mistakes.ts']);
  let failed = false;
  for (const [version, command] of Object.entries(COMPILERS)) {
    const { output } = await run([...command, '-p', config, '--pretty', 'false'], {
      cwd: folder,
      quiet: true,
    });
    const errors = output.split('\n').filter((line) => line.startsWith('mistakes.ts('));
    const wrong = MISTAKES.filter(([, option], index) => {
      const own = errors.filter((line) => line.startsWith(`mistakes.ts(${index + 2},`));
      return own.length !== 1 || !own[0].includes(option) || output.includes('No overload matches');
    });
    console.log(`messages, TypeScript ${version}: ${wrong.length === 0 ? 'ok' : 'FAILED'}`);
    for (const [code] of wrong) console.error(`the message does not name the option: ${code}`);
    failed ||= wrong.length > 0;
  }
  return failed;
}

async function check(folder, name, include) {
  const config = configOf(folder, name, include);
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
/** Reports the options for which an editor shows no text on hovering. */
function optionsShowNothing(folder) {
  const silent = silentOptions(folder);
  console.log(`hover: ${silent.length === 0 ? 'ok' : 'FAILED'}`);
  for (const one of silent) console.error(`an editor shows nothing for ${one}`);
  return silent.length > 0;
}

const built = await build();
const folder = mkdtempSync(join(ROOT, '.build-types-'));
try {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/respool'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  writeFileSync(join(folder, 'calls.ts'), manyCalls());
  mkdirSync(join(folder, 'types'));
  for (const path of files('test/types', (name) => /\.c?ts$/.test(name)))
    symlinkSync(join(ROOT, path), join(folder, path.replace('test/', '')));
  const results = [
    await check(folder, 'calls', ['calls.ts']),
    await check(folder, 'types', ['types/*.ts', 'types/*.cts']),
    await checkMessages(folder),
    optionsShowNothing(folder),
  ];
  process.exitCode = built.code !== 0 || results.includes(true) ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
