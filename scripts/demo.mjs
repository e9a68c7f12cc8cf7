// npm run demo [-- cluster | sentinel | pubsub]
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compile } from './compile.mjs';
import { ensureServers } from './ensure-servers.mjs';
import { ROOT, run } from './lib.mjs';

const entry = join(ROOT, '.build', 'demo', 'main.js');

/** Finds a server for the demo: the one of REDIS_URL, an installed one, or one that is fetched now. */
async function serverFound() {
  if (process.env.REDIS_URL) return true;
  const { findServerBinary } = await import(
    pathToFileURL(join(ROOT, '.build/src/testkit/servers/binaries.js')).href
  );
  const found = () => findServerBinary().then(Boolean, () => false);
  if (await found()) return true;
  await ensureServers();
  return found();
}

const { code, output } = await compile();
if (!existsSync(entry)) {
  console.error(output);
  console.error('The demo did not compile.');
  process.exit(code || 1);
}
if (!(await serverFound())) {
  console.error(
    'The demo needs redis-server or valkey-server on PATH, or REDIS_URL with the address of one.',
  );
  process.exit(1);
}
const command = [process.execPath, '--enable-source-maps', entry, ...process.argv.slice(2)];
process.exitCode = (await run(command, { input: 'inherit' })).code;
