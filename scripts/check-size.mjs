// Measures the size of the package: installed, and in the bundle of a program that uses one pool.
//   node scripts/check-size.mjs [--parts | --files]: also lists the folders or files of src in the bundle
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build as esbuild } from 'esbuild';
import { compile } from './compile.mjs';
import { isMain, NPM, ROOT } from './lib.mjs';

/** Limits in bytes. The commit that raises one must give the reason. */
const INSTALLED = 1_200_000;
const BUNDLED = 115_000;

const HELLO = `
import { ConnectionPool } from 'respool';
const pool = ConnectionPool.fromUrl('redis://127.0.0.1:6379/0', { decodeResponses: true });
console.log(await pool.execute('GET', 'key'));
await pool.close();
`;

function installed() {
  const [packed] = JSON.parse(
    execFileSync(NPM, ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString(),
  );
  return { unpacked: packed.unpackedSize, packed: packed.size, files: packed.entryCount };
}

/** @param {string} [entry] bundles these compiled sources instead of the published package */
async function bundled(entry) {
  const { outputFiles, metafile } = await esbuild({
    stdin: { contents: HELLO, resolveDir: ROOT, loader: 'js' },
    alias: entry === undefined ? {} : { respool: entry },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    metafile: true,
    write: false,
  });
  const [{ contents }] = outputFiles;
  return {
    minified: contents.length,
    gzip: gzipSync(contents, { level: 9 }).length,
    parts: Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs)),
  };
}

/** Prints the share of each folder or file in the bundle: its minified size, scaled to the compressed total. */
async function showParts(byFile) {
  const { code, output } = await compile();
  if (code !== 0) throw new Error(output);
  const { minified, gzip, parts } = await bundled(join(ROOT, '.build/src/index.js'));
  const sizes = new Map();
  for (const [file, { bytesInOutput }] of parts) {
    const path = file.replace('.build/src/', '');
    const part = byFile ? path : dirname(path);
    sizes.set(part, (sizes.get(part) ?? 0) + bytesInOutput);
  }
  for (const [part, bytes] of [...sizes].sort((a, b) => b[1] - a[1]))
    console.log(`${((bytes / minified) * (gzip / 1000)).toFixed(1).padStart(6)} kB  ${part}`);
}

if (isMain(import.meta.url)) {
  const { unpacked, packed, files } = installed();
  console.log(`installed: ${unpacked} bytes in ${files} files (limit ${INSTALLED}); tarball ${packed}`);
  const { minified, gzip } = await bundled();
  console.log(`bundle of one pool: ${gzip} bytes gzip (limit ${BUNDLED}); minified ${minified}`);
  const byFile = process.argv.includes('--files');
  if (byFile || process.argv.includes('--parts')) await showParts(byFile);
  if (unpacked > INSTALLED) console.error('the installed package is larger than its limit');
  if (gzip > BUNDLED) console.error('the bundle is larger than its limit');
  if (unpacked > INSTALLED || gzip > BUNDLED) process.exitCode = 1;
}
