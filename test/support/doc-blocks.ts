import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The mode of a block, written behind the language: "```ts no-run" is only compiled. */
export type BlockKind = 'run' | 'no-run' | 'vitest' | 'cjs';
/** A code block of a page. */
export interface DocBlock {
  readonly page: string;
  readonly line: number;
  readonly kind: BlockKind;
  readonly typed: boolean;
  readonly code: string;
  /** Lines that the program prints, in this order; others may stand between them. */
  readonly output: readonly string[];
  readonly name: string;
}

export const ROOT = projectRoot(dirname(fileURLToPath(import.meta.url)));
const WRITTEN = '.build/docs-blocks';
const COMPILED = '.build/docs-run';
/** A block, and the output that the page shows for it. */
const FENCE =
  /^```(ts|js)(?: (no-run|vitest|cjs))?\n([\s\S]*?)^```$(?:\n+```text output\n([\s\S]*?)^```$)?/gm;

function projectRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : projectRoot(dirname(folder));
}

/** README.md and every page below docs/. */
export function docPages(): string[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const found = docs
    .map((path) => `docs/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.md'));
  return ['README.md', ...found.sort()];
}

export function blocksOf(page: string): DocBlock[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(FENCE)].map((match, index) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    kind: (match[2] ?? 'run') as BlockKind,
    typed: match[1] === 'ts',
    code: match[3] ?? '',
    output: (match[4] ?? '').split('\n').filter((line) => line !== ''),
    name: `${page.replace(/\.md$/, '').replace(/\W+/g, '-').toLowerCase()}-${index + 1}`,
  }));
}

function execute(args: readonly string[], timeout: number): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    // A child that reports to the test runner of its parent would print bytes of a protocol.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const options = { cwd: ROOT, timeout, env, encoding: 'utf8' } as const;
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      const late = error?.killed === true ? `\nstopped after ${timeout} ms` : '';
      resolve({ code, output: `${stdout}${stderr}${late}` });
    });
  });
}

/** Writes the `ts` blocks as modules that import from src, and compiles them; the mistakes of each by its name. */
export async function compileBlocks(blocks: readonly DocBlock[]): Promise<(block: DocBlock) => string[]> {
  const source = relative(join(ROOT, WRITTEN), join(ROOT, 'src')).replaceAll('\\', '/');
  for (const folder of [WRITTEN, COMPILED]) rmSync(join(ROOT, folder), { recursive: true, force: true });
  mkdirSync(join(ROOT, WRITTEN), { recursive: true });
  for (const { code, name, typed } of blocks) {
    if (!typed) continue;
    const module = code
      .replace(/(['"])respool\/(\w+)\1/g, `'${source}/$2/index.ts'`)
      .replace(/(['"])respool\1/g, `'${source}/index.ts'`);
    writeFileSync(join(ROOT, WRITTEN, `${name}.ts`), `${module}\nexport {};\n`);
  }
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: {
      rootDir: '../..',
      outDir: '../docs-run',
      // Readers' compilers are not as strict about style as this project's.
      noUnusedLocals: false,
      noUnusedParameters: false,
      erasableSyntaxOnly: false,
    },
    include: ['*.ts'],
    exclude: [],
  };
  writeFileSync(join(ROOT, WRITTEN, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { output } = await execute([tsc, '-p', join(WRITTEN, 'tsconfig.json'), '--pretty', 'false'], 120_000);
  return (block) => {
    const mistakes = output.split('\n').filter((line) => line.includes(`/${block.name}.ts`));
    const missing = block.typed && !existsSync(join(ROOT, compiledPath(block)));
    return missing && mistakes.length === 0 ? [`${block.name} was not compiled: ${output}`] : mistakes;
  };
}

function compiledPath(block: DocBlock): string {
  return join(COMPILED, WRITTEN, `${block.name}.js`);
}

/** Runs a compiled block, or one in JavaScript; `places` puts the addresses of real servers into its text. */
export async function runBlock(
  block: DocBlock,
  places: (code: string) => string,
): Promise<{ code: number; output: string; missing: string[] }> {
  const extension = { run: 'js', 'no-run': 'js', vitest: 'test.js', cjs: 'cjs' }[block.kind];
  const file = join(dirname(compiledPath(block)), `${block.name}.run.${extension}`);
  let code = block.code;
  if (block.typed) code = readFileSync(join(ROOT, compiledPath(block)), 'utf8');
  else {
    // Not from dist: `npm test` also runs on an unbuilt clone.
    code = code
      .replace(/(['"])respool\/(\w+)\1/g, "'../../src/$2/index.js'")
      .replace(/(['"])respool\1/g, "'../../src/index.js'");
  }
  writeFileSync(join(ROOT, file), places(code));
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const args =
    block.kind === 'vitest'
      ? [vitest, 'run', '--pool=threads', '--root', dirname(file), `${block.name}.run`]
      : ['--enable-source-maps', file];
  const result = await execute(args, 30_000);
  return { ...result, missing: linesMissing(block.output, result.output) };
}

/** Those of `lines` that do not follow each other in `text`. */
function linesMissing(lines: readonly string[], text: string): string[] {
  const printed = text.split('\n');
  let at = 0;
  return lines.filter((line) => {
    const found = printed.indexOf(line, at);
    if (found >= 0) at = found + 1;
    return found < 0;
  });
}
