import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build as esbuild } from 'esbuild';
import { pruneDeclarations } from './declarations.mjs';
import { files, isMain, ROOT, read, run, TSC } from './lib.mjs';
import { shorten, withClassNames } from './shorten.mjs';

/** What the package's users can import or start. */
const ENTRIES = ['index.js', 'otel/index.js', 'testkit/index.js', 'ioredis/index.js', 'cli/main.js'];

/**
 * Further entries of the bundler: what only they need goes into files of their own, so that a program that imports one
 * of them alone does not get the others. Files, because bundlers drop whole files (`sideEffects`) more surely than parts.
 */
const PARTS = [
  'pool/connection-pool.js',
  'pool/cluster-connection-pool.js',
  'pool/sentinel.js',
  'pool/sentinel-connection-pool.js',
  'commands/describe-command.js',
  'cache/lru-cache.js',
];

/** What CommonJS can require. `main`: the class that stands for the module. */
const COMMONJS = [
  { entry: 'index' },
  { entry: 'otel/index' },
  { entry: 'testkit/index' },
  { entry: 'ioredis/index', main: 'Redis' },
];

/** Their traces are read by nobody but us, and they are a quarter of the code. */
const NAMELESS = ['cli/', 'testkit/'];

/** Imports of no name, which keep an order that nothing depends on: bundlers warn of them in packages without side effects. */
const withoutBareImports = (text) =>
  text.replace(/^import\s*"\.[^"]*chunk-\w+\.js";\n|(?<=;)import"\.[^"]*chunk-\w+\.js";/gm, '');

/**
 * The modules as few files, which a process reads in a third of the time; declarations stay as they are. One call
 * for all entries, so that what they share is there once.
 */
async function bundle(readable) {
  const dist = join(ROOT, 'dist');
  const { outputFiles } = await esbuild({
    entryPoints: [...ENTRIES, ...PARTS].map((entry) => join(dist, entry)),
    outdir: dist,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: readable,
    write: false,
  });
  for (const path of files('dist', (name) => /\.js(?:\.map)?$/.test(name))) rmSync(join(ROOT, path));
  for (const { path, contents, text } of outputFiles) {
    if (!path.endsWith('.js')) {
      writeFileSync(path, contents);
      continue;
    }
    const code = withoutBareImports(withClassNames(text));
    const nameless = NAMELESS.some((folder) => path.startsWith(join(dist, folder)));
    writeFileSync(
      path,
      readable
        ? code
        : withoutBareImports(await shorten(code, { nameless, isEntry: !/\bchunk-/.test(path) })),
    );
  }
}

/** The compiler's modes node16 and node18 do not know yet that Node 20.19 and newer can require an ES module. */
const REQUIRED = '// @ts-ignore: node16 and node18';

/** The declarations of a class that stands for its module, with the module's other exports as fields. */
function declarationsOfMain(entry, main) {
  const text = read(`dist/${entry}.d.ts`);
  const listed = [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list]) => list.split(','));
  const declared = [...text.matchAll(/export (?:declare )?(?:const|type|class|interface) (\w+)/g)];
  const names = new Set([...listed.map((name) => name.trim()), ...declared.map(([, name]) => name)]);
  // A type with parameters would need them here as well: only what needs none is listed.
  const all = files(`dist/${dirname(entry)}`, (path) => path.endsWith('.d.ts'))
    .map(read)
    .join('\n');
  const isPlain = (name) => new RegExp(`\\b(?:type|interface|class) ${name}\\b(?!<)`).test(all);
  const types = [...names].filter((name) => /^\w+$/.test(name) && name !== main && isPlain(name));
  return `${REQUIRED}
import * as all from './index.js';
declare const ${main}: typeof all.${main} & typeof all;
type ${main} = all.${main};
declare namespace ${main} {
${[main, ...types].map((name) => `  type ${name} = all.${name};\n`).join('')}}
export = ${main};
`;
}

/**
 * For `require`: a file that loads the ES module, so that there is one set of classes, and declarations that a compiler
 * takes for CommonJS.
 */
function addCommonJs() {
  for (const { entry, main } of COMMONJS) {
    const stem = join(ROOT, 'dist', entry);
    const rest = main === undefined ? '' : `.${main}`;
    writeFileSync(`${stem}.cjs`, `'use strict';\nmodule.exports = require('./index.js')${rest};\n`);
    const text =
      main === undefined ? `${REQUIRED}\nexport * from './index.js';\n` : declarationsOfMain(entry, main);
    writeFileSync(`${stem}.d.cts`, `/// <reference types="node" />\n${text}`);
  }
}

/**
 * `src` to `dist`. The compiler rewrites `.ts` specifiers in JavaScript only; in declarations they are
 * rewritten here, so that compilers that know nothing of `.ts` imports resolve them too.
 */
export async function build({ quiet = false, readable = false } = {}) {
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  const result = await run([...TSC, '-p', 'tsconfig.build.json'], { quiet });
  if (result.code !== 0) return result;
  for (const path of files('dist', (name) => name.endsWith('.d.ts'))) {
    const text = read(path);
    const rewritten = text
      .replace(/((?:from|import)\s*\(?\s*['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2')
      // Compilers before 5.6 cannot read it. The declarations for CommonJS say the same.
      .replace(/, \w+ as 'module\.exports'/g, '');
    if (rewritten !== text) writeFileSync(join(ROOT, path), rewritten);
  }
  await bundle(readable);
  pruneDeclarations(
    join(ROOT, 'dist'),
    COMMONJS.map(({ entry }) => `${entry}.d.ts`),
  );
  addCommonJs();
  return result;
}

export async function buildIfMissing() {
  if (!existsSync(join(ROOT, 'dist', 'index.js'))) return build();
  return { code: 0, output: '' };
}

if (isMain(import.meta.url)) {
  process.exitCode = (await build({ readable: process.argv.includes('--readable') })).code;
}
