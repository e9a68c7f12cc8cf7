import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LIBRARY_NAME, LIBRARY_VERSION } from '../../../src/connection/opening/handshake.ts';

function projectRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : projectRoot(dirname(folder));
}

test("servers are told the package's own name and version", () => {
  const root = projectRoot(dirname(fileURLToPath(import.meta.url)));
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  assert.deepEqual([LIBRARY_NAME, LIBRARY_VERSION], [name, version]);
});
