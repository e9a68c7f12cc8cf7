// Consumers of node-redis over the class of docs/recipes/node-redis.md.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { RedisStore } from 'connect-redis';
import { build } from 'esbuild';
import express from 'express';
import session from 'express-session';
import { startVitest } from 'vitest/node';
import { ROOT } from '../../scripts/lib.mjs';

const HERE = join(ROOT, 'test', 'consumers');

/** The class as the page shows it, compiled into a file. */
async function clientOfThePage(folder) {
  const page = readFileSync(join(ROOT, 'docs', 'recipes', 'node-redis.md'), 'utf8');
  const [, code] = /^```ts\n([\s\S]*?)^\/\/ Try it\./m.exec(page);
  const outfile = join(folder, 'node-redis-client.mjs');
  await build({
    stdin: {
      contents: `${code}\nexport { ConnectionPool, NodeRedisClient };`,
      loader: 'ts',
      resolveDir: folder,
    },
    alias: { respool: join(ROOT, 'dist', 'index.js') },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile,
    logLevel: 'silent',
  });
  return pathToFileURL(outfile).href;
}

async function inFolder(use) {
  const folder = mkdtempSync(join(HERE, '.run-'));
  try {
    return await use(folder, await clientOfThePage(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function connectRedis(_connect, url) {
  return inFolder(async (_folder, module) => {
    const { ConnectionPool, NodeRedisClient } = await import(module);
    const pool = ConnectionPool.fromUrl(url, { decodeResponses: true });
    const store = new RedisStore({ client: new NodeRedisClient(pool) });
    const app = express();
    app.use(session({ store, secret: 'secret', resave: false, saveUninitialized: false }));
    app.get('/', (request, response) => {
      request.session.visits = (request.session.visits ?? 0) + 1;
      response.send(String(request.session.visits));
    });
    app.get('/leave', (request, response) => request.session.destroy(() => response.send('left')));
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = `http://127.0.0.1:${server.address().port}`;
    const first = await fetch(address);
    const cookie = first.headers.get('set-cookie').split(';')[0];
    const visit = async (path) => (await fetch(address + path, { headers: { cookie } })).text();
    assert.equal(await first.text(), '1');
    assert.equal(await visit('/'), '2');
    assert.equal(await store.length(), 1);
    assert.equal((await store.all())[0].visits, 2);
    assert.equal((await store.ids()).length, 1);
    assert.equal(await visit('/leave'), 'left');
    assert.equal(await store.length(), 0);
    await store.set('other', { cookie: {} });
    await store.touch('other', { cookie: {} });
    await store.clear();
    assert.deepEqual(await store.all(), []);
    server.close();
    server.closeAllConnections();
    await pool.close();
    return 'visits, ids, all, touch, destroy, clear';
  });
}

export function keyv(_connect, url) {
  return inFolder(async (folder, module) => {
    writeFileSync(
      join(folder, 'keyv.test.mjs'),
      `import * as vitest from 'vitest';
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import Keyv from 'keyv';
import KeyvRedis from '@keyv/redis';
import { ConnectionPool, NodeRedisClient } from ${JSON.stringify(module)};
const store = () =>
  new KeyvRedis(new NodeRedisClient(ConnectionPool.fromUrl(${JSON.stringify(url)}, { decodeResponses: true })));
keyvTestSuite(vitest, Keyv, store);
keyvIteratorTests(vitest, Keyv, store);
`,
    );
    const vitest = await startVitest('test', [], {
      root: folder,
      include: ['*.test.mjs'],
      watch: false,
      reporters: [{}],
      fileParallelism: false,
    });
    const tests = vitest.state.getTestModules().flatMap((module) => [...module.children.allTests()]);
    const failed = tests.filter((test) => test.result().state !== 'passed');
    await vitest.close();
    process.exitCode = 0;
    assert.deepEqual(
      failed.map((test) => `${test.fullName}: ${test.result().errors?.[0]?.message}`),
      [],
    );
    assert.ok(tests.length > 0);
    return `${tests.length} tests of @keyv/test-suite`;
  });
}
