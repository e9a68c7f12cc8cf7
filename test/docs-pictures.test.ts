// The pictures of the guides are what their script draws.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './support/doc-blocks.ts';

test('docs/pictures holds exactly what scripts/pictures.mjs draws', () => {
  const script = join(ROOT, 'scripts/pictures.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});
