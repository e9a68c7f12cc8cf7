import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import * as plain from '../../src/index.ts';

test('names and instanceof hold in a copy of the package that esbuild has minified', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'respool-minified-'));
  try {
    const outfile = join(folder, 'respool.mjs');
    const entry = new URL('../../src/index.js', import.meta.url).pathname;
    await build({
      entryPoints: [entry],
      outfile,
      bundle: true,
      minify: true,
      platform: 'node',
      format: 'esm',
    });
    const copy = (await import(pathToFileURL(outfile).href)) as typeof plain;
    const location = new copy.TCPLocation('127.0.0.1', 1);
    const pool = new copy.ConnectionPool({ location });
    const connection = new copy.TCPConnection(location);
    assert.match(String(pool), /^ConnectionPool</);
    assert.match(String(connection), /^TCPConnection</);
    const error = new copy.AuthenticationFailureError('x');
    assert.equal(error.name, 'AuthenticationFailureError');
    assert.equal(String(error), 'AuthenticationFailureError: x');
    assert.ok(error instanceof plain.AuthenticationError && error instanceof plain.ResponseError);
    assert.ok(new plain.MovedError('x', { slotId: 1, host: 'h', port: 1 }) instanceof copy.RedisClusterError);
    assert.ok(!(error instanceof plain.ConnectionError));
    await pool.close();
    for (const [name, type] of Object.entries(copy)) {
      if (typeof type !== 'function' || !/^[A-Z]\w*(?:Error|Pool|Connection|Location)$/.test(name)) continue;
      assert.equal(type.name, name);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
