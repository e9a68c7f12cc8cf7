import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build as esbuild } from 'esbuild';
import { pruneDeclarations } from './declarations.mjs';
import { files, isMain, ROOT, read, run, TSC } from './lib.mjs';
import { shorten, withClassNames } from './shorten.mjs';

/** The files that users of the package import or start. */
const ENTRIES = ['index.js', 'otel/index.js', 'testkit/index.js', 'ioredis/index.js', 'cli/main.js'];

/**
 * Further entry points for the bundler, so that their code ends up in files of its own: a program that imports one of
 * them does not load the others. Bundlers drop whole files (`sideEffects`) more reliably than parts of files.
 */
const PARTS = [
  'pool/connection-pool.js',
  'pool/cluster-connection-pool.js',
  'pool/sentinel.js',
  'pool/sentinel-connection-pool.js',
  'commands/describe-command.js',
  'cache/lru-cache.js',
];

/** The entries that CommonJS can require. `main`: the class that is the value of `require`. */
const COMMONJS = [
  { entry: 'index' },
  { entry: 'otel/index' },
  { entry: 'testkit/index' },
  { entry: 'ioredis/index', main: 'Redis' },
];

/** Folders whose function names are shortened too: a quarter of the code, with traces that users do not read. */
const NAMELESS = ['cli/', 'testkit/'];

/** Removes imports without names: no module needs their order, and bundlers warn of them (`sideEffects: false`). */
const withoutBareImports = (text) =>
  text.replace(/^import\s*"\.[^"]*chunk-\w+\.js";\n|(?<=;)import"\.[^"]*chunk-\w+\.js";/gm, '');

/**
 * Bundles the modules into a few files, which load in a third of the time; declarations stay as they are. A single call
 * bundles all entries, so that shared code exists once.
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

/** In the modes node16 and node18 the compiler refuses to require an ES module, which Node 20.19 and newer can do. */
const REQUIRED = '// @ts-ignore: node16 and node18';

/** The CommonJS declarations of an entry whose value is a class; the entry's other exports become its fields. */
function declarationsOfMain(entry, main) {
  const text = read(`dist/${entry}.d.ts`);
  const listed = [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list]) => list.split(','));
  const declared = [...text.matchAll(/export (?:declare )?(?:const|type|class|interface) (\w+)/g)];
  const names = new Set([...listed.map((name) => name.trim()), ...declared.map(([, name]) => name)]);
  // A type with parameters would have to repeat them here, so it is left out.
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
 * Adds the files for `require`: code that loads the ES module, so that every class exists once, and declarations that
 * the compiler reads as CommonJS.
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
 * Builds `src` into `dist`. The compiler rewrites `.ts` specifiers in JavaScript only; this function rewrites them in
 * the declarations, for compilers that do not resolve `.ts` imports.
 */
export async function build({ quiet = false, readable = false } = {}) {
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  const result = await run([...TSC, '-p', 'tsconfig.build.json'], { quiet });
  if (result.code !== 0) return result;
  for (const path of files('dist', (name) => name.endsWith('.d.ts'))) {
    const text = read(path);
    const rewritten = text
      .replace(/((?:from|import)\s*\(?\s*['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2')
      // Compilers before 5.6 cannot read this export name; the CommonJS declarations say the same.
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
