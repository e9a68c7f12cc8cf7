import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { minify as swc } from '@swc/core';
import { build, transform } from 'esbuild';
import { minify as terser } from 'terser';
import * as plain from '../../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'respool-minified-'));
/** The package in one file, with the names of its source. */
let bundle = '';
before(async () => {
  const entry = new URL('../../src/index.js', import.meta.url).pathname;
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
  });
  bundle = outputFiles[0]!.text;
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** The costly passes of terser change no name. */
const compress = { sequences: false, reduce_vars: false, collapse_vars: false };
/** All of them rename everything that is not exported. */
const MINIFIERS: Readonly<Record<string, (code: string) => Promise<string | undefined>>> = {
  esbuild: async (code) => (await transform(code, { minify: true, format: 'esm' })).code,
  terser: async (code) => (await terser(code, { module: true, compress, mangle: true })).code,
  swc: async (code) => (await swc(code, { module: true, compress: true, mangle: true })).code,
};

for (const [minifier, minify] of Object.entries(MINIFIERS)) {
  test(`names and instanceof work in a copy of the package that ${minifier} has minified`, async () => {
    const code = (await minify(bundle)) ?? '';
    assert.ok(code.length > 0 && code.length < bundle.length * 0.7, `${code.length} of ${bundle.length}`);
    assert.doesNotMatch(code, /class AuthenticationFailureError\b/, 'classes have other names now');
    const file = join(folder, `${minifier}.mjs`);
    writeFileSync(file, code);
    const copy = (await import(pathToFileURL(file).href)) as typeof plain;
    const location = new copy.TCPLocation('127.0.0.1', 1);
    const manager = new copy.Sentinel({ sentinels: [location] });
    const pools: [object, string][] = [
      [new copy.ConnectionPool({ location }), 'ConnectionPool'],
      [new copy.ClusterConnectionPool({ startupNodes: [location] }), 'ClusterConnectionPool'],
      [
        new copy.SentinelConnectionPool({ sentinelManager: manager, serviceName: 'm' }),
        'SentinelConnectionPool',
      ],
      [new copy.TCPConnection(location), 'TCPConnection'],
      [location, 'TCPLocation'],
    ];
    for (const [object, name] of pools) assert.equal(object.constructor.name, name);
    assert.match(String(pools[0]![0]), /^ConnectionPool</);
    assert.match(String(pools[1]![0]), /^ClusterConnectionPool</);
    assert.match(String(pools[2]![0]), /^SentinelConnectionPool</);
    assert.match(String(pools[3]![0]), /^TCPConnection</);
    const error = new copy.AuthenticationFailureError('x');
    assert.equal(error.name, 'AuthenticationFailureError');
    assert.equal(String(error), 'AuthenticationFailureError: x');
    assert.ok(error instanceof plain.AuthenticationError && error instanceof plain.ResponseError);
    assert.ok(new plain.MovedError('x', { slotId: 1, host: 'h', port: 1 }) instanceof copy.RedisClusterError);
    assert.ok(!(error instanceof plain.ConnectionError));
    for (const [pool] of pools.slice(0, 3)) await (pool as plain.ConnectionPool).close();
    await manager.close();
    for (const [name, type] of Object.entries(copy)) {
      if (typeof type !== 'function' || !/^[A-Z]\w*(?:Error|Pool|Connection|Location)$/.test(name)) continue;
      assert.equal(type.name, name);
    }
    // A refusal that the copy has met itself.
    const dial = new copy.TCPConnection(location).run();
    const refused: unknown = await dial.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    assert.ok(refused instanceof plain.ConnectionError, String(refused));
    assert.equal(refused.name, 'ConnectionError');
  });
}
