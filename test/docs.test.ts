// Every ```ts block of README.md and docs/ is compiled against src and run against a real server, the address
// redis://127.0.0.1:6379 (or `'127.0.0.1', 6379`) replaced by that server's. "```ts no-run" is only compiled.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer } from '../src/testkit/index.ts';

interface Block {
  readonly page: string;
  readonly line: number;
  readonly run: boolean;
  readonly code: string;
  readonly name: string;
}

const ROOT = projectRoot(dirname(fileURLToPath(import.meta.url)));
const WRITTEN = '.build/docs-blocks';
const COMPILED = '.build/docs-run';
const ADDRESS = 'redis://127.0.0.1:6379';
const FENCE = /^```ts( no-run)?\n([\s\S]*?)^```$/gm;

function projectRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : projectRoot(dirname(folder));
}

function pages(): string[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const found = docs
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path.replaceAll('\\', '/')}`);
  return ['README.md', ...found.sort()];
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(FENCE)].map((match, index) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    run: match[1] === undefined,
    code: match[2] ?? '',
    name: `${page.replace(/\.md$/, '').replace(/\W+/g, '-').toLowerCase()}-${index + 1}`,
  }));
}

function execute(
  command: string,
  args: readonly string[],
  timeout: number,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    // A child that reports to the test runner of its parent would print bytes of a protocol.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    execFile(command, args, { cwd: ROOT, timeout, env, encoding: 'utf8' }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      const late = error?.killed === true ? `\nstopped after ${timeout} ms` : '';
      resolve({ code, output: `${stdout}${stderr}${late}` });
    });
  });
}

function write(blocks: readonly Block[], address: string): void {
  const source = relative(join(ROOT, WRITTEN), join(ROOT, 'src')).replaceAll('\\', '/');
  for (const folder of [WRITTEN, COMPILED]) rmSync(join(ROOT, folder), { recursive: true, force: true });
  mkdirSync(join(ROOT, WRITTEN), { recursive: true });
  for (const block of blocks) {
    const code = block.code
      .replaceAll(ADDRESS, address)
      .replaceAll("'127.0.0.1', 6379", `'127.0.0.1', ${new URL(address).port}`)
      .replace(/(['"])respool\/(\w+)\1/g, `'${source}/$2/index.ts'`)
      .replace(/(['"])respool\1/g, `'${source}/index.ts'`);
    writeFileSync(join(ROOT, WRITTEN, `${block.name}.ts`), `${code}\nexport {};\n`);
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
}

const blocks = pages().flatMap(blocksOf);
let server: Awaited<ReturnType<typeof startServer>>;
let compiler = { code: -1, output: '' };

before(async () => {
  server = await startServer();
  write(blocks, server.url.replace(/^(\w+:\/\/[^/]+).*/, '$1'));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '-p', join(WRITTEN, 'tsconfig.json'), '--pretty', 'false'];
  compiler = await execute(process.execPath, args, 120_000);
});
after(() => server.stop());

test('README.md shows code', () => {
  assert.ok(blocks.some((block) => block.page === 'README.md' && block.run));
});

for (const block of blocks) {
  test(`${block.page}:${block.line} compiles${block.run ? ' and runs' : ''}`, async () => {
    assert.notEqual(compiler.code, -1, 'the compiler was run');
    const mistakes = compiler.output.split('\n').filter((line) => line.includes(`/${block.name}.ts`));
    assert.deepEqual(mistakes, []);
    const output = join(COMPILED, WRITTEN, `${block.name}.js`);
    assert.ok(existsSync(join(ROOT, output)), `${output}: ${compiler.output}`);
    if (!block.run) return;
    const result = await execute(process.execPath, ['--enable-source-maps', output], 30_000);
    assert.equal(result.code, 0, result.output);
  });
}
