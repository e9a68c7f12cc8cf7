// Packs the package, installs it in a folder of its own without network, and uses it as users do: TypeScript with
// several settings, ES modules and require().
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bin, files, NPM, ROOT, run, TSC } from './lib.mjs';

const BASE = {
  target: 'es2022',
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  types: [],
  lib: ['es2022'],
};
const PERSUASIONS = {
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
  'nodenext-es2023-disposable': {
    module: 'nodenext',
    moduleResolution: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
  },
};
/** The module settings of CommonJS programs in TypeScript, and the compilers that support each of them. */
const OLDER = bin('typescript-5.9', 'bin/tsc');
const COMMONJS = {
  'cjs-node16': { compilers: { 5.9: OLDER, '7.0': TSC }, module: 'node16', moduleResolution: 'node16' },
  'cjs-node18': { compilers: { 5.9: OLDER, '7.0': TSC }, module: 'node18', moduleResolution: 'node16' },
  'cjs-node20': { compilers: { 5.9: OLDER, '7.0': TSC }, module: 'node20', moduleResolution: 'node16' },
  'cjs-nodenext': { compilers: { 5.9: OLDER, '7.0': TSC }, module: 'nodenext', moduleResolution: 'nodenext' },
  'cjs-node10': { compilers: { 5.9: OLDER }, module: 'commonjs', moduleResolution: 'node10' },
};
const HELLO = `
if (typeof ConnectionPool.fromUrl !== 'function') throw new Error('no ConnectionPool.fromUrl');
if (typeof startServer !== 'function') throw new Error('no startServer');
const pool = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0', { decodeResponses: true });
pool.close().then(() => console.log('hello from', process.argv[1]));
`;
/** Fails unless stack traces show the package's classes, functions and methods, including private ones. */
const TRACE = `
let trace = '';
const retryPolicy = { next: () => { trace = new Error().stack; return null; } };
const pool = ConnectionPool.fromUrl('redis://127.0.0.1:1/0', { retryPolicy });
pool.execute('GET', 'key').then(
  () => { throw new Error('nobody listens there'); },
  (error) => {
    for (const name of ['#policy', '#afterDial', 'RetryLoop.wait'])
      if (!trace.includes('at ' + name)) throw new Error('the trace lacks ' + name + ': ' + trace);
    for (const name of ['explainFailure', 'Opening.run', '#dial'])
      if (!error.stack.includes(name)) throw new Error('the stack lacks ' + name + ': ' + error.stack);
    return pool.close();
  },
);
`;
const PROGRAMS = {
  'hello.mjs': `import { ConnectionPool } from 'respool';\nimport { startServer } from 'respool/testkit';\n${HELLO}`,
  'hello.cjs': `const { ConnectionPool } = require('respool');\nconst { startServer } = require('respool/testkit');\n${HELLO}`,
  'trace.mjs': `import { ConnectionPool } from 'respool';\n${TRACE}`,
  'trace.cjs': `const { ConnectionPool } = require('respool');\n${TRACE}`,
};

function fail(what, { output }) {
  console.error(`${what} failed\n${output}`);
  process.exitCode = 1;
}

/** @param {Record<string, string[]>} [compilers] */
async function compileAs(folder, name, options, include, compilers = { '7.0': TSC }) {
  const config = join(folder, `tsconfig.${name}.json`);
  writeFileSync(config, JSON.stringify({ compilerOptions: { ...BASE, ...options }, include }));
  for (const [version, compiler] of Object.entries(compilers)) {
    const result = await run([...compiler, '-p', config, '--pretty', 'false'], { cwd: folder, quiet: true });
    if (result.code !== 0) return fail(`types under ${name}, TypeScript ${version}`, result);
    console.log(`types under ${name}, TypeScript ${version}: ok`);
  }
}

/** Compiles a CommonJS program in every module mode of TypeScript, and runs the result. */
async function consumeAsCommonJs(folder) {
  const peer = '@opentelemetry/api';
  cpSync(join(ROOT, 'node_modules', peer), join(folder, 'node_modules', peer), { recursive: true });
  const program = join(folder, 'commonjs.cts');
  cpSync(join(ROOT, 'test/types/commonjs.cts'), program);
  const common = { types: ['node'], lib: ['es2023', 'esnext.disposable'], esModuleInterop: true };
  for (const [name, { compilers, ...modes }] of Object.entries(COMMONJS)) {
    const outDir = join(folder, name);
    await compileAs(
      folder,
      name,
      { ...common, ...modes, noEmit: false, outDir },
      ['commonjs.cts'],
      compilers,
    );
    const ran = await run([process.execPath, join(outDir, 'commonjs.cjs')], { cwd: folder, quiet: true });
    if (ran.code !== 0) fail(`the program of ${name}`, ran);
  }
  console.log('CommonJS programs: ran');
}

async function consume(folder) {
  const packed = await run([NPM, 'pack', '--silent', '--pack-destination', folder], { quiet: true });
  if (packed.code !== 0) return fail('npm pack', packed);
  const tarball = packed.output.trim().split('\n').at(-1);
  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }\n');
  const install = [
    NPM,
    'install',
    '--offline',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    `./${tarball}`,
  ];
  const installed = await run(install, { cwd: folder, quiet: true });
  if (installed.code !== 0) return fail('npm install of the tarball', installed);
  for (const name of ['@types/node', 'undici-types', 'expect-type']) {
    cpSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true });
  }
  const tests = files('test/types', (path) => path.endsWith('.ts'));
  mkdirSync(join(folder, 'types'));
  for (const path of tests) cpSync(join(ROOT, path), join(folder, path.replace('test/', '')));
  for (const [name, options] of Object.entries(PERSUASIONS)) {
    await compileAs(folder, name, options, ['types/*.ts']);
  }
  await consumeAsCommonJs(folder);
  for (const [name, text] of Object.entries(PROGRAMS)) {
    writeFileSync(join(folder, name), text);
    const ran = await run([process.execPath, name], { cwd: folder, quiet: true });
    if (ran.code !== 0) fail(name, ran);
    else console.log(`${name}: ok`);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'respool-consumer-'));
try {
  await consume(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
