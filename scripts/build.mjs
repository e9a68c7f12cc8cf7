import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { files, isMain, ROOT, read, run, TSC } from './lib.mjs';

/**
 * `src` to `dist`. The compiler rewrites `.ts` specifiers in JavaScript only; in declarations they are
 * rewritten here, so that compilers that know nothing of `.ts` imports resolve them too.
 */
export async function build({ quiet = false } = {}) {
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  const result = await run([...TSC, '-p', 'tsconfig.build.json'], { quiet });
  if (result.code !== 0) return result;
  for (const path of files('dist', (name) => name.endsWith('.d.ts'))) {
    const text = read(path);
    const rewritten = text.replace(/((?:from|import)\s*\(?\s*['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2');
    if (rewritten !== text) writeFileSync(join(ROOT, path), rewritten);
  }
  return result;
}

export async function buildIfMissing() {
  if (!existsSync(join(ROOT, 'dist', 'index.js'))) return build();
  return { code: 0, output: '' };
}

if (isMain(import.meta.url)) process.exitCode = (await build()).code;
