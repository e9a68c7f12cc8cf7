// Declarations of consumers compile with clients of respool/ioredis.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run, TSC } from '../../scripts/lib.mjs';

const HERE = join(ROOT, 'test', 'consumers');
const OPTIONS = {
  target: 'es2022',
  module: 'nodenext',
  moduleResolution: 'nodenext',
  strict: true,
  noEmit: true,
  // BullMQ's own declarations need it.
  skipLibCheck: true,
  preserveSymlinks: true,
  types: ['node'],
  typeRoots: [join(ROOT, 'node_modules', '@types')],
};

export async function types() {
  const folder = mkdtempSync(join(HERE, '.types-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    // As installed: the package beside ioredis.
    symlinkSync(join(ROOT), join(folder, 'node_modules', 'respool'));
    for (const name of ['bullmq', 'ioredis']) {
      symlinkSync(join(HERE, 'node_modules', name), join(folder, 'node_modules', name));
    }
    symlinkSync(join(HERE, 'program.ts'), join(folder, 'program.ts'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: OPTIONS, include: ['program.ts'] }),
    );
    const { code, output } = await run([...TSC, '-p', folder, '--pretty', 'false'], { cwd: folder, quiet: true });
    assert.equal(code, 0, output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return "BullMQ takes clients of respool/ioredis as ioredis' own";
}
