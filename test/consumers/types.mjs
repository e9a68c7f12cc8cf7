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

/** It has BullMQ and ioredis installed: clients of respool/ioredis are what BullMQ asks for. */
const PROGRAM = `
import { Queue, Worker } from 'bullmq';
import type { Redis as Theirs } from 'ioredis';
import Redis, { Cluster, type RedisOptions } from 'respool/ioredis';

const options: RedisOptions = { host: '127.0.0.1', maxRetriesPerRequest: null, offlineQueueBytes: 1_000_000 };
export const queue = new Queue('work', { connection: new Redis(options) });
export const worker = new Worker('work', async ({ id }) => id, { connection: new Redis('redis://127.0.0.1') });
export const cluster = new Queue('work', { connection: new Cluster([{ host: '127.0.0.1', port: 7000 }]) });
export const same: Theirs = new Redis();
export const text: Promise<string | null> = new Redis().get('key');
// @ts-expect-error a queue has no such option: its types are not any.
new Queue('work', { connection: new Redis(), nonsense: 1 });
// @ts-expect-error a client has no such method: its types are not any.
new Redis().nonsense();
`;

export async function types() {
  const folder = mkdtempSync(join(HERE, '.types-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    // As installed: the package beside ioredis.
    symlinkSync(join(ROOT), join(folder, 'node_modules', 'respool'));
    for (const name of ['bullmq', 'ioredis']) {
      symlinkSync(join(HERE, 'node_modules', name), join(folder, 'node_modules', name));
    }
    writeFileSync(join(folder, 'program.ts'), PROGRAM);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: OPTIONS, include: ['program.ts'] }),
    );
    const { code, output } = await run([...TSC, '-p', folder, '--pretty', 'false'], {
      cwd: folder,
      quiet: true,
    });
    assert.equal(code, 0, output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return "BullMQ takes clients of respool/ioredis as ioredis' own";
}
