// What the package weighs: installed, and in a bundle of a program that uses one pool.
//   node scripts/check-size.mjs [--parts]: with the parts of the bundle
import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { build as esbuild } from 'esbuild';
import { isMain, NPM, ROOT } from './lib.mjs';

/** Bytes. A limit is raised only together with a reason in the commit. */
const INSTALLED = 1_200_000;
const BUNDLED = 113_000;

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

/** Of the package as it is published: `respool` is found by its own name. */
async function bundled() {
  const { outputFiles, metafile } = await esbuild({
    stdin: { contents: HELLO, resolveDir: ROOT, loader: 'js' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    metafile: true,
    write: false,
  });
  const [{ contents }] = outputFiles;
  const parts = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
  return {
    minified: contents.length,
    gzip: gzipSync(contents, { level: 9 }).length,
    parts: parts
      .map(([file, { bytesInOutput }]) => [file, bytesInOutput])
      .sort((a, b) => Number(b[1]) - Number(a[1])),
  };
}

if (isMain(import.meta.url)) {
  const { unpacked, packed, files } = installed();
  console.log(`installed: ${unpacked} bytes in ${files} files (limit ${INSTALLED}); tarball ${packed}`);
  const { minified, gzip, parts } = await bundled();
  console.log(`bundle of one pool: ${gzip} bytes gzip (limit ${BUNDLED}); minified ${minified}`);
  if (process.argv.includes('--parts')) for (const [file, bytes] of parts) console.log(`${bytes}\t${file}`);
  if (unpacked > INSTALLED) console.error('the installed package is larger than its limit');
  if (gzip > BUNDLED) console.error('the bundle is larger than its limit');
  if (unpacked > INSTALLED || gzip > BUNDLED) process.exitCode = 1;
}
